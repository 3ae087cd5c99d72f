"""The table of published weights, and the functions that fetch them."""

import fnmatch
import functools
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from videoreid.errors import WeightsError
from videoreid.models.reported import PublishedResult
from videoreid.utils.download import fetch

__all__ = [
    "ClipRule",
    "PublishedWeights",
    "fetch_weights",
    "find_weights",
    "list_weights",
    "published_row",
    "resolve_weights",
]

_ADDRESSES = ("https:", "http:", "gdrive:", "hf:")


@dataclass(frozen=True)
class ClipRule:
    """How the authors of some weights cut clips.

    Args:
        frames: clip length T.
        sampling: sampling rule of training, a name of `videoreid.data.sampling.SAMPLING`.
        test_sampling: sampling rule of testing, likewise.
    """

    frames: int
    sampling: str
    test_sampling: str


@dataclass(frozen=True)
class PublishedWeights:
    """One row of the table of published weights.

    Args:
        model: name of the network.
        tag: value of ``pretrained`` in `build_model` ("msmt17", "imagenet").
        source: address for `videoreid.utils.download.fetch`, or ``torchvision:`` and the name of a weights enum.
        sha256: checksum or its first digits, if known; otherwise it is recorded on first use.
        training_data: datasets of the training.
        input_size: (height, width) in pixels in training, if known.
        normalisation: pixel normalisation of this network with these weights, a name of
            `videoreid.models.normalisation.NORMALISATIONS`.
        results: scores that the authors report.
        licence: the licence, if the publisher states one.
        page: web page of the publication.
        options: options of the network that the weights need (``{"height": 384}``).
        clip: how the authors cut clips; None for weights of single images.
    """

    model: str
    tag: str
    source: str
    sha256: str | None
    training_data: str
    input_size: tuple[int, int] | None
    normalisation: str
    results: tuple[PublishedResult, ...]
    licence: str
    page: str
    options: Mapping[str, Any] = field(default_factory=dict)
    clip: ClipRule | None = None


@functools.cache
def _table() -> tuple[PublishedWeights, ...]:
    rows = json.loads(Path(__file__).with_name("weights.json").read_text(encoding="utf-8"))
    for row in rows:
        common = {"model": row["model"], "source": row["page"]}
        row["results"] = tuple(PublishedResult(**common, **result) for result in row["results"])
        row["input_size"] = tuple(row["input_size"]) if row["input_size"] else None
        row["clip"] = ClipRule(**row["clip"]) if "clip" in row else None
    return tuple(PublishedWeights(**row) for row in rows)


def list_weights(pattern: str = "*") -> list[PublishedWeights]:
    """Return the rows whose network names match a shell pattern, sorted by network and tag."""
    return [row for row in _table() if fnmatch.fnmatch(row.model, pattern)]


def find_weights(model: str, tag: str) -> PublishedWeights:
    """Return the row of a network and a tag.

    Raises:
        WeightsError: there is no such row; the message lists the known tags.
    """
    rows = {row.tag: row for row in _table() if row.model == model}
    if tag in rows:
        return rows[tag]
    if rows:
        raise WeightsError(
            f"no published weights {tag!r} for {model!r}; there are: {', '.join(sorted(rows))}; or give a file"
        )
    others = sorted({row.model for row in _table() if row.tag == tag})
    hint = f"; {tag!r} exists for: {', '.join(others)}" if others else ""
    raise WeightsError(
        f"no weights are published for {model!r}: train it, or give a file as pretrained=...{hint}"
    )


def fetch_weights(row: PublishedWeights, *, offline: bool | None = None, progress: bool = True) -> Path:
    """Return the local file of a row; it is downloaded on first use.

    Raises:
        WeightsError: see `videoreid.utils.download.fetch`.
    """
    if row.source.startswith("torchvision:"):
        url, digits = _torchvision_address(row.source.removeprefix("torchvision:"))
        # torchvision's file names contain digits of the checksum, so a name identifies one file
        return fetch(url, name=url.rpartition("/")[2], sha256=digits, offline=offline, progress=progress)
    name = None if row.source.startswith("https:") else f"{row.model}_{row.tag}.pth"
    return fetch(row.source, name=name, sha256=row.sha256, offline=offline, progress=progress)


def resolve_weights(model: str, pretrained: bool | str | Path, *, backbone: str | None = None) -> Path:  # noqa: FBT001
    """Return the local file for a value of ``pretrained``.

    Args:
        model: name of the network.
        pretrained: True (ImageNet weights, or CLIP's for CLIP networks), a tag of the table, an address, or the path of
            a file (``~`` is the home folder).
        backbone: name of another torchvision network used as the trunk; its ImageNet weights are returned then.

    Raises:
        WeightsError: unknown weights (the message lists the known ones), or weights that cannot be fetched.
    """
    tags = {row.tag for row in list_weights(model)}
    text = _tag_of(tags, pretrained)
    path = Path(text).expanduser()
    if isinstance(pretrained, Path) or (text not in tags and path.is_file()):
        return path
    if text.startswith(_ADDRESSES):
        return fetch(text)
    if Path(text).suffix in (".pth", ".pt", ".tar", ".pkl", ".safetensors"):
        raise WeightsError(f"no weights at {text}: give the path of a checkpoint file")
    row = find_weights(model, text)
    if backbone is not None and row.source.startswith("torchvision:"):
        url, digits = _torchvision_address(_imagenet_enum(backbone))
        return fetch(url, name=url.rpartition("/")[2], sha256=digits)
    return fetch_weights(row)


def published_row(model: str, pretrained: bool | str | Path) -> PublishedWeights | None:  # noqa: FBT001
    """Return the row that `resolve_weights` will fetch, or None if ``pretrained`` is a file or an address."""
    if isinstance(pretrained, Path) or not pretrained:
        return None
    rows = {row.tag: row for row in _table() if row.model == model}
    return rows.get(_tag_of(rows, pretrained))


def _tag_of(tags: Collection[str], pretrained: bool | str | Path) -> str:  # noqa: FBT001
    """Return ``pretrained`` as text; for True, the tag of the default weights."""
    if pretrained is not True:
        return str(pretrained)
    return "openai" if "openai" in tags and "imagenet" not in tags else "imagenet"


def _torchvision_address(enum: str) -> tuple[str, str]:
    """Return the address of an enum (``ResNet50_Weights.IMAGENET1K_V1``) and the checksum digits in its file name."""
    import torchvision

    url = str(torchvision.models.get_weight(enum).url)
    return url, Path(url).stem.rpartition("-")[2]


def _imagenet_enum(backbone: str) -> str:
    import torchvision

    if backbone not in torchvision.models.list_models():
        raise WeightsError(
            f"there are no ImageNet weights of {backbone!r}: build the network with pretrained=False"
        )
    enum = torchvision.models.get_model_weights(backbone)
    return f"{enum.__name__}.IMAGENET1K_V1"
