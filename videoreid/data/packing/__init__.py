"""Writing packed frames: a dataset in one file, with an index and checksums. `videoreid.data.stores` reads it."""

from videoreid.data.packing.encoding import Encoding
from videoreid.data.packing.verifying import verify_store
from videoreid.data.packing.writing import pack_splits, use_store

__all__ = [
    "Encoding",
    "pack_splits",
    "use_store",
    "verify_store",
]
