"""The methods that `proof_of_learning.py` compares: networks, stages of tricks, single components."""

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import nn

from videoreid.engine import Engine
from videoreid.losses import BagOfTricksCriterion, TripletCriterion

sys.path.insert(0, str(Path(__file__).parents[1] / "examples"))
from train_bag_of_tricks import MARS, AttentionEngine

SIZE, FRAMES_IN_BATCH = (128, 64), 64
CLIPS = FRAMES_IN_BATCH // 4
RESNET, OSNET, VIT = "resnet18_half", "osnet_x0_25", "vit_ti_16"
SMALL = {"height": SIZE[0], "width": SIZE[1]}
VIT_OPTIONS = {"backbone": VIT, "weights_style": "imagenet", **SMALL}


@dataclass(frozen=True)
class Trunk:
    """Where all runs over one backbone start from: a network trained on single frames of other people."""

    network: str
    options: dict[str, Any] = field(default_factory=dict)
    learning_rate: float = 3e-3


TRUNKS = {
    RESNET: Trunk("resnet50_tp", {"backbone": RESNET}),
    OSNET: Trunk(OSNET),
    VIT: Trunk("tracklet_vit", VIT_OPTIONS, learning_rate=1e-3),  # as is usual for transformers; not tuned
}


@dataclass(frozen=True)
class Method:
    """One row of a table: a network and how it is trained, everything else being equal.

    A batch holds ``FRAMES_IN_BATCH`` frames, or so many ``clips``. The rows after a ``baseline`` are compared with it.
    """

    network: str
    options: dict[str, Any] = field(default_factory=dict)
    frames: int = 4
    clips: int | None = None
    baseline: bool = False
    criterion: Callable[[nn.Module, int], nn.Module] = lambda model, classes: TripletCriterion(
        distance="cosine"
    )
    preset: str | None = None
    erasing: bool = False
    warm_up: bool = True
    engine: type[Engine] = Engine

    @property
    def trunk(self) -> str:
        """Which of `TRUNKS` it starts from."""
        return OSNET if self.network == OSNET else self.options["backbone"]


def resnet(network: str, **settings: Any) -> Method:
    return Method(network, {"backbone": RESNET, **settings.pop("options", {})}, **settings)


def head(temporal: str) -> Method:
    return Method(OSNET, {"temporal": temporal})


def tricks(stage: str) -> Method:
    """Return a stage of the video bag of tricks, with the published constants of MARS."""

    def criterion(model: nn.Module, classes: int) -> nn.Module:
        return BagOfTricksCriterion(
            classes,
            model.embedding_dim,
            margin=MARS["margin"],
            beta=MARS["beta"] if stage in ("osm", "centers", "attention") else None,
            osm=MARS["osm"],
            classifier_weight=(lambda: model.classifier.weight) if stage == "osm" else None,
            frame_attention=stage == "attention",
        )

    plain = stage == "baseline"
    return resnet(
        "resnet50_ta" if plain else "resnet50_ta_bot",
        options=SMALL,
        preset="jg" if plain else "tricks",
        warm_up=not plain,
        engine=AttentionEngine if stage == "attention" else Engine,
        **({} if plain else {"criterion": criterion}),
    )


def component(
    *, smoothing: float = 0.0, neck: bool = False, warm_up: bool = False, erasing: bool = False
) -> Method:
    def criterion(model: nn.Module, classes: int) -> nn.Module:
        return TripletCriterion(distance="cosine", label_smoothing=smoothing)

    return Method(OSNET, {"neck": neck}, criterion=criterion, warm_up=warm_up, erasing=erasing)


STUDIES: dict[str, dict[str, Method]] = {
    "temporal_resnet": {
        "image backbone (stride 32)": resnet("resnet50_tp", frames=1, baseline=True),
        "the same, one frame a clip": resnet("resnet50_tp", frames=1, clips=CLIPS),
        "resnet50_tp": resnet("resnet50_tp"),
        "resnet50_ta": resnet("resnet50_ta", options=SMALL),
        "resnet50_rnn": resnet("resnet50_rnn"),
        "resnet50_3d": resnet("resnet50_3d", options=SMALL),
        "image backbone (stride 16, neck)": resnet("gcm_baseline", frames=1, baseline=True),
        "this one, one frame a clip": resnet("gcm_baseline", frames=1, clips=CLIPS),
        "gcm_baseline": resnet("gcm_baseline"),
        "gcm_me": resnet("gcm_me"),
        "gcm_coordatt": resnet("gcm_coordatt"),
        "gcm_multiloss": resnet("gcm_multiloss"),
        "gcm": resnet("gcm"),
        "ame": resnet("ame", options=SMALL),
        "psta": resnet("psta", options=SMALL),
        "mra": resnet("mra"),
    },
    "temporal_osnet": {
        "image backbone": Method(OSNET, frames=1, baseline=True),
        "the same, one frame a clip": Method(OSNET, frames=1, clips=CLIPS),
        **{
            name: head(name)
            for name in ("average", "maximum", "gem", "attention", "lstm", "gru", "self_attention")
        },
    },
    "temporal_vit": {
        "image backbone": Method("tracklet_vit", VIT_OPTIONS, frames=1, baseline=True),
        "the same, one frame a clip": Method("tracklet_vit", VIT_OPTIONS, frames=1, clips=CLIPS),
        "tracklet_vit": Method("tracklet_vit", VIT_OPTIONS),
    },
    "tricks": {name: tricks(name) for name in ("baseline", "bot", "osm", "centers", "attention")},
    "components": {
        "none": component(),
        "label smoothing": component(smoothing=0.1),
        "BN neck": component(neck=True),
        "warm-up": component(warm_up=True),
        "random erasing": component(erasing=True),
        "all four": component(smoothing=0.1, neck=True, warm_up=True, erasing=True),
    },
}
