"""Make training and test sets by identity, with seeded queries by camera, for data without splits."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from videoreid.data.datasets.reading.labels import relabel_pids
from videoreid.errors import ConfigError, DatasetError
from videoreid.types import Splits, Tracklet
from videoreid.utils import generator_from

__all__ = ["make_splits"]

_SPECIAL = {-1, 0}  # junk and distractors are not identities


def make_splits(
    tracklets: Iterable[Tracklet],
    *,
    test_share: float = 0.5,
    query_camera: int | None = None,
    seed: int = 0,
    name: str = "own",
    protocol: str = "",
) -> Splits:
    """Divide people into training and test, and the tracklets of test people into query and gallery.

    No person is on both sides. Without ``query_camera`` one tracklet of every test person and camera is a query, as in
    MARS, unless some query of the person would then have no match in another camera (or, without cameras, no match).
    Junk (-1) and distractors (0) go to the gallery.

    Args:
        tracklets: all tracklets; camid -1 means no cameras.
        test_share: share of test people, 0 < share < 1; there is at least one person on each side.
        query_camera: tracklets of this camera are the queries, the others the gallery, as in PRID2011.
        seed: seed of the draw; the order of ``tracklets`` does not change which people are tested.
        name: name of the result.
        protocol: evaluation protocol; "" means "cross_camera", or "no_cameras" for data without cameras.

    Returns:
        The splits; train pids are relabelled, test pids are kept.

    Raises:
        ConfigError: a share outside (0, 1).
        DatasetError: fewer than two people, some tracklets with a camera and some without, or no test person with a
            possible match.

    Example:
        >>> people = [Tracklet([f"{p}{c}.jpg"], p, c) for p in (1, 2, 3, 4) for c in (0, 1)]
        >>> splits = make_splits(people, query_camera=0)
        >>> splits.num_train_pids, len(splits.query), len(splits.gallery)
        (2, 2, 2)
    """
    if not 0.0 < test_share < 1.0:
        raise ConfigError(f"test_share must lie between 0 and 1, got {test_share}")
    tracklets = tuple(tracklets)
    with_cameras = {tracklet.camid >= 0 for tracklet in tracklets}
    if len(with_cameras) > 1:
        raise DatasetError(
            "some tracklets have a camera and some (camid -1) have none; give all of them one, or none"
        )
    people: dict[int, list[Tracklet]] = defaultdict(list)
    for tracklet in tracklets:
        people[tracklet.pid].append(tracklet)
    test = _draw_people(sorted(set(people) - _SPECIAL), test_share, seed)
    query, gallery = _divide(people, test, query_camera, seed)
    trained = set(people) - _SPECIAL - set(test)
    return Splits(
        name=name,
        train=relabel_pids(tracklet for tracklet in tracklets if tracklet.pid in trained),
        query=query,
        gallery=gallery,
        protocol=protocol or ("cross_camera" if with_cameras == {True} else "no_cameras"),
        licence="your own data",
    )


def _draw_people(pids: Sequence[int], share: float, seed: int) -> list[int]:
    if len(pids) < 2:
        raise DatasetError(f"{len(pids)} people cannot be divided; expected two or more (pids above 0)")
    count = min(max(round(len(pids) * share), 1), len(pids) - 1)
    return sorted(np.array(pids)[generator_from(seed).permutation(len(pids))[:count]].tolist())


def _divide(
    people: Mapping[int, Sequence[Tracklet]], test: Sequence[int], query_camera: int | None, seed: int
) -> tuple[tuple[Tracklet, ...], tuple[Tracklet, ...]]:
    query: list[Tracklet] = []
    gallery = [tracklet for pid in sorted(_SPECIAL & set(people)) for tracklet in people[pid]]
    for pid in test:
        chosen = _choose_queries(people[pid], query_camera, generator_from(seed, pid))
        query += [people[pid][place] for place in sorted(chosen)]
        gallery += [tracklet for place, tracklet in enumerate(people[pid]) if place not in chosen]
    if not query:
        raise DatasetError(
            f"none of the {len(test)} test people can be a query: each needs tracklets in two cameras "
            "(or two tracklets, if there are no cameras)"
        )
    return tuple(query), tuple(gallery)


def _choose_queries(
    tracklets: Sequence[Tracklet], query_camera: int | None, rng: np.random.Generator
) -> set[int]:
    """Return the positions of one person's query tracklets, each with a match among the person's other tracklets."""
    cameras = [tracklet.camid for tracklet in tracklets]
    if query_camera is not None:
        queries = {place for place, camera in enumerate(cameras) if camera == query_camera}
        return queries if _all_matched(queries, cameras) else set()
    chosen: set[int] = set()
    for camera in rng.permutation(sorted(set(cameras))).tolist():
        places = [place for place, other in enumerate(cameras) if other == camera]
        candidate = chosen | {places[int(rng.integers(len(places)))]}
        if _all_matched(candidate, cameras):
            chosen = candidate
    return chosen


def _all_matched(queries: set[int], cameras: Sequence[int]) -> bool:
    left = {camera for place, camera in enumerate(cameras) if place not in queries}
    return all(left - {cameras[place]} if cameras[place] >= 0 else left for place in queries)
