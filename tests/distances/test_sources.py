"""Sources of distances: streamed rows are those of the matrix, computed once, in steps that do not move."""

import numpy as np
import pytest
import torch

from videoreid.distances import FeatureSource, MatrixSource, StreamedSource
from videoreid.errors import ProtocolError


def matrix_of(rows: int = 23, columns: int = 9) -> torch.Tensor:
    return torch.rand(rows, columns, generator=torch.Generator().manual_seed(0))


def streamed(matrix: torch.Tensor, step: int) -> tuple[StreamedSource, list[slice]]:
    made: list[slice] = []

    def compute(rows: slice) -> torch.Tensor:
        made.append(rows)
        return matrix[rows].clone()

    return StreamedSource(compute, tuple(matrix.shape), step), made


@pytest.mark.parametrize("step", [1, 4, 23, 100])
def test_streamed_rows_are_those_of_the_matrix(step: int) -> None:
    matrix = matrix_of()
    source, _ = streamed(matrix, step)
    plain = MatrixSource(matrix)
    for rows in (slice(0, 4), slice(3, 17), slice(20, None), slice(None), slice(22, 60)):
        assert torch.equal(source.block(rows, slice(2, 7)), matrix[rows, 2:7])
        assert torch.equal(source.rows(rows), matrix[rows])
        np.testing.assert_array_equal(source.tolerance(rows), plain.tolerance(rows))
    queries, rows = np.array([0, 0, 5, 6, 22]), np.array([8, 1, 1, 0, 3])
    np.testing.assert_array_equal(source.positions(queries, rows), plain.positions(queries, rows))
    assert torch.equal(source.exact_rows(np.array([1, 22, 4])), matrix[[1, 22, 4]])
    assert torch.equal(source.dense(), matrix)


def test_a_pass_over_all_rows_computes_each_once() -> None:
    source, made = streamed(matrix_of(), 8)
    for start in (0, 8, 16):
        rows = slice(start, min(start + 8, 23))
        source.positions(np.arange(rows.start, rows.stop), np.zeros(rows.stop - rows.start, int))
        source.block(rows, slice(None))
    assert made == [slice(0, 8), slice(8, 16), slice(16, 23)]


@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
def test_what_is_not_finite_is_named_by_its_row(bad: float) -> None:
    matrix = matrix_of()
    matrix[13, 2] = bad
    source, _ = streamed(matrix, 5)
    source.block(slice(0, 10), slice(None))
    with pytest.raises(
        ProtocolError, match=r"distances of 1 queries are NaN or infinite, the first at rows \[13\]"
    ):
        source.block(slice(10, 15), slice(None))


@pytest.mark.parametrize("metric", ["cosine", "euclidean", "squared_euclidean"])
@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
def test_rows_of_features(metric: str, dtype: torch.dtype) -> None:
    generator = torch.Generator().manual_seed(0)
    query, gallery = (torch.randn(n, 16, generator=generator).to(dtype) for n in (7, 11))
    source = FeatureSource(query, gallery, metric)
    exact = source.exact_rows(np.arange(7)).double()
    dense = source.dense()
    assert dense.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    torch.testing.assert_close(dense.double(), exact, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(source.rows(slice(2, 5)), dense[2:5])
    known = FeatureSource(query, gallery, metric, gallery_norms=gallery.double().norm(dim=1))
    assert torch.equal(known.block(slice(None), slice(None)), source.block(slice(None), slice(None)))
