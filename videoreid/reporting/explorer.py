"""The page that plays tracklets, for a stored evaluation."""

from pathlib import Path

from videoreid.data import FrameReader
from videoreid.engine import StoredEvaluation
from videoreid.errors import DatasetError
from videoreid.visual import order_queries, write_ranking_html

__all__ = ["write_explorer_of"]

_ROWS, _ANSWERS = 100, 10


def write_explorer_of(stored: StoredEvaluation, folder: Path) -> str:
    """Write the page, worst queries first.

    Args:
        stored: the evaluation; its frames must be where they were.
        folder: to write into.

    Returns:
        The page's address, as seen from the folder above.

    Raises:
        DatasetError: the frames of the tracklets are not known.
        FrameError: a frame cannot be read.
    """
    tracklets = stored.tracklets()
    if tracklets is None:
        raise DatasetError(
            "the frames of the tracklets are not known: the evaluation was stored without them"
        )
    reader = FrameReader()
    reader.read(tracklets.query[0].frames[:1])  # before anything is made of many
    folder.mkdir()
    rows = order_queries(stored.ranking, "worst")[:_ROWS]
    write_ranking_html(
        stored.ranking,
        tracklets.query,
        tracklets.gallery,
        folder / "index.html",
        read_frames=reader.read,
        rows=rows,
        top_k=_ANSWERS,
    )
    return f"{folder.name}/index.html"
