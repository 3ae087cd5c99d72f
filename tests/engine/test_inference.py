import numpy as np
import pytest
import torch
from torch import nn

from videoreid.engine import embed_frames, extract_features
from videoreid.errors import ConfigError, ProtocolError
from videoreid.functional import normalise_frames


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
def test_modes_are_restored_even_those_that_differ(world, fails):
    model = world.Net(norm=True)
    model.train()
    model.norm.eval()
    seen = []

    def look(module, args):
        seen.append(any(m.training for m in model.modules()))
        if fails:
            raise ValueError("in the middle")

    model.register_forward_pre_hook(look)
    if fails:
        with pytest.raises(ValueError, match="in the middle"):
            extract_features(model, world.loader(), progress=False)
    else:
        extract_features(model, world.loader(), progress=False)
    assert not any(seen)
    assert model.training
    assert model.classifier.training
    assert not model.norm.training


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
