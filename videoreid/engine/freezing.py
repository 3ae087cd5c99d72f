"""Freeze all but some layers, and open all layers again: functions of `videoreid.models.freezing`."""

from videoreid.models.freezing import open_all_layers, open_specified_layers

__all__ = ["open_all_layers", "open_specified_layers"]
