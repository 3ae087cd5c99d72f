"""Several datasets as one training set, with disjoint person and camera numbers."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from videoreid.errors import ConfigError
from videoreid.types import Splits, Tracklet

__all__ = ["CombinedTrain", "combine_train"]


class CombinedTrain(NamedTuple):
    """The training tracklets of several datasets.

    Args:
        tracklets: pids are labels ``0 .. K-1``; camera numbers continue from one dataset to the next.
        domains: for every tracklet, the number of its dataset in the given order.
    """

    tracklets: tuple[Tracklet, ...]
    domains: tuple[int, ...]


def combine_train(datasets: Sequence[Splits], *, include_test: bool = False) -> CombinedTrain:
    """Combine the training tracklets of several datasets; no two datasets share a label or a camera number.

    Args:
        datasets: one or more.
        include_test: also train on the people of query and gallery, without junk (-1) and distractors (0), for a
            model that is used on other footage. Scores on these datasets are then meaningless.

    Raises:
        ConfigError: no dataset, or none of them has anything to train on.
    """
    tracklets: list[Tracklet] = []
    domains: list[int] = []
    first_pid = first_camid = 0
    for domain, dataset in enumerate(datasets):
        people: dict[tuple[bool, int], int] = {}
        chosen = [(False, tracklet) for tracklet in dataset.train]
        if include_test:
            chosen += [(True, t) for t in (*dataset.query, *_without_queries(dataset)) if t.pid > 0]
        # training labels keep their order and come first; test pids are numbered separately
        for key in sorted({(tested, tracklet.pid) for tested, tracklet in chosen}):
            people[key] = first_pid + len(people)
        for tested, tracklet in chosen:
            camid = tracklet.camid if tracklet.camid < 0 else tracklet.camid + first_camid
            tracklets.append(replace(tracklet, pid=people[tested, tracklet.pid], camid=camid))
            domains.append(domain)
        first_pid += len(people)
        first_camid += 1 + max((tracklet.camid for _, tracklet in chosen), default=-1)
    if not tracklets:
        names = ", ".join(dataset.name for dataset in datasets)
        raise ConfigError(
            f"nothing to train on in {names or 'no dataset'}; name a source with a training split"
        )
    return CombinedTrain(tuple(tracklets), tuple(domains))


def _without_queries(dataset: Splits) -> list[Tracklet]:
    # some galleries contain the queries again, as other `Tracklet` objects with the same frames
    query_frames = {tracklet.frames[0] for tracklet in dataset.query}
    return [tracklet for tracklet in dataset.gallery if tracklet.frames[0] not in query_frames]
