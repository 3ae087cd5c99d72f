"""Export of networks to files for other runtimes, and use of such files as networks."""

from videoreid.export.exporting import export_model
from videoreid.export.loading import load
from videoreid.export.metadata import ExportMetadata
from videoreid.export.quantising import quantise_model
from videoreid.export.session import ExportedModel, ForeignModel

__all__ = [
    "ExportMetadata",
    "ExportedModel",
    "ForeignModel",
    "export_model",
    "load",
    "quantise_model",
]
