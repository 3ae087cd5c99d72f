"""The report of loading a checkpoint: entries that were loaded, missing, unexpected or of another shape."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from torch import Tensor

from videoreid.utils.printing import html_table

__all__ = ["LoadReport", "compare", "is_counter", "shortened"]


@dataclass(frozen=True)
class LoadReport:
    """The result of loading a checkpoint, for every entry of the checkpoint and of the network.

    Args:
        loaded: entries of the network that were loaded.
        missing: entries of the network that the checkpoint does not have; they keep their initial values.
        unexpected: entries of the checkpoint that the network does not have.
        mismatched: entries with another shape, to (shape in the checkpoint, shape in the network); not loaded.
        optional: missing entries that the embedding does not depend on (see `ReIDModel.optional_keys`).
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
    """Compare the entries of a checkpoint with those of a network.

    Args:
        own: state dict of the network.
        found: entries of the checkpoint under the names of the network.
        outside: names of further entries of the checkpoint that do not belong to the network.
        optional: regular expressions of entries that may be missing.
    """
    fits = {name for name in own.keys() & found.keys() if own[name].shape == found[name].shape}
    absent = [name for name in own if name not in found and not is_counter(name)]
    unneeded = {name for name in absent if any(re.search(pattern, name) for pattern in optional)}
    return LoadReport(
        loaded=tuple(name for name in own if name in fits),
        missing=tuple(name for name in absent if name not in unneeded),
        unexpected=(*(name for name in found if name not in own), *outside),
        mismatched={
            name: (tuple(found[name].shape), tuple(own[name].shape))
            for name in own
            if name in found and name not in fits
        },
        optional=tuple(name for name in absent if name in unneeded),
    )


def is_counter(name: str) -> bool:
    """Return whether an entry is a batch norm's batch counter, which older checkpoints do not have and nothing uses."""
    return name.endswith("num_batches_tracked")


def shortened(names: list[str] | tuple[str, ...], limit: int = 4) -> str:
    """Return the first names, and the number of the others, as one text."""
    more = f", ... ({len(names) - limit} more)" if len(names) > limit else ""
    return ", ".join(names[:limit]) + more
