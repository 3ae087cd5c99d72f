"""Is a packed store what was written?"""

import hashlib
import os

from videoreid.data.stores.reading import PackedStore
from videoreid.errors import DatasetError

__all__ = ["verify_store"]


def verify_store(path: str | os.PathLike[str], *, progress: bool = False) -> int:
    """Read a whole store back and compare every checksum.

    Args:
        path: the ``.h5`` file.
        progress: show a bar.

    Returns:
        The number of frames.

    Raises:
        DatasetError: the store cannot be opened, or a checksum differs; the message names the frames.
    """
    from tqdm import tqdm

    store = PackedStore(path)
    try:
        if not store.index_is_sound():
            raise DatasetError(f"{path}: the index is damaged; pack the dataset again")
        first = 0
        for block, last in enumerate(tqdm(store.block_ends.tolist(), unit="block", disable=not progress)):
            if hashlib.sha256(store.read_block(block)).hexdigest() != store.block_sha256[block]:
                raise DatasetError(
                    f"{path}: frames {first} to {last - 1} are damaged; pack the dataset again"
                )
            first = last
        return len(store)
    finally:
        store.close()
