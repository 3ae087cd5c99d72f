"""Reading packed frames: a dataset in one file, opened once and read by key. `videoreid.data.packing` writes it."""

from videoreid.data.stores.reading import PackedStore, open_store, packed_splits, read_packed

__all__ = [
    "PackedStore",
    "open_store",
    "packed_splits",
    "read_packed",
]
