"""Heat over frames: the published mixture in true colours, bars, stripes, and the command."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from videoreid.cli import main
from videoreid.data.datasets.synthetic import write_mars
from videoreid.errors import ConfigError
from videoreid.models import build_model
from videoreid.visual import ActivationMaps, activation_sheet, draw_activation_maps, heat_overlay

FRAME = np.full((2, 3, 3), 100, np.uint8)
PIXELS = torch.full((2, 3, 3, 32, 16), 200, dtype=torch.uint8)


def found(**changes: object) -> ActivationMaps:
    maps = np.zeros((2, 3, 32, 16), np.float32)
    maps[:, :, :8] = 1
    return ActivationMaps(
        **{
            "method": "channels",
            "layer": "conv5",
            "values": maps[..., ::8, ::8],
            "maps": maps,
            "scores": np.ones(2, np.float32),
            **changes,
        }
    )


def test_the_mixture_is_the_published_one_in_true_colours() -> None:
    heat = np.array([[0, 0.5, 1], [0, 0, 0]], np.float32)
    mixed = heat_overlay(FRAME, heat)
    assert mixed[0, 2].tolist() == [116, 40, 40], "hot is red: 0.4 * 100 + 0.6 * (128, 0, 0)"
    assert mixed[0, 0].tolist() == [40, 40, 116], "cold is blue"
    assert mixed[0, 1, 1] == 193, "0.4 * 100 + 0.6 * 255 of green in the middle"
    assert heat_overlay(FRAME, heat, share=0.0).tolist() == FRAME.tolist()


def test_other_colours_and_sizes_are_named() -> None:
    assert heat_overlay(FRAME, np.ones((2, 3), np.float32), colours="viridis")[0, 0, 0] > 150
    with pytest.raises(ConfigError, match="choose one of jet, turbo"):
        heat_overlay(FRAME, np.ones((2, 3), np.float32), colours="rainbow")
    with pytest.raises(ConfigError, match="give equal sizes"):
        heat_overlay(FRAME, np.ones((3, 3), np.float32))


def test_a_sheet_has_the_clip_above_and_its_heat_below() -> None:
    sheet = activation_sheet(found(), PIXELS, height=32)
    # margin 4, label 16, frame 32, gap 4, heat 32, margin 4; two clips; three frames of 16, two gaps of 4
    assert sheet.shape[0] == 2 * (4 + 16 + 32 + 4 + 32 + 4)
    assert sheet[4 + 16 + 5, 4 + 8].tolist() == [200, 200, 200]
    hot, cold = sheet[4 + 16 + 36 + 3, 4 + 8], sheet[4 + 16 + 36 + 28, 4 + 8]
    assert hot[0] > hot[2]
    assert cold[2] > cold[0]


def test_weights_are_bars_under_the_frames() -> None:
    weights = np.array([[0.5, 0.25, 0.25]] * 2, np.float32)
    sheet = activation_sheet(found(method="attention", frame_weights=weights), PIXELS, height=32)
    top = 4 + 16 + 32 + 4 + 32
    blue = [
        int((sheet[top : top + 26, 4 + 20 * frame + 8] == (40, 90, 170)).all(1).sum()) for frame in range(3)
    ]
    assert blue == [23, 12, 12], "24 rows, 1 of them the grey line at a third; half of them"


def test_parts_are_divided_and_pairs_stand_side_by_side() -> None:
    parts = np.full((2, 4), 0.25, np.float32)
    plain = activation_sheet(found(), PIXELS, height=32)
    divided = activation_sheet(found(method="parts", part_scores=parts), PIXELS, height=32)
    heat = slice(4 + 16 + 36, 4 + 16 + 68)
    white = (divided[heat, 4 + 8] == 255).all(1).nonzero()[0].tolist()
    assert white == [7, 8, 15, 16, 23, 24]
    pair = found(method="pair", other=found(method="pair"))
    beside = activation_sheet(pair, PIXELS, other=PIXELS, height=32)
    assert beside.shape[0] == plain.shape[0]
    assert beside[4 + 16 + 5, 4 + 56 + 16 + 8].tolist() == [200, 200, 200]


def test_normalised_frames_are_drawn_as_pixels() -> None:
    mean, std = (0.5, 0.5, 0.5), (0.25, 0.25, 0.25)
    floats = (PIXELS.float() / 255 - 0.5) / 0.25
    drawn = activation_sheet(found(), floats, height=32, normalisation=(mean, std))
    np.testing.assert_array_equal(drawn, activation_sheet(found(), PIXELS, height=32))


def test_a_picture_is_written_and_wrong_ones_are_named(tmp_path: Path) -> None:
    draw_activation_maps(found(), PIXELS, tmp_path / "maps.png", height=32)
    image = cv2.imread(str(tmp_path / "maps.png"))[..., ::-1]
    np.testing.assert_array_equal(image, activation_sheet(found(), PIXELS, height=32))
    with pytest.raises(ConfigError, match=r"\.png or \.jpg"):
        draw_activation_maps(found(), PIXELS, tmp_path / "maps.gif")
    with pytest.raises(ConfigError, match="give the clips that they were made from"):
        draw_activation_maps(found(), PIXELS[:, :2], tmp_path / "other.png")
    assert [path.name for path in tmp_path.iterdir()] == ["maps.png"]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("world")
    write_mars(folder / "mars", identities=4, seed=0, frames=3)
    torch.manual_seed(0)
    torch.save(build_model("osnet_x0_25").state_dict(), folder / "weights.pth")
    return folder


def test_the_command_draws_tracklets_of_a_dataset(world: Path, capsys: pytest.CaptureFixture[str]) -> None:
    common = ["show", "activation", "mars", str(world / "mars"), "--model", "osnet_x0_25"]
    common += ["--weights", str(world / "weights.pth"), "--size", "64", "32", "--frames", "2"]
    output = ["--output", str(world / "maps.png")]
    assert main([*common, "--method", "pair", "--rows", "0", "1", "--other", "0", *output]) == 0
    assert "ActivationMaps('pair', layer 'conv5', 2 clips x 2 frames" in capsys.readouterr().out
    # two frames of 64 x 128, a wider gap, two frames of the other; the frames are drawn 128 high
    assert cv2.imread(str(world / "maps.png")).shape == (
        2 * (4 + 16 + 128 + 4 + 128 + 4),
        2 * 132 + 16 + 8,
        3,
    )
    for extra, says in [
        (["--rows", "999"], "there is no row of query 999"),
        (["--method", "gradcam"], "unknown method 'gradcam'"),
        (["--video", "a.avi"], "--video and --tracks belong together"),
        (["--video", "a.avi", "--tracks", "a.txt"], "give a dataset"),
    ]:
        assert main([*common, *extra, *output]) == 2
        assert says in capsys.readouterr().err
