"""The losses once more, as slow loops over pairs in float64."""

import math

import numpy as np


def unit(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def cross_entropy(logits, pids, smoothing):
    total = 0.0
    for row, pid in zip(logits, pids, strict=True):
        log_probabilities = row - math.log(sum(math.exp(v) for v in row))
        for k, value in enumerate(log_probabilities):
            total -= ((1 - smoothing) * (k == pid) + smoothing / len(row)) * value
    return total / len(logits)


def distance(rows, kind):
    if kind == "cosine":
        return [[1.0 - float(a @ b) for b in unit(rows)] for a in unit(rows)]
    return [[math.sqrt(max(float(((a - b) ** 2).sum()), 1e-12)) for b in rows] for a in rows]


def triplet(rows, pids, margin, kind, mining):
    d, n = distance(rows, kind), len(rows)
    value = (
        (lambda gap: math.log1p(math.exp(gap))) if margin is None else (lambda gap: max(0.0, gap + margin))
    )
    losses = []
    for a in range(n):
        if mining == "hard":
            negatives = [d[a][j] for j in range(n) if pids[j] != pids[a]]
            if negatives:
                losses.append(value(max(d[a][j] for j in range(n) if pids[j] == pids[a]) - min(negatives)))
            continue
        for p in range(n):
            for q in range(n):
                if p != a and pids[p] == pids[a] != pids[q]:
                    losses.append(value(d[a][p] - d[a][q]))
    if mining == "all" and margin is not None:
        losses = [loss for loss in losses if loss > 0]
    return sum(losses) / len(losses) if losses else 0.0


def center(rows, pids, centers):
    return sum(float(((row - centers[pid]) ** 2).sum()) for row, pid in zip(rows, pids, strict=True)) / len(
        rows
    )


def osm_caa(rows, pids, vectors, alpha, l, sigma):  # noqa: E741
    x, e, n = unit(rows), unit(vectors), len(rows)
    own = []
    for row, pid in zip(x, pids, strict=True):
        shares = [math.exp(float(row @ v)) for v in e]
        own.append(shares[pid] / sum(shares))
    sums = {True: [0.0, 0.0], False: [0.0, 0.0]}
    for i in range(n):
        for j in range(n):
            if i == j:
                continue
            d = math.sqrt(max(float(((x[i] - x[j]) ** 2).sum()), 1e-12))
            gap = max(alpha - d, 1e-12)
            same = bool(pids[i] == pids[j])
            weight = (math.exp(-(d**2) / sigma**2) if same else gap) * min(own[i], own[j])
            sums[same][0] += weight * (d**2 if same else gap**2)
            sums[same][1] += weight
    parts = {same: 0.5 * top / bottom if bottom else 0.0 for same, (top, bottom) in sums.items()}
    return (1 - l) * parts[True] + l * parts[False]


def circle(rows, pids, margin, scale):
    x, n, losses = unit(rows), len(rows), []
    for a in range(n):
        pull = push = 0.0
        for j in range(n):
            s = float(x[a] @ x[j])
            if j != a and pids[j] == pids[a]:
                pull += math.exp(-scale * max(1 + margin - s, 0.0) * (s - (1 - margin)))
            elif pids[j] != pids[a]:
                push += math.exp(scale * max(s + margin, 0.0) * (s - margin))
        if pull and push:
            losses.append(math.log1p(pull * push))
    return sum(losses) / len(losses) if losses else 0.0
