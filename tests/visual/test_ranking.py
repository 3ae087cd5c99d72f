import re
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from tests.visual.conftest import Scene, read_frames, tracklet
from videoreid.errors import ConfigError, FrameError, ProtocolError, StorageError, UnknownNameError
from videoreid.metrics import evaluate_features
from videoreid.types import Features, Tracklet
from videoreid.visual import StripStyle, draw_queries, draw_ranking, order_queries, select_queries
from videoreid.visual.arrangement import GREEN, RED

STYLE = StripStyle(frames=2, size=(40, 20), dpi=100)


def load(path: Path) -> np.ndarray:
    return cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)


def test_hits_have_solid_green_frames_and_misses_red_dashes(scene: Scene, tmp_path: Path) -> None:
    path = tmp_path / "ranking.png"
    parts = scene.ranking, scene.query, scene.gallery
    draw_ranking(*parts, path, read_frames=read_frames, rows=[0], top_k=3, style=STYLE)
    picture = load(path)
    cell, margin, gap = 2 * 20 + 2 + 6, 12, 10  # two frames, the space between them, the frame's line
    lefts = [margin + n * (cell + gap) for n in range(4)]
    top = picture[margin + 1]
    share = [
        [float((top[left : left + cell] == colour).all(axis=1).mean()) for colour in (GREEN, RED)]
        for left in lefts
    ]
    assert share[2][0] == 1.0, "a hit has a whole green line"
    for miss in (1, 3):
        assert share[miss][0] == 0.0
        assert 0.5 < share[miss][1] < 0.8, "two of three parts of a dashed line"
    inside = picture[margin + 30, lefts[0] : lefts[0] + cell]
    assert any((pixel == (250, 10, 10)).all() for pixel in inside), "the query's own frames come first"


def test_one_line_per_query_and_short_lists_are_padded(scene: Scene, tmp_path: Path) -> None:
    heights, widths = [], []
    for rows in ([0], [0, 1], [0, 1, 2]):
        path = tmp_path / f"{len(rows)}.png"
        parts = scene.ranking, scene.query, scene.gallery
        draw_ranking(*parts, path, read_frames=read_frames, rows=rows, style=STYLE)
        heights.append(load(path).shape[0])
        widths.append(load(path).shape[1])
    steps = heights[2] - heights[1], heights[1] - heights[0]
    assert abs(steps[0] - steps[1]) <= 1, "equal but for rounding"
    assert min(steps) > 46
    assert len(set(widths)) == 1


@pytest.mark.parametrize("ending", [".png", ".jpg", ".pdf", ".svg"])
def test_kinds_of_files(scene: Scene, tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"a{ending}"
    parts = scene.ranking, scene.query, scene.gallery
    draw_ranking(*parts, path, read_frames=read_frames, rows=[0], style=replace(STYLE, dpi=300))
    data = path.read_bytes()
    if ending in (".png", ".jpg"):
        assert load(path).shape[1] > 3 * 200, "three pixels a unit"
    else:
        assert data.startswith(b"%PDF") if ending == ".pdf" else b"<svg" in data
    draw_ranking(*parts, path, read_frames=read_frames, rows=[0], style=replace(STYLE, dpi=300))
    assert path.read_bytes() == data, "the same ranking gives the same file"


def circle(queries: int, *, cameras: int = 4) -> tuple[Features, Features, list[Tracklet], list[Tracklet]]:
    """Everybody in ``cameras`` cameras of the gallery, at a distance that grows with the camera."""
    query = [tracklet(pid, 0) for pid in range(1, queries + 1)]
    gallery = [tracklet(pid, camid) for pid in range(1, queries + 1) for camid in range(cameras)]

    def features(part: list[Tracklet]) -> Features:
        angle = [2 * np.pi * t.pid / (queries + 1) + 0.3 * t.camid for t in part]
        return Features.of(
            torch.tensor(np.stack([np.cos(angle), np.sin(angle)], 1), dtype=torch.float32), part
        )

    return features(query), features(gallery), query, gallery


def test_published_figures_have_their_published_sizes(tmp_path: Path) -> None:
    """1508 x 260 for ten answers, 556 x 260 for a ground truth of three (frames of 64 x 128)."""
    q, g, query, gallery = circle(3)
    ranking = evaluate_features(q, g, protocol="cross_camera", top_k=10)
    style = StripStyle(frames=4, size=(128, 64), dpi=100, junk=False)
    for layout, size in (("vpreid_result", (260, 1508)), ("vpreid_gt", (260, 556))):
        path = tmp_path / f"{layout}.png"
        draw_ranking(
            ranking,
            query,
            gallery,
            path,
            read_frames=read_frames,
            rows=[0],
            top_k=10,
            style=style,
            layout=layout,
        )
        assert load(path).shape[:2] == size


def test_the_ground_truth_names_matches_far_down_the_list(tmp_path: Path) -> None:
    from videoreid.visual.layouts import LAYOUTS
    from videoreid.visual.layouts import Scene as Drawn
    from videoreid.visual.strips import PatientReader

    q, g, query, gallery = circle(3)
    ranking = evaluate_features(q, g, protocol="cross_camera", top_k=2)
    searched = ranking.searched(query, gallery)
    drawn = Drawn(ranking, query, searched, PatientReader(read_frames), STYLE, 2)
    for row in range(3):
        cells = LAYOUTS["vpreid_gt"].cells(drawn, row)
        ranks = ranking.match_ranks[ranking.match_offsets[row] : ranking.match_offsets[row + 1]].tolist()
        assert [cell.badge for cell in cells[1:]] == [str(rank) for rank in ranks]
        assert [cell.kind for cell in cells[1:]] == ["hit" if rank <= 2 else "missed" for rank in ranks]
    with pytest.raises(UnknownNameError, match="'strips', 'vpreid_result', 'vpreid_gt'"):
        draw_ranking(ranking, query, gallery, tmp_path / "a.png", read_frames=read_frames, layout="grid")


def test_a_picture_a_query_named_by_person_and_camera(scene: Scene, tmp_path: Path) -> None:
    paths = draw_queries(
        scene.ranking, scene.query, scene.gallery, tmp_path / "new", read_frames=read_frames, style=STYLE
    )
    assert [path.name for path in paths] == [f"{n:04d}_pid{n + 1}_cam0.png" for n in range(3)]
    assert all(path.stat().st_size > 500 for path in paths)


def test_images_are_datasets_of_one_frame(tmp_path: Path) -> None:
    q, g, query, gallery = circle(3)
    query, gallery = ([replace(t, frames=t.frames[:1]) for t in part] for part in (query, gallery))
    ranking = evaluate_features(q, g, protocol="market1501", top_k=3)
    style = StripStyle(frames=4, size=(64, 32), dpi=100, junk=False)
    path = tmp_path / "a.png"
    draw_ranking(ranking, query, gallery, path, read_frames=read_frames, rows=[0], top_k=3, style=style)
    assert load(path).shape[1] >= 4 * (32 + 6) + 3 * 10 + 2 * 12
    draw_ranking(
        ranking,
        query,
        gallery,
        path,
        read_frames=read_frames,
        rows=[0],
        top_k=3,
        style=style,
        layout="vpreid_result",
    )
    assert load(path).shape[:2] == (64, 4 * 32 + 20 + 2 * 4), "one picture, not four times the same"


def test_missing_frames_are_hatched(scene: Scene, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def read(keys):
        raise FrameError("gone")

    parts = scene.ranking, scene.query, scene.gallery
    with caplog.at_level("WARNING", logger="videoreid"):
        draw_ranking(*parts, tmp_path / "a.png", read_frames=read, rows=[0], top_k=1, style=STYLE)
    assert re.search(r"4 frames cannot be read and are drawn hatched, the first is 1/0", caplog.text)


def test_orders_and_choice(scene: Scene) -> None:
    ranking, query = scene.ranking, scene.query
    assert order_queries(ranking).tolist() == [0, 1, 2]
    assert order_queries(ranking, "worst").tolist() == [0, 1, 2]
    assert order_queries(ranking, "best").tolist() == [1, 0, 2]
    draws = {tuple(order_queries(ranking, "random", seed=seed).tolist()) for seed in range(20)}
    assert draws == {(0, 1, 2), (1, 0, 2)}, "what was not scored comes last"
    assert select_queries(ranking, query, order="best", count=1).tolist() == [1]
    assert select_queries(ranking, query, pids=[1, 3]).tolist() == [0, 2]
    with pytest.raises(ConfigError, match="no query shows person 7"):
        select_queries(ranking, query, pids=[7])
    with pytest.raises(ConfigError, match="unknown order"):
        order_queries(ranking, "hardest")


def test_a_foreign_gallery_is_refused(scene: Scene, tmp_path: Path) -> None:
    path, how = tmp_path / "a.png", {"read_frames": read_frames}
    ranking, query, gallery = scene.ranking, scene.query, scene.gallery
    with pytest.raises(ProtocolError, match="a gallery of 3 tracklets, but the given gallery holds 1"):
        draw_ranking(ranking, query, gallery[:1], path, **how)
    with pytest.raises(ProtocolError, match="another pid, the first is row 0 with pid 1 instead of 2"):
        draw_ranking(ranking, query, [gallery[1], gallery[0], gallery[2]], path, **how)
    with pytest.raises(ProtocolError, match="holds 3 queries, got 1"):
        draw_ranking(ranking, query[:1], gallery, path, **how)
    with pytest.raises(ConfigError, match="no query to draw"):
        draw_ranking(ranking, query, gallery, path, rows=[], **how)
    with pytest.raises(ConfigError, match="no query 3: there are 3"):
        draw_ranking(ranking, query, gallery, path, rows=[3], **how)
    with pytest.raises(ConfigError, match=r"ends in \.png"):
        draw_ranking(ranking, query, gallery, tmp_path / "a.bmp", **how)
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(StorageError, match="cannot write"):
        draw_ranking(ranking, query, gallery, tmp_path / "file" / "a.png", **how)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
