"""Freeze all but some layers for a while, then open them all: the functions of `videoreid.models.freezing`."""

from videoreid.models.freezing import open_all_layers, open_specified_layers

__all__ = ["open_all_layers", "open_specified_layers"]
