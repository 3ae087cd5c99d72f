import json
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from videoreid.errors import CheckpointError, ConfigError
from videoreid.models import build_model
from videoreid.optim import build_lr_scheduler, build_optimizer
from videoreid.torchreid import utils


def test_a_checkpoint_goes_round(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = build_model("osnet_x0_25", num_classes=3)
    optimizer = build_optimizer(model, lr=0.1)
    scheduler = build_lr_scheduler(optimizer, "single_step", stepsize=2)
    scheduler.step()
    state = {
        "state_dict": {f"module.{name}": value for name, value in model.state_dict().items()},
        "epoch": 7,
        "rank1": 0.5,
        "optimizer": optimizer.state_dict(),
        "scheduler": scheduler.state_dict(),
    }
    path = utils.save_checkpoint(state, tmp_path / "log", is_best=True, remove_module_from_keys=True)
    assert path.name == "model.pth.tar-7"
    assert (tmp_path / "log" / "model-best.pth.tar").is_file()
    assert utils.load_checkpoint(path)["rank1"] == 0.5
    torch.manual_seed(1)
    other = build_model("osnet_x0_25", num_classes=3)
    other_optimizer = build_optimizer(other, lr=0.3)
    assert utils.resume_from_checkpoint(path, other, other_optimizer) == 7
    assert other_optimizer.param_groups[0]["lr"] == 0.1
    for name, value in model.state_dict().items():
        assert torch.equal(value, other.state_dict()[name]), name
    third = build_model("osnet_x0_25", num_classes=9)
    utils.load_pretrained_weights(third, path)
    assert torch.equal(third.conv1.conv.weight, model.conv1.conv.weight)


def test_what_is_no_checkpoint_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("no")
    torch.save({"epoch": 3}, tmp_path / "y")
    with pytest.raises(CheckpointError, match="no checkpoint at"):
        utils.load_checkpoint(tmp_path / "absent")
    with pytest.raises(CheckpointError, match="cannot be read"):
        utils.load_checkpoint(tmp_path / "x")
    with pytest.raises(CheckpointError, match="no state_dict"):
        utils.resume_from_checkpoint(tmp_path / "y", torch.nn.Linear(1, 1))


@pytest.mark.parametrize(
    ("name", "parameters", "operations"), [("osnet_x1_0", 2.2e6, 978.9e6), ("osnet_x0_25", 0.2e6, 82.3e6)]
)
def test_complexity_is_the_published_one(name: str, parameters: float, operations: float) -> None:
    """Figures of torchreid's model zoo for 256 x 128; it counts one operation per multiply-add."""
    counted = utils.compute_model_complexity(build_model(name, num_classes=751), (1, 3, 256, 128))
    assert counted[0] == pytest.approx(parameters, rel=0.05)
    assert counted[1] == pytest.approx(operations, rel=0.01)
    with pytest.raises(ConfigError, match="input_size"):
        utils.compute_model_complexity(build_model(name), (256, 128))


def test_meters_by_hand() -> None:
    meter = utils.AverageMeter()
    meter.update(2.0, 3)
    meter.update(6.0)
    assert (meter.val, meter.sum, meter.count, meter.avg) == (6.0, 12.0, 4, 3.0)
    metrics = utils.MetricMeter(delimiter=" | ")
    metrics.update({"loss": torch.tensor(1.0), "acc": 50})
    metrics.update({"loss": 3.0})
    assert str(metrics) == "loss 3.0000 (2.0000) | acc 50.0000 (50.0000)"
    with pytest.raises(ConfigError, match="mapping"):
        metrics.update([1])  # type: ignore[arg-type]


def test_a_logger_writes_twice(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch) -> None:
    with utils.Logger(tmp_path / "log" / "train.log") as logger:
        monkeypatch.setattr(sys, "stdout", logger)
        print("epoch 1")
        logger.flush()
        assert not sys.stdout.isatty()  # progress bars ask the stream they print to
        monkeypatch.undo()
    assert capsys.readouterr().out == "epoch 1\n"
    assert (tmp_path / "log" / "train.log").read_text() == "epoch 1\n"


def test_ranks_are_summarised(capsys: pytest.CaptureFixture[str]) -> None:
    ranks = utils.RankLogger("mars", ["mars", "lsvid"])
    ranks.write("lsvid", 10, 0.5)
    ranks.show_summary()
    assert "lsvid (target)\n- epoch 10\t rank1 50.0%" in capsys.readouterr().out


def test_files(tmp_path: Path) -> None:
    utils.mkdir_if_missing(tmp_path / "a" / "b")
    utils.write_json({"x": [1]}, tmp_path / "a" / "b" / "x.json")
    assert json.loads((tmp_path / "a" / "b" / "x.json").read_text()) == utils.read_json(
        tmp_path / "a/b/x.json"
    )
    (tmp_path / "a" / ".hidden").touch()
    assert utils.listdir_nohidden(tmp_path / "a") == ["b"]
    assert utils.check_isfile(tmp_path / "a/b/x.json")
    assert not utils.check_isfile(tmp_path / "none")
    cv2.imwrite(str(tmp_path / "red.png"), np.full((4, 2, 3), (0, 0, 255), np.uint8))
    image = utils.read_image(tmp_path / "red.png")
    assert image.size == (2, 4)
    assert image.getpixel((0, 0)) == (255, 0, 0)
    with pytest.raises(ConfigError, match="not an https"):
        utils.download_url("ftp://x/y", tmp_path / "y")
    assert "torch: " in utils.collect_env_info()


@pytest.mark.parametrize("data_type", ["image", "video"])
def test_a_picture_for_each_query(data_type: str, tmp_path: Path) -> None:
    entries = []
    for number, (pid, camid) in enumerate([(1, 0), (2, 0), (1, 1), (2, 1)]):
        names = [str(tmp_path / f"{number}_{frame}.png") for frame in range(3)]
        for name in names:
            cv2.imwrite(name, np.full((16, 8, 3), 60 * number, np.uint8))
        entries.append((names[0] if data_type == "image" else tuple(names), pid, camid))
    distances = np.array([[0.1, 0.9], [0.2, 0.8]])
    paths = utils.visualize_ranked_results(
        distances,
        (entries[:2], entries[2:]),
        data_type,
        width=8,
        height=16,
        save_dir=tmp_path / "ranks",
        topk=2,
    )
    assert [path.name for path in paths] == ["0000_pid1_cam0.png", "0001_pid2_cam0.png"]
    assert all(cv2.imread(str(path)) is not None for path in paths)
    with pytest.raises(ConfigError, match="data_type"):
        utils.visualize_ranked_results(distances, (entries[:2], entries[2:]), "photo")
