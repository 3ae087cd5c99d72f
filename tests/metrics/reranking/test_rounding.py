"""Which neighbours re-ranking measures again: all whose order rounding can have changed, and few others."""

import pytest
import torch

from videoreid.distances import FeaturePairs
from videoreid.distances.rounding import product_rounding
from videoreid.metrics.reranking.neighbours import nearest_neighbours, undecided


def close_directions(num_rows, width, spread, seed=0):
    """Return rows of which many cosine distances differ by less than float32 products resolve."""
    generator = torch.Generator().manual_seed(seed)
    centre = torch.randn(1, width, generator=generator)
    return centre + spread * torch.randn(num_rows, width, generator=generator)


def test_runs_of_close_distances_are_in_doubt_by_hand():
    distances = torch.tensor([[0.0, 1.0, 1.1, 2.0, 2.1, 2.2, 3.0], [0.0, 0.5, 1.0, 1.5, 2.0, 2.1, 2.2]])
    expected = [[0, 1, 1, 1, 1, 1, 0], [0, 0, 0, 0, 0, 0, 0]]
    assert undecided(distances, 4, 0.06).int().tolist() == expected, "a run over the border of k is whole"
    expected = [[0, 1, 1, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0, 0]]
    assert undecided(distances, 3, 0.06).int().tolist() == expected, "a run behind the border does not count"
    assert undecided(distances, 3, torch.inf).all()
    assert not undecided(distances, 3, 0.01).any()


@pytest.mark.parametrize(("width", "spread"), [(16, 1.0), (512, 1.0), (512, 1e-2), (2048, 1e-3)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_tiles_keep_to_the_bound(width, spread, dtype):
    rows = close_directions(300, width, spread).to(dtype)
    source = FeaturePairs(rows[:100], rows[100:])
    tile = source.block(slice(0, 100), slice(100, 300)).double()
    row, col = torch.cartesian_prod(torch.arange(100), torch.arange(100, 300)).unbind(1)
    exact = source.pairs(row, col).view_as(tile)
    assert 0 < float((tile - exact).abs().max()) <= source.rounding


@pytest.mark.parametrize("spread", [1e-3, 1e-2, 1.0])
def test_order_is_that_of_exact_distances(spread):
    rows = close_directions(24, 128, spread)  # no more than are kept, so that none is lost to the margin
    source = FeaturePairs(rows[:8], rows[8:])
    index = torch.arange(24)
    exact = source.pairs(index.repeat_interleave(24), index.repeat(24)).view(24, 24)
    found = nearest_neighbours(source, 16, 7)
    assert torch.equal(found.indices, exact.argsort(dim=1, stable=True)[:, :16])


def test_few_pairs_are_measured_again_where_distances_are_apart(monkeypatch):
    rows = close_directions(1000, 64, 1.0)
    source = FeaturePairs(rows[:200], rows[200:])
    measured = []
    pairs = source.pairs

    def counted(row, col):
        measured.append(len(row))
        return pairs(row, col)

    monkeypatch.setattr(source, "pairs", counted)
    found = nearest_neighbours(source, 21, 256)
    assert 0 < sum(measured) < 0.1 * found.indices.numel()


@pytest.mark.parametrize("setting", ["medium", "highest"])
def test_lowered_precision_and_autocast_do_not_reach_the_tiles(setting):
    """Tiles keep to the bound whatever the user's setting, which is put back."""
    rows = close_directions(300, 512, 1.0)
    before = torch.get_float32_matmul_precision()
    try:
        torch.set_float32_matmul_precision(setting)
        source = FeaturePairs(rows[:100], rows[100:])
        with torch.autocast("cpu", torch.bfloat16):
            tile = source.block(slice(0, 100), slice(100, 300)).double()
        assert torch.get_float32_matmul_precision() == setting
    finally:
        torch.set_float32_matmul_precision(before)
    row, col = torch.cartesian_prod(torch.arange(100), torch.arange(100, 300)).unbind(1)
    assert float((tile - source.pairs(row, col).view_as(tile)).abs().max()) <= source.rounding < 1e-4


def test_bounds():
    rows = torch.eye(4)
    assert 0 < product_rounding(rows.double()) < product_rounding(rows) < 1e-5
    assert FeaturePairs(rows, rows, "euclidean").rounding == torch.inf, "far from the origin there is none"
