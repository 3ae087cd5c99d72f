"""k-reciprocal re-ranking, row by row with sets and full matrices in float64: slow, and close to the paper."""

import numpy as np


def dense_oracle(q_g, q_q, g_g, k1, k2, lambda_value, exponent=2.0):
    """Re-rank three given matrices as the published code puts them together."""
    q_g, q_q, g_g = (np.asarray(matrix, dtype=np.float64) for matrix in (q_g, q_q, g_g))
    full = np.block([[q_q, q_g], [q_g.T, g_g]]) ** exponent
    return square_oracle(full, len(q_g), k1, k2, lambda_value)


def square_oracle(full, first, k1, k2, lambda_value):
    """Re-rank the first rows of one square matrix, which is read by columns: eq. 3-12 of Zhong et al., 2017."""
    largest = full.max(axis=0)
    rows = (full / np.where(largest > 0, largest, 1)).T
    order = np.argsort(rows, axis=1, kind="stable")

    def reciprocal(i, k):
        return {f for f in order[i, : k + 1] if i in order[f, : k + 1]}

    encoded = np.zeros_like(rows)
    for i in range(len(rows)):
        own = reciprocal(i, k1)
        members = set(own)
        for candidate in own:
            other = reciprocal(candidate, int(np.around(k1 / 2)))
            if len(other & own) > 2 / 3 * len(other):
                members |= other
        for j in members:
            encoded[i, j] = np.exp(-rows[i, j])
        if members:
            encoded[i] /= encoded[i].sum()
    if k2 > 1:
        encoded = np.stack([encoded[order[i, :k2]].mean(axis=0) for i in range(len(rows))])
    shared = np.stack([np.minimum(encoded[i], encoded[first:]).sum(axis=1) for i in range(first)])
    return (1 - lambda_value) * (1 - shared / (2 - shared)) + lambda_value * rows[:first, first:]
