"""Records and engines print in a few lines, whatever they hold, and escape what they show in notebooks."""

import re
from html.parser import HTMLParser

import numpy as np
import pytest
import torch

from tests.engine.small_world import Net
from videoreid.engine import Engine
from videoreid.losses import SoftmaxCriterion
from videoreid.metrics import evaluate_features, get_protocol
from videoreid.models import LoadReport, build_model, count_parameters
from videoreid.retrieval import Gallery, GalleryIndex, GalleryTracklet, Recording
from videoreid.types import Clip, Features, ReIDOutput, Splits, Tracklet

NASTY = "<script>alert('x')</script>"


def tracklets(count: int, people: int) -> tuple[Tracklet, ...]:
    return tuple(Tracklet([f"/{i}/{n}.jpg" for n in range(900)], i % people, i % 3) for i in range(count))


def features(count: int = 40) -> Features:
    generator = torch.Generator().manual_seed(0)
    ids = np.arange(count)
    return Features(torch.randn(count, 8, generator=generator), ids % 5, ids % 2, ids.astype(float))


def splits(name: str = "mars") -> Splits:
    return Splits(
        name,
        tracklets(300, 30),
        tracklets(1, 1),
        tracklets(2000, 60),
        protocol="mars_official",
        licence=NASTY,
    )


def engine() -> Engine:
    torch.manual_seed(0)
    net = Net()
    return Engine(net, SoftmaxCriterion(), torch.optim.SGD(net.parameters(), 0.05), device="cpu")


def gallery(folder: str) -> Gallery:
    made = Gallery.open(folder, fingerprint="net:1", create=True)
    made.add(
        Recording("gate", digest="a1", camera=NASTY), [GalleryTracklet(1, 0.0, 2.0)], np.array([[1.0, 0.0]])
    )
    return made


def make(kind: str, folder: str) -> object:
    index = GalleryIndex(8)
    index.add(features())
    return {
        "splits": splits,
        "features": features,
        "ranking": lambda: evaluate_features(features(), features(), dataset=NASTY),
        "protocol": lambda: get_protocol("mars_official"),
        "report": lambda: LoadReport(tuple(f"layer{n}" for n in range(999)), missing=(NASTY,) * 50),
        "model": lambda: build_model("osnet_x0_25"),
        "engine": engine,
        "index": lambda: index,
        "gallery": lambda: gallery(folder),
    }[kind]()


KINDS = ["splits", "features", "ranking", "protocol", "report", "model", "engine", "index", "gallery"]


@pytest.mark.parametrize("kind", KINDS)
def test_text_is_short(kind: str, tmp_path) -> None:
    text = repr(make(kind, str(tmp_path / "g")))
    assert len(text.splitlines()) <= 3
    assert len(text) < 700
    assert not re.search(r"object at 0x", text)


class Cells(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.text.append(data)


@pytest.mark.parametrize("kind", KINDS)
def test_the_table_is_escaped(kind: str, tmp_path) -> None:
    found = Cells()
    found.feed(make(kind, str(tmp_path / "g"))._repr_html_())
    assert found.tags[0] == "table"
    assert set(found.tags) <= {"table", "caption", "thead", "tbody", "tr", "th", "td"}
    if kind in ("splits", "ranking", "report", "gallery"):
        assert any(NASTY in text for text in found.text)


def test_what_they_say() -> None:
    assert repr(splits()) == (
        "Splits('mars', protocol 'mars_official': train 300 tracklets of 30 people, query 1 tracklet of 1 person, "
        "gallery 2,000 tracklets of 60 people)"
    )
    assert repr(features()) == "Features(40 x 8 float32: 5 people, 2 cameras, with times 40)"
    assert repr(tracklets(1, 1)[0]) == "Tracklet(pid 0, camera 0, 900 frames from '/0/0.jpg')"
    assert repr(get_protocol("cross_camera")) == "EvaluationProtocol(name='cross_camera')"
    assert repr(get_protocol("xmars")).startswith(
        "EvaluationProtocol(name='xmars', queries_in_gallery=True, note="
    )
    assert repr(LoadReport(("a", "b"), missing=("c",))) == "LoadReport(loaded 2 entries; missing 1: c)"
    assert repr(GalleryIndex(8)) == "GalleryIndex(0 x 8, exact, cosine, float32)"
    assert repr(engine()) == (
        "Engine(model Net, criterion SoftmaxCriterion, optimizer SGD lr 0.05, device cpu, done 0 epochs, 0 updates)"
    )
    model = build_model("osnet_x0_25", temporal="gem")
    assert repr(model) == (
        f"OSNet osnet_x0_25(parameters {count_parameters(model):,}, embedding 512, clips of any number of frames, "
        "input 256 x 128)\n"
        "  stages conv1, maxpool, conv2, conv3, conv4, conv5, fc"
    )


def test_a_table_counts() -> None:
    table = splits()._repr_html_()
    assert "<th>gallery</th><td>2,000</td><td>60</td><td>3</td><td>1,800,000</td>" in table


def test_a_ranking_prints_its_scores_with_their_protocol_line() -> None:
    ranking = evaluate_features(features(), features(), dataset="toy")
    assert ranking.mAP == ranking.mean_average_precision
    assert ranking.mINP == ranking.mean_inverse_negative_penalty
    first, second = repr(ranking).splitlines()
    assert first.startswith(
        f"Ranking(mAP {ranking.mAP:.3f}, mINP {ranking.mINP:.3f}, Rank-1 {ranking.rank(1):.3f}"
    )
    assert first.endswith("; 40 queries scored, 0 skipped)")
    assert second == f"  {ranking.protocol_line}"


def test_batches_print_their_shapes() -> None:
    ids = torch.zeros(2, dtype=torch.int64)
    clip = Clip(torch.zeros(2, 4, 3, 64, 32, dtype=torch.uint8), ids, ids, ids.double(), torch.tensor(3))
    assert repr(clip) == (
        "Clip(frames (2, 4, 3, 64, 32) uint8, pid (2,) int64, camid (2,) int64, time (2,) float64, index 3)"
    )
    output = ReIDOutput(torch.zeros(2, 8), (torch.zeros(2, 5),), (), {"frame_scores": torch.zeros(2, 4)})
    assert repr(output) == (
        "ReIDOutput(embedding (2, 8) float32, logits [(2, 5) float32], features [], "
        "extras {frame_scores (2, 4) float32})"
    )
