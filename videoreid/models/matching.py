"""Match the entries of a checkpoint to a network, and refuse checkpoints of other networks."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from torch import Tensor, nn

from videoreid.errors import WeightsError
from videoreid.models.base import ReIDModel
from videoreid.models.checkpoint_file import without_prefix
from videoreid.models.input_settings import InputSettings, stored_settings
from videoreid.models.load_report import LoadReport, is_counter, shortened

__all__ = ["Entries", "find_entries", "refuse_broken_numbers", "refuse_other_network"]

# attribute names under which training scripts store their network
_OWNERS = ("module", "model", "net", "network", "backbone", "encoder")
_LARGEST_SHARE_WITHOUT_PLACE = 0.25


class Entries(NamedTuple):
    """The entries of a checkpoint that belong to a network.

    Attributes:
        tensors: entries under the names of the network.
        outside: names of all other entries of the checkpoint.
        settings: the input settings stored with the entries, or None.
    """

    tensors: dict[str, Tensor]
    outside: tuple[str, ...]
    settings: InputSettings | None


def find_entries(
    network: nn.Module,
    own: Mapping[str, Tensor],
    state: Mapping[str, Tensor],
    *,
    prefix: str | None,
    origin: str,
) -> Entries:
    """Find the entries of a checkpoint that belong to a network.

    Args:
        network: the network to load.
        own: its state dict.
        state: entries of the checkpoint.
        prefix: use only entries with this prefix; None chooses the prefix (``model.``, ``module.net.``, ...) under
            which most entries fit.
        origin: name of the source, for messages.

    Raises:
        WeightsError: no entry has the prefix.
    """
    if prefix is not None:
        prefix = f"{prefix.removesuffix('.')}." if prefix else ""
        inside = without_prefix(state, prefix)
        if not inside:
            raise WeightsError(f"{origin} has no entry under {prefix!r}; it holds {shortened(list(state))}")
        return Entries(_translated(network, inside), (), stored_settings(inside))
    best = ""
    found = _translated(network, state)
    count = _count_fits(own, found)
    for beginning in _known_beginnings(state):
        other = _translated(network, without_prefix(state, beginning))
        if (fits := _count_fits(own, other)) > count:
            best, found, count = beginning, other, fits
    outside = tuple(name for name in state if not name.startswith(best) and name != "n_averaged")
    return Entries(found, outside, stored_settings(without_prefix(state, best)))


def refuse_other_network(
    network: nn.Module, report: LoadReport, found: Mapping[str, Tensor], *, origin: str, partial: bool
) -> None:
    """Raise if the entries belong to another network; batch counters, classifiers and necks are not compared.

    Args:
        network: the network to load.
        report: the comparison of checkpoint and network.
        found: state dict of the checkpoint under the names of the network.
        origin: name of the source, for messages.
        partial: only refuse a checkpoint of which nothing fits.

    Raises:
        WeightsError: no weight fits; or, unless ``partial``, too many do not fit or the numbers of layers differ.
    """
    own = network.state_dict()
    trunk = set(_trunk_names(network, found))
    fits = [name for name in report.loaded if name in trunk]
    if not fits:
        raise WeightsError(
            f"{origin} does not fit {type(network).__name__}: none of its {len(found)} entries has a name and a shape "
            f"of the network; it holds {_with_shapes(found)}; the network has {_with_shapes(own)}"
        )
    if partial:
        return
    way_out = "build the network that was trained, or use partial=True to load the entries that fit"
    layers, wanted = _numbered_layers(trunk), _numbered_layers(_trunk_names(network, own))
    for container in layers.keys() & wanted.keys():
        if layers[container] != wanted[container]:
            raise WeightsError(
                f"{origin} is of another network: it has {len(layers[container])} layers in {container}, "
                f"{type(network).__name__} has {len(wanted[container])}; {way_out}"
            )
    share = 1 - len(fits) / len(trunk)
    if share > _LARGEST_SHARE_WITHOUT_PLACE:
        raise WeightsError(
            f"{origin} is of another network: {share:.0%} of its weights do not fit {type(network).__name__} "
            f"({report}); {way_out}"
        )


def refuse_broken_numbers(found: Mapping[str, Tensor], names: Iterable[str], origin: str) -> None:
    """Raise if weights of a state dict are NaN or infinite.

    Raises:
        WeightsError: the message lists these entries.
    """
    broken = [name for name in names if found[name].is_floating_point() and not found[name].isfinite().all()]
    if broken:
        raise WeightsError(
            f"{origin} holds NaN or infinite weights, {len(broken)} entries: {shortened(broken)}; its training had "
            "diverged, use an earlier checkpoint"
        )


def _known_beginnings(state: Mapping[str, Tensor]) -> list[str]:
    """Return the prefixes that consist only of names in `_OWNERS`, shortest first."""
    beginnings = set()
    for name in state:
        parts = name.split(".")
        for count, part in enumerate(parts[:-1], 1):
            if part not in _OWNERS:
                break
            beginnings.add(".".join(parts[:count]) + ".")
    return sorted(beginnings, key=lambda beginning: (len(beginning), beginning))


def _translated(network: nn.Module, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return network.translate_state_dict(state) if isinstance(network, ReIDModel) else dict(state)


def _count_fits(own: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> int:
    names = [name for name in own.keys() & found.keys() if not is_counter(name)]
    return sum(own[name].shape == found[name].shape for name in names)


def _trunk_names(network: nn.Module, names: Iterable[str]) -> list[str]:
    """Return the names inside stages, without classifiers, necks and batch counters."""
    stages = getattr(network, "stages", ()) or [name for name, _ in network.named_children()]
    parts = {stage for stage in stages if not stage.startswith(("classifier", "neck"))}
    return [name for name in names if name.partition(".")[0] in parts and not is_counter(name)]


def _numbered_layers(names: Iterable[str]) -> dict[str, set[str]]:
    """Return the layer numbers of every container: ``layer1.2.conv1.weight`` adds 2 to ``layer1``."""
    layers: dict[str, set[str]] = defaultdict(set)
    for name in names:
        parts = name.split(".")
        for place, part in enumerate(parts):
            if part.isdigit():
                layers[".".join(parts[:place])].add(part)
    return layers


def _with_shapes(state: Mapping[str, Tensor]) -> str:
    return shortened([f"{name} {tuple(value.shape)}" for name, value in state.items()])
