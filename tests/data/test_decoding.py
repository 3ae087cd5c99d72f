import io
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
