import io
import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from videoreid.data.decoding import decode_frame, read_bytes
from videoreid.data.frames import FrameReader
from videoreid.errors import ConfigError, FrameError

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
    with pytest.raises(FrameError, match=r"x\.jpg: it is damaged, or not an image"):
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


def encoded(suffix: str, image: np.ndarray = SMOOTH) -> bytes:
    return cv2.imencode(suffix, image[..., ::-1])[1].tobytes()


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
@pytest.mark.parametrize("behind", [b"\0" * 5000, b"\xff\xd8\xff junk" * 999, b"IDAT" * 999])
def test_data_behind_the_end_of_a_picture_do_not_matter(suffix: str, behind: bytes) -> None:
    whole = encoded(suffix)
    expected = decode_frame(np.frombuffer(whole, np.uint8), "x")
    got = decode_frame(np.frombuffer(whole + behind, np.uint8), "x")
    np.testing.assert_array_equal(got, expected)


def test_every_cut_of_a_jpeg_is_seen_though_its_thumbnail_is_whole() -> None:
    inner = encoded(".jpg", SMOOTH[:8, :8])
    outer = encoded(".jpg")
    segment = b"\xff\xe1" + (len(inner) + 2).to_bytes(2, "big") + inner  # where cameras keep a thumbnail
    data = outer[:2] + segment + outer[2:]
    np.testing.assert_array_equal(
        decode_frame(np.frombuffer(data, np.uint8), "x"), decode_frame(np.frombuffer(outer, np.uint8), "x")
    )
    ends = 0
    for length in range(4, len(data) - 1):
        cut = np.frombuffer(data[:length], np.uint8)
        try:
            decode_frame(cut, "x")
        except FrameError:
            continue
        ends += 1
    assert (
        ends <= 1
    )  # the one cut that ends with the thumbnail's own end marker, where there is no picture behind it


def test_a_progressive_jpeg_with_restarts_has_an_end() -> None:
    settings = [cv2.IMWRITE_JPEG_PROGRESSIVE, 1, cv2.IMWRITE_JPEG_RST_INTERVAL, 1]
    data = cv2.imencode(".jpg", SMOOTH, settings)[1].tobytes()
    assert decode_frame(np.frombuffer(data + b"tail" * 1000, np.uint8), "x").shape == SMOOTH.shape
    with pytest.raises(FrameError, match="cut off"):
        decode_frame(np.frombuffer(data[: len(data) * 2 // 3], np.uint8), "x")


def test_the_bits_of_a_deep_picture_are_a_choice(tmp_path: Path) -> None:
    """A thermal camera that fills 12 of 16 bits: 4095 is white, and 16 bits would show it as 15 of 255."""
    path = tmp_path / "deep.png"
    cv2.imwrite(str(path), np.array([[0, 16, 4095, 5000, 65535]], np.uint16))
    data = read_bytes(path)
    assert decode_frame(data, "x")[0, :, 0].tolist() == [0, 0, 15, 19, 255]
    assert decode_frame(data, "x", sixteen_bits=12)[0, :, 0].tolist() == [0, 1, 255, 255, 255]
    assert FrameReader(sixteen_bits=14).read([str(path)])[0][0, :, 2].tolist() == [0, 0, 63, 78, 255]
    with pytest.raises(ConfigError, match="sixteen_bits must be 8 to 16"):
        FrameReader(sixteen_bits=17)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".bmp"])
def test_a_header_that_asks_for_gigabytes_is_refused_before_memory_is_taken(suffix: str) -> None:
    data = bytearray(encoded(suffix))
    if suffix == ".png":
        data[16:24] = (60_000).to_bytes(4, "big") * 2
    elif suffix == ".bmp":
        data[18:26] = (60_000).to_bytes(4, "little") * 2
    else:
        place = data.index(b"\xff\xc0") + 5
        data[place : place + 4] = (60_000).to_bytes(2, "big") * 2
    with pytest.raises(FrameError, match="declares 60000x60000 pixels"):
        decode_frame(np.frombuffer(bytes(data), np.uint8), "x")


def test_what_opencv_raises_is_a_frame_error_and_can_be_skipped(tmp_path: Path) -> None:
    data = bytearray(encoded(".bmp"))
    data[18:26] = (0x7FFFFFFF).to_bytes(4, "little") + (0).to_bytes(4, "little")
    (tmp_path / "bad.bmp").write_bytes(data)
    Image.fromarray(SMOOTH).save(tmp_path / "good.png")
    names = [str(tmp_path / name) for name in ("good.png", "bad.bmp")]
    with pytest.raises(FrameError, match=r"bad\.bmp"):
        FrameReader().read(names)
    reader = FrameReader("skip")
    assert len(reader.read(names)) == 2
    assert reader.skipped == 1


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.jpg")
    with pytest.raises(FrameError, match="a pipe or a device"):
        read_bytes(tmp_path / "x.jpg")
