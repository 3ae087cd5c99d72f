"""Sampling rules: which frames of a tracklet form a clip."""

from videoreid.data.sampling import evaluation, training
from videoreid.data.sampling.padding import loop_pad, tail_pad
from videoreid.data.sampling.registry import SAMPLING, SamplingRule, list_sampling_rules, sample_indices

__all__ = [
    "SAMPLING",
    "SamplingRule",
    "evaluation",
    "list_sampling_rules",
    "loop_pad",
    "sample_indices",
    "tail_pad",
    "training",
]
