"""torchreid's tools."""

from videoreid.engine import FeatureExtractor
from videoreid.metrics import re_ranking

__all__ = ["FeatureExtractor", "re_ranking"]
