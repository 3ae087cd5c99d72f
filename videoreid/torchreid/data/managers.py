"""torchreid's data managers: loaders for training and testing from dataset names."""

from collections.abc import Sequence

from videoreid.data.transforms import ClipTransform
from videoreid.errors import ConfigError
from videoreid.torchreid.data.base_manager import DataManager
from videoreid.torchreid.data.manager_options import ManagerOptions, check_normalisation

__all__ = ["ImageDataManager", "VideoDataManager"]


class VideoDataManager(DataManager):
    """Loaders of video datasets, with torchreid's keywords.

    What differs on purpose: augmentation is drawn once for each clip, loaders give uint8 frames that the model
    normalises, a group of K clips of a person never spreads over two batches, and ``test_splits`` names the protocol of
    each target.

    Args:
        root: folder that holds the datasets; "" means ``VIDEOREID_DATA``.
        sources: datasets to train on, a name or several.
        targets: datasets to test on; None means the sources, an empty list none.
        height: of a frame in pixels.
        width: of a frame in pixels.
        transforms: torchreid's words, a preset, or a `ClipTransform`.
        norm_mean: must be ImageNet's or None: the model normalises.
        norm_std: likewise.
        use_gpu: accepted and ignored: the engine chooses the device.
        split_id: which split, for datasets that have several.
        combineall: also train on the test people; scores on the sources are then meaningless.
        batch_size_train: clips of a training batch.
        batch_size_test: clips of a test batch.
        workers: processes that read, per loader.
        num_instances: K of P x K.
        num_cams: cameras in a batch of "RandomDomainSampler"; 0 is all.
        num_datasets: datasets in a batch of "RandomDatasetSampler"; 0 is all.
        train_sampler: see `manager_options.make_sampler`.
        seq_len: frames of a clip T.
        sample_method: which frames, a rule of `videoreid.data.sampling`.
        seed: of batches, frames and augmentation.

    Raises:
        ConfigError: an unknown option, or one that cannot be met.
        UnknownNameError: no such dataset or rule.
        DatasetError: a dataset is missing or damaged.
    """

    data_type = "video"

    def __init__(  # noqa: PLR0913 - torchreid's own list of keywords
        self,
        root: str = "",
        sources: str | Sequence[str] | None = None,
        targets: str | Sequence[str] | None = None,
        height: int = 256,
        width: int = 128,
        transforms: str | Sequence[str] | ClipTransform | None = "random_flip",
        norm_mean: Sequence[float] | None = None,
        norm_std: Sequence[float] | None = None,
        use_gpu: bool = True,  # noqa: FBT001, FBT002 - torchreid's
        split_id: int = 0,
        combineall: bool = False,  # noqa: FBT001, FBT002 - torchreid's
        batch_size_train: int = 3,
        batch_size_test: int = 3,
        workers: int = 4,
        num_instances: int = 4,
        num_cams: int = 1,
        num_datasets: int = 1,
        train_sampler: str = "RandomSampler",
        seq_len: int = 15,
        sample_method: str = "evenly",
        *,
        seed: int = 0,
    ) -> None:
        check_normalisation(norm_mean, norm_std)
        self.seq_len, self.sample_method = seq_len, sample_method
        options = ManagerOptions(
            root, sources, targets, (height, width), transforms, split_id, combineall,
            (batch_size_train, batch_size_test), workers, num_instances, num_cams, num_datasets, train_sampler, seed,
            num_frames=seq_len, sampling=sample_method,
        )  # fmt: skip
        super().__init__(options)


class ImageDataManager(DataManager):
    """Loaders of image datasets, with torchreid's keywords: every image is a clip of one frame.

    Args:
        root: folder that holds the datasets; "" means ``VIDEOREID_DATA``.
        sources: datasets to train on, a name or several.
        targets: datasets to test on; None means the sources, an empty list none.
        height: of an image in pixels.
        width: of an image in pixels.
        transforms: torchreid's words, a preset, or a `ClipTransform`.
        k_tfm: must be 1: one view of an image.
        norm_mean: must be ImageNet's or None: the model normalises.
        norm_std: likewise.
        use_gpu: accepted and ignored: the engine chooses the device.
        split_id: which split, for datasets that have several.
        combineall: also train on the test people; scores on the sources are then meaningless.
        load_train_targets: also make ``train_loader_t`` of the targets' training images.
        batch_size_train: images of a training batch.
        batch_size_test: images of a test batch.
        workers: processes that read, per loader.
        num_instances: K of P x K.
        num_cams: cameras in a batch of "RandomDomainSampler"; 0 is all.
        num_datasets: datasets in a batch of "RandomDatasetSampler"; 0 is all.
        train_sampler: see `manager_options.make_sampler`.
        train_sampler_t: the same for ``train_loader_t``.
        seed: of batches and augmentation.

    Raises:
        ConfigError: an unknown option, or one that cannot be met.
        UnknownNameError: no such dataset.
        DatasetError: a dataset is missing or damaged.
    """

    data_type = "image"

    def __init__(  # noqa: PLR0913 - torchreid's own list of keywords
        self,
        root: str = "",
        sources: str | Sequence[str] | None = None,
        targets: str | Sequence[str] | None = None,
        height: int = 256,
        width: int = 128,
        transforms: str | Sequence[str] | ClipTransform | None = "random_flip",
        k_tfm: int = 1,
        norm_mean: Sequence[float] | None = None,
        norm_std: Sequence[float] | None = None,
        use_gpu: bool = True,  # noqa: FBT001, FBT002 - torchreid's
        split_id: int = 0,
        combineall: bool = False,  # noqa: FBT001, FBT002 - torchreid's
        load_train_targets: bool = False,  # noqa: FBT001, FBT002 - torchreid's
        batch_size_train: int = 32,
        batch_size_test: int = 32,
        workers: int = 4,
        num_instances: int = 4,
        num_cams: int = 1,
        num_datasets: int = 1,
        train_sampler: str = "RandomSampler",
        train_sampler_t: str = "RandomSampler",
        *,
        seed: int = 0,
    ) -> None:
        if k_tfm != 1:
            raise ConfigError(f"k_tfm={k_tfm}: an image is augmented once; make two datasets for two views")
        check_normalisation(norm_mean, norm_std)
        options = ManagerOptions(
            root, sources, targets, (height, width), transforms, split_id, combineall,
            (batch_size_train, batch_size_test), workers, num_instances, num_cams, num_datasets, train_sampler, seed,
            train_sampler_t=train_sampler_t if load_train_targets else None,
        )  # fmt: skip
        super().__init__(options)
