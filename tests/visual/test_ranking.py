from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.visual.conftest import Scene, read_frames
from videoreid.errors import ConfigError, ProtocolError
from videoreid.visual import StripStyle, draw_ranking, order_queries
from videoreid.visual.ranking import GREEN, RED

STYLE = StripStyle(frames=2, size=(40, 20))


def load(path: Path) -> np.ndarray:
    return cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)


def test_hits_are_green_and_misses_red(scene: Scene, tmp_path: Path) -> None:
    path = tmp_path / "ranking.png"
    draw_ranking(
        scene.ranking,
        scene.query,
        scene.gallery,
        path,
        read_frames=read_frames,
        rows=[0],
        top_k=3,
        style=STYLE,
    )
    picture = load(path)
    inside = picture[30]  # a line through the middle of the strips
    borders = [tuple(pixel) for pixel in inside if tuple(pixel) in (GREEN, RED)]
    changes = [b for a, b in zip([None, *borders[:-1]], borders, strict=True) if a != b]
    assert changes == [RED, GREEN, RED], "answers of query 0 are a miss, a hit, a miss"
    assert any((pixel == (250, 10, 10)).all() for pixel in inside[:80]), "the query's own frames come first"


def test_one_line_per_query_and_short_lists_are_padded(scene: Scene, tmp_path: Path) -> None:
    heights = []
    for rows in ([0], [0, 1, 2]):
        path = tmp_path / f"{len(rows)}.png"
        draw_ranking(
            scene.ranking, scene.query, scene.gallery, path, read_frames=read_frames, rows=rows, style=STYLE
        )
        heights.append(load(path).shape[0])
    footer = 36
    assert heights[1] - footer == 3 * (heights[0] - footer)


def test_orders(scene: Scene) -> None:
    assert order_queries(scene.ranking).tolist() == [0, 1, 2]
    assert order_queries(scene.ranking, "worst").tolist() == [0, 1, 2]
    assert order_queries(scene.ranking, "best").tolist() == [1, 0, 2]
    with pytest.raises(ConfigError, match="unknown order"):
        order_queries(scene.ranking, "random")


def test_a_foreign_gallery_is_refused(scene: Scene, tmp_path: Path) -> None:
    with pytest.raises(ProtocolError, match="a gallery of 3 tracklets, but the given gallery holds 1"):
        draw_ranking(
            scene.ranking, scene.query, scene.gallery[:1], tmp_path / "a.png", read_frames=read_frames
        )
    with pytest.raises(ProtocolError, match="another pid, the first is row 0 with pid 1 instead of 2"):
        draw_ranking(
            scene.ranking,
            scene.query,
            [scene.gallery[1], scene.gallery[0], scene.gallery[2]],
            tmp_path / "a.png",
            read_frames=read_frames,
        )
    with pytest.raises(ProtocolError, match="holds 3 queries, got 1"):
        draw_ranking(
            scene.ranking, scene.query[:1], scene.gallery, tmp_path / "a.png", read_frames=read_frames
        )
    with pytest.raises(ConfigError, match="no query to draw"):
        draw_ranking(
            scene.ranking, scene.query, scene.gallery, tmp_path / "a.png", read_frames=read_frames, rows=[]
        )
    assert list(tmp_path.iterdir()) == []
