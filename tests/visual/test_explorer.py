import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from tests.engine.small_world import Clips, Net, loader
from tests.visual.conftest import Scene, read_frames, tracklet
from videoreid.cli import main
from videoreid.data import FrameReader
from videoreid.engine import Engine, RunFolder
from videoreid.errors import ConfigError, FrameError, ProtocolError, StorageError
from videoreid.losses import SoftmaxCriterion
from videoreid.metrics import evaluate_features
from videoreid.optim import build_optimizer
from videoreid.types import Features, Tracklet
from videoreid.visual import ExplorerOptions, write_explorer
from videoreid.visual.explorer_data import feature_chunks

QUIET = ExplorerOptions(frames=4, size=(32, 16), progress=False)


def taken(path: Path) -> Any:
    """Return what a data file hands to the page."""
    return json.loads(re.fullmatch(r'explorer\.take\("[\w-]+",(.*)\);\n', path.read_text("ascii"))[1])


def ranked(
    noise: float, *, top_k: int = 3
) -> tuple[Any, list[Tracklet], list[Tracklet], tuple[Features, Features]]:
    rng = np.random.default_rng(0)
    query = [tracklet(pid, 0) for pid in (1, 2, 3)]
    gallery = [tracklet(pid, camid) for camid in (0, 1, 2) for pid in (1, 2, 3)]
    features = tuple(
        Features.of(
            torch.tensor(
                np.stack([np.eye(4)[t.pid] + noise * rng.normal(size=4) for t in part]), dtype=torch.float32
            ),
            part,
        )
        for part in (query, gallery)
    )
    return evaluate_features(*features, protocol="cross_camera", top_k=top_k), query, gallery, features


def test_the_folder_holds_each_tracklet_once(scene: Scene, tmp_path: Path) -> None:
    done = write_explorer(
        scene.ranking, scene.query, scene.gallery, tmp_path / "e", read_frames=read_frames, options=QUIET
    )
    assert (done.queries, done.strips, done.missing_frames) == (3, 6, 0)
    files = [path for path in (tmp_path / "e").rglob("*") if path.is_file()]
    assert done.size == sum(path.stat().st_size for path in files)
    assert sorted(path.name for path in (tmp_path / "e" / "strips").iterdir()) == [
        f"{n}.jpg" for n in range(6)
    ]
    strip = cv2.imread(str(tmp_path / "e" / "strips" / "4.jpg"))
    assert strip.shape == (32, 4 * 16, 3)
    page = (tmp_path / "e" / "index.html").read_text("utf-8")
    for name in re.findall(r'(?:src|href)="([^"]+)"', page):
        assert (tmp_path / "e" / name).is_file(), "the page and its parts are in one folder"


def test_missed_matches_and_junk_are_named() -> None:
    from videoreid.visual.explorer_data import answers_of, tables_of

    ranking, query, gallery, features = ranked(2.0)
    tables = tables_of({"a": ranking}, query, gallery, 3)
    distances = (
        1
        - torch.nn.functional.normalize(features[0].embeddings, dim=1)
        @ torch.nn.functional.normalize(features[1].embeddings, dim=1).t()
    )
    for row, asked in enumerate(query):
        order = np.argsort(distances[row].numpy(), kind="stable").tolist()
        same_camera = [n for n in order if gallery[n].pid == asked.pid and gallery[n].camid == asked.camid]
        kept = [n for n in order if n not in same_camera]
        answers, truths, junk = answers_of(tables, 0, row)
        assert answers["id"] == [3 + n for n in kept[:3]]
        beyond = [(rank, n) for rank, n in enumerate(kept, 1) if gallery[n].pid == asked.pid and rank > 3]
        assert (truths["rank"], truths["id"]) == ([rank for rank, _ in beyond], [3 + n for _, n in beyond])
        between = [n for n in same_camera if distances[row, n] <= distances[row, kept[2]]]
        assert junk["id"] == [3 + n for n in between]


def test_a_list_may_be_longer_than_the_gallery(tmp_path: Path) -> None:
    ranking, query, gallery, _ = ranked(0.5, top_k=100)
    options = replace(QUIET, top_k=100)
    write_explorer(ranking, query, gallery, tmp_path, read_frames=read_frames, options=options)
    assert [len(row[0]["id"]) for row in taken(tmp_path / "data" / "run0-0.js")] == [8, 8, 8]


def test_two_runs_flags_and_features(tmp_path: Path) -> None:
    good, query, gallery, features = ranked(0.3)
    bad = ranked(2.0)[0]
    flags = {"low light": np.array([True, False, True])}
    write_explorer(
        {"ours": good, "theirs": bad},
        query,
        gallery,
        tmp_path,
        read_frames=read_frames,
        features=features,
        flags=flags,
        options=QUIET,
    )
    index = taken(tmp_path / "data" / "index.js")
    assert [run["name"] for run in index["runs"]] == ["ours", "theirs"]
    assert index["flags"] == {"low light": [1, 0, 1]}
    assert index["search"]["width"] == 4
    assert len(index["search"]["scale"]) == 12
    assert sum(index["runs"][0]["histogram"]["match"]) == 6, "two true matches a query, also beyond the list"
    with pytest.raises(ConfigError, match=r"flag 'x' has shape \(2,\)"):
        write_explorer(
            good,
            query,
            gallery,
            tmp_path,
            read_frames=read_frames,
            flags={"x": np.ones(2, bool)},
            options=QUIET,
        )
    with pytest.raises(ProtocolError, match="features of 3 queries and 3 gallery tracklets"):
        write_explorer(
            good,
            query,
            gallery,
            tmp_path,
            read_frames=read_frames,
            features=(features[0], features[0]),
            options=QUIET,
        )
    assert taken(tmp_path / "data" / "index.js") == index, "what stood there still stands"
    with pytest.raises(ConfigError, match="one run, or two"):
        write_explorer(
            dict.fromkeys("abc", good), query, gallery, tmp_path, read_frames=read_frames, options=QUIET
        )


def test_the_engine_what_it_stored_and_the_command_line_show_the_same(tmp_path: Path) -> None:
    picture = tmp_path / "frame.png"
    cv2.imwrite(str(picture), np.full((16, 8, 3), 90, np.uint8))
    clips = Clips()
    clips.tracklets = [replace(tracklet, frames=[str(picture)]) for tracklet in clips.tracklets]
    torch.manual_seed(0)
    model = Net()
    engine = Engine(model, SoftmaxCriterion(), build_optimizer(model, "sgd", 0.05), device="cpu")
    options = {"protocol": "cross_camera", "dataset": "tiny", "top_k": 5, "progress": False}
    run = tmp_path / "run"
    data = loader(clips)
    ranking = engine.evaluate(data, data, output_dir=run, save_features=True, **options)
    read = FrameReader().read
    done = write_explorer(
        ranking, clips.tracklets, clips.tracklets, tmp_path / "a", read_frames=read, options=QUIET
    )
    assert (done.queries, done.missing_frames) == (24, 0)

    stored = RunFolder.open(run).evaluation()
    sides, features = stored.tracklets(), stored.features()
    assert sides is not None and features is not None
    write_explorer(
        stored.ranking,
        sides.query,
        sides.gallery,
        tmp_path / "b",
        read_frames=read,
        features=(features.query, features.gallery),
        options=QUIET,
    )
    assert main(["report", str(run), "--output", str(tmp_path / "report")]) == 0
    pages = [taken(tmp_path / place / "data" / "index.js") for place in ("a", "b", "report/explorer")]
    assert pages[0]["runs"][0]["ap"] == pytest.approx(ranking.average_precision.tolist(), abs=1e-4)
    for page in pages[1:]:
        assert page["tracklets"]["pid"] == pages[0]["tracklets"]["pid"]
        for key in ("scores", "protocol", "ap", "first", "nearest", "hit"):
            assert page["runs"][0][key] == pages[0]["runs"][0][key], key


def test_eight_bits_keep_the_distances() -> None:
    rng = np.random.default_rng(0)
    table = rng.normal(size=(40, 64)).astype(np.float32) * rng.uniform(0.1, 9, size=(40, 1)).astype(
        np.float32
    )
    features = Features(torch.from_numpy(table), np.zeros(40, np.int64), np.zeros(40, np.int64))
    for distance in ("cosine", "euclidean"):
        about, chunks = feature_chunks(features, distance)
        codes = np.frombuffer(b"".join(chunks), np.int8).reshape(40, 64)
        back = codes * np.array(about["scale"])[:, None]
        exact = table / np.linalg.norm(table, axis=1, keepdims=True) if distance == "cosine" else table
        assert (
            np.abs(back - exact).max(axis=1).tolist() <= (np.abs(exact).max(axis=1) / 254 * 1.0001).tolist()
        ), "half a step of each row's scale"
    with pytest.raises(ConfigError, match="searches by cosine"):
        feature_chunks(features, "hamming")


def test_every_value_is_escaped(tmp_path: Path) -> None:
    ranking, query, gallery, _ = ranked(0.3)
    evil = "</script><script>alert(1)</script>\"'&\u2028 \u5b57 \udce9"
    query[0] = replace(query[0], frames=[f"folder/{evil}.png", *query[0].frames[1:]])
    ranking = replace(ranking, protocol_line=evil)

    def read(keys: Any) -> list[np.ndarray]:
        return [np.zeros((8, 4, 3), np.uint8) for _ in keys]

    options = replace(QUIET, title=evil)
    write_explorer(
        {evil: ranking}, query, gallery, tmp_path, read_frames=read, options=options, flags={evil: np.ones(3)}
    )
    for path in (tmp_path / "index.html", *(tmp_path / "data").iterdir()):
        text = path.read_text("utf-8")
        assert "<script>alert" not in text
        assert "</script><script>alert" not in text
    index = taken(tmp_path / "data" / "index.js")
    assert index["title"] == index["runs"][0]["name"] == index["runs"][0]["protocol"] == evil
    assert index["tracklets"]["name"][0] == evil.split("/")[-1] + ".png", "folders are not told"
    assert "&lt;script&gt;alert(1)" in (tmp_path / "index.html").read_text("utf-8")


def test_the_scripts_write_text_and_never_html() -> None:
    from videoreid.visual.explorer import SCRIPTS, asset

    for name in SCRIPTS:
        code = asset(name)
        assert not re.search(
            r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|fetch\(", code
        ), name


def test_missing_frames_are_hatched_and_counted(
    scene: Scene, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def read(keys: Any) -> list[np.ndarray]:
        if any(key in ("1/2", "2/0") for key in keys):
            raise FrameError("cannot read frame: it is gone")
        return read_frames(keys)

    with caplog.at_level("WARNING", logger="videoreid"):
        done = write_explorer(
            scene.ranking, scene.query, scene.gallery, tmp_path, read_frames=read, options=QUIET
        )
    # 1/2 in the two tracklets of person 1, 2/0 in the three of person 2
    assert done.missing_frames == 5
    assert taken(tmp_path / "data" / "index.js")["missing"] == 5
    strip = cv2.imread(str(tmp_path / "strips" / "1.jpg")).astype(int)
    first = strip[:, :8]  # JPEG bleeds the colour of the next frame
    assert abs(first - first.mean(axis=2, keepdims=True)).max() < 12, "grey hatching"
    assert strip[:, 16:32, 1].mean() > 200, "the others are as they are"


def test_a_folder_that_cannot_be_written(scene: Scene, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(StorageError, match="cannot write"):
        write_explorer(
            scene.ranking,
            scene.query,
            scene.gallery,
            tmp_path / "file" / "e",
            read_frames=read_frames,
            options=QUIET,
        )
    with pytest.raises(ConfigError, match="no query to show"):
        write_explorer(
            replace(
                scene.ranking,
                average_precision=np.empty(0),
                gallery=replace(scene.ranking.gallery, num_queries=0),
            ),
            [],
            scene.gallery,
            tmp_path / "e",
            read_frames=read_frames,
            options=QUIET,
        )
    assert not (tmp_path / "e" / "index.html").exists()
    with pytest.raises(ConfigError, match="must be 1 or more"):
        ExplorerOptions(frames=0)


def test_distances_that_hardly_differ_have_a_histogram(tmp_path: Path) -> None:
    ranking, query, gallery, _ = ranked(0.1)
    one, next_one = np.float32(0.5), np.nextafter(np.float32(0.5), np.float32(1.0))
    distances = np.where(ranking.top_matches, one, next_one)
    near = replace(ranking, top_distances=distances, same_person=None)
    write_explorer(near, query, gallery, tmp_path, read_frames=read_frames, options=QUIET)
    counts = taken(tmp_path / "data" / "index.js")["runs"][0]["histogram"]
    assert (counts["low"], sum(counts["match"]), counts["match"][0]) == (0.5, 6, 6)
    assert sum(counts["wrong"]) == counts["wrong"][-1] == 3
