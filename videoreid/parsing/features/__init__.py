"""Features that use part maps, on any image network of the library, one method per file."""

from videoreid.parsing.features.mask_contrast import MaskContrast, MaskContrastTerm
from videoreid.parsing.features.parameter_free_attention import (
    ParameterFreeAttention,
    parameter_free_weights,
)
from videoreid.parsing.features.part_maps import PartMaps
from videoreid.parsing.features.part_pooling import pool_parts
from videoreid.parsing.features.soft_part_pooling import SoftPartPooling
from videoreid.parsing.features.visible_matching import (
    VisiblePartMatching,
    nearest_by_visible_parts,
    visible_part_distance,
    visible_part_distance_chunks,
)
from videoreid.parsing.features.visible_parts import VisibleParts, join_parts, split_parts

__all__ = [
    "MaskContrast",
    "MaskContrastTerm",
    "ParameterFreeAttention",
    "PartMaps",
    "SoftPartPooling",
    "VisiblePartMatching",
    "VisibleParts",
    "join_parts",
    "nearest_by_visible_parts",
    "parameter_free_weights",
    "pool_parts",
    "split_parts",
    "visible_part_distance",
    "visible_part_distance_chunks",
]
