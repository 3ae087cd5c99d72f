"""Read size, bit depth and end of an encoded picture without decoding it."""

import struct

__all__ = ["MAX_PIXELS", "declared_size", "has_sixteen_bits", "is_cut_off"]

MAX_PIXELS = 1 << 27  # 134 million (400 MB): a larger size is a damaged header

_JPEG, _PNG, _BMP = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"BM"
_FRAME_HEADERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # SOF0 to SOF15; the three are tables
_BARE = frozenset((0x01, *range(0xD0, 0xD8)))  # markers without a length
_END, _SCAN = 0xD9, 0xDA


def declared_size(data: bytes) -> tuple[int, int] | None:
    """Return the (height, width) that a JPEG, PNG or BMP declares; None if the header has none."""
    if data.startswith(_PNG) and len(data) >= 24:
        width, height = struct.unpack(">II", data[16:24])
        return height, width
    if data.startswith(_BMP) and len(data) >= 26:
        width, height = struct.unpack("<ii", data[18:26])
        return abs(height), abs(width)
    if data.startswith(_JPEG):
        return _jpeg_size(data)
    return None


def has_sixteen_bits(data: bytes) -> bool:
    """Return whether the picture is a PNG with 16 bits per channel."""
    return data.startswith(_PNG) and len(data) > 24 and data[24] == 16


def is_cut_off(data: bytes) -> bool:
    """Return whether a JPEG or PNG has no end marker; bytes after the marker are ignored.

    OpenCV fills the missing part of a truncated JPEG with grey, so it decodes truncated files without an error.
    """
    if data.startswith(_JPEG):
        return not data.endswith(b"\xff\xd9") and _jpeg_end(data) < 0
    if data.startswith(_PNG[:4]):
        return not _png_is_whole(data)
    return False


def _jpeg_size(data: bytes) -> tuple[int, int] | None:
    place = 2
    while place + 9 <= len(data) and data[place] == 0xFF:
        marker = data[place + 1]
        if marker in _FRAME_HEADERS:
            height, width = struct.unpack(">HH", data[place + 5 : place + 9])
            return height, width
        place = _next_segment(data, place)
    return None


def _next_segment(data: bytes, place: int) -> int:
    marker = data[place + 1]
    if marker == 0xFF:  # a fill byte
        return place + 1
    if marker in _BARE:
        return place + 2
    return place + 2 + max(int.from_bytes(data[place + 2 : place + 4], "big"), 2)


def _jpeg_end(data: bytes) -> int:
    """Return the position of the picture's end marker, or -1; end markers of thumbnails in segments do not count."""
    place = 2
    while 0 <= place < len(data) - 1:
        if data[place] != 0xFF:
            return -1
        marker = data[place + 1]
        if marker == _END:
            return place
        place = _next_segment(data, place)
        if marker == _SCAN:
            place = _scan_end(data, place)
    return -1


def _scan_end(data: bytes, place: int) -> int:
    """Return the position of the first marker after entropy-coded data (0xFF00 and restarts are data), or -1."""
    while (place := data.find(b"\xff", place)) >= 0 and place < len(data) - 1:
        following = data[place + 1]
        if following and not 0xD0 <= following <= 0xD7 and following != 0xFF:
            return place
        place += 2 if following != 0xFF else 1
    return -1


def _png_is_whole(data: bytes) -> bool:
    place = len(_PNG)
    while place + 12 <= len(data):
        if data[place + 4 : place + 8] == b"IEND":
            return True
        place += 12 + int.from_bytes(data[place : place + 4], "big")
    return False
