"""Videos whose pictures show their own number, in many containers, and ways to damage them."""

import re
import struct
from pathlib import Path

import cv2
import numpy as np

COUNT = 150
SIZE = (128, 64)
CONTAINERS = {
    "mjpg.avi": "MJPG",
    "ffv1.avi": "FFV1",
    "mpeg4.mp4": "mp4v",
    "mpeg4.mkv": "mp4v",
    "vp8.webm": "VP80",
    "mpeg2.ts": "MPG2",
    "mpeg4.ts": "mp4v",
    "mpeg1.mpg": "PIM1",
    "mpeg4.mov": "mp4v",
    "raw.mjpeg": "MJPG",
}


def picture(number: int) -> np.ndarray:
    """Return a picture with 8 black or white blocks, the bits of its number."""
    image = np.full((SIZE[1], SIZE[0], 3), 90, np.uint8)
    for bit in range(8):
        image[16:48, 8 + 14 * bit : 18 + 14 * bit] = 230 if number >> bit & 1 else 20
    return image


def number_of(image: np.ndarray) -> int:
    """Read the number back."""
    return sum(int(image[22:42, 11 + 14 * bit : 15 + 14 * bit].mean() > 128) << bit for bit in range(8))


def write_numbered(path: Path, count: int = COUNT) -> Path:
    """Write a video with the codec that belongs to its name; skip the test where OpenCV cannot."""
    import pytest

    codec = CONTAINERS[path.name]
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter_fourcc(*codec), 25, SIZE)
    if not writer.isOpened():
        pytest.skip(f"this OpenCV cannot write {path.name}")
    for number in range(count):
        writer.write(picture(number))
    writer.release()
    return path


def with_variable_rate(path: Path) -> Path:
    """Rewrite the frame times of an MP4 file: 50 short frames, 50 that last four times as long, and 50 short ones."""
    raw = path.read_bytes()
    at = raw.index(b"stts") + 16
    unit = struct.unpack(">I", raw[at : at + 4])[0]
    target = path.with_name("variable.mp4")
    target.write_bytes(_with_times(raw, unit))
    return target


def _with_times(data: bytes, unit: int) -> bytes:
    out, at = b"", 0
    while at < len(data):
        size = struct.unpack(">I", data[at : at + 4])[0]
        kind, body = data[at + 4 : at + 8], data[at + 8 : at + size]
        if kind in (b"moov", b"trak", b"mdia", b"minf", b"stbl"):
            body = _with_times(body, unit)
        elif kind == b"stts":
            body = struct.pack(">II", 0, 3) + b"".join(struct.pack(">II", 50, unit * k) for k in (1, 4, 1))
        if kind != b"edts":
            out += struct.pack(">I", len(body) + 8) + kind + body
        at += size
    return out


def damage(path: Path, *frames: int) -> Path:
    """Fill pictures of an AVI file with zeros, as a bad block of a disk does."""
    data = bytearray(path.read_bytes())
    movie = data.index(b"movi")
    chunks = [match.start() for match in re.finditer(b"00dc", bytes(data)) if match.start() > movie]
    for frame in frames:
        size = struct.unpack("<I", data[chunks[frame] + 4 : chunks[frame] + 8])[0]
        data[chunks[frame] + 8 : chunks[frame] + 8 + size] = bytes(size)
    target = path.with_name("damaged.avi")
    target.write_bytes(data)
    return target
