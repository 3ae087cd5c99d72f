"""Label tables: the classes of a parsing dataset, their mapping from other labels, and their mirror pairs."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, TypeVar

import numpy as np
import torch
from torch import Tensor

from videoreid.data.datasets.lip import LIP_CLASSES, LIP_MIRROR_PAIRS
from videoreid.errors import ConfigError, DatasetError, UnknownNameError

__all__ = ["IGNORE", "LABEL_TABLES", "LabelTable", "get_table", "seed7_table"]

IGNORE = 255
"""The label of a pixel without a class: it is used neither in training nor in scores."""

Labels = TypeVar("Labels", np.ndarray, Tensor)


@dataclass(frozen=True)
class LabelTable:
    """The classes of a parsing dataset, and the mapping of source labels to them.

    Args:
        name: name of the table.
        classes: name of every class, in the order of their numbers; the first is the background.
        sources: ``sources[label]`` is the class of each source label, or 255 to ignore it. If empty, every class is its
            own source label.
        swap_pairs: classes that swap when a picture is mirrored.

    Raises:
        ConfigError: fewer than two classes, a source without a valid class, a class without source, or a pair that is
            not two different classes.

    Example:
        >>> table = LabelTable("person", ("background", "person"), sources=(0, 1, 1, 255))
        >>> table.map(np.array([0, 2, 3, 255])).tolist()
        [0, 1, 255, 255]
    """

    name: str
    classes: tuple[str, ...]
    sources: tuple[int, ...] = ()
    swap_pairs: tuple[tuple[int, int], ...] = ()

    def __post_init__(self) -> None:
        count = len(self.classes)
        if not 2 <= count <= IGNORE:
            raise ConfigError(f"table {self.name!r} has {count} classes; expected 2 to {IGNORE}")
        if not self.sources:
            object.__setattr__(self, "sources", tuple(range(count)))
        wrong = [value for value in self.sources if not 0 <= value < count and value != IGNORE]
        if wrong:
            raise ConfigError(
                f"table {self.name!r} maps to class {wrong[0]}; expected 0 to {count - 1}, or {IGNORE} to ignore"
            )
        unreached = sorted(set(range(count)) - set(self.sources))
        if unreached:
            raise ConfigError(f"table {self.name!r}: no label becomes class {self.classes[unreached[0]]!r}")
        swapped = [label for pair in self.swap_pairs for label in pair]
        if len(set(swapped)) != len(swapped) or not set(swapped) <= set(range(count)):
            raise ConfigError(
                f"table {self.name!r}: swap pairs {self.swap_pairs} must name different classes of 0 to {count - 1}"
            )

    @property
    def num_classes(self) -> int:
        """Number of classes C, background included."""
        return len(self.classes)

    @property
    def mirror_order(self) -> tuple[int, ...]:
        """Class ``(C,)`` of each class in a mirror image; the order is its own inverse."""
        order = list(range(self.num_classes))
        for left, right in self.swap_pairs:
            order[left], order[right] = right, left
        return tuple(order)

    def map(self, labels: Labels) -> Labels:
        """Convert source labels to labels of this table; 255 stays 255.

        Args:
            labels: array or tensor of integers of any shape.

        Returns:
            Labels of the same kind, shape and integer type.

        Raises:
            DatasetError: a label that the table does not cover.
        """
        return self._look_up(labels, self.sources, "source labels")

    def mirror(self, labels: Labels) -> Labels:
        """Swap left and right classes in labels of this table; pixels do not move."""
        return self._look_up(labels, self.mirror_order, "labels")

    def group(self, probabilities: Tensor) -> Tensor:
        """Sum the probabilities of source labels to those of the classes of this table.

        Args:
            probabilities: ``(N, S, h, w)``, one channel per source label.

        Returns:
            ``(N, C, h, w)``; sources without a class are left out, so the sum over C may be below 1.

        Raises:
            ConfigError: another number of channels.
        """
        if probabilities.ndim != 4 or probabilities.shape[1] != len(self.sources):
            raise ConfigError(
                f"table {self.name!r} groups {len(self.sources)} classes, expected (N, {len(self.sources)}, h, w), got "
                f"{tuple(probabilities.shape)}"
            )
        weights = probabilities.new_zeros(self.num_classes, len(self.sources))
        for source, label in enumerate(self.sources):
            if label != IGNORE:
                weights[label, source] = 1
        return torch.einsum("cs,nshw->nchw", weights, probabilities)

    def _look_up(self, labels: Labels, values: tuple[int, ...], what: str) -> Labels:
        is_integer = (
            not (labels.is_floating_point() or labels.is_complex())
            if isinstance(labels, Tensor)
            else np.issubdtype(labels.dtype, np.integer)
        )
        if not is_integer:
            raise DatasetError(f"labels must be integers, got {labels.dtype}")
        uncovered = (labels != IGNORE) & ((labels < 0) | (labels >= len(values)))
        if bool(uncovered.any()):
            raise DatasetError(
                f"table {self.name!r} has {len(values)} {what}, 0 to {len(values) - 1}, and does not cover label "
                f"{int(labels[uncovered].flatten()[0])}; give the table of this dataset"
            )
        table = [*values, *[IGNORE] * (IGNORE + 1 - len(values))]
        if isinstance(labels, Tensor):
            return torch.tensor(table, dtype=labels.dtype, device=labels.device)[labels.long()]
        return np.array(table).astype(labels.dtype)[labels]


def seed7_table(
    *,
    glove: Literal["ignore", "clothes"] = "ignore",
    socks: Literal["ignore", "clothes"] = "ignore",
) -> LabelTable:
    """Return the seven classes of the study: background, head, clothes, and arms and legs by side.

    The study does not state the class of gloves and socks. LIP has no side for either, so they cannot be part of an arm
    or a leg: they are ignored, or count as clothes. Upper and lower clothes are one class, and "leg" means bare skin
    and shoes; use "spreid5" of `LABEL_TABLES` to separate trousers from shirts.

    Args:
        glove: class of gloves.
        socks: class of socks.

    Raises:
        ConfigError: another value.
    """
    policy = {"ignore": IGNORE, "clothes": 2}
    if glove not in policy or socks not in policy:
        raise ConfigError(f"glove and socks must be 'ignore' or 'clothes', got {glove!r} and {socks!r}")
    sources = [0, 1, 1, policy[glove], 1, 2, 2, 2, policy[socks], 2, 2, 2, 2, 1, 3, 4, 5, 6, 5, 6]
    classes = ("background", "head", "clothes", "left arm", "right arm", "left leg", "right leg")
    changed = [f"{part}=clothes" for part, word in (("glove", glove), ("socks", socks)) if word == "clothes"]
    name = f"seed7({', '.join(changed)})" if changed else "seed7"
    return LabelTable(name, classes, tuple(sources), ((3, 4), (5, 6)))


LABEL_TABLES: Mapping[str, LabelTable] = MappingProxyType(
    {
        "lip20": LabelTable("lip20", LIP_CLASSES, (), LIP_MIRROR_PAIRS),
        "seed7": seed7_table(),
        "spreid5": LabelTable(
            "spreid5",
            ("background", "head", "upper body", "lower body", "shoes"),
            (0, 1, 1, 2, 1, 2, 2, 2, 4, 3, 2, 2, 3, 1, 2, 2, 3, 3, 4, 4),
        ),
    }
)
"""Label tables for LIP labels.

"lip20" has the classes of LIP; "seed7" is `seed7_table` with its defaults; "spreid5" has the groups of SPReID (Kalayeh
et al., Human Semantic Parsing for Person Re-identification, CVPR 2018), whose foreground is everything but background.
"""


def get_table(table: str | LabelTable) -> LabelTable:
    """Return a table by name; a table is returned as it is.

    Raises:
        UnknownNameError: no such name.
    """
    if isinstance(table, LabelTable):
        return table
    if table not in LABEL_TABLES:
        raise UnknownNameError(
            f"unknown label table {table!r}; choose one of {', '.join(LABEL_TABLES)}, or give a LabelTable"
        )
    return LABEL_TABLES[table]
