"""Indexing of a labelled dataset: one recording per camera, with the persons as names."""

import hashlib
import math
import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

import numpy as np

from videoreid.data import FrameReader
from videoreid.errors import ConfigError
from videoreid.footage import Encoder
from videoreid.indexing.recordings import IndexRules, mean_embedding, spread_evenly, thumbnail
from videoreid.retrieval import Gallery, GalleryTracklet, Recording
from videoreid.types import Splits, Tracklet

__all__ = ["index_dataset"]

PARTS = ("test", "train", "query", "gallery")


def index_dataset(
    gallery: Gallery,
    splits: Splits,
    encoder: Encoder,
    *,
    part: str = "test",
    rate: float = 25.0,
    start: datetime | None = None,
    rules: IndexRules | None = None,
    each: Callable[[int], None] | None = None,
) -> int | None:
    """Add the tracklets of a dataset to a gallery, one recording per camera.

    Distractors (person 0) get no name; junk (persons below 0) is left out.

    Args:
        gallery: gallery of the encoder's model.
        splits: the dataset.
        encoder: function from crops to embeddings, such as a `FeatureExtractor`.
        part: "train", "query", "gallery", or "test", which is query and gallery together.
        rate: frames per second that convert the dataset's times to seconds; 1 if they are seconds.
        start: time of day of the dataset's time 0, on a clock that all its cameras share.
        rules: only ``frames_per_track`` and ``thumbnails`` are used here.
        each: called with the number of every embedded tracklet, from 0.

    Returns:
        The number of tracklets added; None if all cameras are already in the gallery.

    Raises:
        ConfigError: another part, a rate that is not positive, or no tracklet.
        FrameError: a frame cannot be read.
    """
    rules = rules or IndexRules()
    if part not in PARTS or not 0 < rate < math.inf:
        raise ConfigError(f"part is one of {', '.join(PARTS)} and rate above 0, got {part!r} and {rate}")
    chosen = splits.query + splits.gallery if part == "test" else getattr(splits, part)
    cameras: dict[int, list[Tracklet]] = defaultdict(list)
    for tracklet in {
        tuple(t.frames): t for t in chosen if t.pid >= 0
    }.values():  # the gallery may contain the queries
        cameras[tracklet.camid].append(tracklet)
    if not cameras:
        raise ConfigError(f"{splits.name} has no tracklet in its part {part!r}")
    done, added, read = 0, None, FrameReader().read
    for camid, tracklets in sorted(cameras.items()):
        recording = _recording(splits, part, camid, tracklets, start)
        if gallery.holds(recording.digest) is None:
            rows, table = [], []
            for number, tracklet in enumerate(tracklets, start=1):
                crops = read(spread_evenly(tracklet.frames, rules.frames_per_track))
                table.append(mean_embedding(encoder, crops))
                rows.append(_row(number, tracklet, rate, spread_evenly(crops, rules.thumbnails)))
                if each is not None:
                    each(done)
                done += 1
            added = (added or 0) + len(rows) * gallery.add(recording, rows, np.stack(table))
        else:
            gallery.add(recording, [], np.empty((0, 0)))  # logs that it is there already
            done += len(tracklets)
    return added


def _recording(
    splits: Splits, part: str, camid: int, tracklets: Iterable[Tracklet], start: datetime | None
) -> Recording:
    """Describe a camera; its digest is that of the names of its frames, because reading all frames takes too long."""
    digest = hashlib.sha256(f"{splits.name} {part} {camid}".encode())
    for tracklet in tracklets:
        digest.update(
            "\n".join((f"{tracklet.pid} {tracklet.time}", *tracklet.frames)).encode("utf-8", "replace")
        )
    name = f"{splits.name}-{part}-camera{camid}".replace(":", "_").replace("/", "_")
    folder = os.path.commonpath([os.path.dirname(os.path.abspath(t.frames[0])) for t in tracklets])  # noqa: PTH100, PTH120
    return Recording(name, digest.hexdigest(), f"{splits.name}/{camid}", folder, start)


def _row(number: int, tracklet: Tracklet, rate: float, crops: Sequence[np.ndarray]) -> GalleryTracklet:
    begin = tracklet.time / rate
    end = begin if math.isnan(tracklet.end_time) else tracklet.end_time / rate
    return GalleryTracklet(
        number,
        begin,
        end,
        last_frame=len(tracklet) - 1,
        thumbnails=tuple(thumbnail(crop) for crop in crops),
        person=f"{tracklet.pid}" if tracklet.pid > 0 else "",
        source=tracklet.frames[0],
    )
