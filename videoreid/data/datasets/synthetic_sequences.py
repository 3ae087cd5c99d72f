"""The synthetic world in the layouts of video datasets with a folder or a prefix per tracklet."""

from pathlib import Path
from typing import Any

from videoreid.data.datasets.synthetic import write_layout

__all__ = ["write_dukemtmcvidreid", "write_ilidsvid", "write_lsvid", "write_prid2011"]


def write_dukemtmcvidreid(root: str | Path, *, identities: int = 250, seed: int = 0, **options: Any) -> Path:
    """Write a world in the layout of DukeMTMC-VideoReID: train, query, and a gallery that contains the queries.

    Args:
        root: folder to make; it must not exist, or be empty.
        identities: number of people, training and test together.
        seed: seed of the world.
        **options: as for `videoreid.data.datasets.synthetic.write_mars`.

    Returns:
        The folder.

    Raises:
        ConfigError: an option that does not exist or is out of range.
        DatasetError: the folder is not empty.
    """
    from videoreid.synthetic_world.sequence_layouts import lay_out_dukemtmcvidreid

    return write_layout(root, lay_out_dukemtmcvidreid, identities=identities, seed=seed, **options)


def write_lsvid(root: str | Path, *, identities: int = 250, seed: int = 0, **options: Any) -> Path:
    """Write a world in the layout of LS-VID: lists of sequences and frames, and the test table as MATLAB 7.3.

    Args:
        root: folder to make; it must not exist, or be empty.
        identities: number of people, training and test together; there is no validation set.
        seed: seed of the world.
        **options: as for `videoreid.data.datasets.synthetic.write_mars`.

    Returns:
        The folder.

    Raises:
        ConfigError: an option that does not exist or is out of range.
        DatasetError: the folder is not empty.
    """
    from videoreid.synthetic_world.sequence_layouts import lay_out_lsvid

    return write_layout(root, lay_out_lsvid, identities=identities, seed=seed, **options)


def write_prid2011(root: str | Path, *, identities: int = 178, seed: int = 0, **options: Any) -> Path:
    """Write a world of two cameras in the layout of PRID 2011, with ten splits of the people seen by both cameras.

    Args:
        root: folder to make; it must not exist, or be empty.
        identities: number of people in all; people seen by one camera only are in no split.
        seed: seed of the world and the splits.
        **options: as for `videoreid.data.datasets.synthetic.write_mars`; with more cameras, the first two are written.

    Returns:
        The folder.

    Raises:
        ConfigError: an option that does not exist or is out of range.
        DatasetError: the folder is not empty, or fewer than two people were seen by both cameras.
    """
    from videoreid.synthetic_world.sequence_layouts import lay_out_prid2011

    chosen = {"cameras": 2, **options}
    return write_layout(root, lay_out_prid2011, identities=identities, seed=seed, **chosen)


def write_ilidsvid(root: str | Path, *, identities: int = 300, seed: int = 0, **options: Any) -> Path:
    """Write a world of two cameras in the layout of iLIDS-VID, with ten splits into halves.

    Args:
        root: folder to make; it must not exist, or be empty.
        identities: number of people in all; people seen by one camera only are left out.
        seed: seed of the world and the splits.
        **options: as for `videoreid.data.datasets.synthetic.write_mars`; with more cameras, the first two are written.

    Returns:
        The folder.

    Raises:
        ConfigError: an option that does not exist or is out of range.
        DatasetError: the folder is not empty, or fewer than two people were seen by both cameras.
    """
    from videoreid.synthetic_world.sequence_layouts import lay_out_ilidsvid

    chosen = {"cameras": 2, **options}
    return write_layout(root, lay_out_ilidsvid, identities=identities, seed=seed, **chosen)
