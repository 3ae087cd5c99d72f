"""Find the network inside wrappers: parallel, compiled and averaged models."""

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, TypeVar

from torch import Tensor, nn

__all__ = ["plain_state_dict", "unwrap_model", "without_wrapper_names"]

T = TypeVar("T")

# compilation, sharding and checkpointing insert these parts into names where they wrap a sub-module
_INSIDE = ("_orig_mod.", "_fsdp_wrapped_module.", "_checkpoint_wrapped_module.")


def unwrap_model(model: nn.Module) -> nn.Module:
    """Return the network inside any nesting of wrappers; a network without wrapper is returned unchanged.

    A wrapper is a module that holds only the network: `DataParallel`, `DistributedDataParallel`, `AveragedModel`, the
    module that `torch.compile` returns, FSDP, Fabric. A network with a child called ``module`` and other children is
    not a wrapper.

    Args:
        model: a network, or a wrapper around one.
    """
    for name in ("_orig_mod", "module"):
        inner = getattr(model, name, None)
        if isinstance(inner, nn.Module) and inner is not model and _is_all_of(inner, model):
            return unwrap_model(inner)
    return model


def _is_all_of(inner: nn.Module, model: nn.Module) -> bool:
    """Return whether a module holds only ``inner``, directly or through further wrappers."""
    if next(model.parameters(recurse=False), None) is not None:
        return False
    children = list(model.children())
    return bool(children) and all(
        child is inner or unwrap_model(child) is unwrap_model(inner) for child in children
    )


def plain_state_dict(model: nn.Module) -> dict[str, Tensor]:
    """Return the state dict of the network inside the wrappers, with the names it has without them.

    Args:
        model: a network, with or without wrappers.
    """
    return without_wrapper_names(unwrap_model(model).state_dict())


def without_wrapper_names(state: Mapping[str, T]) -> dict[str, T]:
    """Return a state dict without the name parts that wrappers of sub-modules insert.

    The metadata of the state dict is kept.
    """
    plain: OrderedDict[str, T] = OrderedDict(
        (_without_inside(str(name)), value) for name, value in state.items()
    )
    metadata: Any = getattr(state, "_metadata", None)
    if metadata is not None:
        plain._metadata = {  # type: ignore[attr-defined]  # as torch keeps it
            _without_inside(f"{name}.").removesuffix("."): value for name, value in metadata.items()
        }
    return plain


def _without_inside(name: str) -> str:
    for part in _INSIDE:
        name = name.replace(part, "")
    return name
