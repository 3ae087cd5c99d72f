"""Check a packed store against its checksums and its dataset."""

import hashlib
import os
import zlib
from itertools import pairwise

from videoreid.data.stores.reading import PackedStore, packed_splits
from videoreid.errors import DatasetError

__all__ = ["verify_store"]


def verify_store(path: str | os.PathLike[str], *, progress: bool = False) -> int:
    """Read a whole store back and compare every checksum: of frames, blocks, index, names and tracklets.

    Args:
        path: the ``.h5`` file.
        progress: show a progress bar.

    Returns:
        The number of frames.

    Raises:
        DatasetError: the store cannot be opened, or a checksum differs; the message names the frames.
    """
    from tqdm import tqdm

    packed_splits(path)
    store = PackedStore(path)
    try:
        first = 0
        for block, last in enumerate(tqdm(store.block_ends.tolist(), unit="block", disable=not progress)):
            data = store.read_block(block)
            ends = store.frame_ends(first, last)
            sums = [zlib.crc32(data[begin:end]) for begin, end in pairwise([0, *ends])]
            if hashlib.sha256(data).hexdigest() != store.block_sha256[block] or sums != store.frame_sums(
                first, last
            ):
                raise DatasetError(
                    f"{path}: frames {first} to {last - 1} are damaged; pack the dataset again"
                )
            first = last
        return len(store)
    finally:
        store.close()
