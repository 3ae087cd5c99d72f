import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from videoreid.errors import ConfigError
from videoreid.functional import DISTANCES, normalise_frames, pairwise_distance, pairwise_distance_chunks


def plain_distance(x: np.ndarray, y: np.ndarray, metric: str) -> np.ndarray:
    """Float64, one pair at a time."""
    out = np.empty((len(x), len(y)))
    for i, a in enumerate(x.astype(np.float64)):
        for j, b in enumerate(y.astype(np.float64)):
            if metric == "cosine":
                out[i, j] = 1 - a @ b / (np.linalg.norm(a) * np.linalg.norm(b))
            else:
                square = ((a - b) ** 2).sum()
                out[i, j] = square if metric == "squared_euclidean" else np.sqrt(square)
    return out


@pytest.mark.parametrize("metric", sorted(DISTANCES))
def test_distances_agree_with_plain_loops(metric: str) -> None:
    x, y = (
        np.random.default_rng(seed).standard_normal((n, 17)).astype(np.float32)
        for seed, n in ((0, 5), (1, 7))
    )
    found = pairwise_distance(torch.from_numpy(x), torch.from_numpy(y), metric)
    np.testing.assert_allclose(found.numpy(), plain_distance(x, y, metric), atol=2e-5)


def test_hand_computed() -> None:
    x, y = torch.tensor([[3.0, 4.0]]), torch.tensor([[0.0, 0.0], [3.0, 4.0], [4.0, -3.0]])
    assert pairwise_distance(x, y, "euclidean").tolist() == [[5.0, 0.0, pytest.approx(50**0.5)]]
    assert pairwise_distance(x, y, "squared_euclidean").tolist() == [[25.0, 0.0, 50.0]]
    assert pairwise_distance(x, y[1:], "cosine").tolist() == [[pytest.approx(0, abs=1e-6), pytest.approx(1)]]


@given(rows=st.integers(1, 30), chunk=st.integers(1, 40), metric=st.sampled_from(sorted(DISTANCES)))
@settings(max_examples=40, deadline=None)
def test_chunks_make_up_the_whole_matrix(rows: int, chunk: int, metric: str) -> None:
    generator = torch.Generator().manual_seed(rows)
    x, y = torch.randn(rows, 8, generator=generator), torch.randn(11, 8, generator=generator)
    parts = list(pairwise_distance_chunks(x, y, metric, chunk_size=chunk))
    assert [s.start for s, _ in parts] == list(range(0, rows, chunk))
    torch.testing.assert_close(torch.cat([block for _, block in parts]), pairwise_distance(x, y, metric))


def test_bad_arguments_are_named() -> None:
    with pytest.raises(ConfigError, match="unknown metric 'manhattan'; choose one of cosine, euclidean"):
        pairwise_distance(torch.ones(1, 2), torch.ones(1, 2), "manhattan")
    with pytest.raises(ConfigError, match=r"got \(1, 2\) and \(1, 3\)"):
        pairwise_distance(torch.ones(1, 2), torch.ones(1, 3))


def test_normalising_is_scaling_then_standardising() -> None:
    frames = torch.randint(
        0, 256, (2, 3, 3, 4, 5), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
    )
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    expected = (frames.double() / 255 - mean.view(3, 1, 1)) / std.view(3, 1, 1)
    torch.testing.assert_close(normalise_frames(frames).double(), expected, atol=2e-6, rtol=0)
    assert normalise_frames(frames, dtype=torch.bfloat16).dtype == torch.bfloat16


def test_float_frames_are_taken_as_normalised() -> None:
    frames = torch.randn(1, 3, 2, 2)
    assert normalise_frames(frames) is frames


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("metric", sorted(DISTANCES))
def test_half_features_are_computed_with_in_float32(dtype: torch.dtype, metric: str) -> None:
    generator = torch.Generator().manual_seed(0)
    x, y = (300 * torch.randn(n, 2048, generator=generator).to(dtype) for n in (3, 4))
    expected = DISTANCES[metric](x.double(), y.double())
    assert expected.max() > 65504 or metric != "squared_euclidean", "float16 ends there"
    for distances in (
        pairwise_distance(x, y, metric),
        DISTANCES[metric](x, y),
        torch.cat([block for _, block in pairwise_distance_chunks(x, y, metric, chunk_size=2)]),
    ):
        assert distances.dtype == torch.float32
        torch.testing.assert_close(distances.double(), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("metric", sorted(DISTANCES))
def test_distances_are_the_same_under_autocast(metric: str) -> None:
    x = torch.randn(5, 64, generator=torch.Generator().manual_seed(0), requires_grad=True)
    expected = DISTANCES[metric](x, x.detach())
    with torch.autocast("cpu", torch.float16):
        found = DISTANCES[metric](x, x.detach())
        chunks = torch.cat([block for _, block in pairwise_distance_chunks(x, x.detach(), metric)])
    assert torch.equal(found, expected)
    torch.testing.assert_close(chunks, expected)
    found.sum().backward()
    assert x.grad is not None
