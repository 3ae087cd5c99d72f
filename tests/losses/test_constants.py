"""Published constants by value: defaults, weights, floors and ceilings, and the limits of what is accepted."""

import inspect
import math

import pytest
import torch

from videoreid import losses
from videoreid.errors import ConfigError
from videoreid.losses import (
    BagOfTricksCriterion,
    CLIPReIDCriterion,
    ClusterMemory,
    TFCLIPCriterion,
    TransReIDCriterion,
    TripletCriterion,
    center_loss,
    circle_loss,
    divergence_loss,
    frame_attention_loss,
    frame_info_nce_loss,
    osm_caa_loss,
    supervised_contrastive_loss,
    triplet_loss,
)

OSM = {"alpha": 1.2, "l": 0.5, "sigma": 0.8}
TRIPLET = {"margin": 0.3, "distance": "euclidean", "mining": "hard"}
INFO_NCE = {"temperature": 0.07, "instances": 4}
DEFAULTS = {
    "cross_entropy_loss": {"label_smoothing": 0.1},
    "CrossEntropyLoss": {"label_smoothing": 0.1},
    "triplet_loss": TRIPLET,
    "TripletLoss": TRIPLET,
    "circle_loss": {"margin": 0.25, "scale": 256.0},
    "CircleLoss": {"margin": 0.25, "scale": 256.0},
    "osm_caa_loss": OSM,
    "OSMCAALoss": OSM,
    "ClusterMemory": {"update": "mean", "momentum": 0.2, "temperature": 0.05},
    "ClusterMemoryTerm": {"heads": None},
    "frame_info_nce_loss": INFO_NCE,
    "FrameInfoNCETerm": {"extra": "projected_frames", **INFO_NCE},
    "supervised_contrastive_loss": {
        "others": None,
        "other_pids": None,
        "temperature": 0.07,
        "normalise": True,
    },
    "ClassVectorTerm": {"head": -1, "label_smoothing": 0.1},
    "ExtraLogitsTerm": {"label_smoothing": 0.1, "hint": ""},
    "LogitTerm": {"heads": "mean"},
    "FeatureTerm": {"heads": "mean", "which": "all"},
    "over_heads": {"reduction": "mean"},
    "SoftmaxCriterion": {"label_smoothing": 0.1, "heads": "mean"},
    "TripletCriterion": {
        "margin": 0.3, "distance": "euclidean", "label_smoothing": 0.1, "softmax_weight": 1.0, "triplet_weight": 1.0,
        "heads": "mean",
    },
    "BagOfTricksCriterion": {
        "margin": 0.3, "beta": None, "osm": None, "classifier_weight": None, "frame_attention": False,
        "center_weight": 5e-4,
    },
    "TransReIDCriterion": {"margin": None, "label_smoothing": 0.0},
    "CLIPReIDCriterion": {"softmax_weight": 0.25, "margin": 0.3, "label_smoothing": 0.1},
    "TFCLIPCriterion": {"frames": 8, "softmax_weight": 0.25, "margin": 0.3, "label_smoothing": 0.1},
}  # fmt: skip


def test_every_default_is_pinned() -> None:
    found = {}
    for name in losses.__all__:
        thing = getattr(losses, name)
        if not (inspect.isfunction(thing) or inspect.isclass(thing)):
            continue
        parameters = inspect.signature(thing).parameters.values()
        defaults = {each.name: each.default for each in parameters if each.default is not each.empty}
        if defaults:
            found[name] = defaults
    assert found == DEFAULTS


def test_weights_of_the_published_sums() -> None:
    tricks = BagOfTricksCriterion(3, 4, beta=0.75, frame_attention=True)
    assert tricks.weights == {
        "softmax": 1.0, "triplet": 0.25, "center": 5e-4, "osm": 0.75, "attention": 1.0,
    }  # fmt: skip
    assert TripletCriterion().weights == {"softmax": 1.0, "triplet": 1.0}
    assert TransReIDCriterion().weights == {"softmax": 1.0, "triplet": 1.0}
    assert CLIPReIDCriterion(torch.eye(3)).weights == {"softmax": 0.25, "triplet": 1.0, "image_to_text": 1.0}
    assert TFCLIPCriterion(4).weights == {"softmax": 0.25, "triplet": 1.0, "memory": 1.0, "frames": 0.25}


def test_squared_distances_to_centres_have_a_floor_and_a_ceiling() -> None:
    on_it, far = torch.zeros(1, 2, dtype=torch.float64), torch.full((1, 2), 1e7, dtype=torch.float64)
    pids, centers = torch.tensor([0]), torch.zeros(1, 2, dtype=torch.float64)
    assert float(center_loss(on_it, pids, centers)) == pytest.approx(1e-12, rel=1e-6)
    assert float(center_loss(far, pids, centers)) == 1e12


def test_distances_of_equal_rows_have_a_floor() -> None:
    equal = torch.tensor([[1.0, 0.0], [1.0, 0.0], [1.0, 0.0]], dtype=torch.float64)
    # d_ap and d_an are 1e-6 each, and an anchor's distance to itself is the same
    assert float(triplet_loss(equal, torch.tensor([0, 0, 1]), 0.25)) == pytest.approx(0.25, abs=1e-12)
    apart = torch.tensor([[0.0], [0.0], [1.0]], dtype=torch.float64)
    assert float(triplet_loss(apart, torch.tensor([0, 0, 1]), 1.0)) == pytest.approx(1e-6, rel=1e-5)
    vectors = torch.eye(2, dtype=torch.float64)
    # one pair of squared distance 1e-12, and no negative
    assert float(osm_caa_loss(equal[:2], torch.tensor([0, 0]), vectors)) == pytest.approx(
        0.25e-12, rel=1e-6, abs=0
    )
    # one negative pair beyond the margin, whose gap is held at 1e-12
    rows = torch.tensor([[1.0, 0.0], [-1.0, 0.0]], dtype=torch.float64)
    beyond = osm_caa_loss(rows, torch.tensor([0, 1]), vectors)
    assert float(beyond) == pytest.approx(0.25e-24, rel=1e-6, abs=0)


def test_triplets_that_keep_the_margin_cost_nothing() -> None:
    line = torch.tensor([[0.0], [1.0], [-1.25], [9.0]], dtype=torch.float64)
    assert float(triplet_loss(line[:2].repeat(2, 1) * 9, torch.tensor([0, 1, 0, 1]), 0.3)) == 0.0
    # of the two triplets of 0 and 1 against -1.25 one violates the margin, by 1 - 1.25 + 0.5
    one = triplet_loss(line[:3], torch.tensor([0, 0, 1]), 0.5, mining="all")
    assert float(one) == pytest.approx(0.25)


def test_circle_pushes_no_negative_that_is_far_enough() -> None:
    height = math.sqrt(1 - 0.75**2)
    rows = torch.tensor([[1.0, 0.0], [0.75, height], [-1.0, 0.0]], dtype=torch.float64)
    # the positive lies on 1 - m and the negative beyond -m: both logits are 0, at any scale
    value = circle_loss(rows, torch.tensor([0, 0, 1]), 0.25, 1e9)
    assert float(value) == pytest.approx(math.log(2), abs=1e-5)


def test_an_anchor_alone_counts_fully() -> None:
    rows = torch.tensor([[1.0, 0.0]], dtype=torch.float64)
    others = torch.tensor([[1.0, 0.0], [0.0, 1.0]], dtype=torch.float64)
    value = supervised_contrastive_loss(
        rows, torch.tensor([5]), others, torch.tensor([5, 6]), temperature=1.0
    )
    assert float(value) == pytest.approx(math.log(1 + math.exp(-1)))


def test_limits_of_what_is_accepted() -> None:
    for classes, width, momentum, temperature in (
        (0, 4, 0.2, 0.1), (3, 0, 0.2, 0.1), (3, 4, -0.1, 0.1), (3, 4, 1.0, 0.1), (3, 4, 0.2, 0.0),
    ):  # fmt: skip
        with pytest.raises(ConfigError, match="must be 1 or more"):
            ClusterMemory(classes, width, momentum=momentum, temperature=temperature)
    least = ClusterMemory(1, 1, momentum=0.0, temperature=1e-3)
    assert least.mean.shape == (1, 1)
    assert float(frame_attention_loss(torch.tensor([[2.0, 3.0]]), torch.tensor([[0, 1]]))) == 3.0
    with pytest.raises(ConfigError, match="frame_scores and erased"):
        frame_attention_loss(torch.zeros(0, 2), torch.zeros(0, 2))
    with pytest.raises(ConfigError, match="two maps or more"):
        divergence_loss(torch.zeros(0, 2, 8))
    with pytest.raises(ConfigError, match=r"expected embeddings \(B, D\)"):
        triplet_loss(torch.zeros(4, 2, 3), torch.zeros(4, dtype=torch.long))
    two = torch.randn(2, 2, 3, generator=torch.Generator().manual_seed(0))
    assert frame_info_nce_loss(two, torch.tensor([0, 0]), instances=2).isfinite()
    for clips, instances in ((0, 2), (2, 1)):
        with pytest.raises(ConfigError, match=f"no multiple of {instances} clips"):
            frame_info_nce_loss(two[:clips], torch.zeros(clips), instances=instances)
