"""The loop of the commands that index: an estimate, recordings in parallel, and a result line for each."""

import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import TYPE_CHECKING

from videoreid.cli._gallery_options import Opened, Source
from videoreid.cli._progress import Progress, as_time
from videoreid.errors import FrameError, StorageError, VideoReIDError

if TYPE_CHECKING:
    from videoreid.footage import Tracks
    from videoreid.indexing import IndexRules

__all__ = ["add_videos", "run_each"]


def add_videos(opened: Opened, sources: Sequence[Source], rules: "IndexRules", *, workers: int = 1) -> int:
    """Index each recording and print the result; skip unreadable recordings; return how many failed."""
    _print_estimate(opened, sources, rules, workers)

    def add(source: Source, stopped: threading.Event) -> int | None:
        return _add(opened, source, rules, stopped, alone=workers == 1)

    return run_each([source.name for source in sources], sources, add, workers=workers)


def run_each(
    names: Sequence[str],
    sources: Sequence[Source],
    add: Callable[[Source, threading.Event], int | None],
    *,
    workers: int = 1,
) -> int:
    """Call ``add`` for each source, several in parallel; a full disk or Ctrl-C ends all of them."""
    failed, done, stopped = 0, 0, threading.Event()
    pool = ThreadPoolExecutor(max_workers=workers)
    try:
        begins = {
            pool.submit(_timed, add, source, stopped): name
            for source, name in zip(sources, names, strict=True)
        }
        for future in as_completed(begins):
            done += 1
            name, place = begins[future], f"[{done}/{len(sources)}]"
            try:
                added, seconds = future.result()
            except StorageError:
                raise
            except VideoReIDError as error:
                if len(sources) == 1:
                    raise
                failed += 1
                print(f"{place} {name}: {error}", file=sys.stderr)
                continue
            what = "is already in the gallery: skipped" if added is None else f"{added} tracklets"
            print(f"{place} {name}: {what} ({as_time(seconds)})", file=sys.stderr)
    finally:
        stopped.set()  # the other recordings end at their next frame
        pool.shutdown(cancel_futures=True)
    if failed:
        print(f"{failed} of {len(sources)} recordings could not be indexed", file=sys.stderr)
    return failed


def _timed(
    add: Callable[[Source, threading.Event], int | None], source: Source, stopped: threading.Event
) -> tuple[int | None, float]:
    begin = time.monotonic()
    return add(source, stopped), time.monotonic() - begin


class _StoppedError(Exception):
    """The work on all recordings has ended."""


def _add(
    opened: Opened, source: Source, rules: "IndexRules", stopped: threading.Event, *, alone: bool
) -> int | None:
    from videoreid.data.video import stated_frames
    from videoreid.indexing import index_recording
    from videoreid.retrieval import Gallery

    gallery = Gallery.open(opened.gallery.path, fingerprint=opened.gallery.fingerprint)  # one per thread
    progress = Progress(source.name, stated_frames(source.name), alone=alone)

    def each(number: int) -> None:
        if stopped.is_set():
            raise _StoppedError
        progress(number)

    try:
        return index_recording(
            gallery,
            source.name,
            opened.encoder,
            camera=source.camera,
            start=source.start,
            tracks=_tracks(source),
            rules=rules,
            each=each,
        )
    finally:
        progress.close()


def _tracks(source: Source) -> "Tracks | None":
    from videoreid.footage import read_tracks

    return read_tracks(source.tracks) if source.tracks else None


def _print_estimate(opened: Opened, sources: Sequence[Source], rules: "IndexRules", workers: int) -> None:
    """Print the estimated time and space of the recordings that are not in the gallery yet."""
    import shutil

    from videoreid.indexing import estimate_work, file_digest

    new = []
    for source in sources:
        try:
            if opened.gallery.holds(file_digest(source.name)) is None:
                new.append((source.name, _tracks(source)))
        except (VideoReIDError, OSError):  # reported when the recording is indexed
            continue
    if new:
        try:
            estimate = estimate_work(new, opened.encoder, rules, workers=workers)
        except FrameError:
            return
        free = shutil.disk_usage(Path(opened.gallery.path)).free / 1e6
        room = "" if estimate.megabytes < free else f"; only {free:.1f} MB are free"
        print(f"to index: {estimate}{room}", file=sys.stderr)
