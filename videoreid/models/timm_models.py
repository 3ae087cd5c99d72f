"""Networks of timm for clips: ``build_model("timm:convnext_tiny")``."""

import difflib
from typing import Any

from torch import Tensor

from videoreid.errors import MissingExtraError, UnknownNameError
from videoreid.models.factory import FAMILIES
from videoreid.models.frame_network import FrameNetwork, FrameOptions

__all__ = ["TimmModel"]


class TimmModel(FrameNetwork):
    """A timm network without its classifier, applied to every frame.

    Its parameters have timm's names after ``backbone.``; the pixel normalisation is that of timm's weights.

    Args:
        name: name of the network in timm, with or without a tag ("resnet18", "convnext_tiny.fb_in22k").
        num_classes: number of training identities K.
        timm_options: arguments of ``timm.create_model`` (``{"img_size": (256, 128)}`` for plain transformers).
        pretrained: download timm's own weights.
        options: temporal head and neck.

    Raises:
        MissingExtraError: timm is not installed.
        UnknownNameError: timm has no such network.
    """

    def __init__(
        self,
        name: str,
        num_classes: int,
        *,
        timm_options: dict[str, Any] | None = None,
        pretrained: bool = False,
        options: FrameOptions | None = None,
    ) -> None:
        backbone = _create(name, pretrained=pretrained, **(timm_options or {}))
        # networks with a hidden layer before the classifier have this attribute
        dim = getattr(backbone, "head_hidden_size", None) or backbone.num_features
        super().__init__({"backbone": backbone}, dim, num_classes, options=options)
        config = backbone.pretrained_cfg
        self.pixel_mean, self.pixel_std = tuple(config["mean"]), tuple(config["std"])
        if config.get("fixed_input_size"):
            self.input_size = tuple((timm_options or {}).get("img_size", config["input_size"][1:]))

    def feature_maps(self, images: Tensor) -> Tensor:
        """Return timm's forward features: maps ``(N, C, h, w)``, or the tokens of a transformer."""
        return self._backbone().forward_features(images)

    def encode(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return forward features and the pooled vectors ``(N, D)`` before timm's classifier."""
        maps = self.feature_maps(images)
        return maps, self._backbone().forward_head(maps, pre_logits=True)

    def _backbone(self) -> Any:
        return self.get_submodule("backbone")


def _create(name: str, *, pretrained: bool, **kwargs: Any) -> Any:
    try:
        import timm
    except ImportError as error:
        raise MissingExtraError("timm", "timm", f"the network 'timm:{name}'") from error
    base = name.partition(".")[0]
    if not timm.is_model(base):
        near = difflib.get_close_matches(base, timm.list_models(), n=3)
        hint = f"did you mean {' or '.join(near)}?" if near else "see timm.list_models()"
        raise UnknownNameError(f"timm has no network {base!r}; {hint}")
    return timm.create_model(name, pretrained=pretrained, num_classes=0, **kwargs)


@FAMILIES.register("timm")
def timm_model(name: str, num_classes: int = 1, **options: Any) -> TimmModel:
    """Build a network of timm; ``timm_options`` and ``pretrained`` go to `TimmModel`, the rest to `FrameOptions`."""
    own = {key: options.pop(key) for key in ("timm_options", "pretrained") if key in options}
    return TimmModel(name, num_classes, options=FrameOptions.of(options), **own)
