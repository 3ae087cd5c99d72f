"""What a load report says, and the one real checkpoint."""

import logging
from pathlib import Path

import pytest
import torch

from videoreid.errors import WeightsError
from videoreid.models import LoadReport, build_model, load_weights

CHECKPOINT = Path(__file__).parents[3] / "shared" / "data" / "weights" / "osnet_x0_25_msmt17.pth"


def state_of(name: str, num_classes: int, **options: object) -> dict[str, torch.Tensor]:
    return build_model(name, num_classes, **options).state_dict()


def test_everything_fits() -> None:
    model = build_model("osnet_x0_25", 3)
    state = state_of("osnet_x0_25", 3)
    report = load_weights(model, state)
    assert report == LoadReport(loaded=tuple(state))
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())


def test_a_classifier_of_another_size_stays_and_is_reported(caplog: pytest.LogCaptureFixture) -> None:
    model = build_model("osnet_x0_25", 3)
    before = model.classifier.weight.clone()
    with caplog.at_level(logging.INFO, "videoreid.models"):
        report = load_weights(model, state_of("osnet_x0_25", 7))
    assert report.mismatched == {"classifier.weight": ((7, 512), (3, 512)), "classifier.bias": ((7,), (3,))}
    assert not report.missing
    assert not report.unexpected
    assert torch.equal(model.classifier.weight, before)
    (record,) = caplog.records
    assert record.levelno == logging.INFO, "every fine-tuning meets it"
    assert "classifier.weight (7, 512) here (3, 512)" in record.getMessage()


def test_missing_and_unexpected_are_reported(caplog: pytest.LogCaptureFixture) -> None:
    model = build_model("osnet_x0_25", 3)
    state = state_of("osnet_x0_25", 3)
    del state["conv1.conv.weight"]
    state["head.weight"] = torch.ones(1)
    with caplog.at_level(logging.INFO, "videoreid.models"):
        report = load_weights(model, state)
    assert report.missing == ("conv1.conv.weight",)
    assert report.unexpected == ("head.weight",)
    assert "missing 1: conv1.conv.weight" in str(report)
    assert caplog.records[0].levelno == logging.WARNING


def test_batch_counters_of_old_checkpoints_are_not_missed() -> None:
    state = {key: value for key, value in state_of("osnet_x0_25", 3).items() if "num_batches" not in key}
    assert load_weights(build_model("osnet_x0_25", 3), state).missing == ()


def test_a_new_head_is_reported_missing() -> None:
    model = build_model("osnet_x0_25", 3, temporal="attention", neck=True)
    report = load_weights(model, state_of("osnet_x0_25", 3))
    assert {name.split(".")[0] for name in report.missing} == {"temporal", "neck"}
    assert report.unexpected == ("classifier.bias",)


def test_optional_entries_are_told_apart() -> None:
    model = build_model("osnet_x0_25", 3)
    type(model).optional_keys, before = (r"^classifier\.",), type(model).optional_keys
    try:
        state = {key: value for key, value in model.state_dict().items() if "classifier" not in key}
        report = load_weights(model, state)
    finally:
        type(model).optional_keys = before
    assert report.missing == ()
    assert report.optional == ("classifier.weight", "classifier.bias")


def test_weights_of_another_network_are_refused() -> None:
    with pytest.raises(WeightsError, match=r"does not fit OSNet.*layer1\.0.*conv1\.conv\.weight"):
        load_weights(
            build_model("osnet_x0_25", 3), {f"layer1.{i}.conv1.weight": torch.ones(1) for i in range(9)}
        )


def test_imagenet_classifier_of_torchvision_is_left_out() -> None:
    import torchvision

    report = load_weights(build_model("resnet18", 3), torchvision.models.resnet18().state_dict())
    assert set(report.missing) == {"classifier.weight", "classifier.bias"}
    assert not report.unexpected
    assert not report.mismatched


@pytest.mark.skipif(not CHECKPOINT.exists(), reason=f"the published checkpoint is not at {CHECKPOINT}")
def test_a_published_checkpoint() -> None:
    model = build_model("osnet_x0_25", 5)
    report = load_weights(model, CHECKPOINT)
    assert not report.missing
    assert not report.unexpected
    assert set(report.mismatched) == {"classifier.weight", "classifier.bias"}
    assert report.mismatched["classifier.weight"] == ((1041, 512), (5, 512))
    everything = load_weights(build_model("osnet_x0_25", 1041), str(CHECKPOINT))
    assert not everything.mismatched
    via_build = build_model("osnet_x0_25", 5, pretrained=CHECKPOINT)
    assert torch.equal(via_build.conv1.conv.weight, model.conv1.conv.weight)
