import io
import os
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from videoreid.data.decoding import decode_frame, read_bytes
from videoreid.errors import FrameError

SMOOTH = np.dstack([np.add.outer(np.arange(40), np.arange(24)) * c for c in (1, 2, 3)]).astype(np.uint8)


@pytest.mark.parametrize("suffix", ["jpg", "png", "bmp", "webp"])
def test_pixels_are_those_of_pillow(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"x.{suffix}"
    Image.fromarray(SMOOTH).save(path)
    ours = decode_frame(read_bytes(path), str(path))
    reference = np.asarray(Image.open(path).convert("RGB"))
    assert ours.dtype == np.uint8
    assert ours.flags.c_contiguous
    assert np.abs(ours.astype(int) - reference).max() <= (1 if suffix in ("jpg", "webp") else 0)


def test_grey_alpha_and_sixteen_bits_become_rgb(tmp_path: Path) -> None:
    grey = SMOOTH[..., 0]
    for mode in ("L", "LA", "RGBA"):
        buffer = io.BytesIO()
        Image.fromarray(grey).convert(mode).save(buffer, "png")
        data = np.frombuffer(buffer.getvalue(), np.uint8)  # read-only, as a packed store gives it
        np.testing.assert_array_equal(decode_frame(data, "x"), np.dstack([grey] * 3))
    cv2.imwrite(str(tmp_path / "x.png"), SMOOTH[..., ::-1].astype(np.uint16) * 256)
    np.testing.assert_array_equal(decode_frame(read_bytes(tmp_path / "x.png"), "x"), SMOOTH)


@pytest.mark.parametrize("kind", ["jpg", "png"])
def test_a_truncated_image_is_refused_by_name(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"x.{kind}"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)).save(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(FrameError, match=rf"cannot decode frame .*x\.{kind}"):
        decode_frame(read_bytes(path), str(path))


def test_a_text_file_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "x.jpg"
    path.write_text("not an image")
    with pytest.raises(FrameError, match=r"x\.jpg: it is damaged, or no image"):
        decode_frame(read_bytes(path), str(path))


def test_missing_and_empty_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(FrameError, match=r"cannot read frame .*missing\.jpg"):
        read_bytes(tmp_path / "missing.jpg")
    (tmp_path / "empty.jpg").touch()
    with pytest.raises(FrameError, match=r"empty\.jpg: the file is empty"):
        read_bytes(tmp_path / "empty.jpg")
    with pytest.raises(FrameError, match="cannot read frame"):
        read_bytes(tmp_path)


@pytest.mark.parametrize("share", [0.02, 0.3, 0.7, 0.99])
def test_a_damaged_png_is_refused(tmp_path: Path, share: float) -> None:
    path = tmp_path / "x.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)).save(path)
    data = bytearray(path.read_bytes())
    place = int(len(data) * share)
    data[place : place + 40] = bytes(40)
    with pytest.raises(FrameError, match=r"x\.png"):
        decode_frame(np.frombuffer(bytes(data), np.uint8), str(path))


def _jpeg_with_thumbnail() -> bytes:
    thumbnail = cv2.imencode(".jpg", SMOOTH[:8, :8])[1].tobytes()
    whole = cv2.imencode(".jpg", SMOOTH)[1].tobytes()
    return whole[:2] + b"\xff\xe1" + (len(thumbnail) + 2).to_bytes(2, "big") + thumbnail + whole[2:]


@pytest.mark.parametrize("kind", ["jpg", "png", "thumbnail"])
def test_what_stands_behind_the_end_of_an_image_does_not_matter(kind: str) -> None:
    whole = _jpeg_with_thumbnail() if kind == "thumbnail" else cv2.imencode(f".{kind}", SMOOTH)[1].tobytes()
    longer = np.frombuffer(whole + bytes(5000), np.uint8)
    np.testing.assert_array_equal(
        decode_frame(longer, "x"), decode_frame(np.frombuffer(whole, np.uint8), "x")
    )
    for length in (len(whole) // 2, len(whole) - 14):
        for rest in (b"", bytes(5000)):
            with pytest.raises(FrameError, match="cut off"):
                decode_frame(np.frombuffer(whole[:length] + rest, np.uint8), "x")


def test_a_pipe_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.jpg")
    with pytest.raises(FrameError, match="it is a pipe"):
        read_bytes(tmp_path / "x.jpg")


def test_a_header_that_declares_too_many_pixels_is_refused() -> None:
    data = bytearray(cv2.imencode(".png", SMOOTH)[1].tobytes())
    data[16:24] = (60_000).to_bytes(4, "big") * 2
    data[29:33] = zlib.crc32(bytes(data[12:29])).to_bytes(4, "big")
    with pytest.raises(FrameError, match="cannot decode frame x"):
        decode_frame(np.frombuffer(bytes(data), np.uint8), "x")
