import copy
import os
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision import transforms

from videoreid.engine import extract_features
from videoreid.errors import ConfigError, FrameError, WeightsError
from videoreid.functional import normalise_frames
from videoreid.inference.extractor import FeatureExtractor
from videoreid.models import build_model, save_pretrained
from videoreid.types import Clip


@pytest.fixture(scope="module")
def extractor(tmp_path_factory):
    folder = tmp_path_factory.mktemp("weights")
    torch.manual_seed(0)
    torch.save(build_model("osnet_x0_25").state_dict(), folder / "net.pth")
    return FeatureExtractor(
        "osnet_x0_25", str(folder / "net.pth"), image_size=(64, 32), device="cpu", verbose=False
    )


def test_paths_arrays_and_tensors_agree_with_the_usual_pipeline(extractor, tmp_path):
    arrays = [np.random.default_rng(n).integers(0, 255, (90, 40, 3), dtype=np.uint8) for n in range(2)]
    for number, array in enumerate(arrays):
        Image.fromarray(array).save(tmp_path / f"{number}.png")
    paths = [str(tmp_path / "0.png"), tmp_path / "1.png"]
    pipeline = transforms.Compose(
        [
            transforms.Resize((64, 32)),
            transforms.ToTensor(),
            transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
        ]
    )
    tensors = torch.stack([pipeline(Image.fromarray(array)) for array in arrays])
    with torch.inference_mode():
        expected = extractor.model(tensors)
    assert torch.allclose(extractor(tensors), expected, atol=1e-5)
    similarity = torch.nn.functional.cosine_similarity(extractor(paths), expected)
    assert (similarity > 0.999).all()  # resizing rounds to whole levels here and there
    assert torch.equal(extractor(arrays), extractor(paths))
    assert torch.allclose(extractor(arrays[0]), extractor(arrays)[:1], atol=1e-5)
    assert torch.allclose(extractor(paths[1]), extractor(paths)[1:], atol=1e-5)
    assert torch.allclose(extractor(tensors[0]), expected[:1], atol=1e-5)
    assert not extractor.model.training


def test_found_under_torchreids_name(extractor):
    pass


def crops(count, seed=0, shape=(90, 40, 3)):
    return [np.random.default_rng(seed + n).integers(0, 256, shape, dtype=np.uint8) for n in range(count)]


def test_every_kind_of_image_gives_the_same_embedding(extractor, tmp_path):
    arrays = crops(3)
    expected = extractor(arrays)
    for number, array in enumerate(arrays):
        Image.fromarray(array).save(tmp_path / f"{number}.png")
    read_only = np.stack(arrays)
    read_only.flags.writeable = False
    backwards = [np.ascontiguousarray(array[..., ::-1])[..., ::-1] for array in arrays]
    mixed = [tmp_path / "0.png", Image.fromarray(arrays[1]), arrays[2]]
    kinds = {
        "PIL": [Image.fromarray(array) for array in arrays],
        "batch": np.stack(arrays),
        "read-only batch": read_only,
        "read-only crops": list(read_only),
        "BGR turned round": backwards,
        "tuple": tuple(arrays),
        "generator": (array for array in arrays),
        "tensor, channels last": torch.from_numpy(np.stack(arrays)),
        "tensor, channels first": torch.from_numpy(np.stack(arrays)).permute(0, 3, 1, 2),
        "mixed": mixed,
    }
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for name, images in kinds.items():
            assert torch.equal(extractor(images), expected), name
        assert torch.allclose(extractor(Image.fromarray(arrays[1])), expected[1:2], atol=1e-5)
        assert torch.allclose(extractor(torch.from_numpy(arrays[1])), expected[1:2], atol=1e-5)
    grey = Image.fromarray(arrays[0][..., 0])
    assert torch.allclose(extractor(grey), extractor(np.repeat(arrays[0][..., :1], 3, axis=2)), atol=1e-5)


def test_the_arithmetic_is_the_one_of_extract_features(tmp_path):
    """One image through both ways, for a network with other normalisation and size than ImageNet's."""
    torch.manual_seed(0)
    model = build_model("tracklet_vit", backbone="vit_ti_16", height=64, width=32)
    save_pretrained(model, tmp_path / "net.safetensors")
    (image,) = crops(1, shape=(64, 32, 3))
    extractor = FeatureExtractor(model_path=tmp_path / "net.safetensors", device="cpu")
    frames = torch.from_numpy(image).permute(2, 0, 1)[None, None]
    clip = Clip(frames, *[torch.zeros(1, dtype=torch.int64)] * 3, torch.zeros(1, dtype=torch.int64))
    expected = extract_features(model, [clip], progress=False).embeddings
    assert extractor.pixel_mean == model.pixel_mean != (0.485, 0.456, 0.406)
    assert extractor.image_size == (64, 32)
    torch.testing.assert_close(extractor(image), expected)
    other = FeatureExtractor(
        model_path=tmp_path / "net.safetensors", pixel_mean=(0.485, 0.456, 0.406), device="cpu"
    )
    assert not torch.allclose(other(image), expected, atol=1e-3), "an argument beats the network's own"


@pytest.mark.parametrize(
    "nothing", [[], (), np.empty((0, 90, 40, 3), np.uint8), np.array([]), torch.zeros(0, 3, 64, 32)]
)
def test_no_boxes_give_no_rows(extractor, nothing):
    embeddings = extractor(nothing)
    assert embeddings.shape == (0, 512)
    assert embeddings.dtype == torch.float32


def test_an_empty_crop_is_named(extractor):
    frame = np.zeros((100, 200, 3), np.uint8)
    with pytest.raises(
        ConfigError, match=r"image 1 has no pixels, .* \(0, 20\): its box has no area or lies outside"
    ):
        extractor([frame[:50, :20], frame[120:160, 10:30]])
    with pytest.raises(ConfigError, match=r"image 0 has no pixels, .* \(50, 0\)"):
        extractor(frame[:50, 30:30])


def test_embeddings_are_ordinary_tensors(extractor):
    embeddings = extractor(crops(2))
    expected = embeddings / embeddings.norm(dim=1, keepdim=True)
    embeddings /= embeddings.norm(dim=1, keepdim=True)
    assert torch.equal(embeddings, expected)
    embeddings[0].mul_(0.9).add_(0.1 * embeddings[1])
    head = torch.nn.Linear(512, 2)
    head(extractor(crops(2))).sum().backward()
    assert head.weight.grad is not None


def test_torchreids_positional_arguments(tmp_path):
    torch.manual_seed(0)
    model = build_model("osnet_x0_25")
    torch.save(model.state_dict(), tmp_path / "net.pth")
    mean, std = [0.5, 0.4, 0.3], [0.2, 0.3, 0.4]
    (image,) = crops(1, shape=(64, 32, 3))
    frames = torch.from_numpy(image).permute(2, 0, 1)[None]
    for pixel_norm in (True, False):
        extractor = FeatureExtractor(
            "osnet_x0_25", str(tmp_path / "net.pth"), (64, 32), mean, std, pixel_norm, "cpu", False
        )
        numbers = (mean, std) if pixel_norm else ((0, 0, 0), (1, 1, 1))
        with torch.no_grad():
            expected = model.eval()(normalise_frames(frames, *numbers))
        torch.testing.assert_close(extractor(image), expected)


def test_its_own_size_by_default(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    model = build_model("osnet_x0_25")
    model.input_size = (96, 48)
    model.pixel_std = (0.5, 0.5, 0.5)
    torch.save({"state_dict": model.state_dict()}, tmp_path / "net.pth")
    extractor = FeatureExtractor("osnet_x0_25", "~/net.pth", device="cpu")
    assert extractor.image_size == (96, 48), "a checkpoint carries it"
    assert extractor.pixel_std == (0.5, 0.5, 0.5)
    plain = {name: value.clone() for name, value in model.state_dict().items()}
    torch.save(plain, tmp_path / "plain.pth")
    assert FeatureExtractor("osnet_x0_25", "~/plain.pth", device="cpu").image_size == (256, 128)


def test_threads_call_one_extractor(extractor):
    images = crops(4)
    expected = [extractor([image]) for image in images]
    before = {name: value.clone() for name, value in extractor.model.state_dict().items()}
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda image: extractor([image]), images * 3))
    assert all(torch.equal(row, expected[i % 4]) for i, row in enumerate(found))
    assert all(torch.equal(value, before[name]) for name, value in extractor.model.state_dict().items())


@pytest.mark.parametrize("change", ["half", "double", "bfloat16"])
def test_other_float_types(extractor, change):
    (image,) = crops(1)
    other = copy.copy(extractor)
    other.model = getattr(copy.deepcopy(extractor.model), change)()
    embedding = other(image)
    assert embedding.dtype == torch.float32
    assert torch.nn.functional.cosine_similarity(embedding, extractor(image)) > 0.999


def test_errors(extractor, tmp_path):
    with pytest.raises(FrameError, match=r"cannot read frame .*absent"):
        extractor(str(tmp_path / "absent.jpg"))
    with pytest.raises(ConfigError, match=r"expected paths.*got torch.uint8 of shape \(64, 32\)"):
        extractor(torch.zeros(64, 32, dtype=torch.uint8))
    with pytest.raises(ConfigError, match="image 0: a tensor must be RGB uint8"):
        extractor(torch.zeros(1, 4, 64, 32, dtype=torch.uint8))
    with pytest.raises(ConfigError, match="a float tensor must be"):
        extractor(torch.zeros(64, 32))
    with pytest.raises(ConfigError, match="image 1: an array must be RGB uint8"):
        extractor([crops(1)[0], np.zeros((4, 4, 4), np.uint8)])
    with pytest.raises(ConfigError, match="got uint8 of shape"):
        extractor(np.zeros((4, 4), np.uint8))
    with pytest.raises(ConfigError, match="got int"):
        extractor([3])
    with pytest.raises(ConfigError, match="got NoneType"):
        extractor(None)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"image_size": (64,)}, "image_size is"),
        ({"image_size": (64, 0)}, "image_size is"),
        ({"pixel_mean": (123.7, 116.3, 103.5)}, "divide those of 0..255 by 255"),
        ({"pixel_std": (0.0, 0.2, 0.2)}, "pixel_std needs three numbers"),
        ({"pixel_std": (0.2,)}, "pixel_std needs three numbers"),
    ],
)
def test_arguments_that_make_no_sense(tmp_path, options, message):
    torch.save(build_model("osnet_x0_25").state_dict(), tmp_path / "net.pth")
    with pytest.raises(ConfigError, match=message):
        FeatureExtractor("osnet_x0_25", str(tmp_path / "net.pth"), device="cpu", **options)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is CUDA here")
def test_cuda_that_is_not_there(tmp_path):
    torch.save(build_model("osnet_x0_25").state_dict(), tmp_path / "net.pth")
    with pytest.raises(ConfigError, match=r"device='cuda' is not available: there is no CUDA here"):
        FeatureExtractor("osnet_x0_25", str(tmp_path / "net.pth"), device="cuda")


def test_weights_of_another_width_are_refused(tmp_path):
    torch.save(build_model("osnet_x1_0", 4101).state_dict(), tmp_path / "osnet_x0_25_msmt17.pt")
    with pytest.raises(WeightsError, match="is of another network"):
        FeatureExtractor("osnet_x0_25", str(tmp_path / "osnet_x0_25_msmt17.pt"), device="cpu")


@pytest.mark.skipif(os.name == "nt", reason="names of other bytes than UTF-8")
def test_pictures_are_read_as_everywhere(tmp_path):
    """A cut picture is refused, a pipe is not waited for, and a folder whose name is not UTF-8 is a folder."""
    import cv2

    from videoreid.inference.images import _decode

    data = cv2.imencode(".jpg", np.random.default_rng(0).integers(0, 256, (64, 32, 3), dtype=np.uint8))[
        1
    ].tobytes()
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9"))
    folder.mkdir()
    (folder / "a.jpg").write_bytes(data)
    assert _decode(folder / "a.jpg").shape == (3, 64, 32)
    (folder / "a.jpg").write_bytes(data[: len(data) // 2])
    with pytest.raises(FrameError, match="cut off"):
        _decode(folder / "a.jpg")
    os.mkfifo(tmp_path / "pipe.jpg")
    with pytest.raises(FrameError, match="a pipe or a device"):
        _decode(tmp_path / "pipe.jpg")
    with pytest.raises(FrameError, match="cannot read frame"):
        _decode(tmp_path / "absent.jpg")


def test_boxes_of_a_frame_as_trackers_have_them(extractor):
    frame = np.random.default_rng(0).integers(0, 255, (120, 160, 3), dtype=np.uint8)  # BGR
    boxes = [
        [10.4, 5, 50.4, 90, 0.9, 0],
        [-20, -5, 30, 60, 0.8, 0],
        [500, 5, 520, 90, 0.7, 0],
        [30, 30, 30, 80, 0.6, 0],
    ]
    found = extractor(frame, np.array(boxes))
    crops = [frame[5:90, 10:50, ::-1], frame[0:60, 0:30, ::-1]]  # rounded, clipped, RGB
    expected = torch.nn.functional.normalize(extractor(crops), dim=1)
    assert torch.allclose(found[:2], expected, atol=1e-5)
    assert torch.equal(found[2:], torch.zeros(2, 512)), "a box without a pixel looks like nobody"
    assert extractor(frame, []).shape == extractor(frame, np.empty((0, 4))).shape == (0, 512)
    assert torch.allclose(extractor(frame, torch.tensor(boxes)), found, atol=1e-6)
    for bad in ([[1, 2, 3]], [[0, 0, np.nan, 5]]):
        with pytest.raises(ConfigError, match="left, top, right, bottom"):
            extractor(frame, bad)
    with pytest.raises(ConfigError, match="BGR frame"):
        extractor([frame], boxes)


def test_precision_is_that_of_the_forward_pass(extractor):
    images = [np.random.default_rng(n).integers(0, 255, (90, 40, 3), dtype=np.uint8) for n in range(2)]
    half, full = extractor(images, precision="bfloat16"), extractor(images)
    assert half.dtype == torch.float32 and not torch.equal(half, full)
    assert torch.nn.functional.cosine_similarity(half, full).min() > 0.99
