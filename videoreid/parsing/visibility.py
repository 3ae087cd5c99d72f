"""Visibility of body parts in label maps."""

from collections.abc import Sequence

import numpy as np

from videoreid.errors import ConfigError
from videoreid.parsing.tables import IGNORE, LabelTable

__all__ = ["part_shares", "part_visibility", "typical_shares"]


def part_shares(label_maps: Sequence[np.ndarray], table: LabelTable) -> np.ndarray:
    """Return the share of the pixels of each picture that each part covers.

    Args:
        label_maps: N maps ``(h, w)`` uint8 of ``table``, of any sizes.
        table: the classes.

    Returns:
        ``(N, P)`` float64 in 0..1, without the background; ignored pixels belong to no part.

    Raises:
        ConfigError: a label is not a class.
    """
    rows = []
    for labels in label_maps:
        counts = np.bincount(labels.ravel(), minlength=256)
        if counts[table.num_classes : IGNORE].any():
            wrong = table.num_classes + int(np.argmax(counts[table.num_classes : IGNORE] > 0))
            raise ConfigError(f"label {wrong} is not a class of table {table.name!r}")
        rows.append(counts[1 : table.num_classes] / max(1, labels.size))
    return np.array(rows, dtype=np.float64).reshape(len(rows), table.num_classes - 1)


def typical_shares(shares: np.ndarray) -> np.ndarray:
    """Return the median share ``(P,)`` of each part over the pictures that show it; 0 for a part that is never visible.

    Args:
        shares: ``(N, P)`` from `part_shares`, of pictures of one kind.
    """
    return np.array([np.median(column[column > 0]) if (column > 0).any() else 0.0 for column in shares.T])


def part_visibility(shares: np.ndarray, typical: np.ndarray) -> np.ndarray:
    """Return the visibility of each part: its share divided by the typical share, at most 1.

    Args:
        shares: ``(N, P)`` from `part_shares`.
        typical: ``(P,)`` from `typical_shares`.

    Returns:
        ``(N, P)`` in 0..1; 0 for parts without a typical share, and for pictures without a person.

    Raises:
        ConfigError: another number of parts.
    """
    if shares.ndim != 2 or typical.shape != shares.shape[1:]:
        raise ConfigError(f"expected shares (N, P) and typical (P,), got {shares.shape} and {typical.shape}")
    known = typical > 0
    return np.where(known, np.minimum(1.0, shares / np.where(known, typical, 1.0)), 0.0)
