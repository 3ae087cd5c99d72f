"""The explorer of a stored evaluation."""

from pathlib import Path

from videoreid.data import FrameReader
from videoreid.engine import StoredEvaluation
from videoreid.errors import DatasetError
from videoreid.visual import ExplorerOptions, write_explorer

__all__ = ["write_explorer_of"]

_ANSWERS = 20


def write_explorer_of(stored: StoredEvaluation, folder: Path) -> str:
    """Write the explorer of all queries; if features are stored, it can search with them.

    Args:
        stored: the evaluation; its frames must still be at their paths.
        folder: to write into.

    Returns:
        The page's address, relative to the parent folder.

    Raises:
        DatasetError: the frames of the tracklets are unknown.
        FrameError: a frame cannot be read.
    """
    tracklets = stored.tracklets()
    if tracklets is None:
        raise DatasetError("the frames of the tracklets are unknown: the evaluation was stored without them")
    reader = FrameReader()
    reader.read(tracklets.query[0].frames[:1])  # fails early if frames cannot be read
    features = stored.features()
    write_explorer(
        stored.ranking,
        tracklets.query,
        tracklets.gallery,
        folder,
        read_frames=reader.read,
        features=None if features is None else (features.query, features.gallery),
        options=ExplorerOptions(top_k=_ANSWERS, progress=False),
    )
    return f"{folder.name}/index.html"
