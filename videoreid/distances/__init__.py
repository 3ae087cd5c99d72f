"""Distance arithmetic of evaluation, re-ranking and the gallery index.

Ranking needs the distances of queries to gallery rows, in blocks (`DistanceSource`); re-ranking needs those of all rows
to each other, in tiles (`AllPairsSource`). Both multiply features in float32 and repeat in float64 every comparison
that rounding could have decided, so that results do not depend on the size of blocks.

| module | content |
|---|---|
| arithmetic | distances of two sets of rows |
| rounding | bounds on the error of products, and the settings that keep them valid |
| sources | `DistanceSource`: a matrix, or rows that are computed on demand |
| features | `DistanceSource` of two sets of features |
| all_pairs | `AllPairsSource`: features, or three matrices |
"""

from videoreid.distances.all_pairs import AllPairsSource, FeaturePairs, MatrixPairs
from videoreid.distances.arithmetic import (
    DISTANCES,
    cosine_distance,
    euclidean_distance,
    pairwise_distance,
    pairwise_distance_chunks,
    squared_euclidean_distance,
)
from videoreid.distances.features import FeatureSource
from videoreid.distances.rounding import row_norms
from videoreid.distances.sources import DistanceSource, MatrixSource, StreamedSource

__all__ = [
    "AllPairsSource",
    "DISTANCES",
    "DistanceSource",
    "FeaturePairs",
    "FeatureSource",
    "MatrixPairs",
    "MatrixSource",
    "StreamedSource",
    "cosine_distance",
    "euclidean_distance",
    "pairwise_distance",
    "pairwise_distance_chunks",
    "row_norms",
    "squared_euclidean_distance",
]
