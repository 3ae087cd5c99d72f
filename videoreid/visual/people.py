"""Associated persons as one HTML file: a section per person, a lane per camera, strips on a time line."""

import html
import math
import os
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from videoreid.visual.answers import pictures_html, write_page

__all__ = ["SeenTracklet", "write_people_html"]

_WIDTH, _HEIGHT, _STRIP = 1000.0, 78, 44.0  # pixels of a lane, of a strip in it and of a strip's width


@dataclass(frozen=True)
class SeenTracklet:
    """A tracklet on the time line.

    Args:
        person: number of its identity.
        camera: name of the lane.
        begin: start on the time line, in seconds; NaN if unknown.
        end: end on the time line, likewise.
        text: camera, time and key, for the list.
        pictures: JPEG files in the order in which they play.
        link: address of the tracklet's start in the recording; empty for none.
    """

    person: int
    camera: str
    begin: float
    end: float
    text: str
    pictures: Sequence[bytes] = ()
    link: str = ""


def write_people_html(
    path: str | os.PathLike[str],
    tracklets: Sequence[SeenTracklet],
    *,
    axis: tuple[str, str] = ("", ""),
    note: str = "",
    title: str = "Tracklets that may be one person",
) -> None:
    """Write the page, whole or not at all; it needs no server and loads nothing from the network.

    Persons seen by the most cameras come first. All persons share one time line.

    Args:
        path: the file; an existing one is replaced.
        tracklets: of all persons.
        axis: labels of the two ends of the time line.
        note: text on the association, for example its threshold.
        title: of the page.
    """
    times = [value for one in tracklets for value in (one.begin, one.end) if not math.isnan(value)]
    low, high = min(times, default=0.0), max(times, default=1.0)
    people: dict[int, list[SeenTracklet]] = defaultdict(list)
    for one in tracklets:
        people[one.person].append(one)
    order = sorted(
        people, key=lambda name: (-len({t.camera for t in people[name]}), -len(people[name]), name)
    )
    rows = "\n".join(_row(name, people[name], low, max(high - low, 1e-9), axis) for name in order)
    values = {
        "TITLE": html.escape(title),
        "NOTE": html.escape(note),
        "ROWS": rows or "<p>There is no tracklet.</p>",
    }
    write_page(path, "people_page.html", values)


def _row(name: int, tracklets: Sequence[SeenTracklet], low: float, span: float, axis: tuple[str, str]) -> str:
    lanes: dict[str, list[SeenTracklet]] = defaultdict(list)
    for one in sorted(tracklets, key=lambda t: (math.isnan(t.begin), t.begin)):
        lanes[one.camera].append(one)
    drawn = "".join(_lane(camera, lanes[camera], low, span) for camera in sorted(lanes))
    ends = "".join(f"<span>{html.escape(text)}</span>" for text in axis)
    listed = "".join(f"<li>{_linked(one)}</li>" for lane in lanes.values() for one in lane)
    many = f"{len(tracklets)} tracklets" if len(tracklets) > 1 else "1 tracklet"
    where = f"{len(lanes)} cameras" if len(lanes) > 1 else "1 camera"
    return (
        f'<section data-person="{name}"><h2>person {name}: {many}, {where}</h2>{drawn}'
        f'<div class="axis"><span></span><div>{ends}</div></div>'
        f"<details><summary>times and cameras</summary><ul>{listed}</ul></details></section>"
    )


def _linked(one: SeenTracklet) -> str:
    text = html.escape(one.text)
    return (
        f'<a href="{html.escape(one.link)}" target="_blank" rel="noopener">{text}</a>' if one.link else text
    )


def _lane(camera: str, tracklets: Sequence[SeenTracklet], low: float, span: float) -> str:
    """Place strips at their times; strips that would overlap go to separate rows."""
    ends: list[float] = []
    drawn = []
    for one in tracklets:
        begin = 0.0 if math.isnan(one.begin) else (one.begin - low) / span
        length = 0.0 if math.isnan(one.end) else max(0.0, (one.end - low) / span - begin)
        left = min(begin * _WIDTH, _WIDTH - _STRIP)
        right = left + max(length * _WIDTH, _STRIP)
        free = [place for place, end in enumerate(ends) if end <= left]
        place = free[0] if free else len(ends)
        ends[place : place + 1] = [right]
        drawn.append(
            f'<div class="seen" tabindex="0" title="{html.escape(one.text)}" style="left: {100 * left / _WIDTH:.2f}%; '
            f'min-width: {100 * length:.2f}%; top: {4 + _HEIGHT * place}px">'
            f"{pictures_html(one.pictures, one.text, shown=1)}</div>"
        )
    height = 6 + _HEIGHT * max(len(ends), 1)
    return (
        f'<div class="lane"><div class="name">{html.escape(camera)}</div>'
        f'<div class="track" style="height: {height}px">{"".join(drawn)}</div></div>'
    )
