"""Activation maps: where activations, gradients and attention of a network are strong."""

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
