"""Hold validation identities out of a training set, for a search."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Literal

import numpy as np

from videoreid.errors import ConfigError
from videoreid.types import Splits, Tracklet
from videoreid.utils import generator_from

__all__ = ["INTELLIGENT_MARS_PIDS", "hold_out_identities"]

INTELLIGENT_MARS_PIDS: tuple[int, ...] = (
    41, 539, 600, 513, 287, 297, 304, 504, 90, 75, 45, 465, 408, 209, 552, 296,
    426, 31, 305, 149, 40, 129, 404, 613, 91, 393, 52, 283, 483, 371, 50, 353,
)  # fmt: skip
"""The training labels of MARS that the published "intelligent" choice holds out; its criterion is not published."""


_MARS_TRAIN_PIDS = 625


def hold_out_identities(
    train: Sequence[Tracklet],
    *,
    share: float = 0.1,
    choice: Literal["random", "most_cameras", "intelligent"] | Collection[int] = "random",
    distractors: float = 0.25,
    seed: int = 0,
) -> Splits:
    """Return a dataset whose queries and gallery are people of a training set.

    For each held-out person, the tracklets of the last camera in the list are gallery tracklets; those of every other
    camera are joined to one query per camera. Some training tracklets are also added to the gallery, as distractors.

    Args:
        train: training tracklets, pids 0 .. K-1.
        share: share of the identities that is held out, rounded to the nearest number.
        choice: "random"; "most_cameras": people seen by most cameras first, in random order among equals, so that
            every query has a match; "intelligent": the published list for MARS, `INTELLIGENT_MARS_PIDS`, which
            ignores ``share``; or the pids to hold out.
        distractors: probability that a training tracklet is added to the gallery.
        seed: one seed for a whole study, so that its trials are compared on the same people.

    Returns:
        Splits with ``train`` relabelled ``0 .. K'-1``; queries and gallery keep their pids.

    Raises:
        ConfigError: no identity is held out, none is left for training, or none is seen by two cameras.

    Reference:
        Pathak et al., Video Person Re-ID: Fantastic Techniques and Where to Find Them, AAAI 2020 (student abstract),
        the harder validation set. https://arxiv.org/abs/1912.05295
    """
    generator = generator_from(seed)
    pids = sorted({tracklet.pid for tracklet in train})
    chosen = _choose(train, pids, round(share * len(pids)), choice, generator)
    if not chosen or not set(pids) - chosen:
        raise ConfigError(
            f"holding out {len(chosen)} of {len(pids)} identities leaves one side empty; change share"
        )
    kept = [tracklet for tracklet in train if tracklet.pid not in chosen]
    query, gallery = _query_and_gallery([tracklet for tracklet in train if tracklet.pid in chosen])
    if not query or not gallery:
        raise ConfigError(
            "no held-out identity is seen by two cameras, so no query has a match; change seed or choice"
        )
    joined = generator.random(len(kept)) < distractors
    gallery += [tracklet for tracklet, joins in zip(kept, joined, strict=True) if joins]
    labels = {pid: label for label, pid in enumerate(sorted({tracklet.pid for tracklet in kept}))}
    relabelled = tuple(replace(tracklet, pid=labels[tracklet.pid]) for tracklet in kept)
    return Splits("held out of the training set", relabelled, tuple(query), tuple(gallery))


def _choose(
    train: Sequence[Tracklet],
    pids: Sequence[int],
    count: int,
    choice: str | Collection[int],
    generator: np.random.Generator,
) -> set[int]:
    shuffled = [int(pid) for pid in generator.permutation(pids)]
    if choice == "random":
        return set(shuffled[:count])
    if choice == "intelligent":
        if len(pids) != _MARS_TRAIN_PIDS:
            raise ConfigError(
                f'choice="intelligent" is a published list of training labels of MARS ({_MARS_TRAIN_PIDS} identities), '
                f"and this training set has {len(pids)}: use 'most_cameras' instead"
            )
        return set(INTELLIGENT_MARS_PIDS)
    if choice == "most_cameras":
        cameras = {pid: len({t.camid for t in train if t.pid == pid}) for pid in shuffled}
        return set(
            sorted(shuffled, key=lambda pid: -cameras[pid])[:count]
        )  # a stable sort keeps the random order
    if isinstance(choice, str):
        raise ConfigError(f"unknown choice {choice!r}; 'random', 'most_cameras', 'intelligent', or the pids")
    unknown = sorted(set(choice) - set(pids))
    if unknown:
        raise ConfigError(f"{unknown[:5]} are no pids of this training set (0 .. {pids[-1]})")
    return set(choice)


def _query_and_gallery(tracklets: Sequence[Tracklet]) -> tuple[list[Tracklet], list[Tracklet]]:
    by_person: dict[int, dict[int, list[Tracklet]]] = {}
    for tracklet in tracklets:
        by_person.setdefault(tracklet.pid, {}).setdefault(tracklet.camid, []).append(tracklet)
    query, gallery = [], []
    for cameras in by_person.values():
        *query_cameras, gallery_camera = cameras.values()
        if query_cameras:
            gallery += gallery_camera
            query += [_join(parts) for parts in query_cameras]
    return query, gallery


def _join(tracklets: Sequence[Tracklet]) -> Tracklet:
    frames = [frame for tracklet in tracklets for frame in tracklet.frames]
    return replace(tracklets[0], frames=frames, end_time=tracklets[-1].end_time)
