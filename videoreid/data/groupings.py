"""Rules that put the tracklets of each identity into groups of K, and groups into batches."""

from collections.abc import Callable

import numpy as np

from videoreid.registry import Registry

__all__ = ["GROUPINGS", "domain_batches"]

Grouping = Callable[[np.ndarray, np.ndarray, int, int, np.random.Generator], np.ndarray]

GROUPINGS: Registry[Grouping] = Registry("grouping")


@GROUPINGS.register("permutation", "psta", "jg")
def permutation(
    pids: np.ndarray, camids: np.ndarray, instances: int, identities: int, generator: np.random.Generator
) -> np.ndarray:
    """Take every identity once per epoch, with K of its tracklets, repeated only if it has fewer.

    Args:
        pids: ``(N,)`` identity of every tracklet.
        camids: ``(N,)`` camera of every tracklet.
        instances: tracklets per group K.
        identities: groups per batch P.
        generator: source of the random order.

    Returns:
        ``(num_groups, K)`` positions of tracklets, in the order of use.
    """
    members = _members(pids)
    chosen = (members[i] for i in generator.permutation(len(members)))
    return _stack((generator.choice(m, instances, replace=len(m) < instances) for m in chosen), instances)


@GROUPINGS.register("replacement", "base", "gcn")
def replacement(
    pids: np.ndarray, camids: np.ndarray, instances: int, identities: int, generator: np.random.Generator
) -> np.ndarray:
    """Take every identity once per epoch, with K tracklets drawn with replacement.

    Arguments and result as for `permutation`.
    """
    members = _members(pids)
    chosen = (members[i] for i in generator.permutation(len(members)))
    return _stack((generator.choice(m, instances, replace=True) for m in chosen), instances)


@GROUPINGS.register("all_groups", "vpreid", "ame")
def all_groups(
    pids: np.ndarray, camids: np.ndarray, instances: int, identities: int, generator: np.random.Generator
) -> np.ndarray:
    """Cut every identity's shuffled tracklets into groups of K and shuffle all groups.

    An identity with fewer than K tracklets gives K, drawn with replacement; remainders are dropped. A batch may hold
    two groups of an identity.
    Arguments and result as for `permutation`.
    """
    groups = [group for cut in _cut_identities(pids, instances, generator) for group in cut]
    return _stack((groups[i] for i in generator.permutation(len(groups))), instances)


@GROUPINGS.register("distinct", "torchreid")
def distinct(
    pids: np.ndarray, camids: np.ndarray, instances: int, identities: int, generator: np.random.Generator
) -> np.ndarray:
    """Cut as `all_groups` does, but give every batch P different identities, until fewer than P have groups left.

    Arguments and result as for `permutation`.
    """
    waiting = _cut_identities(pids, instances, generator)
    order: list[np.ndarray] = []
    while len(waiting) >= identities:
        for i in generator.choice(len(waiting), identities, replace=False):
            order.append(waiting[i].pop())
        waiting = [groups for groups in waiting if groups]
    return _stack(order, instances)


@GROUPINGS.register("camera_balanced")
def camera_balanced(
    pids: np.ndarray, camids: np.ndarray, instances: int, identities: int, generator: np.random.Generator
) -> np.ndarray:
    """Take every identity once per epoch, with K tracklets from its cameras in turn: two cameras at least if possible.

    Arguments and result as for `permutation`.
    """
    members = _members(pids)
    chosen = (members[i] for i in generator.permutation(len(members)))
    return _stack((_round_of_cameras(m, camids[m], instances, generator) for m in chosen), instances)


def domain_batches(
    group_domains: np.ndarray, per_domain: int, domains_per_batch: int, generator: np.random.Generator
) -> np.ndarray:
    """Return ``(num_batches, P)`` groups, each batch with ``per_domain`` groups from each of its domains.

    Stops when too few domains have groups left. The domains with most groups left come first; ties are drawn at random.
    """
    queues = [
        list(generator.permutation(np.flatnonzero(group_domains == d))) for d in np.unique(group_domains)
    ]
    batches: list[list[int]] = []
    while True:
        left = np.array([len(queue) for queue in queues])
        ready = np.flatnonzero(left >= per_domain)
        if len(ready) < domains_per_batch:
            break
        ties = generator.random(len(ready))
        picked = ready[np.lexsort((ties, -left[ready]))][:domains_per_batch]
        batches.append([queues[d].pop() for d in picked for _ in range(per_domain)])
    return np.array(batches, dtype=np.int64).reshape(len(batches), per_domain * domains_per_batch)


def _members(pids: np.ndarray) -> list[np.ndarray]:
    """Return the positions of every identity's tracklets, identities in sorted order."""
    order = np.argsort(pids, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(pids[order])) + 1)


def _stack(groups: object, instances: int) -> np.ndarray:
    rows = list(groups)  # type: ignore[call-overload]
    return np.array(rows, dtype=np.int64).reshape(len(rows), instances)


def _cut_identities(
    pids: np.ndarray, instances: int, generator: np.random.Generator
) -> list[list[np.ndarray]]:
    cut = []
    for members in _members(pids):
        if len(members) < instances:
            shuffled = generator.choice(members, instances, replace=True)
        else:
            shuffled = generator.permutation(members)
        whole = len(shuffled) // instances * instances
        cut.append(list(shuffled[:whole].reshape(-1, instances)))
    return cut


def _round_of_cameras(
    members: np.ndarray, camids: np.ndarray, instances: int, generator: np.random.Generator
) -> np.ndarray:
    queues = [list(generator.permutation(members[camids == camera])) for camera in np.unique(camids)]
    queues = [queues[i] for i in generator.permutation(len(queues))]
    if len(members) < instances:  # some tracklets are used again, still one camera after the other
        queues = [queue * instances for queue in queues]
    picked: list[int] = []
    while len(picked) < instances:
        for queue in queues:
            if queue and len(picked) < instances:
                picked.append(queue.pop())
    return np.array(picked)
