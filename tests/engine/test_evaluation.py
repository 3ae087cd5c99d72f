import numpy as np
import torch

from videoreid.engine import evaluate, extract_features
from videoreid.metrics import evaluate_features


def test_equal_to_extracting_and_scoring_by_hand_and_says_how(world):
    torch.manual_seed(0)
    model, data = world.Net(), world.loader()
    ranking = evaluate(model, data, data, distance="euclidean", dataset="tiny", progress=False)
    features = extract_features(model, data, progress=False)
    expected = evaluate_features(features, features, distance="euclidean", dataset="tiny")
    assert np.array_equal(ranking.average_precision, expected.average_precision)
    assert "flip no" in ranking.protocol_line
    assert "tiny" in ranking.protocol_line


def test_the_frames_used_are_told_where_the_dataset_knows(world):
    data = world.loader()
    data.dataset.num_frames, data.dataset.sampling = 2, "evenly"
    line = evaluate(
        world.Net(), data, data, flip=True, progress=False, details={"model": "net"}
    ).protocol_line
    assert "frames 2 evenly" in line
    assert "flip yes" in line
    assert "model net" in line
