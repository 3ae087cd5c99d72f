from collections.abc import Iterator

import pytest
import torch

from tests.data.datasets.dataset_imitations import write_market1501, write_mars, write_prid2011
from videoreid.data.datasets import DATASETS
from videoreid.data.transforms import ClipTransform, HorizontalFlip, RandomTranslation2D, Resize
from videoreid.errors import ConfigError, UnknownNameError
from videoreid.torchreid.data.manager_options import make_transform
from videoreid.torchreid.data.managers import ImageDataManager, VideoDataManager
from videoreid.torchreid.data.registration import register_video_dataset
from videoreid.types import Clip


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> str:
    root = tmp_path_factory.mktemp("datasets")
    write_mars(root / "mars")
    write_prid2011(root / "prid2011")
    write_market1501(root / "market1501")
    return str(root)


def video(root: str, **options: object) -> VideoDataManager:
    chosen = {"sources": "mars", "height": 32, "width": 16, "seq_len": 2, "workers": 0, **options}
    return VideoDataManager(root, **chosen)  # type: ignore[arg-type]


def test_the_words_of_torchreid_make_loaders(root: str) -> None:
    manager = video(root, sources=["mars"], batch_size_train=2, batch_size_test=4)
    assert (manager.num_train_pids, manager.num_train_cams, manager.data_type) == (2, 4, "video")
    clips = list(manager.train_loader)
    assert len(clips) == 2  # five tracklets, whole batches of two
    assert all(isinstance(clip, Clip) for clip in clips)
    assert clips[0].frames.shape == (2, 2, 3, 32, 16)
    assert clips[0].frames.dtype == torch.uint8
    query, gallery = (manager.test_loader["mars"][part] for part in ("query", "gallery"))
    assert sorted(torch.cat([clip.index for clip in query]).tolist()) == [0, 1, 2]
    assert torch.cat([clip.pid for clip in gallery]).tolist() == [0, 2, 2, 5, 9]
    assert manager.test_splits["mars"].protocol == "mars_official"
    assert [len(part) for part in manager.fetch_test_loaders("mars")] == [3, 5]


def test_sources_and_targets_may_differ(root: str) -> None:
    manager = video(root, sources=["mars", "prid2011"], targets=["prid2011"], split_id=1)
    assert manager.num_train_pids == 2 + 3
    assert manager.num_train_cams == 4 + 2
    assert list(manager.test_loader) == ["prid2011"]
    assert manager.test_splits["prid2011"].name == "prid2011/split1"
    with pytest.raises(ConfigError, match="'mars' is not a target of this manager; its targets are prid2011"):
        manager.fetch_test_loaders("mars")


def test_combineall_adds_the_test_people(root: str) -> None:
    assert video(root, combineall=True).num_train_pids == 2 + 3


def test_identity_batches(root: str) -> None:
    manager = video(root, train_sampler="RandomIdentitySampler", batch_size_train=4, num_instances=2)
    for clip in manager.train_loader:
        assert sorted(clip.pid.tolist()) == [0, 0, 1, 1]


def test_every_tracklet_once_with_the_random_sampler(root: str) -> None:
    loader = video(root, batch_size_train=1).train_loader
    orders = []
    for epoch in (0, 0, 1, 2):
        loader.set_epoch(epoch)
        orders.append([int(clip.index) for clip in loader])
    assert all(sorted(order) == list(range(5)) for order in orders)
    assert orders[0] == orders[1]
    assert len({tuple(order) for order in orders}) > 1


def test_datasets_and_cameras_share_batches(root: str) -> None:
    both = video(
        root,
        sources=["mars", "prid2011"],
        train_sampler="RandomDatasetSampler",
        num_datasets=2,
        batch_size_train=4,
    )
    for clip in both.train_loader:
        assert sorted(pid >= 2 for pid in clip.pid.tolist()) == [False, False, True, True]
    cameras = video(
        root, sources="prid2011", train_sampler="RandomDomainSampler", num_cams=2, batch_size_train=2
    )
    for clip in cameras.train_loader:
        assert sorted(clip.camid.tolist()) == [0, 1]


def test_in_order(root: str) -> None:
    loader = video(root, train_sampler="SequentialSampler", batch_size_train=2).train_loader
    assert torch.cat([clip.index for clip in loader]).tolist() == [0, 1, 2, 3, 4]
    loader.set_epoch(3)
    assert len(list(loader)) == 3


def test_images_are_clips_of_one_frame(root: str) -> None:
    manager = ImageDataManager(
        root,
        sources="market1501",
        height=32,
        width=16,
        batch_size_train=3,
        workers=0,
        transforms=["random_crop"],
    )
    clip = next(iter(manager.train_loader))
    assert clip.frames.shape == (3, 1, 3, 32, 16)
    assert manager.data_type == "image"
    assert manager.train_loader_t is None


def test_training_images_of_targets(root: str) -> None:
    options = {"height": 32, "width": 16, "batch_size_train": 2, "workers": 0, "load_train_targets": True}
    manager = ImageDataManager(root, sources="mars", targets="market1501", **options)  # type: ignore[arg-type]
    assert manager.train_loader_t is not None
    assert len(next(iter(manager.train_loader_t)).pid) == 2
    with pytest.raises(ConfigError, match="mars is a source and a target"):
        ImageDataManager(root, sources="mars", **options)  # type: ignore[arg-type]


@pytest.fixture
def forget_names() -> Iterator[None]:
    before = dict(DATASETS._entries)
    yield
    DATASETS._entries.clear()
    DATASETS._entries.update(before)


def test_a_registered_dataset_can_be_a_source(root: str, forget_names: None) -> None:
    from videoreid.data.datasets import build_dataset

    register_video_dataset("again", lambda root: build_dataset("mars", root))
    assert video(root, sources="again").num_train_pids == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sources": None}, "name at least one dataset"),
        ({"transforms": "random_patch"}, "unknown transforms 'random_patch'; choose from random_flip"),
        ({"train_sampler": "Random"}, "unknown train_sampler 'Random'; choose from RandomSampler"),
        ({"norm_mean": [0.5, 0.5, 0.5]}, "normalised by the model"),
        ({"norm_std": [1.0, 1.0, 1.0]}, "normalised by the model"),
        ({"batch_size_train": 9}, "5 training tracklets fill no batch of 9"),
        ({"split_id": 17, "sources": "prid2011"}, "no split_id 17"),
    ],
)
def test_options_that_cannot_be_met_are_refused(root: str, options: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        video(root, **options)


def test_an_unknown_dataset_or_rule_is_refused(root: str) -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'mars'"):
        video(root, sources="marz")
    with pytest.raises(UnknownNameError):
        video(root, sample_method="evenlyy")
    with pytest.raises(ConfigError, match="k_tfm=2"):
        ImageDataManager(root, sources="market1501", k_tfm=2)


def test_imagenet_normalisation_may_be_named(root: str) -> None:
    assert video(root, norm_mean=[0.485, 0.456, 0.406], norm_std=[0.229, 0.224, 0.225]).num_train_pids == 2


def test_a_target_without_queries_is_refused(root: str, forget_names: None) -> None:
    from videoreid.data.datasets import build_dataset
    from videoreid.types import Splits

    register_video_dataset("train_only", lambda root: Splits("x", build_dataset("mars", root).train))
    with pytest.raises(ConfigError, match="target 'train_only' has no query"):
        video(root, sources="train_only")
    manager = video(root, sources="train_only", targets=[])
    assert (manager.test_loader, manager.targets) == ({}, [])
    assert len(manager.train_loader) > 0


def test_transforms_by_word_preset_and_hand() -> None:
    steps = make_transform(
        ["random_flip", "random_crop", "color_jitter", "random_erase"], (32, 16), train=True
    ).steps
    names = [type(step).__name__ for step in steps]
    assert names == ["RandomTranslation2D", "HorizontalFlip", "ColorJitter", "RandomErasing"]
    assert make_transform(None, (32, 16), train=True).steps == ClipTransform([Resize((32, 16))]).steps
    assert (
        make_transform("random_crop", (32, 16), train=False).steps == ClipTransform([Resize((32, 16))]).steps
    )
    own = ClipTransform([RandomTranslation2D((8, 4)), HorizontalFlip()])
    assert make_transform(own, (32, 16), train=True) is own
    assert make_transform("strong", (32, 16), train=True).steps[0] == Resize((32, 16))
