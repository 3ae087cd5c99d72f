"""Weights find their network through wrappers and prefixes; those of another network are refused."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from videoreid.engine import Engine, TrainSettings
from videoreid.errors import WeightsError
from videoreid.losses import SoftmaxCriterion
from videoreid.models import build_model, from_pretrained, load_weights, save_pretrained
from videoreid.optim import build_optimizer
from videoreid.types import Clip

NAME = "osnet_x0_25"


@pytest.fixture(scope="module")
def donor() -> nn.Module:
    torch.manual_seed(7)
    return build_model(NAME, 4)


def state(donor: nn.Module) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in donor.state_dict().items()}


def equal(model: nn.Module, donor: nn.Module) -> bool:
    own, other = model.state_dict(), donor.state_dict()
    return all(torch.equal(own[name], other[name]) for name in other)


PREFIXES = ["", "module.", "_orig_mod.", "model.", "net.", "backbone.", "module._orig_mod.", "_orig_mod.module.",
            "model.net.", "module.model.backbone.", "model._orig_mod.module."]  # fmt: skip


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
@pytest.mark.parametrize("prefix", PREFIXES)
def test_prefixes_come_off_on_every_path(donor: nn.Module, tmp_path: Path, prefix: str, suffix: str) -> None:
    written = {f"{prefix}{name}": value for name, value in state(donor).items()}
    path = tmp_path / f"net{suffix}"
    save_file(written, path) if suffix == ".safetensors" else torch.save(written, path)
    for source in (path, str(path), written):
        model = build_model(NAME, 4)
        report = load_weights(model, source)
        assert equal(model, donor)
        assert (report.missing, report.unexpected, dict(report.mismatched)) == ((), (), {})


NESTINGS: dict[str, Callable[[dict[str, Tensor]], dict[str, Any]]] = {
    "state_dict in model": lambda s: {"model": {"state_dict": s, "epoch": 3}},
    "model in state_dict": lambda s: {
        "state_dict": {"model": s},
        "optimizer": {"state": {0: {"exp": torch.ones(1)}}},
    },
    "net in net": lambda s: {"net": {"net": s}},
    "ema before the trained": lambda s: {
        "state_dict": {n: v + 1 for n, v in s.items()},
        "ema": {"module": s},
    },
    "no ema": lambda s: {"ema": None, "model_ema": {}, "model": s},
    "shadow of an ema": lambda s: {"model": {"x": torch.ones(1)}, "ema": {"decay": 0.9, "shadow": s}},
    "averaged": lambda s: {
        "ema": {"n_averaged": torch.tensor(3), **{f"module.{n}": v for n, v in s.items()}}
    },
    "lightning": lambda s: {
        "state_dict": {f"model.{n}": v for n, v in s.items()},
        "hyper_parameters": {"lr": 0.1},
    },
}


@pytest.mark.parametrize("nest", NESTINGS.values(), ids=NESTINGS)
def test_any_nesting_comes_off(donor: nn.Module, tmp_path: Path, nest: Callable[..., dict[str, Any]]) -> None:
    torch.save(nest(state(donor)), tmp_path / "net.ckpt")
    model = build_model(NAME, 4)
    report = load_weights(model, tmp_path / "net.ckpt")
    assert equal(model, donor)
    assert (report.missing, report.unexpected, dict(report.mismatched)) == ((), (), {})


def test_entries_beside_the_network_are_reported(donor: nn.Module) -> None:
    written = {f"model.{name}": value for name, value in state(donor).items()}
    report = load_weights(
        build_model(NAME, 4), {"state_dict": {**written, "criterion.centers": torch.ones(4, 2)}}
    )
    assert report.unexpected == ("criterion.centers",)


def test_key_and_prefix_for_the_rest(donor: nn.Module) -> None:
    weights = state(donor)
    other = {name: value + 1 for name, value in weights.items()}
    content = {
        "epoch": 3,
        "nets": {"teacher": {f"visual.{name}": value for name, value in weights.items()}, "student": other},
        "ema": other,
        "state_dict": weights,
    }
    for options in (
        {"key": "nets.teacher", "prefix": "visual"},
        {"key": "nets.teacher", "prefix": "visual."},
        {"key": "state_dict"},
    ):
        model = build_model(NAME, 4)
        load_weights(model, content, **options)  # type: ignore[arg-type]
        assert equal(model, donor)
    model = build_model(NAME, 4)
    with pytest.raises(WeightsError, match=r"has no entry 'nets\.tutor': it holds teacher, student"):
        load_weights(model, content, key="nets.tutor")
    with pytest.raises(WeightsError, match=r"has no entry under 'text\.'"):
        load_weights(model, content, key="nets.teacher", prefix="text")


def test_the_prefix_under_which_most_fits_wins_over_a_name_of_the_network() -> None:
    """Networks with a trunk called backbone take their own checkpoints and those of bare trunks, wrapped or not."""
    torch.manual_seed(7)
    donor = build_model("mra", 4, backbone="resnet18")
    whole = donor.state_dict()
    trunk = {name: value for name, value in whole.items() if name.startswith("backbone.")}
    for given, missing in ((whole, False), (trunk, True)):
        for prefix in ("", "model.", "module.net."):
            model = build_model("mra", 4, backbone="resnet18")
            report = load_weights(model, {f"{prefix}{name}": value for name, value in given.items()})
            assert bool(report.missing) == missing
            assert all(torch.equal(model.state_dict()[name], value) for name, value in given.items())


OTHERS = [
    ("osnet_x1_0", {}, NAME, {}),
    ("mobilenetv2_x1_4", {}, "mobilenetv2_x1_0", {}),
    ("osnet_x1_0", {}, "osnet_ain_x1_0", {}),
    ("resnet34", {}, "resnet18", {}),
    ("resnet18", {}, "resnet34", {}),
    (NAME, {}, "mobilenetv2_x1_0", {}),
    ("tracklet_vit", {"backbone": "vit_ti_16"}, "tracklet_vit", {"backbone": "vit_s_16"}),
]


@pytest.mark.parametrize(("name", "options", "other", "other_options"), OTHERS)
def test_other_networks_are_refused_and_nothing_is_changed(
    name: str, options: dict[str, Any], other: str, other_options: dict[str, Any], tmp_path: Path
) -> None:
    weights = build_model(name, 751, **options).state_dict()
    model = build_model(other, 751, **other_options)
    before = state(model)
    torch.save(weights, tmp_path / "net.pt")
    save_file({key: value.clone() for key, value in weights.items()}, tmp_path / "net.safetensors")
    for source in (weights, tmp_path / "net.pt", tmp_path / "net.safetensors"):
        with pytest.raises(WeightsError, match=r"does not fit|is of another network"):
            load_weights(model, source)
        assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


def test_counters_alone_are_no_fit_even_when_asked_for_a_part() -> None:
    model = build_model("mobilenetv2_x1_0", 4)
    with pytest.raises(
        WeightsError, match=r"does not fit MobileNetV2: .*\(44, 3, 3, 3\).*the network has .*\(32, 3, 3, 3\)"
    ):
        load_weights(model, build_model("mobilenetv2_x1_4", 4).state_dict(), partial=True)


def test_a_part_of_a_deeper_network_when_asked_for() -> None:
    donor, model = build_model("resnet34", 4), build_model("resnet18", 4)
    with pytest.raises(WeightsError, match=r"it has 3 layers in layer1, ResNet has 2|layers in layer"):
        load_weights(model, donor.state_dict())
    report = load_weights(model, donor.state_dict(), partial=True)
    assert torch.equal(model.layer1[1].conv1.weight, donor.layer1[1].conv1.weight)
    assert report.unexpected


@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
def test_broken_numbers_are_refused_and_nothing_is_changed(
    donor: nn.Module, tmp_path: Path, value: float
) -> None:
    weights = state(donor)
    weights["conv3.0.conv1.conv.weight"].view(-1)[5] = value
    model = build_model(NAME, 4)
    before = state(model)
    torch.save(weights, tmp_path / "net.pt")
    save_file(weights, tmp_path / "net.safetensors")
    for source in (weights, tmp_path / "net.pt", tmp_path / "net.safetensors"):
        with pytest.raises(
            WeightsError, match=r"NaN or infinite weights, 1 entries: conv3\.0\.conv1\.conv\.weight"
        ):
            load_weights(model, source)
    assert all(torch.equal(entry, before[key]) for key, entry in model.state_dict().items())
    with torch.no_grad():
        model.conv1.conv.weight[0, 0, 0, 0] = value
    with pytest.raises(WeightsError, match="NaN or infinite"):
        save_pretrained(model, tmp_path / "bad.safetensors")
    assert not (tmp_path / "bad.safetensors").exists()


def test_home(donor: nn.Module, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert save_pretrained(donor, "~/nets/a.safetensors") == tmp_path / "nets" / "a.safetensors"
    torch.save(donor.state_dict(), tmp_path / "a.pt")
    for path in ("~/a.pt", Path("~/a.pt"), "~/nets/a.safetensors"):
        model = build_model(NAME, 4)
        load_weights(model, path)
        assert equal(model, donor)
        assert equal(build_model(NAME, 4, pretrained=path), donor)
    assert equal(from_pretrained("~/nets/a.safetensors"), donor)
    with pytest.raises(WeightsError, match="is a folder: give the checkpoint file"):
        load_weights(donor, "~/nets")  # type: ignore[arg-type]


WRAPPERS: dict[str, Callable[[nn.Module], nn.Module]] = {
    "compiled": lambda model: torch.compile(model, backend="eager"),  # type: ignore[return-value]
    "parallel": nn.DataParallel,
    "averaged": AveragedModel,
    "averaged compiled": lambda model: AveragedModel(torch.compile(model, backend="eager")),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("wrap", WRAPPERS.values(), ids=WRAPPERS)
def test_wrapped_networks_are_written_readable_and_can_be_filled(
    donor: nn.Module, tmp_path: Path, wrap: Callable[[nn.Module], nn.Module]
) -> None:
    wrapped = wrap(donor)
    file = save_pretrained(wrapped, tmp_path)
    assert equal(from_pretrained(file), donor)
    torch.save(wrapped.state_dict(), tmp_path / "net.pt")
    model = build_model(NAME, 4)
    report = load_weights(model, tmp_path / "net.pt")
    assert equal(model, donor)
    assert (report.missing, report.unexpected) == ((), ())
    target = wrap(build_model(NAME, 4))
    load_weights(target, donor.state_dict())
    assert all(torch.equal(a, b) for a, b in zip(target.parameters(), donor.parameters(), strict=True))


def test_a_run_with_a_moving_average_gives_the_average(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    torch.manual_seed(0)
    model = build_model(NAME, 4)
    pids = torch.arange(8) % 4
    frames = torch.randint(0, 256, (8, 1, 3, 32, 16), dtype=torch.uint8)
    settings = TrainSettings(ema_decay=0.9)
    engine = Engine(
        model, SoftmaxCriterion(), build_optimizer(model, lr=0.01), settings=settings, device="cpu"
    )
    engine.fit(
        [Clip(frames, pids, pids, pids.double(), torch.arange(8))], 3, output_dir=tmp_path, progress=False
    )
    (checkpoint,) = sorted(tmp_path.glob("checkpoint-*.pt"))[-1:]
    assert engine.ema is not None
    assert not equal(engine.ema.module, model)
    averaged, trained = build_model(NAME, 4), build_model(NAME, 4)
    with caplog.at_level(logging.INFO, "videoreid.models"):
        load_weights(averaged, checkpoint)
    assert equal(averaged, engine.ema.module)
    assert "taking the averaged weights, its entry 'ema'" in caplog.text
    load_weights(trained, checkpoint, key="state_dict")
    assert equal(trained, model)


def test_an_average_of_ones_own_loop(donor: nn.Module) -> None:
    average = AveragedModel(donor, multi_avg_fn=get_ema_multi_avg_fn(0.5), use_buffers=True)
    for _ in range(2):
        average.update_parameters(donor)
    model = build_model(NAME, 4)
    report = load_weights(model, average.state_dict())
    assert equal(model, average.module)
    assert report.unexpected == ()


def test_foreign_networks_are_filled_too() -> None:
    donor, model = (nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3)) for _ in range(2))
    report = load_weights(
        model, {"state_dict": {f"module.{name}": value for name, value in donor.state_dict().items()}}
    )
    assert equal(model, donor)
    assert not report.missing
    with pytest.raises(WeightsError, match="does not fit Sequential"):
        load_weights(model, nn.Sequential(nn.Linear(2, 5), nn.BatchNorm1d(5)).state_dict())
