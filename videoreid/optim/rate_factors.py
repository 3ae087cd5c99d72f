"""Factors on the learning rate of each parameter, by its name or by its depth in the network."""

import re
from collections.abc import Mapping

from torch import nn
from torch.nn import Parameter

from videoreid.errors import ConfigError

__all__ = ["depth_factors", "name_factors"]

_HEAD = re.compile(r"^(neck|bottleneck|classifier|head|fc|projection)")


def name_factors(model: nn.Module, multipliers: Mapping[str, float]) -> dict[Parameter, float]:
    """Return the factor of every parameter whose name matches; the first expression that matches a name counts.

    An expression without a match is an error: a published system (TF-CLIP) trains two modules at a tenth of the
    intended rate because the names in its expressions do not exist.

    Args:
        model: the network, or a parallel wrapper around it.
        multipliers: regular expression (`re.search`) to factor, 0 or more.

    Raises:
        ConfigError: an invalid expression, an expression that matches no parameter, or a negative factor.
    """
    named = dict(_inner(model).named_parameters())
    factors: dict[Parameter, float] = {}
    for pattern, factor in multipliers.items():
        if factor < 0:
            raise ConfigError(f"a multiplier must be 0 or more, got {factor} for {pattern!r}")
        try:
            found = [parameter for name, parameter in named.items() if re.search(pattern, name)]
        except re.error as error:
            raise ConfigError(f"multiplier {pattern!r} is not a regular expression: {error}") from error
        if not found:
            some = ", ".join(list(named)[:4])
            raise ConfigError(f"multiplier {pattern!r} matches no parameter; the first names are {some}, ...")
        for parameter in found:
            factors.setdefault(parameter, factor)
    return factors


def depth_factors(model: nn.Module, decay: float) -> dict[Parameter, float]:
    """Return ``decay ** n`` for every parameter, n being the number of layers from its layer to the heads.

    Layers are counted in the order of the model's parameters. Each numbered part (``blocks.3``, ``layer2.0``) is a
    layer, and so is each run of parameters without a number before, between or after them (patch embedding and
    positions, a stem, a last norm). Heads (names that begin with neck, bottleneck, classifier, head, fc or
    projection) belong to the last layer and have factor 1.

    Args:
        model: the network, or a parallel wrapper around it.
        decay: in (0, 1].

    Raises:
        ConfigError: a decay out of range.

    Reference:
        Clark et al., ELECTRA, ICLR 2020; for vision transformers Bao et al., BEiT, ICLR 2022.
    """
    if not 0 < decay <= 1:
        raise ConfigError(f"layer_decay must be in (0, 1], got {decay}")
    depths: dict[Parameter, int] = {}
    depth, last, heads = -1, None, []
    for name, parameter in _inner(model).named_parameters():
        if _HEAD.match(name):
            heads.append(parameter)
            continue
        numbered = re.match(r"(?:[^.]+\.)*?\d+(?=\.|$)", name)
        layer = numbered[0] if numbered else ""
        if layer != last:
            depth, last = depth + 1, layer
        depths[parameter] = depth
    # a last norm and the heads after it are one layer
    top = depth if last == "" else depth + (1 if heads else 0)
    depths |= dict.fromkeys(heads, top)
    return {parameter: decay ** (top - layer) for parameter, layer in depths.items()}


def _inner(model: nn.Module) -> nn.Module:
    inside = getattr(model, "module", None)
    return inside if isinstance(inside, nn.Module) else model
