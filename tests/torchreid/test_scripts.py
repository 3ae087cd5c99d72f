"""Scripts in torchreid's words, with only the import changed, on the synthetic world in three published layouts."""

import shutil
from collections import defaultdict
from pathlib import Path

import cv2
import numpy as np
import pytest
from scipy.io import savemat

from videoreid import torchreid
from videoreid.data.datasets import build_dataset
from videoreid.data.datasets.synthetic import write_market1501, write_mars

IMAGE_SCRIPT = """
from videoreid import torchreid

datamanager = torchreid.data.ImageDataManager(
    root="reid-data", sources="market1501", targets="market1501", height=64, width=32,
    batch_size_train=8, batch_size_test=20, transforms=["random_flip", "random_crop"], workers=0, {sampler}
)
model = torchreid.models.build_model(
    name="osnet_x0_25", num_classes=datamanager.num_train_pids, loss="{loss}", pretrained=False
)
optimizer = torchreid.optim.build_optimizer(model, optim="adam", lr=0.0003)
scheduler = torchreid.optim.build_lr_scheduler(optimizer, lr_scheduler="single_step", stepsize=20)
engine = torchreid.engine.{engine}(
    datamanager, model, optimizer=optimizer, scheduler=scheduler, label_smooth=True
)
engine.run(save_dir="log/net", max_epoch=1, eval_freq=10, print_freq=10, test_only=False)
engine.run(save_dir="log/net", test_only=True, visrank=True, visrank_topk=5, dist_metric="cosine", rerank=True)
"""

VIDEO_SCRIPT = """
from videoreid import torchreid

datamanager = torchreid.data.VideoDataManager(
    root="reid-data", sources="{dataset}", targets="{dataset}", height=64, width=32, batch_size_train=4,
    batch_size_test=4, seq_len=3, sample_method="evenly", workers=0, {sampler}
)
model = torchreid.models.build_model(
    name="osnet_x0_25", num_classes=datamanager.num_train_pids, loss="{loss}", pretrained=False
)
optimizer = torchreid.optim.build_optimizer(model, optim="adam", lr=0.0003)
scheduler = torchreid.optim.build_lr_scheduler(optimizer, lr_scheduler="single_step", stepsize=20)
engine = torchreid.engine.{engine}(
    datamanager, model, optimizer=optimizer, scheduler=scheduler, label_smooth=True
)
engine.run(max_epoch=1, save_dir="log/net", print_freq=10)
"""

SOFTMAX = {"loss": "softmax", "sampler": ""}
TRIPLET = {"loss": "triplet", "sampler": "train_sampler='RandomIdentitySampler', num_instances=2"}


@pytest.fixture(scope="module")
def datasets(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("datasets") / "reid-data"
    options = {"identities": 12, "seed": 0, "frames": 4}
    write_mars(root / "mars", **options)
    write_market1501(root / "market1501", images=2, **options)
    write_ilidsvid(root / "mars", root / "ilids-vid")
    return root


def write_ilidsvid(mars: Path, target: Path) -> None:
    """Lay the people seen by two cameras out as iLIDS-VID does."""
    splits = build_dataset("mars", mars)
    by_person = defaultdict(dict)
    for part in (splits.train, (*splits.query, *splits.gallery)):
        for tracklet in part:
            if tracklet.pid >= 0 and "/0000/" not in tracklet.frames[0]:
                by_person[Path(tracklet.frames[0]).parent.name].setdefault(tracklet.camid, tracklet)
    people = [list(cameras.values())[:2] for _, cameras in sorted(by_person.items()) if len(cameras) > 1]
    people = people[: len(people) // 2 * 2]
    for number, pair in enumerate(people):
        for camera, tracklet in enumerate(pair, 1):
            folder = target / "i-LIDS-VID" / "sequences" / f"cam{camera}" / f"person{number:03d}"
            folder.mkdir(parents=True)
            for frame, path in enumerate(tracklet.frames):
                cv2.imwrite(str(folder / f"cam{camera}_person{number:03d}_{frame:05d}.png"), cv2.imread(path))
    generator = np.random.default_rng(0)
    order = np.stack([generator.permutation(len(people)) + 1 for _ in range(10)])
    (target / "train-test people splits").mkdir()
    savemat(target / "train-test people splits" / "train_test_splits_ilidsvid.mat", {"ls_set": order})


def run(script: str, datasets: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict:
    monkeypatch.chdir(folder)
    shutil.copytree(datasets, folder / "reid-data")
    namespace: dict = {}
    exec(compile(script, "script.py", "exec"), namespace)
    return namespace


@pytest.mark.parametrize("engine", ["ImageSoftmaxEngine", "ImageTripletEngine"])
def test_image_script(engine, datasets, tmp_path, monkeypatch):
    words = TRIPLET if "Triplet" in engine else SOFTMAX
    result = run(IMAGE_SCRIPT.format(engine=engine, **words), datasets, tmp_path, monkeypatch)
    assert result["engine"].rankings["market1501"].mean_average_precision > 0
    assert (tmp_path / "log" / "net" / "best.pt").exists()
    pictures = list((tmp_path / "log" / "net" / "visrank_market1501").glob("*_pid*_cam*.png"))
    assert pictures
    assert all(path.stat().st_size > 1000 for path in pictures)


@pytest.mark.parametrize(
    ("dataset", "engine"),
    [
        ("mars", "VideoSoftmaxEngine"),
        ("ilidsvid", "VideoTripletEngine"),
        pytest.param("mars", "VideoTripletEngine", marks=pytest.mark.slow),
        pytest.param("ilidsvid", "VideoSoftmaxEngine", marks=pytest.mark.slow),
    ],
)
def test_video_script(dataset, engine, datasets, tmp_path, monkeypatch):
    words = TRIPLET if "Triplet" in engine else SOFTMAX
    result = run(
        VIDEO_SCRIPT.format(engine=engine, dataset=dataset, **words), datasets, tmp_path, monkeypatch
    )
    assert result["engine"].rankings[dataset].mean_average_precision > 0
    assert result["datamanager"].num_train_pids > 1
    assert list((tmp_path / "log" / "net").glob("checkpoint-*.pt"))


OWN_ENGINE = """
from videoreid import torchreid


class OwnEngine(torchreid.engine.Engine):
    def __init__(self, datamanager, model, optimizer, scheduler=None, use_gpu=True):
        super(OwnEngine, self).__init__(datamanager, use_gpu)
        self.model = model
        self.optimizer = optimizer
        self.scheduler = scheduler
        self.register_model("model", model, optimizer, scheduler)
        self.criterion = torchreid.losses.CrossEntropyLoss(
            num_classes=self.datamanager.num_train_pids, use_gpu=self.use_gpu, label_smooth=False
        )
        self.losses = []

    def forward_backward(self, data):
        imgs, pids = self.parse_data_for_train(data)
        assert imgs.shape == (8, 3, 64, 32)
        assert sorted(data) == ["camid", "dsetid", "img", "impath", "pid"]
        if self.use_gpu:
            imgs = imgs.cuda()
            pids = pids.cuda()
        outputs = self.model(imgs)
        loss = self.compute_loss(self.criterion, outputs, pids)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.losses.append(loss.item())
        return {"loss": loss.item(), "acc": torchreid.metrics.accuracy(outputs, pids)[0].item()}


torchreid.utils.set_random_seed(0)
datamanager = torchreid.data.ImageDataManager(
    root="reid-data", sources="market1501", targets="market1501", height=64, width=32, batch_size_train=8,
    batch_size_test=20, transforms=None, workers=0
)
model = torchreid.models.build_model("osnet_x0_25", datamanager.num_train_pids, loss="softmax")
optimizer = torchreid.optim.build_optimizer(model, optim="adam", lr=0.003)
scheduler = torchreid.optim.build_lr_scheduler(optimizer, lr_scheduler="single_step", stepsize=20)
engine = OwnEngine(datamanager, model, optimizer, scheduler)
engine.run(save_dir="log/own", max_epoch=4, print_freq=10)
"""


def test_a_script_with_an_engine_of_its_own(datasets, tmp_path, monkeypatch):
    result = run(OWN_ENGINE, datasets, tmp_path, monkeypatch)
    losses, batches = result["engine"].losses, len(result["datamanager"].train_loader)
    assert len(losses) == 4 * batches
    assert np.mean(losses[-batches:]) < 0.75 * np.mean(losses[:batches])
    assert result["engine"].rankings["market1501"].mean_average_precision > 0
    assert (tmp_path / "log" / "own" / "best.pt").exists()


PUBLISHED = {
    "data": "Dataset ImageDataset VideoDataset register_image_dataset register_video_dataset ImageDataManager "
    "VideoDataManager",
    "data.datasets": "Dataset ImageDataset VideoDataset register_image_dataset register_video_dataset "
    "init_image_dataset init_video_dataset",
    "data.sampler": "build_train_sampler RandomIdentitySampler RandomDomainSampler RandomDatasetSampler",
    "data.transforms": "build_transforms Random2DTranslation RandomErasing ColorAugmentation RandomPatch",
    "engine": "Engine ImageSoftmaxEngine ImageTripletEngine VideoSoftmaxEngine VideoTripletEngine",
    "losses": "CrossEntropyLoss TripletLoss DeepSupervision",
    "metrics": "accuracy compute_distance_matrix evaluate_rank",
    "models": "build_model show_avai_models osnet_x1_0 osnet_ain_x1_0 resnet50 pcb_p6 hacnn mlfn mudeep",
    "optim": "build_optimizer build_lr_scheduler",
    "utils": "AverageMeter MetricMeter Logger RankLogger visualize_ranked_results re_ranking mkdir_if_missing "
    "check_isfile read_json write_json set_random_seed download_url read_image collect_env_info listdir_nohidden "
    "save_checkpoint load_checkpoint resume_from_checkpoint open_all_layers open_specified_layers count_num_param "
    "load_pretrained_weights compute_model_complexity FeatureExtractor",
}


@pytest.mark.parametrize("room", PUBLISHED)
def test_every_published_word_is_there(room):
    place = torchreid
    for part in room.split("."):
        place = getattr(place, part)
    missing = [name for name in PUBLISHED[room].split() if not hasattr(place, name)]
    assert missing == []
