"""The 3-D ResNet, with convolutions over time, height and width."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from videoreid.errors import ConfigError
from videoreid.models.base import ReIDModel
from videoreid.models.factory import MODELS
from videoreid.models.layers.residual3d import RESNET3D_DEPTHS, ResidualBlock3D, block_of, inflate
from videoreid.types import ReIDOutput

__all__ = ["ResNet3D", "resnet50_3d"]


class ResNet3D(ReIDModel):
    """A ResNet with 3-D convolutions; maps are averaged over time, height and width.

    The pooling of the stem and stages 2, 3 and 4 halve the number of frames: clips of 4 or 16 frames end with 1 frame,
    clips of 32 with 2. Weights trained on Kinetics can be loaded, without their classifier. Weights of a 2-D ResNet of
    the same depth (ImageNet's, or the trunk of a network of this library) become the middle frame of every kernel,
    with zeros at the other frames, so a clip of one repeated frame has the embedding of the image. Weights spread
    evenly over time, as first published, need maps with more frames than the kernels; here the last maps of a clip of 4
    frames have one frame.

    Args:
        num_classes: number of training identities K.
        backbone: "resnet18", "resnet34", "resnet50" or "resnet101"; or "resnet18_half", with half the channels, for
            small machines.
        height: height of the input in pixels; any size works.
        width: width of the input in pixels.

    Raises:
        ConfigError: unknown backbone.

    Reference:
        Hara, Kataoka and Satoh, Can Spatiotemporal 3D CNNs Retrace the History of 2D CNNs and ImageNet?, CVPR 2018;
        for re-identification Gao and Nevatia, 2018, https://arxiv.org/abs/1805.02104; 2-D weights on the middle frame:
        Arnab et al., ViViT, ICCV 2021; spread evenly: Carreira and Zisserman, Quo Vadis, Action
        Recognition?, CVPR 2017, section 2.4
    """

    stages = ("stem", "layer1", "layer2", "layer3", "layer4", "classifier")
    map_layer = "layer4"
    key_rules = (
        (r"^(?:backbone\.)?conv1\.", "stem.0."),
        (r"^(?:backbone\.)?bn1\.", "stem.1."),
        (r"^backbone\.(layer[1-4])\.", r"\1."),
        (r"^fc\.", None),
    )

    def __init__(
        self, num_classes: int, *, backbone: str = "resnet50", height: int = 224, width: int = 112
    ) -> None:
        super().__init__()
        if backbone not in RESNET3D_DEPTHS:
            raise ConfigError(f"unknown backbone {backbone!r}; choose one of {', '.join(RESNET3D_DEPTHS)}")
        block = block_of(backbone)
        self.input_size = (height, width)
        channels = first = 32 if backbone == "resnet18_half" else 64
        self.stem = nn.Sequential(
            nn.Conv3d(3, first, 7, stride=(1, 2, 2), padding=3, bias=False),
            nn.BatchNorm3d(first),
            nn.ReLU(inplace=True),
            nn.MaxPool3d(3, stride=2, padding=1),
        )
        for stage, blocks in enumerate(RESNET3D_DEPTHS[backbone]):
            width_, stride = first * 2**stage, 1 if stage == 0 else 2
            layer = _stage(block, channels, width_, blocks, stride)
            channels = width_ * block.expansion
            setattr(self, f"layer{stage + 1}", layer)
        self.embedding_dim = channels
        self.classifier = nn.Linear(channels, num_classes)
        for module in self.modules():
            if isinstance(module, nn.Conv3d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out")

    def forward_clips(self, frames: Tensor) -> ReIDOutput:
        """Run the network; see `ReIDModel.forward_clips`."""
        maps = self.stem(frames.transpose(1, 2))  # (B, T, 3, H, W) -> (B, 64, T', h, w)
        for stage in range(1, 5):
            maps = getattr(self, f"layer{stage}")(maps)
        embedding = maps.mean((2, 3, 4))
        return ReIDOutput(embedding, (self.classifier(embedding),), (embedding,))

    def translate_state_dict(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the state dict of a 3-D or a 2-D network under our names, with 2-D kernels inflated."""
        own = self.state_dict()
        return {
            name: inflate(value, own[name].shape[2])
            if value.ndim == 4 and name in own and own[name].ndim == 5
            else value
            for name, value in super().translate_state_dict(state).items()
        }


def _stage(
    block: type[ResidualBlock3D], channels: int, width: int, blocks: int, stride: int
) -> nn.Sequential:
    layers = [block(channels, width, stride=stride, frames=3, time_stride=stride)]
    layers += [block(width * block.expansion, width, frames=3) for _ in range(blocks - 1)]
    return nn.Sequential(*layers)


@MODELS.register("resnet50_3d")
def resnet50_3d(num_classes: int = 1, **options: Any) -> ResNet3D:
    """Build the 3-D ResNet-50; see `ResNet3D`."""
    return ResNet3D(num_classes, **options)
