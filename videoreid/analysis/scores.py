"""Clustering scores: predicted identities against the true ones."""

from dataclasses import dataclass

import numpy as np

from videoreid.errors import ProtocolError
from videoreid.utils.arrays import as_ids

__all__ = ["AssociationScores", "association_scores"]


@dataclass(frozen=True)
class AssociationScores:
    """Agreement of N identities with the truth, each 0..1.

    Args:
        pairwise_precision: share of the pairs within clusters that are one person.
        pairwise_recall: share of the pairs of one person that are within a cluster.
        pairwise_f1: their harmonic mean.
        bcubed_precision: share of a tracklet's cluster that is of its person, averaged over tracklets.
        bcubed_recall: share of the tracklets of a tracklet's person that are in its cluster, averaged over tracklets.
        bcubed_f1: their harmonic mean.
        homogeneity: 1 where each cluster holds one person.
        completeness: 1 where each person is in one cluster.
        idf1: share of correct tracklets under the best one-to-one assignment of persons to clusters.

    Reference:
        Bagga and Baldwin, ACL 1998 (B-cubed); Rosenberg and Hirschberg, EMNLP 2007 (homogeneity, completeness); Ristani
        et al., ECCV workshops 2016 (IDF1).
    """

    pairwise_precision: float
    pairwise_recall: float
    pairwise_f1: float
    bcubed_precision: float
    bcubed_recall: float
    bcubed_f1: float
    homogeneity: float
    completeness: float
    idf1: float


def association_scores(identities: np.ndarray, pids: np.ndarray) -> AssociationScores:
    """Compare identities with the truth.

    Pairwise precision is 1 if no cluster holds a pair; pairwise recall is 1 if no person has a pair.

    Args:
        identities: ``(N,)`` int64, result of `associate`.
        pids: ``(N,)`` int64, the persons. Leave out tracklets of unknown persons.

    Raises:
        ProtocolError: lengths differ, nothing is given, or an array does not hold whole numbers.
    """
    found, true = as_ids("identities", identities), as_ids("pids", pids)
    if found.shape != true.shape or found.ndim != 1 or not len(found):
        raise ProtocolError(f"{found.shape} identities but {true.shape} pids: give one each, one or more")
    _, column = np.unique(found, return_inverse=True)
    _, row = np.unique(true, return_inverse=True)
    table = np.zeros((row.max() + 1, column.max() + 1))
    np.add.at(table, (row, column), 1)
    persons, clusters, count = table.sum(axis=1), table.sum(axis=0), len(true)
    right, put, there = (float((values * (values - 1)).sum()) for values in (table, clusters, persons))
    precision, recall = right / put if put else 1.0, right / there if there else 1.0
    b_precision = float((table**2 / clusters).sum() / count)
    b_recall = float((table**2 / persons[:, None]).sum() / count)
    from scipy.optimize import linear_sum_assignment

    best = table[linear_sum_assignment(table, maximize=True)].sum()
    return AssociationScores(
        precision,
        recall,
        _harmonic(precision, recall),
        b_precision,
        b_recall,
        _harmonic(b_precision, b_recall),
        _explained(table),
        _explained(table.T),
        float(best / count),
    )


def _harmonic(one: float, two: float) -> float:
    return 2 * one * two / (one + two) if one + two else 0.0


def _explained(table: np.ndarray) -> float:
    """Return the share of the entropy of the rows that the columns explain."""
    shares = table / table.sum()
    rows, columns = shares.sum(axis=1), shares.sum(axis=0)
    entropy = -float((rows * np.log(rows)).sum())
    if entropy <= 0:
        return 1.0
    with np.errstate(divide="ignore", invalid="ignore"):
        left = -float(np.nansum(shares * np.log(shares / columns)))
    return 1.0 - left / entropy
