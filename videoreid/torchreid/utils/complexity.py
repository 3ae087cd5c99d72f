"""torchreid's parameter and operation counts."""

from collections.abc import Sequence

from torch import nn

from videoreid.errors import ConfigError
from videoreid.models import ReIDModel, flops_per_clip

__all__ = ["compute_model_complexity", "count_num_param"]


def count_num_param(model: nn.Module) -> int:
    """Return the number of parameters without the classifier, as torchreid counts them."""
    total = sum(parameter.numel() for parameter in model.parameters())
    classifier = getattr(model, "classifier", None)
    if isinstance(classifier, nn.Module):
        total -= sum(parameter.numel() for parameter in classifier.parameters())
    return total


def compute_model_complexity(
    model: ReIDModel,
    input_size: Sequence[int],
    verbose: bool = False,  # noqa: FBT001, FBT002 - torchreid's signature
    only_conv_linear: bool = True,  # noqa: FBT001, FBT002
) -> tuple[int, float]:
    """Return the parameters and the multiply-adds of one image, as torchreid counts them.

    Convolutions, matrix products and attention are counted; normalisation and activations are not.
    `videoreid.models.flops_per_clip` counts two operations per multiply-add.

    Args:
        model: any network of the zoo.
        input_size: ``(1, 3, H, W)``, or ``(1, T, 3, H, W)`` for a clip.
        verbose: accepted and ignored.
        only_conv_linear: accepted and ignored.

    Raises:
        ConfigError: a shape of another form.
    """
    del verbose, only_conv_linear
    if len(input_size) not in (4, 5) or input_size[0] != 1 or input_size[-3] != 3:
        raise ConfigError(f"input_size must be (1, 3, H, W) or (1, T, 3, H, W), got {tuple(input_size)}")
    frames = 1 if len(input_size) == 4 else input_size[1]
    operations = flops_per_clip(model, frames=frames, input_size=(input_size[-2], input_size[-1]))
    return count_num_param(model), operations / 2
