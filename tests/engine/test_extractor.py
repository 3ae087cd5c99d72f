import numpy as np
import pytest
import torch
from PIL import Image
from torchvision import transforms

from videoreid.engine.extractor import FeatureExtractor
from videoreid.errors import ConfigError, FrameError
from videoreid.models import build_model


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


def test_errors(extractor, tmp_path):
    with pytest.raises(FrameError, match="cannot be decoded"):
        extractor(str(tmp_path / "absent.jpg"))
    with pytest.raises(ConfigError, match="float"):
        extractor(torch.zeros(1, 3, 64, 32, dtype=torch.uint8))
    with pytest.raises(ConfigError, match="an array must be RGB"):
        extractor(np.zeros((4, 4), np.uint8))
    with pytest.raises(ConfigError, match="got int"):
        extractor([3])
