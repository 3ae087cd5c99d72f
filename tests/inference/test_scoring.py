from dataclasses import replace

import numpy as np
import pytest
import torch

from videoreid.engine import Engine, check_matches, evaluate, extract_features
from videoreid.errors import ProtocolError
from videoreid.losses import SoftmaxCriterion
from videoreid.metrics import evaluate_features
from videoreid.optim import build_optimizer
from videoreid.types import Tracklet


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


def tracklets(*people_and_cameras):
    return [Tracklet(["a.jpg"], pid, camid) for pid, camid in people_and_cameras]


@pytest.mark.parametrize(
    ("query", "gallery", "message"),
    [
        ([(1, 0), (2, 0)], [(1, 0), (2, 0)], "share 2 people and are from 1 camera"),
        ([(1, 0)], [(2, 1)], "share 0 people and are from 2 camera"),
        ([(1, -1)], [(1, -1)], "have camera -1"),
        ([], [(1, 0)], "0 queries and 1 gallery"),
    ],
)
def test_queries_that_cannot_match_are_refused_without_a_network(query, gallery, message):
    with pytest.raises(ProtocolError, match=f"no training could be scored.*{message}"):
        check_matches(tracklets(*query), tracklets(*gallery))


def test_one_query_that_can_match_is_enough():
    check_matches(tracklets((1, 0), (2, 0)), tracklets((1, 1), (2, 0), (-1, 1), (0, 1)))
    check_matches(tracklets((1, 0)), tracklets((1, 0)), protocol="any_camera")


def test_queries_in_the_gallery_match_each_other():
    people = tracklets((1, 0), (1, 1)), tracklets((2, 0))
    check_matches(*people, protocol="mars_official")
    with pytest.raises(ProtocolError, match="no training could be scored"):
        check_matches(*people)


def test_a_validation_is_checked_when_it_is_made(world):
    model = world.Net()
    engine = Engine(model, SoftmaxCriterion(), build_optimizer(model), device="cpu")
    data = world.loader()
    scores = engine.validation(data, data, progress=False)()
    assert scores == engine.evaluate(data, data, progress=False).summary()
    one_camera = world.Clips()
    one_camera.tracklets = [replace(tracklet, camid=3) for tracklet in one_camera.tracklets]
    with pytest.raises(ProtocolError, match="1 camera"):
        engine.validation(world.loader(one_camera), world.loader(one_camera))
