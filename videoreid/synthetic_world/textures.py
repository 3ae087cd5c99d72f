"""Textures of clothes: one tile per garment, wrapped around the body."""

from functools import lru_cache

import numpy as np

from videoreid.synthetic_world.people import Colour, Garment

__all__ = ["AROUND", "FRONT", "TALL", "garment_tile"]

AROUND = 128
"""Columns of a tile: once around the body."""
FRONT = 64
"""The column in the middle of the chest."""
TALL = 64
"""Rows of a tile: from the shoulder (or hip) down to the hem."""


@lru_cache(maxsize=64)
def garment_tile(garment: Garment) -> np.ndarray:
    """Return the cloth of a garment, ``(TALL, AROUND, 3)`` uint8 RGB; column `FRONT` is the chest, 0 the spine."""
    rows = np.arange(TALL)[:, None]
    columns = np.arange(AROUND)[None, :]
    mask = _PATTERN_MASKS[garment.pattern](garment, rows, columns)
    mask = np.broadcast_to(mask, (TALL, AROUND))
    tile = np.where(mask[..., None], _colour(garment.accent), _colour(garment.base)).astype(np.uint8)
    if garment.pattern == "checks":  # the colours mix where only one of the two bands lies
        single = np.broadcast_to(_bands(garment, rows) ^ _bands(garment, columns), (TALL, AROUND))
        mixed = (_colour(garment.accent) + _colour(garment.base)) // 2
        tile = np.where(single[..., None], mixed, tile).astype(np.uint8)
    return tile


def _colour(colour: Colour) -> np.ndarray:
    return np.array(colour, dtype=np.int64)


def _bands(garment: Garment, positions: np.ndarray) -> np.ndarray:
    width = 48 // garment.period
    return positions % (2 * width) < width


def _plain(garment: Garment, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    return np.zeros_like(rows, dtype=bool)


def _stripes(garment: Garment, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    return _bands(garment, rows)


def _pinstripes(garment: Garment, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    width = 64 // garment.period
    return columns % width < max(3, width // 3)


def _checks(garment: Garment, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    return _bands(garment, rows) & _bands(garment, columns)


def _dots(garment: Garment, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    pitch = 64 // garment.period
    odd = (rows // pitch) % 2
    across = (columns + odd * (pitch // 2)) % pitch - pitch // 2
    down = rows % pitch - pitch // 2
    return 9 * (across * across + down * down) < pitch * pitch


def _block(garment: Garment, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    start = 18 + 3 * (garment.period % 4)
    return (rows >= start) & (rows < start + 12 + 3 * garment.motif)


def _yoke(garment: Garment, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    return rows < 14 + 2 * garment.motif


def _print(garment: Garment, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Put one of six shapes on the chest and, for even periods, a band across the back."""
    x, y = columns - FRONT, rows - 24
    shapes = (
        x * x + y * y < 150,  # disc
        (abs(x) < 12) & (abs(y) < 9),  # box
        abs(x) + abs(y) < 16,  # diamond
        (abs(x) < 16) & ((abs(y) < 3) | (abs(y - 8) < 2)),  # two lines
        (abs(x) < 4) | ((abs(y) < 4) & (abs(x) < 15)),  # cross
        (y > -12) & (y < 14) & (2 * abs(x) < y + 14),  # triangle
    )
    back = (columns < 24) | (columns > AROUND - 24)
    return shapes[garment.motif] | (back & (abs(rows - 16) < 5) & (garment.period % 2 == 0))


_PATTERN_MASKS = {
    "plain": _plain,
    "stripes": _stripes,
    "pinstripes": _pinstripes,
    "checks": _checks,
    "dots": _dots,
    "print": _print,
    "block": _block,
    "yoke": _yoke,
}
