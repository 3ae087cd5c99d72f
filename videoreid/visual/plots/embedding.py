"""Embeddings of chosen people as points in a plane, by t-SNE, UMAP or PCA."""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch

from videoreid.errors import ConfigError, MissingExtraError
from videoreid.types import Features
from videoreid.utils import generator_from
from videoreid.visual.plots.style import COLOURS, MARKERS, PlotFiles, label, write_plot

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["plot_embedding"]

Method = Literal["tsne", "umap", "pca"]
_MOST = 14


def plot_embedding(
    features: Features,
    path: str | os.PathLike[str],
    *,
    people: Sequence[int] | None = None,
    method: Method = "tsne",
    seed: int = 0,
    note: str = "",
) -> PlotFiles:
    """Draw the tracklets of chosen people, one colour and marker per person; camera numbers are beside the points.

    The axes of t-SNE and UMAP have no unit, and sizes of groups and gaps between them mean little. Look for people
    whose points mix.

    Args:
        features: of any tracklets; embeddings are normalised first, as for the cosine distance.
        path: of the files, without an ending.
        people: pids to draw; None takes the ten with the most tracklets, ties drawn at random.
        method: "tsne" or "umap", which need the extra ``plots``; "pca" needs no extra.
        seed: of the draw and of the method.
        note: small print below, for example the dataset.

    Returns:
        The files; the CSV has ``x, y, pid, camid``.

    Raises:
        ConfigError: a person has no tracklet, or the chosen people have fewer than four.
        MissingExtraError: the package of the method is not installed.
    """
    chosen = _most_seen(features.pids, seed) if people is None else list(dict.fromkeys(people))
    absent = [pid for pid in chosen if pid not in features.pids]
    if absent:
        raise ConfigError(f"no tracklet of pid {absent[0]} among the features")
    rows = np.flatnonzero(np.isin(features.pids, chosen))
    if len(rows) < 4:
        raise ConfigError(f"{len(rows)} tracklets of the chosen people; at least four are needed")
    part = features.select(rows)
    values = torch.nn.functional.normalize(part.embeddings.double(), dim=1)
    places = _project(values.cpu().numpy(), method, seed)
    numbers = {"x": places[:, 0], "y": places[:, 1], "pid": part.pids, "camid": part.camids}

    def draw(figure: "Figure") -> None:
        axes = figure.add_subplot()
        axes.grid(visible=False)
        _scatter(axes, places, part.pids, chosen)
        if len(rows) <= 150:
            for (x, y), camera in zip(places, part.camids, strict=True):
                axes.annotate(
                    str(camera), (x, y), (2.5, 2.5), textcoords="offset points", fontsize=5, color="0.35"
                )
        axes.set_xticks([])
        axes.set_yticks([])
        axes.set_title(f"{ {'tsne': 't-SNE', 'umap': 'UMAP', 'pca': 'PCA'}[method] } of {len(chosen)} people")
        if len(chosen) <= _MOST:
            axes.legend(title="pid", loc="center left", bbox_to_anchor=(1.0, 0.5))

    return write_plot(draw, numbers, path, size=(5.0, 4.0), note=note)


def _scatter(axes: "Axes", places: np.ndarray, pids: np.ndarray, people: Sequence[int]) -> None:
    for number, pid in enumerate(people):
        mine = pids == pid
        axes.scatter(
            places[mine, 0],
            places[mine, 1],
            s=26,
            alpha=0.8,
            color=COLOURS[number % 7],
            marker=MARKERS[(number + number // 7) % 7],
            linewidths=0,
            label=label(f"{pid}"),
        )


def _most_seen(pids: np.ndarray, seed: int, count: int = 10) -> list[int]:
    found, seen = np.unique(pids[pids > 0] if (pids > 0).any() else pids, return_counts=True)
    shuffled = generator_from(seed).permutation(len(found))
    order = shuffled[np.argsort(-seen[shuffled], kind="stable")][:count]
    return sorted(int(pid) for pid in found[order])


def _project(values: np.ndarray, method: Method, seed: int) -> np.ndarray:
    """Return ``(N, 2)`` positions; the signs of PCA are fixed, so that they do not depend on the machine."""
    if method == "pca":
        left, sizes, _ = np.linalg.svd(values - values.mean(axis=0), full_matrices=False)
        places = (left * sizes)[:, :2]
        if places.shape[1] < 2:
            places = np.pad(places, ((0, 0), (0, 2 - places.shape[1])))
        signs = np.sign(places[np.abs(places).argmax(axis=0), range(2)])
        return places * np.where(signs == 0, 1.0, signs)
    if method == "tsne":
        try:
            from sklearn.manifold import TSNE
        except ImportError as error:
            raise MissingExtraError("scikit-learn", "plots", "t-SNE") from error
        perplexity = min(30.0, (len(values) - 1) / 3)
        return np.asarray(TSNE(perplexity=perplexity, init="pca", random_state=seed).fit_transform(values))
    if method == "umap":
        try:
            from umap import UMAP
        except ImportError as error:
            raise MissingExtraError("umap-learn", "plots", "UMAP") from error
        neighbours = min(15, len(values) - 1)
        return np.asarray(UMAP(n_neighbors=neighbours, random_state=seed, n_jobs=1).fit_transform(values))
    raise ConfigError(f"unknown method {method!r}; choose 'tsne', 'umap' or 'pca'")
