"""torchreid's tools, with its names and arguments."""

from videoreid.engine import FeatureExtractor
from videoreid.metrics import re_ranking
from videoreid.models.freezing import open_all_layers, open_specified_layers
from videoreid.torchreid.utils.checkpoints import (
    load_checkpoint,
    load_pretrained_weights,
    resume_from_checkpoint,
    save_checkpoint,
)
from videoreid.torchreid.utils.complexity import compute_model_complexity, count_num_param
from videoreid.torchreid.utils.meters import AverageMeter, Logger, MetricMeter, RankLogger
from videoreid.torchreid.utils.rankings import visualize_ranked_results
from videoreid.torchreid.utils.tools import (
    check_isfile,
    collect_env_info,
    download_url,
    listdir_nohidden,
    mkdir_if_missing,
    read_image,
    read_json,
    set_random_seed,
    write_json,
)

__all__ = [
    "AverageMeter",
    "FeatureExtractor",
    "Logger",
    "MetricMeter",
    "RankLogger",
    "check_isfile",
    "collect_env_info",
    "compute_model_complexity",
    "count_num_param",
    "download_url",
    "listdir_nohidden",
    "load_checkpoint",
    "load_pretrained_weights",
    "mkdir_if_missing",
    "open_all_layers",
    "open_specified_layers",
    "re_ranking",
    "read_image",
    "read_json",
    "resume_from_checkpoint",
    "save_checkpoint",
    "set_random_seed",
    "visualize_ranked_results",
    "write_json",
]
