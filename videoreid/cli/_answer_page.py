"""Write the HTML pages of ``videoreid find`` and ``videoreid associate`` from the tracklets of a gallery."""

import math
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

    from videoreid.retrieval import Answer, Gallery, Match

__all__ = ["link_of", "write_answer_page", "write_people_page"]


def link_of(match: "Match") -> str:
    """Return the address of the recording at the second of the match; empty if the file is unknown."""
    if not match.recording:
        return ""
    path = Path(match.recording).absolute()
    second = "" if math.isnan(match.start) else f"#t={match.start:.1f}"
    return f"{path.as_uri()}{second}"


def write_answer_page(
    path: Path, gallery: "Gallery", answer: "Answer", *, asked: tuple[bytes, ...], query: str
) -> None:
    """Write the page with the answers to a query."""
    from videoreid.visual import AnswerRow, write_answer_html

    rows = []
    for match in answer:
        verdict = (
            ""
            if match.probability is None
            else f"{match.verdict} the same person: {100 * match.probability:.0f} %"
        )
        lines = (
            f"camera {match.camera}, {match.when}{_lasting(match)}",
            f"distance {match.distance:.3f}",
            f"{match.key}: {match.recording}{_from(match)}",
        )
        pictures = gallery.thumbnails(match.key)
        rows.append(AnswerRow(lines, pictures, link_of(match), match.key, match.distance, verdict))
    note = f"{answer.searched} tracklets were compared, by the model {gallery.fingerprint}. {answer.basis}"
    write_answer_html(path, rows, asked=asked, query=query, model=gallery.fingerprint, note=note.strip())


def write_people_page(path: Path, gallery: "Gallery", names: "np.ndarray") -> None:
    """Write the page of persons, ``names (N,)``; without start times each recording begins at zero."""
    from videoreid.visual import SeenTracklet, write_people_html

    features = gallery.timed_features
    clocked = all(recording.start is not None for recording in gallery.recordings)
    starts = [recording.start for recording in gallery.recordings if recording.start is not None]
    rows = []
    for place, key in enumerate(gallery.keys):
        one = gallery.describe(key)
        rows.append(
            SeenTracklet(
                int(names[place]),
                one.camera if clocked else f"{one.camera} ({key.rpartition(':')[0]})",
                float(features.times[place]),
                float(features.end_times[place]),
                f"camera {one.camera}, {one.when}{_lasting(one)} ({key})",
                gallery.thumbnails(key),
                link_of(one),
            )
        )
    axis = ("beginning of each recording", "")
    if clocked and rows:
        from datetime import timedelta

        zero = min(starts)
        ends = (min(row.begin for row in rows), max(row.end for row in rows))
        first, last = (
            (zero + timedelta(seconds=end)).isoformat(" ")[:19] for end in ends if not math.isnan(end)
        )
        axis = (first, last)
    note = f"{len(names)} tracklets, by the model {gallery.fingerprint}."
    if not clocked:
        note += " Recordings have no start times, so each lane counts from the beginning of its recording."
    write_people_html(path, rows, axis=axis, note=note)


def _lasting(match: "Match") -> str:
    return "" if math.isnan(match.end - match.start) else f", for {match.end - match.start:.1f} s"


def _from(match: "Match") -> str:
    return "" if math.isnan(match.start) else f" from second {match.start:.1f} (frame {match.first_frame})"
