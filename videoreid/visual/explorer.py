"""The explorer: a folder with a page that shows and plays every query with its answers, without server or network."""

import base64
import html
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from videoreid.errors import ConfigError, ProtocolError
from videoreid.types import Features, Ranking, Tracklet
from videoreid.utils.staging import staged_outputs
from videoreid.visual.explorer_data import (
    ExplorerTables,
    answers_of,
    feature_chunks,
    run_columns,
    tables_of,
    tracklet_columns,
)
from videoreid.visual.strips import FrameReading, PatientReader, jpeg_of, pick_frames, tracklet_strip

__all__ = [
    "SCRIPTS",
    "ExplorerOptions",
    "ExplorerSummary",
    "asset",
    "page_of",
    "page_parts",
    "strips_of",
    "taken",
    "write_explorer",
]

SCRIPTS = ("core.js", "pictures.js", "search.js", "list.js", "viewer.js", "histogram.js", "tools.js")
_OUTPUTS = ("data", "strips", "explorer.css", *SCRIPTS, "index.html")
_BLOCK = 50  # queries per data file


@dataclass(frozen=True, kw_only=True)
class ExplorerOptions:
    """Look and content of an explorer.

    Args:
        title: of the page; empty for the number of queries.
        frames: frames of a tracklet that the page can play.
        size: (height, width) of a frame in pixels.
        quality: of the JPEG files, 1 to 100.
        top_k: answers per query.
        distance: of the search in the page, with any gallery tracklet as query; needs ``features``.
        progress: show a bar while strips are written.
        threads: number of threads that read and write strips; with more than one, ``read_frames`` must be
            thread-safe, as `videoreid.data.FrameReader` is.
    """

    title: str = ""
    frames: int = 8
    size: tuple[int, int] = (128, 64)
    quality: int = 80
    top_k: int = 50
    distance: str = "cosine"
    progress: bool = True
    threads: int = 1

    def __post_init__(self) -> None:
        if min(self.frames, *self.size, self.top_k, self.threads) < 1 or not 1 <= self.quality <= 100:
            raise ConfigError(
                f"frames, size, top_k and threads must be 1 or more and quality 1 to 100, got {self.frames}, "
                f"{self.size}, {self.top_k}, {self.threads} and {self.quality}"
            )


@dataclass(frozen=True)
class ExplorerSummary:
    """Content and size of a written explorer.

    Args:
        queries: number of rows of the page.
        strips: number of tracklets with pictures.
        missing_frames: number of frames that could not be read; they are drawn hatched.
        size: bytes on disk.
    """

    queries: int
    strips: int
    missing_frames: int
    size: int


@dataclass(frozen=True, eq=False)
class PageParts:
    """The data of a page, before it is written to a folder or to one file.

    Args:
        index: the data that the page reads first.
        blocks: data files by name, which the page loads on demand.
    """

    index: dict[str, Any]
    blocks: Mapping[str, Any] = field(default_factory=dict)


def write_explorer(
    ranking: Ranking | Mapping[str, Ranking],
    query: Sequence[Tracklet],
    gallery: Sequence[Tracklet],
    folder: str | os.PathLike[str],
    *,
    read_frames: FrameReading,
    features: tuple[Features, Features] | None = None,
    flags: Mapping[str, NDArray[np.bool_]] | None = None,
    options: ExplorerOptions | None = None,
) -> ExplorerSummary:
    """Write the folder, whole or not at all; open ``index.html`` in it.

    Every tracklet is read and stored once, even if it answers many queries, so the dataset limits time and size. The
    page loads the rows on the screen, and pictures when they come into view.

    Args:
        ranking: the scored answers, or two rankings of the same splits by name, to be shown side by side.
        query: Q tracklets, in the order of the ranking.
        gallery: the gallery as the dataset publishes it; the ranking knows whether the queries were in it.
        folder: created if missing; an existing explorer in it is replaced.
        read_frames: reads frame keys into RGB images; a frame that cannot be read is drawn hatched and counted.
        features: of query and gallery; with them, the page can search with any gallery tracklet as query.
        flags: by name of a cause, ``(Q,)`` bool: which queries it affects; the page filters by them.
        options: see `ExplorerOptions`.

    Raises:
        ConfigError: there is nothing to show, or a flag has another length.
        ProtocolError: ranking, tracklets and features do not belong together.
        StorageError: the folder cannot be written to.
    """
    options = options or ExplorerOptions()
    rows = list(range(len(query)))
    tables = tables_of(_named(ranking), query, gallery, options.top_k)
    reader = PatientReader(read_frames)
    with staged_outputs(folder, _OUTPUTS) as place:
        (place / "strips").mkdir()
        (place / "data").mkdir()
        search = None if features is None else _write_features(tables, features, place / "data", options)
        shown = tables.shown(rows) if search is None else range(len(tables.tracklets))
        frames: dict[int, int] = {}
        for number, count, picture in strips_of(tables, shown, reader, options):
            (place / "strips" / f"{number}.jpg").write_bytes(picture)
            frames[number] = count
        parts = page_parts(tables, rows, frames, options, flags=flags or {})
        parts.index.update(missing=reader.report(), search=search)
        for name, value in parts.blocks.items():
            (place / "data" / f"{name}.js").write_text(taken(name, value), encoding="ascii")
        (place / "data" / "index.js").write_text(taken("index", parts.index), encoding="ascii")
        _write_page(place, parts.index["title"])
        size = sum(path.stat().st_size for path in place.rglob("*") if path.is_file())
    return ExplorerSummary(len(rows), len(frames), len(reader.missing), size)


def strips_of(
    tables: ExplorerTables, shown: Iterable[int], reader: PatientReader, options: ExplorerOptions
) -> Iterator[tuple[int, int, bytes]]:
    """Yield number, frame count and JPEG of the strip of each tracklet."""
    from tqdm import tqdm

    def strip(number: int) -> tuple[int, int, bytes]:
        tracklet = tables.tracklets[number]
        count = len(pick_frames(tracklet, options.frames))
        image = tracklet_strip(tracklet, reader.read, count=count, size=options.size, gap=0)
        return number, count, jpeg_of(image, options.quality)

    numbers = list(shown)
    with ThreadPoolExecutor(options.threads) as pool:
        made = pool.map(strip, numbers) if options.threads > 1 else map(strip, numbers)
        yield from tqdm(
            made, total=len(numbers), desc="strips", unit="tracklet", disable=not options.progress
        )


def page_parts(
    tables: ExplorerTables,
    rows: Sequence[int],
    frames: Mapping[int, int],
    options: ExplorerOptions,
    *,
    flags: Mapping[str, NDArray[np.bool_]],
) -> PageParts:
    """Return the data of a page that shows these queries.

    Raises:
        ConfigError: no query, or a flag of another length.
    """
    if not len(rows):
        raise ConfigError("no query to show: the list of queries, or rows, is empty")
    for name, values in flags.items():
        if np.shape(values) != (tables.num_queries,):
            raise ConfigError(
                f"flag {name!r} has shape {np.shape(values)}, expected one value per query: ({tables.num_queries},)"
            )
    rules = next(iter(tables.rankings.values())).protocol
    index = {
        "title": options.title or _title(len(rows), tables.num_queries),
        "size": list(options.size),
        "rows": list(rows),
        "queries": tables.num_queries,
        "top": options.top_k,
        "block": _BLOCK,
        "junk": rules.junk,
        "junkPids": list(rules.junk_pids),
        "flags": {str(name): np.asarray(values)[rows].astype(int).tolist() for name, values in flags.items()},
        "tracklets": tracklet_columns(tables.tracklets, frames),
        "runs": [run_columns(name, item, rows, options.top_k) for name, item in tables.rankings.items()],
    }
    blocks = {
        f"run{run}-{start // _BLOCK}": [answers_of(tables, run, row) for row in rows[start : start + _BLOCK]]
        for run in range(len(tables.rankings))
        for start in range(0, len(rows), _BLOCK)
    }
    return PageParts(index, blocks)


def _title(shown: int, queries: int) -> str:
    return f"Ranking of {queries:,} queries" + ("" if shown == queries else f", {shown:,} of them shown")


def page_of(title: str, head: str, scripts: str) -> str:
    """Return the HTML page around a style and scripts."""
    # the title may hold a file name, which need not be valid UTF-8, but the page must be
    escaped = html.escape(title).encode("ascii", "xmlcharrefreplace").decode("ascii")
    values = {"TITLE": escaped, "HEAD": head, "SCRIPTS": scripts}
    # one pass over the page, so that no value is read as a placeholder
    return re.sub(r"@([A-Z]+)@", lambda match: values[match[1]], asset("index.html"))


def asset(name: str) -> str:
    """Return the text of a file of the page that comes with the package."""
    return resources.files("videoreid.visual").joinpath("explorer_page").joinpath(name).read_text("utf-8")


def taken(name: str, value: Any) -> str:
    """Return a script that passes a value to the page; it is ASCII, and safe inside an HTML page."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
    return f"explorer.take({json.dumps(name)},{text});\n"


def _named(ranking: Ranking | Mapping[str, Ranking]) -> Mapping[str, Ranking]:
    return {"ranking": ranking} if isinstance(ranking, Ranking) else ranking


def _write_features(
    tables: ExplorerTables, features: tuple[Features, Features], folder: Path, options: ExplorerOptions
) -> dict[str, Any]:
    query, gallery = features
    counts = tables.num_queries, len(tables.tracklets) - tables.num_queries
    if (len(query), len(gallery)) != counts:
        raise ProtocolError(
            f"features of {len(query)} queries and {len(gallery)} gallery tracklets were given for {counts[0]} and "
            f"{counts[1]} tracklets; give those of the gallery as published"
        )
    about, chunks = feature_chunks(query.concat(gallery), options.distance)
    for number, chunk in enumerate(chunks):
        text = base64.b64encode(chunk).decode("ascii")
        (folder / f"features-{number}.js").write_text(taken(f"features-{number}", text), encoding="ascii")
    return about


def _write_page(place: Path, title: str) -> None:
    for name in ("explorer.css", *SCRIPTS):
        (place / name).write_text(asset(name), encoding="utf-8")
    sources = [SCRIPTS[0], "data/index.js", *SCRIPTS[1:]]
    scripts = "\n".join(f'<script src="{name}"></script>' for name in sources)
    page = page_of(title, '<link rel="stylesheet" href="explorer.css">', scripts)
    (place / "index.html").write_text(page, encoding="utf-8")
