"""A labelled dataset into a gallery: a recording a camera, with the names of its persons."""

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
    """Add the tracklets of a dataset to a gallery, one recording a camera.

    Person 0, the passers-by of several datasets, has no name; junk (persons below 0) is left out.

    Args:
        gallery: of the encoder's model.
        splits: the dataset.
        encoder: crops to embeddings, such as a `FeatureExtractor`.
        part: "train", "query", "gallery", or "test", which is query and gallery together.
        rate: frames a second by which the dataset's times become seconds; 1 where they are seconds.
        start: time of day of its time 0, on a clock that all its cameras share.
        rules: ``frames_per_track`` and ``thumbnails`` count here.
        each: called with the number of every tracklet that was embedded, from 0.

    Returns:
        How many tracklets were added; None where all its cameras are in the gallery already.

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
    }.values():  # queries may be in the gallery
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
            gallery.add(recording, [], np.empty((0, 0)))  # says so
            done += len(tracklets)
    return added


def _recording(
    splits: Splits, part: str, camid: int, tracklets: Iterable[Tracklet], start: datetime | None
) -> Recording:
    """Describe a camera; it is known again by the names of its frames, which are too many to read twice."""
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
