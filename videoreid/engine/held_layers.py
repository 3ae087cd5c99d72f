"""Which layers train in an epoch, and those in eval mode that training must not wake."""

from collections.abc import Sequence

from torch import nn

from videoreid.engine.freezing import open_all_layers, open_specified_layers
from videoreid.engine.settings import TrainSettings

__all__ = ["choose_layers", "layers_held_in_eval"]


def choose_layers(model: nn.Module, settings: TrainSettings, epoch: int, held: Sequence[nn.Module]) -> None:
    """Set train mode on the layers that train in an epoch.

    Args:
        model: the network.
        settings: say which layers train at first.
        epoch: epochs that are finished.
        held: see `layers_held_in_eval`; those that have been opened in the meantime train.
    """
    if epoch < settings.fixbase_epochs:
        open_specified_layers(model, settings.open_layers)
    elif settings.fixbase_epochs:
        open_all_layers(model)
    else:
        model.train()
    for module in held:
        if _is_fixed(module):
            module.eval()


def layers_held_in_eval(model: nn.Module) -> list[nn.Module]:
    """Return the sub-modules in eval mode none of whose parameters trains; none in a network that is all in eval mode.

    `nn.Module.train` would wake them, and their batch norms would move the statistics of fixed weights.
    """
    if not model.training:
        return []
    return [module for module in model.modules() if not module.training and _is_fixed(module)]


def _is_fixed(module: nn.Module) -> bool:
    parameters = list(module.parameters())
    return bool(parameters) and not any(parameter.requires_grad for parameter in parameters)
