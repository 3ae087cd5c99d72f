import numpy as np
import pytest
import torch
from PIL import Image, ImageEnhance

from videoreid.data.transforms import ColorJitter

FRAME = np.random.default_rng(0).integers(0, 256, (12, 8, 3), dtype=np.uint8)
CLIP = torch.from_numpy(FRAME).permute(2, 0, 1).repeat(5, 1, 1, 1)


@pytest.mark.parametrize(
    ("name", "enhance"),
    [
        ("brightness", ImageEnhance.Brightness),
        ("contrast", ImageEnhance.Contrast),
        ("saturation", ImageEnhance.Color),
    ],
)
def test_one_change_is_pillows(name: str, enhance: type) -> None:
    options = {"brightness": 0.0, "contrast": 0.0, "saturation": 0.0, name: 0.5}
    out = ColorJitter(**options)(CLIP.clone(), np.random.default_rng(3))
    draws = np.random.default_rng(3)
    draws.random()
    draws.permutation(4)
    factor = draws.uniform(0.5, 1.5)
    reference = np.asarray(enhance(Image.fromarray(FRAME)).enhance(factor)).astype(int)
    assert np.abs(out[0].permute(1, 2, 0).numpy() - reference).max() <= 2


def test_a_clip_keeps_one_tint_and_frames_differ_on_request() -> None:
    step = ColorJitter(0.4, 0.4, 0.4, 0.1)
    out = step(CLIP.clone(), np.random.default_rng(0))
    assert bool((out == out[:1]).all())
    assert not torch.equal(out, CLIP)
    varied = ColorJitter(0.4, 0.4, 0.4, 0.1, per_frame=True)(CLIP.clone(), np.random.default_rng(0))
    assert not bool((varied == varied[:1]).all())


def test_probability_zero_and_strength_zero_change_nothing() -> None:
    assert torch.equal(ColorJitter(p=0.0)(CLIP.clone(), np.random.default_rng(0)), CLIP)
    assert torch.equal(ColorJitter(0.0, 0.0)(CLIP.clone(), np.random.default_rng(0)), CLIP)
