"""Where a network looks: maps of its activations, of what makes it answer, and of what it attends to."""

from videoreid.visual.activation.drawing import activation_sheet, draw_activation_maps, heat_overlay
from videoreid.visual.activation.maps import ACTIVATION_METHODS, ActivationMaps, activation_maps

__all__ = [
    "ACTIVATION_METHODS",
    "ActivationMaps",
    "activation_maps",
    "activation_sheet",
    "draw_activation_maps",
    "heat_overlay",
]
