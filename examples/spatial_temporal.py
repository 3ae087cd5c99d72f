"""Fit transit times on the training set and combine them with appearance, on the synthetic world.

The first run draws the dataset, which takes a minute; the appearance features are colour histograms.
"""

import numpy as np

from videoreid.data.colour_histogram import histogram_features
from videoreid.data.datasets import build_dataset
from videoreid.metrics import JointKReciprocal, KReciprocal, SpatialTemporalModel, evaluate_features
from videoreid.visual import draw_transitions

DATASET, ROOT, IDENTITIES, SEED = "synthetic", "worlds", 250, 0
INTERVAL, SIGMA = 100, 50  # frames per bin, and smoothing in bins: the published values
VISITS = "mean"  # the published rule; "clustered" separates several visits to one camera
K1, K2 = 5, 2  # about the number of tracklets per person; published for larger galleries: 20 and 6
MODEL_FILE, PICTURE = "transitions.npz", "transitions.png"


def main():
    splits = build_dataset(DATASET, ROOT, identities=IDENTITIES, seed=SEED)
    model = SpatialTemporalModel.fit(
        pids=np.array([tracklet.pid for tracklet in splits.train]),
        camids=np.array([tracklet.camid for tracklet in splits.train]),
        times=np.array([tracklet.time for tracklet in splits.train]),
        end_times=np.array([tracklet.end_time for tracklet in splits.train]),
        interval=INTERVAL,
        sigma=SIGMA,
        visits=VISITS,
    )
    model.save(MODEL_FILE)
    draw_transitions(model, PICTURE)

    query, gallery = histogram_features(splits.query), histogram_features(splits.gallery)
    rerank = KReciprocal(K1, K2)
    joint_rerank = JointKReciprocal(model, "repaired", KReciprocal(K1, K2, exponent=1.0))
    for refiners in ((), (rerank,), (model,), (joint_rerank,)):
        ranking = evaluate_features(
            query, gallery, protocol=splits.protocol, refiners=refiners, dataset=splits.name
        )
        print(
            f"mAP {ranking.mean_average_precision:.3f}, Rank-1 {ranking.rank(1):.3f}\n  {ranking.protocol_line}"
        )


if __name__ == "__main__":
    main()
