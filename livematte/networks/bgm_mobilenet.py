"""MobileNetV2 (Sandler et al., arXiv 1801.04381) to 1/16, as the encoder of Background Matting V2.

Its keys are torchvision's: within a block each convolution with its norm and ReLU6 is a sequence of its own.
"""

from torch import Tensor, nn

from livematte.networks.mobilenet import tapped
from livematte.networks.mobilenet_v2 import STAGES, InvertedResidual, conv_norm

TAPS = (1, 3, 6, 17)  # the features handed on: 16, 24, 32 and 320 channels at 1/2, 1/4, 1/8 and 1/16
_DILATED = 14  # the block that has no stride here; those behind it are dilated instead


class MobileNetV2(nn.Module):
    """(N, channels, h, w) to the four features of TAPS, sizes rounded up."""

    def __init__(self, *, channels: int) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Sequential(*conv_norm(channels, 32, 3, stride=2))]
        channels = 32
        for stage in STAGES:
            for repeat in range(stage.repeats):
                stride = stage.stride if repeat == 0 and len(layers) < _DILATED else 1
                dilation = 2 if len(layers) > _DILATED else 1
                layers.append(_Block(channels, stage.channels, stride=stride, expansion=stage.expansion, dilation=dilation))
                channels = stage.channels
        self.features = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> list[Tensor]:
        return tapped(self.features, x, TAPS)


class _Block(InvertedResidual):
    def __init__(self, channels: int, out: int, *, stride: int, expansion: int, dilation: int) -> None:
        super().__init__(channels, out, stride=stride, expansion=expansion, dilation=dilation)
        *flat, projection, last_norm = self.conv
        threes = (nn.Sequential(*flat[start : start + 3]) for start in range(0, len(flat), 3))
        self.conv = nn.Sequential(*threes, projection, last_norm)
