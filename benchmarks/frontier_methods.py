"""The methods that `frontier_learning.py` compares: networks, transformer parts, memories, models of time."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from videoreid.losses import (
    ClusterMemory,
    ClusterMemoryTerm,
    Criterion,
    CrossEntropyLoss,
    FrameInfoNCETerm,
    LogitTerm,
    SoftmaxCriterion,
    TripletCriterion,
)

FRAMES_IN_BATCH = 64
RESNET, VIT = "resnet18_half", "vit_ti_16"
SIZES = {RESNET: (96, 48), VIT: (64, 64)}
"""Height and width by backbone: 64 pixels of the transformer fit strides of 16 and of 12 pixels exactly."""
CAMERAS = 6
CriterionOf = Callable[[nn.Module, int], Criterion]


@dataclass(frozen=True)
class Trunk:
    """The network that all runs of one backbone start from, trained on single frames of other people."""

    network: str
    options: dict[str, Any]
    learning_rate: float


def _sized(backbone: str) -> dict[str, Any]:
    height, width = SIZES[backbone]
    return {"backbone": backbone, "height": height, "width": width}


TRUNKS = {
    RESNET: Trunk("resnet50_tp", {"backbone": RESNET}, 3e-3),
    VIT: Trunk("transreid_vit_s16", {**_sized(VIT), "drop_path": 0.0}, 1e-3),
}


def _triplet(model: nn.Module, classes: int) -> Criterion:
    return TripletCriterion(distance="cosine")


@dataclass(frozen=True)
class Method:
    """One row of a table: a network and its losses; everything else is equal.

    Args:
        network: name of the model.
        options: of the model; ``backbone`` names the trunk.
        frames: frames of a clip T.
        instances: tracklets of a person in a batch K.
        clips: clips of a batch; None fills `FRAMES_IN_BATCH`.
        baseline: the rows that follow are compared with this one.
        criterion: builds the losses.
        test_frames: frames of a test clip.
    """

    network: str
    options: dict[str, Any] = field(default_factory=dict)
    frames: int = 4
    instances: int = 4
    clips: int | None = None
    baseline: bool = False
    criterion: CriterionOf = _triplet
    test_frames: int = 4

    @property
    def trunk(self) -> str:
        """The key in `TRUNKS` of the network it starts from."""
        return str(self.options["backbone"])

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of its frames."""
        return SIZES[self.trunk]

    @property
    def batch_size(self) -> int:
        """Clips of a batch."""
        return self.clips or FRAMES_IN_BATCH // self.frames


def over_clips(network: str, *, sized: bool = True, **settings: Any) -> Method:
    """Return a network over the half-width ResNet-18; ``sized`` gives it its frame size as options."""
    options = _sized(RESNET) if sized else {"backbone": RESNET}
    return Method(network, {**options, **settings.pop("options", {})}, **settings)


def transformer(*, baseline: bool = False, **options: Any) -> Method:
    """Return TransReID on ViT-Ti/16, trained on single images as published."""
    own = {**_sized(VIT), "drop_path": 0.0, **options}
    return Method("transreid_vit_s16", own, frames=1, baseline=baseline)


def memory(update: str | None, *, softmax: bool = True) -> CriterionOf:
    """Return a function that builds cross-entropy, a cluster memory, or both."""

    def criterion(model: Any, classes: int) -> Criterion:
        terms: dict[str, tuple[nn.Module, float]] = {}
        if softmax:
            terms["softmax"] = (LogitTerm(CrossEntropyLoss(0.1)), 1.0)
        if update:
            kept = ClusterMemory(classes, model.embedding_dim, update=update)
            terms["memory"] = (ClusterMemoryTerm(kept), 1.0)
        return Criterion(terms)

    return criterion


def images(criterion: CriterionOf, *, baseline: bool = False) -> Method:
    """Return the image backbone, on single frames, with other losses."""
    return over_clips("resnet50_tp", sized=False, frames=1, criterion=criterion, baseline=baseline)


def with_frame_loss(model: nn.Module, classes: int) -> Criterion:
    """Build SINet's losses: those of all methods, and its contrastive loss of frames at the published weight."""
    terms = {name: (term, 1.0) for name, term in TripletCriterion(distance="cosine").terms.items()}
    return Criterion({**terms, "frames": (FrameInfoNCETerm(instances=4), 0.001)})


def in_time(network: str, *, sized: bool = True, **settings: Any) -> Method:
    """Return a method on clips of eight consecutive frames, two clips of each of four people."""
    given = {"frames": 8, "instances": 2, "test_frames": 8, **settings}
    return over_clips(network, sized=sized, **given)


STUDIES: dict[str, dict[str, Method]] = {
    "clips": {
        "AP3D's trunk, no 3-D convolution (C2D)": over_clips(
            "ap3d_resnet50", options={"block": "c2d"}, baseline=True
        ),
        "AP3D": over_clips("ap3d_resnet50", options={"block": "app3dc"}),
        "SINet's trunk alone": over_clips("sinet_resnet50", baseline=True),
        "SINet": over_clips("sinet", criterion=with_frame_loss),
    },
    "transformer": {
        "plain": transformer(baseline=True),
        "camera embedding (SIE)": transformer(num_cameras=CAMERAS),
        "overlapping patches": transformer(stride=12),
        "jigsaw patches (JPM)": transformer(jpm=True),
        "all three": transformer(num_cameras=CAMERAS, stride=12, jpm=True),
    },
    "memory": {
        "cross-entropy + batch-hard triplet": images(_triplet, baseline=True),
        "cross-entropy alone": images(lambda model, classes: SoftmaxCriterion()),
        "cross-entropy + cluster memory, mean": images(memory("mean")),
        "cross-entropy + cluster memory, hardest": images(memory("hardest")),
        "cluster memory alone, mean": images(memory("mean", softmax=False)),
    },
    "time": {
        "image backbone, mean over frames": in_time(
            "resnet50_tp", sized=False, frames=1, instances=4, baseline=True
        ),
        "the same, batches of 8 tracklets": in_time("resnet50_tp", sized=False, frames=1, clips=8),
        "clips, mean over frames": in_time("resnet50_tp", sized=False, baseline=True),
        "clips, temporal attention": in_time("resnet50_ta"),
        "clips, RNN": in_time("resnet50_rnn", sized=False),
        "clips, AP3D's trunk (C2D)": in_time("ap3d_resnet50", options={"block": "c2d"}, baseline=True),
        "clips, AP3D": in_time("ap3d_resnet50", options={"block": "app3dc"}),
    },
}
"""Methods by study; "time" is on the world of people in uniforms, the others on the world at its default difficulty."""
