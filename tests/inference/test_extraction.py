import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from torch import nn

from videoreid.engine import embed_frames, extract_features, step
from videoreid.errors import ConfigError, ProtocolError
from videoreid.functional import normalise_frames
from videoreid.inference.eval_copy import eval_copy
from videoreid.losses import SoftmaxCriterion
from videoreid.models import build_model
from videoreid.types import Clip


def by_hand(world, model, dataset):
    model.eval()
    with torch.no_grad():
        rows = [model(normalise_frames(clip.frames[None], world.MEAN, world.STD))[0] for clip in dataset]
    return torch.stack(rows)


def test_one_embedding_per_tracklet_with_its_ids_and_times(world):
    torch.manual_seed(0)
    model, data = world.Net(dropout=0.5), world.Clips()
    features = extract_features(model, world.loader(data, 5), progress=False)
    assert torch.allclose(
        features.embeddings, by_hand(world, model, [data[i] for i in range(len(data))]), atol=1e-6
    )
    assert features.pids.tolist() == [t.pid for t in data.tracklets]
    assert features.camids.tolist() == [t.camid for t in data.tracklets]
    assert features.times.tolist() == [t.time for t in data.tracklets]
    assert features.end_times.tolist() == [t.end_time for t in data.tracklets]


def test_clips_of_one_tracklet_are_averaged_in_any_order(world):
    torch.manual_seed(0)
    model, data = world.Net(), world.Clips(3, 2, clips=3)
    expected = by_hand(world, model, [data[i] for i in range(len(data))]).view(6, 3, -1).mean(1)
    for options in ({}, {"shuffle": True}):
        features = extract_features(model, world.loader(data, 4, **options), progress=False)
        assert torch.allclose(features.embeddings, expected, atol=1e-6)
        assert features.pids.tolist() == [t.pid for t in data.tracklets]


def test_ids_come_from_the_clips_where_the_loader_has_no_tracklets(world):
    batches = list(world.loader(world.Clips(3, 2)))
    features = extract_features(world.Net(), batches, progress=False)
    assert features.pids.tolist() == [0, 1, 2, 0, 1, 2]
    assert features.camids.tolist() == [0, 0, 0, 1, 1, 1]
    assert features.times.tolist() == [0, 1, 2, 3, 4, 5]
    assert np.isnan(features.end_times).all()


def test_flip_adds_the_mirrored_frames():
    class Corner(nn.Module):
        def __init__(self):
            super().__init__()
            self.anchor = nn.Parameter(torch.zeros(1))

        def forward(self, frames):
            return frames[:, 0, :, 0, 0] * self.training + frames[:, 0, :, 0, 0]

    frames = torch.rand(2, 1, 3, 4, 4)
    model = Corner().eval()
    both = embed_frames(model, frames, flip=True)
    assert torch.allclose(both, frames[:, 0, :, 0, 0] + frames[:, 0, :, 0, -1])


@pytest.mark.parametrize("fails", [False, True])
def test_the_model_itself_is_not_switched(world, fails):
    model = world.Net(norm=True, dropout=0.5)
    model.train()
    model.norm.eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    seen = []

    def look(module, args):
        seen.append((any(m.training for m in module.modules()), model.training, model.norm.training))
        if fails:
            raise ValueError("in the middle")

    model.register_forward_pre_hook(look)
    if fails:
        with pytest.raises(ValueError, match="in the middle"):
            extract_features(model, world.loader(), progress=False)
    else:
        extract_features(model, world.loader(), progress=False)
    assert set(seen) == {(False, True, False)}, "what runs is in eval mode, the model is as it was"
    assert model.training
    assert model.classifier.training
    assert not model.norm.training
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_a_recorder_hears_of_the_extraction(world):
    class Recorder:
        def __init__(self):
            self.shapes = []

        def record(self, module, args, output):
            self.shapes.append(tuple(output.shape))

    recorder, model = Recorder(), world.Net()
    model.body.register_forward_hook(recorder.record)
    extract_features(model, world.loader(batch_size=12), progress=False)
    assert recorder.shapes == [(12, 8), (12, 8)]


@pytest.mark.parametrize("threads", [2, 5])
def test_threads_share_a_model_and_leave_it_alone(world, threads):
    """One slow camera and several quick ones, which begin and end in the middle of it, again and again."""
    torch.manual_seed(0)
    model, data = world.Net(norm=True, dropout=0.5), world.Clips()
    for clip in world.loader(data):  # statistics that are not the initial ones
        model(normalise_frames(clip.frames, world.MEAN, world.STD))
    batches = list(world.loader(data, 6))
    expected = extract_features(model, batches, progress=False).embeddings
    before = {name: value.clone() for name, value in model.state_dict().items()}
    turn = threading.Barrier(threads)

    def camera(number):
        for batch in batches if number == 0 else batches[:1]:
            turn.wait(30)
            yield batch
            turn.wait(30)

    def work(number):
        rounds = 1 if number == 0 else len(batches)
        found = [extract_features(model, camera(number), progress=False).embeddings for _ in range(rounds)]
        modes.append([module.training for module in model.modules()])
        return found

    modes = []
    with ThreadPoolExecutor(threads) as pool:
        results = list(pool.map(work, range(threads)))
    assert torch.equal(results[0][0], expected)
    assert all(torch.equal(rows, expected[:6]) for found in results[1:] for rows in found)
    assert all(all(mode) for mode in modes), "train mode all the time"
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_extraction_while_another_thread_trains_moves_no_statistics_of_its_own(world):
    """Statistics after training are those of training alone, bit by bit."""

    def trained(*, beside):
        torch.manual_seed(0)
        model = world.Net(norm=True)
        batches = list(world.loader())
        for clip in batches:
            with ThreadPoolExecutor(1) as pool:
                other = pool.submit(extract_features, model, batches, progress=False) if beside else None
                model(normalise_frames(clip.frames, world.MEAN, world.STD))
            if other is not None:
                other.result()
        return model.state_dict()

    alone, beside = trained(beside=False), trained(beside=True)
    assert all(torch.equal(alone[name], beside[name]) for name in alone)


class Averaged(torch.optim.swa_utils.AveragedModel):
    """An average that was never updated holds the weights it began with."""


WRAPPERS = {
    "parallel": nn.DataParallel,
    "averaged": Averaged,
    "compiled": lambda model: torch.compile(model, backend="eager"),
    "compiled parallel": lambda model: torch.compile(nn.DataParallel(model), backend="eager"),
    "compiled inside": lambda model: nn.DataParallel(torch.compile(model, backend="eager")),
}


@pytest.mark.parametrize("wrap", WRAPPERS.values(), ids=WRAPPERS)
def test_wrappers_are_looked_through(world, wrap):
    torch.manual_seed(0)
    model, data = world.Net(norm=True), world.loader()
    expected = extract_features(model, data, progress=False).embeddings
    wrapped = wrap(model)
    before = {name: value.clone() for name, value in wrapped.state_dict().items()}
    assert torch.allclose(extract_features(wrapped, data, progress=False).embeddings, expected, atol=1e-6)
    assert all(module.training for module in wrapped.modules())
    assert all(torch.equal(value, before[name]) for name, value in wrapped.state_dict().items())


def test_cameras_and_normalisation_are_found_in_a_wrapper():
    class Cameras(nn.Module):
        uses_cameras, pixel_mean, pixel_std = True, (0.0, 0.0, 0.0), (1 / 255, 1 / 255, 1 / 255)

        def forward(self, frames, camids):
            return torch.stack([camids.float(), frames[:, 0, 0, 0, 0]], dim=1)

    frames = torch.full((2, 1, 3, 4, 4), 7, dtype=torch.uint8)
    embedded = embed_frames(nn.DataParallel(Cameras()).eval(), frames, torch.tensor([3, -1]))
    torch.testing.assert_close(embedded, torch.tensor([[3.0, 7.0], [-1.0, 7.0]]))


def test_a_device_is_for_the_extraction_alone(world):
    model = world.Net(norm=True)
    before = [parameter.data_ptr() for parameter in model.parameters()]
    assert (
        extract_features(model, world.loader(), device="cpu", progress=False).embeddings.device.type == "cpu"
    )
    copied = eval_copy(model, "meta")
    assert all(tensor.device.type == "meta" for tensor in copied.state_dict().values())
    assert [parameter.data_ptr() for parameter in model.parameters()] == before
    assert all(tensor.device.type == "cpu" for tensor in model.state_dict().values())
    shared = eval_copy(model)
    assert [parameter.data_ptr() for parameter in shared.parameters()] == before, (
        "no second copy of the weights"
    )


def test_a_model_in_train_mode_is_not_embedded_with(world):
    model = world.Net(norm=True)
    before = model.norm.running_mean.clone()
    with pytest.raises(ConfigError, match=r"Net is in train mode: call model.eval\(\)"):
        embed_frames(model, next(iter(world.loader())).frames)
    assert torch.equal(model.norm.running_mean, before)


@pytest.mark.parametrize("change", ["half", "double", "bfloat16", "default"])
def test_other_float_types(change):
    torch.manual_seed(0)
    frames = torch.randint(0, 256, (4, 1, 3, 64, 32), dtype=torch.uint8)
    clips = [Clip(frames[i : i + 2], *[torch.arange(2)] * 3, torch.arange(i, i + 2)) for i in (0, 2)]
    model = build_model("osnet_x0_25", num_classes=3)
    exact = extract_features(model, clips, progress=False).embeddings
    if change == "default":
        weights = model.state_dict()
        try:
            torch.set_default_dtype(torch.float64)
            model = build_model("osnet_x0_25", num_classes=3)
            model.load_state_dict(weights)
            found = extract_features(model, clips, progress=False).embeddings
            assert isinstance(step(model.train(), SoftmaxCriterion(), clips[0])["loss"].item(), float)
        finally:
            torch.set_default_dtype(torch.float32)
        assert next(model.parameters()).dtype == torch.float64
    else:
        found = extract_features(getattr(model, change)(), clips, progress=False).embeddings
    assert found.dtype == torch.float32
    assert torch.nn.functional.cosine_similarity(found, exact).min() > 0.999


def test_a_traced_network_says_how_it_normalises(world):
    torch.manual_seed(0)
    model, data = world.Net().eval(), world.loader()
    traced = torch.jit.trace(model, torch.rand(6, 2, 3, 8, 4))
    with pytest.raises(ConfigError, match=r"traced\.pixel_mean = model\.pixel_mean"):
        extract_features(traced, data, progress=False)
    traced.pixel_mean, traced.pixel_std = model.pixel_mean, model.pixel_std
    expected = extract_features(model, data, progress=False).embeddings
    assert torch.allclose(extract_features(traced, data, progress=False).embeddings, expected, atol=1e-6)


def test_bfloat16_is_near_and_comes_back_as_float32(world):
    torch.manual_seed(0)
    model, data = world.Net(), world.loader()
    exact = extract_features(model, data, progress=False).embeddings
    rough = extract_features(model, data, precision="bfloat16", progress=False).embeddings
    assert rough.dtype == torch.float32
    assert not torch.equal(rough, exact)
    assert torch.allclose(rough, exact, atol=0.05)


def test_errors(world):
    with pytest.raises(ConfigError, match="unknown precision 'float8'"):
        extract_features(world.Net(), world.loader(), precision="float8", progress=False)
    with pytest.raises(ProtocolError, match="no clip"):
        extract_features(world.Net(), [], progress=False)
    model = world.Net()
    nn.init.constant_(model.body.weight, torch.nan)
    with pytest.raises(ProtocolError, match="NaN"):
        extract_features(model, world.loader(), progress=False)


def test_a_model_that_uses_cameras_is_given_them_and_no_other_is():
    class Cameras(nn.Module):
        uses_cameras = True

        def __init__(self):
            super().__init__()
            self.anchor = nn.Parameter(torch.zeros(1))

        def forward(self, frames, camids):
            return torch.stack([camids, camids + frames[:, 0, 0, 0, 0]], dim=1).float()

    model, camids = Cameras().eval(), torch.tensor([3, -1])
    embedded = embed_frames(model, torch.zeros(2, 1, 3, 4, 4), camids, flip=True)
    assert torch.equal(embedded, torch.tensor([[6.0, 6.0], [-2.0, -2.0]]))
    model.uses_cameras = False
    with pytest.raises(TypeError, match="camids"):
        embed_frames(model, torch.zeros(2, 1, 3, 4, 4), camids)
