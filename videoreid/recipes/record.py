"""The record of a published system: network, training, test rule and reported scores."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

__all__ = ["PublishedScore", "Recipe"]


@dataclass(frozen=True, kw_only=True)
class PublishedScore:
    """A score as the authors of a system report it; it was not measured here.

    Args:
        dataset: registered name of the test dataset.
        rank1: in per cent; None if it is not reported.
        mAP: in per cent; None if it is not reported.
        place: where the score is printed.
        split_id: which of ten splits, 0-based; None for a dataset with one split.
        block: "ori" (the network alone), "re" (VPReID's second block: same-camera pairs rank behind all others),
            "re-ranked", "joint" (with the spatial-temporal metric) or "joint, re-ranked".
        rank5: in per cent.
        rank10: in per cent.
        rank20: in per cent.
        remark: what the score depends on beyond the recipe.
    """

    dataset: str
    rank1: float | None
    mAP: float | None = None  # noqa: N815 - its name everywhere
    place: str
    split_id: int | None = None
    block: Literal["ori", "re", "re-ranked", "joint", "joint, re-ranked"] = "ori"
    rank5: float | None = None
    rank10: float | None = None
    rank20: float | None = None
    remark: str = ""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """All settings by which a published system is trained and scored.

    The numbers are the published ones. Where the library corrects a published rule, the corrected rule is the default,
    and ``differs`` names both.

    Args:
        name: of the recipe.
        title: the system in words.
        source: where the system is published.
        model: name of the network, see `videoreid.models.list_models`.
        model_options: its options.
        fixed_size: the network works with one frame size only and takes ``height`` and ``width`` when it is built.
        pretrained: start from ImageNet weights; or a tag, address or file, see `videoreid.models.build_model`.
        height: of the frames, in pixels.
        width: of the frames, in pixels.
        num_frames: frames of a clip T.
        sampling: rule that draws the frames of a training clip, see `videoreid.data.list_sampling_rules`.
        augmentation: name of a preset, see `videoreid.data.list_presets`.
        erase_frames: share of the frames that are erased on the device; the frame-attention loss lowers their scores.
        frames_as_samples: in training, every frame of a clip is a sample of its own.
        dense_step: frames between the starts of the pieces that training tracklets are cut into; None cuts nothing.
        dense_window: frames of a piece; None means ``dense_step``.
        batch_size: clips of a batch.
        instances: tracklets per identity in a batch; 1 takes all tracklets in random order.
        grouping: how batches are filled, see `videoreid.data.PKSampler`.
        label_smoothing: of the cross-entropy, whose weight is 1.
        heads: "mean" or "sum" over the heads of the network.
        triplet_weight: of the batch-hard triplet loss; 0 disables it.
        margin: of the triplet loss.
        triplet_distance: "euclidean" or "cosine".
        center_weight: of the centre loss; 0 disables it.
        center_learning_rate: of the SGD that updates the centres.
        beta: weight of OSM + CAA; the triplet loss has the weight 1 - beta. None disables OSM + CAA.
        osm_vectors: class vectors of OSM + CAA: the class centres, or the weights of the classifier.
        osm_sigma: of OSM + CAA.
        osm_alpha: of OSM + CAA.
        osm_l: of OSM + CAA, the share of negative pairs.
        optimizer: see `videoreid.optim.build_optimizer`.
        learning_rate: of ``new_layers``, or of all layers if there are none.
        weight_decay: L2 penalty.
        nesterov: SGD takes Nesterov momentum.
        new_layers: children of the network that train at ``learning_rate``; empty: all layers do.
        trunk_share: rate of the other layers, divided by ``learning_rate``.
        schedule: "single_step" or "multi_step".
        milestones: epochs at which the rate falls; for "single_step" one number, the epochs between two falls.
        gamma: factor of each fall.
        warmup: "none" or "linear".
        warmup_epochs: length of the warm-up.
        warmup_factor: rate of the first epoch, divided by ``learning_rate``.
        epochs: length of the training.
        validate_every: epochs between two validations.
        validate_from: first epoch (1-based) that a validation may follow.
        seed: of weights, batches, frames and augmentation.
        test_sampling: rule that chooses the frames of the test clips.
        test_batch_size: clips of a test batch.
        distance: by which the gallery is ranked.
        protocol: rules of the scoring; None takes those of the dataset.
        split_id: which of ten splits, 0-based; None takes the default of the dataset.
        reranked: also score after k-reciprocal re-ranking, with exponent 1 on the distance, as published.
        num_bins: of the spatial-temporal histogram; None: there is no histogram.
        differs: remaining differences from the published system, and their reasons.
        variants: settings that are published for one dataset only, by dataset.
        results: scores that the authors report.
    """

    name: str
    title: str
    source: str
    model: str
    model_options: Mapping[str, Any] = field(default_factory=dict)
    fixed_size: bool = False
    pretrained: bool | str = True
    height: int = 256
    width: int = 128
    num_frames: int = 4
    sampling: str = "random_crop"
    augmentation: str = "basic"
    erase_frames: float = 0.0
    frames_as_samples: bool = False
    dense_step: int | None = None
    dense_window: int | None = None
    batch_size: int = 32
    instances: int = 4
    grouping: str = "permutation"
    label_smoothing: float = 0.0
    heads: Literal["mean", "sum"] = "mean"
    triplet_weight: float = 1.0
    margin: float = 0.3
    triplet_distance: Literal["euclidean", "cosine"] = "cosine"
    center_weight: float = 0.0
    center_learning_rate: float = 0.5
    beta: float | None = None
    osm_vectors: Literal["centers", "classifier"] = "centers"
    osm_sigma: float = 0.8
    osm_alpha: float = 1.2
    osm_l: float = 0.5
    optimizer: str = "adam"
    learning_rate: float
    weight_decay: float = 5e-4
    nesterov: bool = False
    new_layers: tuple[str, ...] = ()
    trunk_share: float = 1.0
    schedule: Literal["single_step", "multi_step"]
    milestones: tuple[int, ...]
    gamma: float = 0.1
    warmup: Literal["none", "linear"] = "none"
    warmup_epochs: int = 10
    warmup_factor: float = 0.01
    epochs: int
    validate_every: int = 10
    validate_from: int = 1
    seed: int = 1
    test_sampling: str
    test_batch_size: int = 32
    distance: str = "cosine"
    protocol: str | None = None
    split_id: int | None = None
    reranked: bool = False
    num_bins: int | None = None
    differs: tuple[str, ...] = ()
    variants: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    results: tuple[PublishedScore, ...] = ()

    @property
    def losses(self) -> dict[str, float]:
        """The loss terms and their weights; terms of weight 0 are left out."""
        terms = {
            "cross-entropy": 1.0,
            "triplet": self.triplet_weight * (1.0 if self.beta is None else 1.0 - self.beta),
            "center": self.center_weight,
            "OSM + CAA": self.beta or 0.0,
            "frame attention": 1.0 if self.erase_frames else 0.0,
        }
        return {name: weight for name, weight in terms.items() if weight}

    @property
    def datasets(self) -> tuple[str, ...]:
        """Names of the datasets with published scores or settings."""
        return tuple(dict.fromkeys([*(score.dataset for score in self.results), *self.variants]))

    def on(self, dataset: str) -> "Recipe":
        """Return the recipe with the settings that are published for a dataset; unchanged if there are none."""
        return replace(self, **self.variants.get(dataset, {}))

    def scores_on(self, dataset: str, split_id: int | None = None) -> tuple[PublishedScore, ...]:
        """Return the scores reported on a dataset, on one split of it or on all."""
        return tuple(
            score
            for score in self.results
            if score.dataset == dataset
            and (split_id is None or score.split_id is None or score.split_id == split_id)
        )
