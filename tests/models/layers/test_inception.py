"""Inception blocks keep or halve the map."""

import torch

from videoreid.models.layers.conv_block import ConvBlock
from videoreid.models.layers.inception import InceptionA, InceptionB


def test_sizes() -> None:
    x = torch.rand(2, 8, 10, 6)
    assert InceptionA(8, 16)(x).shape == (2, 16, 10, 6)
    assert InceptionB(8, 16)(x).shape == (2, 16, 5, 3)


def test_conv_block_pads_each_axis_for_itself() -> None:
    x = torch.rand(2, 3, 10, 6)
    assert ConvBlock(3, 4, (1, 3))(x).shape == (2, 4, 10, 6)
    assert ConvBlock(3, 4, (3, 1), stride=2)(x).shape == (2, 4, 5, 3)
    assert ConvBlock(3, 4).conv.bias is not None
