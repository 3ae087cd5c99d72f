import pytest
import torch

from videoreid.models.layers.coordinate_attention import ClipCoordinateAttention


@pytest.mark.parametrize(("length", "height", "width"), [(4, 3, 2), (1, 2, 5), (3, 1, 1)])
def test_gates_by_loops_over_positions(length: int, height: int, width: int) -> None:
    torch.manual_seed(0)
    module = ClipCoordinateAttention(16).eval()
    maps = torch.randn(2 * length, 16, height, width)
    answer = module(maps, length).unflatten(0, (2, length))
    clips = maps.unflatten(0, (2, length))

    def profile(vector: torch.Tensor, last: torch.nn.Module) -> torch.Tensor:
        hidden = module.bn(module.squeeze(vector[None, :, None, None, None]))
        hidden = hidden * torch.nn.functional.relu6(hidden + 3) / 6
        return torch.sigmoid(last(hidden)).flatten()

    for b in range(2):
        clip = clips[b]  # (T, C, h, w)
        for t in range(length):
            for y in range(height):
                for x in range(width):
                    gate = (
                        profile(clip[:, :, y].mean((0, 2)), module.height)
                        * profile(clip[:, :, :, x].mean((0, 2)), module.width)
                        * profile(clip[t].mean((1, 2)), module.time)
                    )
                    assert torch.allclose(answer[b, t, :, y, x], clip[t, :, y, x] * gate, atol=1e-5)


def test_starts_near_one_eighth() -> None:
    torch.manual_seed(0)
    maps = torch.ones(4, 64, 4, 2)
    ratio = ClipCoordinateAttention(64).eval()(maps, 4).mean()
    assert abs(ratio.item() - 1 / 8) < 0.02
