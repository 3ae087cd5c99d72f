"""Position embeddings on another grid, against the recorded figures of the published rule."""

import numpy as np
import pytest
import torch

from tests.models.published_transformers import module_record
from videoreid.errors import WeightsError
from videoreid.models.transformers.positions import fit_positions, resize_positions, source_grid


def positions(count: int, dim: int = 16) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(0).standard_normal((count, dim)).astype("f4"))


@pytest.mark.parametrize(
    ("key", "count", "grid"),
    [
        ("16x8", 197, (16, 8)),
        ("21x10", 197, (21, 10)),
        ("24x8", 197, (24, 8)),
        ("rn50_7x7_to_16x8", 50, (16, 8)),
    ],
)
def test_equal_to_the_recorded_figures(key: str, count: int, grid: tuple[int, int]) -> None:
    wanted = module_record("clip_pos_embed_and_schedules")[key]
    answer = fit_positions(positions(count), grid)
    assert list(answer.shape) == wanted["shape"]
    assert float(answer.norm()) == pytest.approx(wanted["norm"], rel=1e-5)
    assert answer[1, :6].tolist() == pytest.approx(wanted["row1"], abs=1e-5)
    assert answer[-1, :6].tolist() == pytest.approx(wanted["last"], abs=1e-5)


def test_the_class_token_keeps_its_own() -> None:
    given = positions(197)
    assert torch.equal(fit_positions(given, (21, 10))[0], given[0])


def test_a_grid_that_fits_is_untouched() -> None:
    given = positions(129)
    assert fit_positions(given, (16, 8)) is given
    with_batch = given[None]
    assert fit_positions(with_batch, (24, 8)).shape == (1, 193, 16)


def test_two_to_one_is_not_taken_for_a_square() -> None:
    """A ramp down the rows stays a ramp; read as another grid it would not."""
    rows = torch.arange(16.0)[:, None].expand(16, 8).reshape(-1, 1)
    given = torch.cat([torch.zeros(1, 1), rows])
    tall = fit_positions(given, (24, 8))[1:].reshape(24, 8)
    assert torch.equal(tall, tall[:, :1].expand(24, 8))
    assert (tall.diff(dim=0) >= 0).all()


@pytest.mark.parametrize(
    ("count", "grid"),
    [(196, (14, 14)), (49, (7, 7)), (128, (16, 8)), (192, (24, 8)), (576, (24, 24)), (210, None)],
)
def test_source_grid(count: int, grid: tuple[int, int] | None) -> None:
    assert source_grid(count) == grid


def test_an_unknown_grid_is_one_clear_error() -> None:
    with pytest.raises(WeightsError, match=r"210 patches.*grid of 16 x 8.*height, width and stride"):
        fit_positions(positions(211), (16, 8))


def test_half_precision_stays_half() -> None:
    half = resize_positions(positions(197).half(), (16, 8), (14, 14))
    assert half.dtype == torch.float16
    assert torch.allclose(half.float(), resize_positions(positions(197), (16, 8), (14, 14)), atol=2e-3)
