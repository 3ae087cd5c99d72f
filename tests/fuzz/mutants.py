"""Damage, by kind and by number: the same number gives the same mutant."""

import random
import struct
from collections.abc import Callable

__all__ = ["KINDS", "mutate"]


def truncated(data: bytes, chance: random.Random) -> bytes:
    return data[: chance.randrange(len(data))]


def one_bit(data: bytes, chance: random.Random) -> bytes:
    out = bytearray(data)
    out[chance.randrange(len(out))] ^= 1 << chance.randrange(8)
    return bytes(out)


def bits_of_the_head(data: bytes, chance: random.Random) -> bytes:
    out = bytearray(data)
    for _ in range(chance.randrange(1, 5)):
        out[chance.randrange(min(len(out), 600))] ^= 1 << chance.randrange(8)
    return bytes(out)


def bytes_anew(data: bytes, chance: random.Random) -> bytes:
    out = bytearray(data)
    place, count = chance.randrange(len(out)), chance.randrange(1, 40)
    out[place : place + count] = chance.randbytes(len(out[place : place + count]))
    return bytes(out)


def zeros(data: bytes, chance: random.Random) -> bytes:
    out = bytearray(data)
    place, count = chance.randrange(len(out)), chance.randrange(1, 600)
    out[place : place + count] = bytes(len(out[place : place + count]))
    return bytes(out)


def blocks_exchanged(data: bytes, chance: random.Random) -> bytes:
    size = max(1, min(512, len(data) // 4))
    first, second = (
        sorted(chance.sample(range(0, len(data) - size + 1), 2)) if len(data) > size + 1 else (0, 0)
    )
    if second - first < size:
        return data[first:] + data[:first]
    one, other = data[first : first + size], data[second : second + size]
    return data[:first] + other + data[first + size : second] + one + data[second + size :]


def a_block_twice(data: bytes, chance: random.Random) -> bytes:
    place, count = chance.randrange(len(data)), chance.randrange(1, 400)
    return data[: place + count] + data[place:]


def a_block_lost(data: bytes, chance: random.Random) -> bytes:
    place, count = chance.randrange(len(data)), chance.randrange(1, 400)
    return data[:place] + data[place + count :]


def huge_numbers(data: bytes, chance: random.Random) -> bytes:
    """A size field, wherever one may be, declares gigabytes."""
    out = bytearray(data)
    place = chance.randrange(max(len(out) - 8, 1))
    value = chance.choice([0xFFFFFFFF, 0x7FFFFFFF, 1 << 30, 1 << 40, (1 << 63) - 1, (1 << 64) - 1])
    width = "Q" if value >= 1 << 32 else "I"
    number = struct.pack(chance.choice("<>") + width, value)
    out[place : place + len(number)] = number
    return bytes(out)


def text_in_digits(data: bytes, chance: random.Random) -> bytes:
    """A number of a text, or a byte of anything else, becomes another text."""
    digits = [place for place, byte in enumerate(data[:4000]) if 48 <= byte < 58]
    place = chance.choice(digits) if digits else chance.randrange(len(data))
    word = chance.choice(
        [b"nan", b"inf", b"-1", b"1e300", b"9" * 400, b"", b"\0", b"\xff\xfe", b",,", b'"', b"\n\n"]
    )
    return data[:place] + word + data[place + 1 :]


def another_format(data: bytes, chance: random.Random) -> bytes:
    heads = [
        b"\x89HDF\r\n\x1a\n", b"PK\x03\x04", b"\xff\xd8\xff\xe0", b"\x89PNG\r\n\x1a\n", b"BM", b"MATLAB 5.0 MAT-file",
        b"\x80\x02}q\x00.", b"<!DOCTYPE html>", b"RIFF\0\0\0\0WEBP", b"{}", b"[[[[[[", b"\x93NUMPY", b"",
    ]  # fmt: skip
    return chance.choice(heads) + (data[chance.randrange(40) :] if chance.random() < 0.7 else b"")


KINDS: tuple[Callable[[bytes, random.Random], bytes], ...] = (
    truncated, one_bit, one_bit, bits_of_the_head, bytes_anew, zeros, blocks_exchanged, a_block_twice, a_block_lost,
    huge_numbers, text_in_digits, another_format,
)  # fmt: skip


def mutate(data: bytes, number: int) -> bytes:
    """Return mutant ``number``; kinds take turns, so that any run of numbers has all of them."""
    return KINDS[number % len(KINDS)](data, random.Random(number))
