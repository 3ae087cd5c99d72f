"""The registry of datasets, and `build_dataset`, which reads a dataset by name and folder."""

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

from videoreid.data.datasets.info import DatasetInfo, record_info
from videoreid.data.datasets.remarks import with_remarks
from videoreid.errors import ConfigError
from videoreid.registry import Registry
from videoreid.types import Splits

__all__ = ["DATASETS", "build_dataset", "list_datasets", "register_dataset"]

Loader = Callable[..., Splits]

DATASETS: Registry[Loader] = Registry("dataset")


def register_dataset(info: DatasetInfo) -> Callable[[Loader], Loader]:
    """Return a decorator that registers a loader in `DATASETS` together with the description of its dataset.

    The loader then reports how many files it left out, in one warning per kind of file.

    Args:
        info: description of the dataset; its ``name`` is the key.

    Raises:
        ConfigError: the name is taken.
    """

    def decorate(loader: Loader) -> Loader:
        read = with_remarks(info.name)(loader)
        DATASETS.register(info.name)(read)
        record_info(info)
        return read

    return decorate


def build_dataset(name: str, root: str | Path | None = None, **kwargs: Any) -> Splits:
    """Read a dataset.

    Args:
        name: a registered name (`list_datasets`).
        root: the folder of the dataset, or its parent; None means the folder named by the environment
            variable ``VIDEOREID_DATA``.
        **kwargs: options of the dataset, such as ``split_id``.

    Returns:
        The training, query and gallery tracklets and the evaluation protocol of the dataset.

    Raises:
        UnknownNameError: no such dataset; the message suggests close names.
        ConfigError: an option that the dataset does not have.
        DatasetError: the dataset is missing, damaged, or not in its published layout.

    Example:
        >>> build_dataset("marz")
        Traceback (most recent call last):
        videoreid.errors.UnknownNameError: unknown dataset 'marz'; did you mean 'mars'?
    """
    loader = DATASETS[name]
    signature = inspect.signature(loader)
    try:
        signature.bind(root, **kwargs)
    except TypeError as error:
        options = [parameter for parameter in signature.parameters if parameter != "root"]
        raise ConfigError(
            f"dataset {name!r}: {error}; its options are {', '.join(options) or 'none'}"
        ) from None
    return loader(root, **kwargs)


def list_datasets() -> list[str]:
    """Return the name of every registered dataset, sorted."""
    return DATASETS.names()
