"""A dataset in one file: encoded frames, an index and checksums."""

from videoreid.data.packing.encoding import Encoding
from videoreid.data.packing.verifying import verify_store
from videoreid.data.packing.writing import pack_splits, use_store
from videoreid.data.stores.reading import PackedStore, open_store, packed_splits, read_packed

__all__ = [
    "Encoding",
    "PackedStore",
    "open_store",
    "pack_splits",
    "packed_splits",
    "read_packed",
    "use_store",
    "verify_store",
]
