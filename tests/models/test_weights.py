"""The table of published weights, confronted with the networks that it names."""

import functools
import hashlib
import io
import re
from pathlib import Path

import pytest
import torch
import torchvision

from videoreid.data.sampling import list_sampling_rules
from videoreid.errors import WeightsError
from videoreid.models import MODELS, build_model, list_weights
from videoreid.models import weights as table
from videoreid.models.normalisation import NORMALISATIONS
from videoreid.models.weights import find_weights, resolve_weights

NOT_BUILT_HERE = {"shufflenet"}
TWICE = {"tclnet": 18}  # entries of the last block, of which there are two


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VIDEOREID_HOME", str(tmp_path))
    monkeypatch.setenv("VIDEOREID_OFFLINE", "1")
    return tmp_path


def test_rows_are_complete() -> None:
    rows = list_weights()
    assert len({(row.model, row.tag) for row in rows}) == len(rows)
    assert len([row for row in rows if "deep-person-reid" in row.page]) == 66
    for row in rows:
        assert row.model in MODELS or row.model in NOT_BUILT_HERE
        assert row.source.startswith(("gdrive:", "https:", "torchvision:"))
        assert row.training_data
        assert row.licence
        assert row.normalisation in NORMALISATIONS
        assert row.clip is None or {row.clip.sampling, row.clip.test_sampling} <= set(list_sampling_rules())
        assert row.page.startswith("https:")
        for result in row.results:
            assert 0 < result.mAP < result.rank1 < 100
            assert result.protocol == "cross_camera"
            assert result.distance in ("euclidean", "cosine")


def test_input_sizes_are_those_of_the_networks() -> None:
    rows = [row for row in list_weights() if "deep-person-reid" in row.page and row.input_size]
    for name in {row.model for row in rows}:
        sizes = {row.input_size for row in rows if row.model == name}
        assert sizes == {build_model(name).input_size}


def test_a_reported_result() -> None:
    row = find_weights("osnet_x0_25", "msmt17")
    (result,) = row.results
    assert (result.dataset, result.rank1, result.mAP) == ("MSMT17", 61.4, 29.5)
    assert row.training_data == "MSMT17"


@functools.cache
def torchvision_state(source: str) -> dict[str, torch.Tensor]:
    enum = torchvision.models.get_weight(source.removeprefix("torchvision:"))
    return torchvision.models.get_model(type(enum).__name__.removesuffix("_Weights").lower()).state_dict()


def test_imagenet_weights_fill_every_trunk_that_asks_for_them() -> None:
    with torch.device("meta"):
        for row in list_weights():
            if not row.source.startswith("torchvision:") or row.tag != "imagenet":
                continue
            published = torchvision_state(row.source)
            model = build_model(row.model, 3)
            own = model.state_dict()
            translated = model.translate_state_dict(published)
            twice = TWICE.get(row.model, 0)
            assert len(translated) == len(published) - 2 + twice, (
                f"{row.model}: only the classifier is left out"
            )
            for name, tensor in translated.items():
                assert own[name].shape == tensor.shape, f"{row.model} {name}"


def test_what_exists_is_said() -> None:
    with pytest.raises(
        WeightsError, match=r"no published weights 'mars' for 'osnet_x1_0'; there are: dukemtmcreid.*msmt17"
    ):
        find_weights("osnet_x1_0", "mars")
    with pytest.raises(
        WeightsError, match=r"no weights are published for 'mudeep'.*'msmt17' exists for: .*osnet_x1_0"
    ):
        find_weights("mudeep", "msmt17")
    with pytest.raises(WeightsError, match="no weights are published for 'mudeep'"):
        build_model("mudeep", 3, pretrained=True)
    with pytest.raises(WeightsError, match=r"no weights at nowhere\.pth"):
        build_model("osnet_x0_25", 3, pretrained="nowhere.pth")


def put_into_cache(home: Path, name: str, state: dict[str, torch.Tensor]) -> None:
    buffer = io.BytesIO()
    torch.save(state, buffer)
    (home / "weights").mkdir(exist_ok=True)
    (home / "weights" / name).write_bytes(buffer.getvalue())


def test_a_tag_finds_its_file_in_the_cache(home: Path) -> None:
    donor = build_model("osnet_x0_25", 9)
    put_into_cache(home, "osnet_x0_25_msmt17.pth", donor.state_dict())
    model = build_model("osnet_x0_25", 3, pretrained="msmt17")
    assert torch.equal(model.conv5.conv.weight, donor.conv5.conv.weight)
    recorded = (home / "weights" / "osnet_x0_25_msmt17.pth.sha256").read_text().strip()
    assert recorded == hashlib.sha256((home / "weights" / "osnet_x0_25_msmt17.pth").read_bytes()).hexdigest()


def test_offline_says_what_to_download(home: Path) -> None:
    with pytest.raises(WeightsError, match=r"offline.*osnet_x1_0_msmt17\.pth.*drive\.google\.com/uc\?id="):
        build_model("osnet_x1_0", 3, pretrained="msmt17")
    with pytest.raises(WeightsError, match=r"offline.*download\.pytorch\.org/models/resnet18-f37072fd\.pth"):
        build_model("resnet18", 3, pretrained=True)
    with pytest.raises(WeightsError, match=r"offline.*resnet18-f37072fd\.pth"):
        build_model("gcm_baseline", 3, backbone="resnet18", pretrained=True)
    with pytest.raises(
        WeightsError, match=r"offline.*huggingface\.co/org/repo/resolve/main/net\.safetensors"
    ):
        build_model("resnet18", 3, pretrained="hf:org/repo/net.safetensors")


def test_imagenet_checksum_comes_from_the_file_name(home: Path) -> None:
    put_into_cache(home, "resnet18-f37072fd.pth", {"conv1.weight": torch.ones(1)})
    with pytest.raises(WeightsError, match="expected f37072fd"):
        build_model("resnet18", 3, pretrained=True)


def test_a_file_is_taken_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "net.pth"
    path.touch()
    assert resolve_weights("osnet_x0_25", str(path)) == path
    assert resolve_weights("osnet_x0_25", path) == path


def test_a_tag_wins_over_a_file_of_the_same_name(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "msmt17").touch()
    put_into_cache(home, "osnet_x0_25_msmt17.pth", {"a": torch.ones(1)})
    assert resolve_weights("osnet_x0_25", "msmt17") == home / "weights" / "osnet_x0_25_msmt17.pth"


def test_the_table_is_read_once() -> None:
    assert table._table() is table._table()


def test_a_trunk_without_imagenet_weights_says_so() -> None:
    with pytest.raises(WeightsError, match="resnet18_half"):
        build_model("gcm", backbone="resnet18_half", pretrained=True)


def test_clip_rules_are_the_published_ones() -> None:
    rules = {row.model: row.clip for row in list_weights() if row.clip is not None}
    assert rules == {
        # the configuration of CAViT takes the first frame of each of 8 chunks, in training and in testing
        "cavit_vit_b16": table.ClipRule(8, "rrs_first", "rrs_first"),
        "tfclip_vit_b16": table.ClipRule(8, "restricted", "dense"),
    }


def test_a_row_brings_options_normalisation_and_clip_rule(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = {"backbone": "vit_ti_16", "width": 32}
    donor = build_model("pass_vit_s16", 3, height=384, **small)
    torch.save(donor.state_dict(), tmp_path / "pass.pth")
    asked = []

    def resolve(model: str, tag: str, **options: object) -> Path:
        asked.append((model, tag))
        return tmp_path / "pass.pth"

    monkeypatch.setattr("videoreid.models.factory.resolve_weights", resolve)
    model = build_model("pass_vit_s16", 3, pretrained="msmt17_384", **small)
    assert model.input_size == (384, 32)
    assert model.build_arguments["height"] == 384
    assert model.pixel_mean == (0.5, 0.5, 0.5)
    assert model.clip_rule is None
    assert asked == [("pass_vit_s16", "msmt17_384")]
    clip = find_weights("tfclip_vit_b16", "openai").clip
    assert clip is not None
    assert (clip.frames, clip.sampling, clip.test_sampling) == (8, "restricted", "dense")


def test_true_means_clip_for_networks_that_start_from_it() -> None:
    with pytest.raises(WeightsError, match=r"offline.*ViT-B-16\.pt"):
        resolve_weights("tfclip_vit_b16", True)
    with pytest.raises(WeightsError, match=r"offline.*jx_vit_base_p16_224"):
        resolve_weights("transreid_vit_b16", True)


def test_the_pages_repeat_the_table() -> None:
    docs = Path(__file__).parents[2] / "docs" / "models"
    pages = "\n".join(page.read_text(encoding="utf-8") for page in docs.glob("*.md"))
    for row in list_weights():
        for result in row.results:
            cells = (row.model, f"`{row.tag}`", row.training_data, result.dataset, result.rank1, result.mAP)
            assert f"| {' | '.join(map(str, cells))} |" in pages


def test_rows_hold_the_checksum_that_a_file_name_states() -> None:
    stated = 0
    for row in list_weights():
        url = row.source
        if url.startswith("torchvision:"):
            url = torchvision.models.get_weight(url.removeprefix("torchvision:")).url
        digits = re.search(r"-([0-9a-f]{8,64})\.pth$", url)
        if digits:
            stated += 1
            assert row.sha256 == digits[1], row
    assert stated >= 32
    assert find_weights("resnet50", "imagenet").sha256 == "0676ba61"
    assert find_weights("resnet50_ibn_a", "imagenet").sha256 == "d9d0bb7b"


def test_a_file_that_is_not_the_stated_one_is_refused(home: Path) -> None:
    digits = hashlib.sha256(find_weights("resnet50_ibn_a", "imagenet").source.encode()).hexdigest()[:12]
    put_into_cache(home, f"resnet50_ibn_a-d9d0bb7b-{digits}.pth", {"a": torch.zeros(1)})
    with pytest.raises(WeightsError, match=rf"resnet50_ibn_a-d9d0bb7b-{digits}\.pth.*d9d0bb7b"):
        build_model("resnet50_ibn_a", 3, pretrained=True)
