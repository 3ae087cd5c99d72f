import torch

from videoreid.models.layers.range_aggregation import (
    GlobalReference,
    RangeFeatures,
    StepwiseFusion,
    average_windows,
)


def test_windows_by_hand() -> None:
    clip = torch.tensor([[1.0, 3.0, 5.0, 9.0, 2.0]])
    assert average_windows(clip, 2).tolist() == [[2.0, 7.0, 2.0]]
    assert average_windows(clip, 5).tolist() == [[4.0]]
    assert average_windows(clip, 1).tolist() == clip.tolist()


def test_range_features_by_loops() -> None:
    torch.manual_seed(0)
    module = RangeFeatures(32, 3).eval()
    maps = torch.rand(1, 5, 32, 3, 2)
    still = module.squeeze(maps[0])
    moved = module.shift(still)
    features = module(maps, [1, 2, 5])
    assert [feature.shape[1] for feature in features] == [5, 3, 1]
    for size, gate, feature in zip([1, 2, 5], module.gates, features, strict=True):
        gap = min(size, 4)
        gated = []
        for t in range(5):
            motion = torch.zeros(2)
            for other in (t + gap, t - gap):
                if 0 <= other < 5:
                    motion = motion + (moved[other] - still[t]).abs().mean((1, 2))
            gated.append(maps[0, t] * (1 + torch.tanh(gate(motion[None])[0])[:, None, None]))
        for window in range(feature.shape[1]):
            chosen = gated[window * size : (window + 1) * size]
            assert torch.allclose(feature[0, window], torch.stack(chosen).mean(0), atol=1e-5)


def test_a_still_clip_has_no_motion() -> None:
    module = RangeFeatures(32, 1).eval()
    torch.nn.init.dirac_(module.shift.weight, groups=2)
    maps = torch.rand(2, 1, 32, 3, 2).expand(-1, 4, -1, -1, -1)
    torch.nn.init.zeros_(module.gates[0][1].bias)
    assert torch.allclose(module(maps, [1])[0], maps, atol=1e-5)


def test_the_reference_gates_begin_open() -> None:
    torch.manual_seed(0)
    module = GlobalReference(32)
    windows = torch.rand(2, 3, 32, 4, 2)
    gated = module(windows, windows.mean(1))
    assert gated.shape == windows.shape
    assert torch.allclose(gated, windows, atol=0.1)


def test_the_reference_judges_each_window_alone() -> None:
    module = GlobalReference(32).eval()
    windows, reference = torch.rand(2, 3, 32, 4, 2), torch.rand(2, 32, 4, 2)
    alone = module(windows[1:, 2:], reference[1:])
    assert torch.allclose(module(windows, reference)[1:, 2:], alone, atol=1e-6)


def test_fusion_groups_windows_and_starts_as_their_mean() -> None:
    torch.manual_seed(0)
    module = StepwiseFusion(32).eval()
    shorter = torch.rand(2, 5, 32, 4, 2)
    longer = average_windows(shorter, 2)
    fused = module(shorter, longer, 2)
    assert fused.shape == (2, 3, 32, 4, 2)
    assert torch.allclose(fused, longer, atol=0.3)
    changed = shorter.clone()
    changed[:, 4] += 1  # belongs to the last group alone
    assert torch.allclose(module(changed, longer, 2)[:, :2], fused[:, :2], atol=1e-6)
    assert not torch.allclose(module(changed, longer, 2)[:, 2], fused[:, 2], atol=1e-3)
