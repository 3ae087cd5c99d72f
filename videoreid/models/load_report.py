"""What became of every entry of a checkpoint."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from torch import Tensor

from videoreid.utils.printing import html_table

__all__ = ["LoadReport", "compare", "is_counter", "shortened"]


@dataclass(frozen=True)
class LoadReport:
    """What became of every entry of a checkpoint and of every entry of the network.

    Args:
        loaded: entries of the network that were filled.
        missing: entries of the network that the checkpoint does not have; they keep their initial values.
        unexpected: entries of the checkpoint that the network has no place for.
        mismatched: entries of another shape, with (shape in the checkpoint, shape in the network); not loaded.
        optional: absent entries that the embedding does not depend on (see `ReIDModel.optional_keys`).
    """

    loaded: tuple[str, ...]
    missing: tuple[str, ...] = ()
    unexpected: tuple[str, ...] = ()
    mismatched: Mapping[str, tuple[tuple[int, ...], tuple[int, ...]]] = field(default_factory=dict)
    optional: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"LoadReport({self})"

    def _repr_html_(self) -> str:
        rows = [(name, len(getattr(self, name))) for name in ("loaded", "missing", "unexpected", "optional")]
        named = [(*row, shortened(getattr(self, row[0])) if row[0] != "loaded" else "") for row in rows]
        other = [("of another shape", len(self.mismatched), shortened(list(self.mismatched)))]
        return html_table("Entries of the checkpoint and of the network", named + other)

    def __str__(self) -> str:
        parts = [f"loaded {len(self.loaded)} entries"]
        for label in ("missing", "unexpected", "optional"):
            names = getattr(self, label)
            if names:
                parts.append(f"{label} {len(names)}: {shortened(names)}")
        if self.mismatched:
            shapes = [f"{name} {found} here {wanted}" for name, (found, wanted) in self.mismatched.items()]
            parts.append(f"of another shape {len(shapes)}: {shortened(shapes)}")
        return "; ".join(parts)


def compare(
    own: Mapping[str, Tensor], found: Mapping[str, Tensor], *, outside: Iterable[str], optional: Iterable[str]
) -> LoadReport:
    """Tell which entries of a checkpoint have their place in a network.

    Args:
        own: state dict of the network.
        found: entries of the checkpoint under the names of the network.
        outside: further entries of the checkpoint, which no part of the network can take.
        optional: regular expressions of entries that may be absent.
    """
    fits = {name for name in own.keys() & found.keys() if own[name].shape == found[name].shape}
    absent = [name for name in own if name not in found and not is_counter(name)]
    spared = {name for name in absent if any(re.search(pattern, name) for pattern in optional)}
    return LoadReport(
        loaded=tuple(name for name in own if name in fits),
        missing=tuple(name for name in absent if name not in spared),
        unexpected=(*(name for name in found if name not in own), *outside),
        mismatched={
            name: (tuple(found[name].shape), tuple(own[name].shape))
            for name in own
            if name in found and name not in fits
        },
        optional=tuple(name for name in absent if name in spared),
    )


def is_counter(name: str) -> bool:
    """Batch norm counts its batches since PyTorch 0.4.1; older checkpoints lack the count, and nothing uses it."""
    return name.endswith("num_batches_tracked")


def shortened(names: list[str] | tuple[str, ...], limit: int = 4) -> str:
    """List the first names, and say how many more there are."""
    more = f", ... ({len(names) - limit} more)" if len(names) > limit else ""
    return ", ".join(names[:limit]) + more
