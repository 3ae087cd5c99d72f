"""ONNX files and transformers' models as parsers."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from videoreid.errors import ConfigError, MissingExtraError, WeightsError
from videoreid.parsing import LABEL_TABLES
from videoreid.parsing.onnx_parser import OnnxParser
from videoreid.parsing.transformers_parser import transformers_parser

TABLE = LABEL_TABLES["seed7"]


class Brightest(nn.Module):
    """Class 1 where red is the largest channel, 2 green, 3 blue; half the size comes out."""

    def forward(self, images: Tensor) -> Tensor:
        small = nn.functional.avg_pool2d(images, 2)
        none = torch.full_like(small, -9.0)
        return torch.cat([none[:, :1], small, none], dim=1)


def exported(folder: Path) -> Path:
    pytest.importorskip("onnxscript", reason="ONNX export needs the [export] extra")
    path = folder / "brightest.onnx"
    torch.onnx.export(Brightest().eval(), (torch.rand(1, 3, 16, 8),), path, dynamo=True, verbose=False)
    return path


@pytest.mark.slow
def test_onnx(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime", reason="needs the [export] extra")
    path = exported(tmp_path)
    flat = {"mean": (0.0, 0.0, 0.0), "std": (1.0, 1.0, 1.0), "size": (16, 8)}
    parser = OnnxParser(path=path, table=TABLE, **flat)  # type: ignore[arg-type]
    images = [np.zeros((32, 16, 3), np.uint8), np.zeros((20, 20, 3), np.uint8)]
    images[0][..., 0] = 200
    images[1][..., 2] = 200
    first, second = parser(images)
    assert first.shape == (32, 16)
    assert (first == 1).all()
    assert (second == 3).all()
    swapped = OnnxParser(path=path, table=TABLE, channel_order="bgr", **flat)  # type: ignore[arg-type]
    assert (swapped(images)[0] == 3).all()
    assert "brightest.onnx at 16x8" in parser.description
    with pytest.raises(ConfigError, match=r"expected \(N, 20, h, w\)"):
        OnnxParser(path=path, table="lip20", **flat)(images)


def test_onnx_files_that_are_none(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime", reason="needs the [export] extra")
    with pytest.raises(WeightsError, match="no parser at"):
        OnnxParser(path=tmp_path / "absent.onnx", table=TABLE, size=(16, 8))
    (tmp_path / "bad.onnx").write_bytes(b"no network")
    with pytest.raises(WeightsError, match="cannot be run"):
        OnnxParser(path=tmp_path / "bad.onnx", table=TABLE, size=(16, 8))


def test_transformers_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "transformers", None)
    with pytest.raises(MissingExtraError, match=r"videoreid\[parsing\]"):
        transformers_parser("anything")


@pytest.mark.slow
def test_transformers(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers", reason="needs the [parsing] extra")
    names = dict(enumerate(TABLE.classes))
    config = transformers.SegformerConfig(
        num_encoder_blocks=2,
        depths=[1, 1],
        sr_ratios=[2, 1],
        hidden_sizes=[8, 16],
        patch_sizes=[7, 3],
        strides=[4, 2],
        num_attention_heads=[1, 2],
        mlp_ratios=[2, 2],
        decoder_hidden_size=16,
        id2label=names,
        label2id={name: number for number, name in names.items()},
    )
    torch.manual_seed(0)
    transformers.SegformerForSemanticSegmentation(config).save_pretrained(tmp_path)
    transformers.SegformerImageProcessor(size={"height": 32, "width": 32}).save_pretrained(tmp_path)
    parser = transformers_parser(str(tmp_path))
    assert parser.table.classes == TABLE.classes
    images = [
        np.random.default_rng(0).integers(0, 256, (24, 12, 3)).astype(np.uint8),
        np.zeros((9, 17, 3), np.uint8),
    ]
    maps = parser(images)
    assert [labels.shape for labels in maps] == [(24, 12), (9, 17)]
    assert all(labels.max() < 7 for labels in maps)
    assert transformers_parser(str(tmp_path), table="seed7").table.swap_pairs == TABLE.swap_pairs
    with pytest.raises(WeightsError, match="cannot load"):
        transformers_parser(str(tmp_path / "absent"), local_files_only=True)
