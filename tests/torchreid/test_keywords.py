import inspect
import logging

import pytest

from videoreid.errors import ConfigError
from videoreid.torchreid.keywords import torchreid_keywords


@torchreid_keywords(dist_metric="distance", use_gpu=None)
def score(features, *, distance="cosine"):
    """Say what was given."""
    return features, distance


def test_both_names_work():
    assert score(1, dist_metric="euclidean") == score(1, distance="euclidean") == (1, "euclidean")
    assert score(1) == (1, "cosine")
    assert score(features=2) == (2, "cosine")


def test_what_has_no_meaning_is_left_out_and_mentioned(caplog):
    with caplog.at_level(logging.DEBUG, "videoreid"):
        assert score(1, use_gpu=True) == (1, "cosine")
    assert "use_gpu=True" in caplog.text


def test_one_keyword_under_two_names_is_refused():
    with pytest.raises(ConfigError, match="distance twice"):
        score(1, distance="cosine", dist_metric="cosine")


def test_unknown_keywords_stay_an_error():
    with pytest.raises(TypeError, match="metric"):
        score(1, metric="cosine")


def test_the_function_shows_its_own_signature():
    assert list(inspect.signature(score).parameters) == ["features", "distance"]
    assert score.__doc__ == "Say what was given."
