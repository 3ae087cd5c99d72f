"""Bounds on the rounding error of products, and the settings that keep them valid."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from videoreid.errors import ProtocolError

__all__ = ["LONGEST", "check_lengths", "full_precision", "probable_rounding", "product_rounding", "row_norms"]

LONGEST = 1e18
"""Largest length of a feature: four times its square is within the range of float32."""

LONGEST_FLOAT64 = 1e150
"""The same for float64."""

_UNIT = 2.0**-24  # half the spacing of float32 at one
_CACHE_BYTES = 1 << 20  # what stays in a cache between two steps over it
_SWITCH = threading.RLock()


@contextmanager
def full_precision(device: torch.device) -> Iterator[None]:
    """Turn off autocast and TF32, which the bounds of this module do not cover, during a product.

    Torch has one precision setting per process. While it is changed, other threads wait here, so that none of them
    mistakes the changed setting for the user's, or has it changed back in the middle of a product.
    """
    with _SWITCH:
        precision = torch.get_float32_matmul_precision()
        if precision != "highest":
            torch.set_float32_matmul_precision("highest")
            try:
                with torch.autocast(device.type, enabled=False):
                    yield
            finally:
                torch.set_float32_matmul_precision(precision)
            return
    with torch.autocast(device.type, enabled=False):
        yield


def row_norms(rows: Tensor) -> Tensor:
    """Return ``(N,)`` float64 lengths of ``rows (N, D)``, computed in steps that fit a cache."""
    step = max(1, _CACHE_BYTES // (8 * max(1, rows.shape[1])))
    return torch.cat([part.double().norm(dim=1) for part in rows.split(step)])


def check_lengths(*norms: Tensor, longest: float = LONGEST) -> None:
    """Raise ProtocolError where a length is NaN, or so large that squared distances leave the floating type.

    Args:
        norms: ``(N,)`` lengths, of any number of sets.
        longest: largest allowed length; `LONGEST` for float32, `LONGEST_FLOAT64` for float64.
    """
    for values in norms:
        largest = float(values.max()) if len(values) else 0.0
        if not largest <= longest:
            dtype = "float64" if longest > LONGEST else "float32"
            raise ProtocolError(
                f"a feature of length {largest:.3g} is NaN, or its squares are beyond the range of {dtype}; scale the "
                f"features, or normalise them, to lengths of at most {longest:g}"
            )


def probable_rounding(norms: Tensor, largest: float, width: int, metric: str) -> Tensor:
    """Return ``(N,)`` float64 bounds on the error of float32 distances of some rows, about ``sqrt(D)`` units.

    The bound holds with a probability close to 1 and is far below the certain one, which grows with D.

    Args:
        norms: ``(N,)`` float64 lengths of the rows.
        largest: length of the longest row that they are compared with.
        width: D.
        metric: "cosine", or another for squared Euclidean distances.

    Reference:
        Higham and Mary, A new approach to probabilistic rounding error analysis, SIAM J. Sci. Comput. 2019.
    """
    root = width**0.5
    if metric == "cosine":
        return torch.full_like(norms, _UNIT * (4 + root))
    # the product enters twice; it and the sums of squares are rounded a few times more
    return _UNIT * (2 * root * norms * largest + 4 * (norms + largest) ** 2)


def product_rounding(rows: Tensor) -> float:
    """Return the bound on the rounding of ``1 - x . y`` in a matrix product, for rows of length 1.

    It holds for any order of summation, hence for any tile made under `full_precision`. Infinite on devices other than
    the CPU, whose libraries may use faster, less exact methods. Euclidean tiles have no useful bound: far from the
    origin their squares lose most of their digits.

    Args:
        rows: ``(N, D)`` float32 or float64.

    Reference: N. J. Higham, "Accuracy and Stability of Numerical Algorithms", 2nd edition, 2002, eq. 3.5.
    """
    if rows.device.type != "cpu":
        return torch.inf
    steps = rows.shape[1] + 8  # the products, the subtraction, and lengths that are not 1 to the last digit
    unit = (torch.finfo(rows.dtype).eps + torch.finfo(torch.float64).eps) / 2  # of the tile and of `pairs`
    return steps * unit / (1 - steps * unit)
