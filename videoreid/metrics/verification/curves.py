"""Verification of pairs: error rates, ROC curves and thresholds."""

from dataclasses import dataclass

import numpy as np

from videoreid.distances import pairwise_distance_chunks
from videoreid.errors import ConfigError, ProtocolError
from videoreid.metrics.ranking.pairs import same_person_pairs
from videoreid.metrics.ranking.protocols import get_protocol
from videoreid.types import EvaluationProtocol, Features
from videoreid.utils import generator_from

__all__ = [
    "PairDistances",
    "Roc",
    "ThresholdCheck",
    "check_threshold",
    "equal_error_rate",
    "pair_distances",
    "roc_curve",
    "score_histograms",
    "threshold_at_fmr",
    "tpr_at_fpr",
]


@dataclass(frozen=True, eq=False)
class PairDistances:
    """Distances of pairs of the same person and of pairs of different persons.

    Args:
        genuine: ``(n,)`` float32.
        impostor: ``(m,)`` float32.
    """

    genuine: np.ndarray
    impostor: np.ndarray

    def __post_init__(self) -> None:
        for name in ("genuine", "impostor"):
            values = np.asarray(getattr(self, name), dtype=np.float32)
            if values.ndim != 1 or len(values) == 0 or not np.isfinite(values).all():
                raise ProtocolError(
                    f"{name} distances must be one or more finite numbers in a row, got shape {values.shape}"
                )
            object.__setattr__(self, name, values)


@dataclass(frozen=True, eq=False)
class Roc:
    """Error rates when every pair up to a threshold is called the same person.

    Args:
        thresholds: ``(t,)`` ascending distances.
        fpr: ``(t,)`` share of impostor pairs accepted (false match rate).
        tpr: ``(t,)`` share of genuine pairs accepted; ``1 - tpr`` is the false non-match rate.
    """

    thresholds: np.ndarray
    fpr: np.ndarray
    tpr: np.ndarray


@dataclass(frozen=True)
class ThresholdCheck:
    """Error rates of a threshold that was fitted on other pairs.

    Args:
        threshold: the distance.
        false_match_rate: share of impostor pairs accepted.
        false_non_match_rate: share of genuine pairs refused.
        false_match_interval: 95 % Wilson interval of the first.
        false_non_match_interval: 95 % Wilson interval of the second.
    """

    threshold: float
    false_match_rate: float
    false_non_match_rate: float
    false_match_interval: tuple[float, float]
    false_non_match_interval: tuple[float, float]


def pair_distances(
    query: Features,
    gallery: Features,
    *,
    protocol: str | EvaluationProtocol = "cross_camera",
    distance: str = "cosine",
    impostor_share: float = 1.0,
    seed: int = 0,
) -> PairDistances:
    """Return the distances of all query-gallery pairs that count under the protocol.

    Args:
        query: Q tracklets.
        gallery: G tracklets.
        protocol: defines junk; under the same-camera rule, genuine pairs are of two cameras.
        distance: a key of `videoreid.distances.DISTANCES`.
        impostor_share: share of the impostor pairs to keep, drawn at random; they take 4 bytes each.
        seed: of the draw.

    Raises:
        ProtocolError: there is no genuine, or no impostor pair.
        ConfigError: a share outside 0..1.
    """
    if not 0 < impostor_share <= 1:
        raise ConfigError(f"impostor_share is {impostor_share}; a share above 0 and up to 1 is needed")
    rules = get_protocol(protocol)
    if rules.queries_in_gallery:
        gallery = gallery.concat(query)
    pairs = same_person_pairs(
        query.pids, gallery.pids, query.camids, gallery.camids, rules, (query.clothes, gallery.clothes)
    )
    offsets = pairs.offsets
    genuine, impostor = [np.empty(0, np.float32)], [np.empty(0, np.float32)]
    step = max(1, (8 << 20) // len(gallery))
    embeddings = query.embeddings.float(), gallery.embeddings.float()
    for rows, block in pairwise_distance_chunks(*embeddings, distance, chunk_size=step):
        values = block.cpu().numpy()
        mine = slice(offsets[rows.start], offsets[rows.stop])
        owner, columns, match = pairs.queries[mine] - rows.start, pairs.rows[mine], pairs.is_match[mine]
        genuine.append(values[owner[match], columns[match]])
        keep = np.ones(values.shape, dtype=bool)
        keep[owner, columns] = False
        keep[:, pairs.excluded] = False
        if impostor_share < 1:
            keep &= generator_from(seed, rows.start).random(values.shape, dtype=np.float32) < impostor_share
        impostor.append(values[keep])
    return PairDistances(np.concatenate(genuine), np.concatenate(impostor))


def roc_curve(pairs: PairDistances, *, points: int | None = None) -> Roc:
    """Return the receiver operating characteristic, exact at every genuine distance.

    Args:
        pairs: genuine and impostor distances.
        points: largest number of thresholds, for drawing; all if not given.
    """
    thresholds = np.unique(pairs.genuine)
    impostor = np.sort(pairs.impostor)
    edge = np.float32(min(thresholds[0], impostor[0])), np.float32(max(thresholds[-1], impostor[-1]))
    thresholds = np.unique(
        np.concatenate([[np.nextafter(edge[0], np.float32(-np.inf))], thresholds, [edge[1]]])
    )
    if points is not None and len(thresholds) > points:
        thresholds = thresholds[np.unique(np.linspace(0, len(thresholds) - 1, points).astype(int))]
    fpr = np.searchsorted(impostor, thresholds, side="right") / len(impostor)
    tpr = np.searchsorted(np.sort(pairs.genuine), thresholds, side="right") / len(pairs.genuine)
    return Roc(thresholds, fpr, tpr)


def threshold_at_fmr(pairs: PairDistances, fmr: float) -> float:
    """Return the largest threshold at which at most the share ``fmr`` of impostor pairs is accepted.

    Fit it on a validation split and check it with `check_threshold` on the test split.

    Args:
        pairs: of the validation split.
        fmr: between 0 and 1.

    Raises:
        ConfigError: ``fmr`` is out of range, or less than one of the impostor pairs given.
    """
    count = len(pairs.impostor)
    if not 0 < fmr < 1 or fmr * count < 1:
        raise ConfigError(
            f"a false match rate of {fmr} cannot be fitted on {count} impostor pairs; "
            f"choose one of at least {1 / count:.2g} and below 1"
        )
    allowed = int(np.floor(fmr * count + 1e-9))
    part = np.partition(pairs.impostor, min(allowed, count - 1))
    # equal distances are all accepted together, so the threshold is just below the first that is one too many
    return float(np.nextafter(part[min(allowed, count - 1)], np.float32(-np.inf)))


def tpr_at_fpr(pairs: PairDistances, fpr: float) -> float:
    """Return the share of genuine pairs accepted where at most the share ``fpr`` of impostor pairs is.

    Args:
        pairs: genuine and impostor distances.
        fpr: between 0 and 1.

    Raises:
        ConfigError: as `threshold_at_fmr`.
    """
    return float((pairs.genuine <= np.float32(threshold_at_fmr(pairs, fpr))).mean())


def equal_error_rate(pairs: PairDistances) -> tuple[float, float]:
    """Return the rate at which false matches and false non-matches are equally frequent, and its threshold.

    Between two thresholds both rates are interpolated linearly.
    """
    roc = roc_curve(pairs)
    gap = roc.fpr - (1.0 - roc.tpr)  # from -1 to 1, never falling
    after = int(np.argmax(gap >= 0))
    before = max(after - 1, 0)
    width = gap[after] - gap[before]
    share = 0.0 if width == 0 else float(-gap[before] / width)
    rate = roc.fpr[before] + share * (roc.fpr[after] - roc.fpr[before])
    threshold = roc.thresholds[before] + share * (roc.thresholds[after] - roc.thresholds[before])
    return float(rate), float(threshold)


def check_threshold(pairs: PairDistances, threshold: float) -> ThresholdCheck:
    """Return the error rates of a threshold that was fitted on other data.

    Args:
        pairs: of the test split.
        threshold: pairs up to this distance are called the same person.

    Reference:
        Wilson, Probable inference, the law of succession, and statistical inference, JASA 1927 (the intervals).
    """
    limit = np.float32(threshold)
    accepted, refused = int((pairs.impostor <= limit).sum()), int((pairs.genuine > limit).sum())
    m, n = len(pairs.impostor), len(pairs.genuine)
    return ThresholdCheck(
        threshold, accepted / m, refused / n, wilson_interval(accepted, m), wilson_interval(refused, n)
    )


def score_histograms(pairs: PairDistances, bins: int = 100) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return bin edges ``(bins + 1,)`` and the densities ``(bins,)`` of genuine and of impostor distances."""
    # in float64, because a narrow range has fewer float32 numbers than bins
    genuine, impostor = pairs.genuine.astype(np.float64), pairs.impostor.astype(np.float64)
    low, high = min(genuine.min(), impostor.min()), max(genuine.max(), impostor.max())
    edges = np.linspace(low, high if high > low else low + 1, bins + 1)
    return (
        edges,
        np.histogram(genuine, edges, density=True)[0],
        np.histogram(impostor, edges, density=True)[0],
    )


def wilson_interval(count: int, total: int, z: float = 1.959964) -> tuple[float, float]:
    """Return the Wilson interval of a share, 95 % by default.

    Args:
        count: number of cases in which the event occurred.
        total: number of all cases, one or more.
        z: quantile of the normal distribution.
    """
    share = count / total
    centre = (share + z**2 / (2 * total)) / (1 + z**2 / total)
    half = z / (1 + z**2 / total) * (share * (1 - share) / total + z**2 / (4 * total**2)) ** 0.5
    return max(0.0, centre - half), min(1.0, centre + half)
