"""The slow, plain way to rank and score, by which the counts are judged."""

import numpy as np


def exact_distances(query, gallery, distance="cosine"):
    """Float64 distances, rounded to float32: what ranks are defined by."""
    q, g = np.asarray(query, dtype=np.float64), np.asarray(gallery, dtype=np.float64)
    if distance == "cosine":
        q = q / np.maximum(np.linalg.norm(q, axis=1, keepdims=True), 1e-12)
        g = g / np.maximum(np.linalg.norm(g, axis=1, keepdims=True), 1e-12)
    squares = np.stack([((g - row) ** 2).sum(axis=1) for row in q])
    if distance == "cosine":
        zeros = (~q.any(axis=1))[:, None].astype(float) + (~g.any(axis=1))[None].astype(float)
        squares = squares / 2 + zeros / 2
    return (np.sqrt(squares) if distance == "euclidean" else squares).astype(np.float32)


def score(
    distances, q_pids, g_pids, q_camids, g_camids, *, junk="same_camera", junk_pids=(-1,), kind="standard"
):
    """AP, mINP's term, first rank and all ranks of each query, by sorting its whole list."""
    results = []
    for row, pid, camid in zip(distances, q_pids, q_camids, strict=True):
        order = np.argsort(row, kind="stable")
        keep = [
            g
            for g in order
            if g_pids[g] not in junk_pids
            and not (junk == "same_camera" and g_pids[g] == pid and g_camids[g] == camid)
        ]
        hits = [rank for rank, g in enumerate(keep, 1) if g_pids[g] == pid]
        if not hits:
            results.append((np.nan, np.nan, 0, []))
            continue
        total = 0.0
        for number, rank in enumerate(hits, 1):
            now = number / rank
            before = (number - 1) / (rank - 1) if rank > 1 else 1.0
            total += now if kind == "standard" else (now + before) / 2
        results.append((total / len(hits), len(hits) / hits[-1], hits[0], hits))
    return results
