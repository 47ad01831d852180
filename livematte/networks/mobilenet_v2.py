"""MobileNetV2 (Sandler et al., arXiv 1801.04381) as an encoder: five features, from 1/2 to 1/32 of the picture.

Batch norm stands by itself, as in the checkpoints of those who build on it: a block is `conv`, one flat list of convolution, norm and
ReLU6; the whole is `features`. The classifier is left out.
"""

from typing import NamedTuple

from torch import Tensor, nn

from livematte.networks.mobilenet import tapped


class Stage(NamedTuple):
    """A run of inverted residuals, of which the first takes the stride and changes the channels."""

    expansion: int
    channels: int
    repeats: int
    stride: int


STAGES = (
    Stage(1, 16, 1, 1),
    Stage(6, 24, 2, 2),
    Stage(6, 32, 3, 2),
    Stage(6, 64, 4, 2),
    Stage(6, 96, 3, 1),
    Stage(6, 160, 3, 2),
    Stage(6, 320, 1, 1),
)
TAPS = (1, 3, 6, 13, 18)  # the last layer at each scale
TAP_CHANNELS = (16, 24, 32, 96, 1280)


class Encoder(nn.Module):
    """(B, 3, H, W), normalised, sides multiples of 32, to the features of TAPS at 1/2, 1/4, 1/8, 1/16 and 1/32."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Sequential(*conv_norm(3, 32, 3, stride=2))]
        channels = 32
        for stage in STAGES:
            for repeat in range(stage.repeats):
                stride = stage.stride if repeat == 0 else 1
                layers.append(InvertedResidual(channels, stage.channels, stride=stride, expansion=stage.expansion))
                channels = stage.channels
        layers.append(nn.Sequential(*conv_norm(channels, TAP_CHANNELS[-1], 1)))
        self.features = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> list[Tensor]:
        return tapped(self.features, x, TAPS)


class InvertedResidual(nn.Module):
    """Expand, filter by channel, project linearly; plus the input where shapes agree."""

    def __init__(self, channels: int, out: int, *, stride: int, expansion: int, dilation: int = 1) -> None:
        super().__init__()
        wide = channels * expansion
        layers = [] if expansion == 1 else conv_norm(channels, wide, 1)
        layers += conv_norm(wide, wide, 3, stride=stride, dilation=dilation, groups=wide)
        layers += conv_norm(wide, out, 1)[:2]
        self.conv = nn.Sequential(*layers)
        self.residual = stride == 1 and channels == out

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.conv(x)
        return x + y if self.residual else y


def conv_norm(channels: int, out: int, kernel: int, *, stride: int = 1, dilation: int = 1, groups: int = 1) -> list[nn.Module]:
    """Convolution without bias, norm, ReLU6."""
    padding = (kernel - 1) // 2 * dilation
    conv = nn.Conv2d(channels, out, kernel, stride=stride, padding=padding, dilation=dilation, groups=groups, bias=False)
    return [conv, nn.BatchNorm2d(out), nn.ReLU6()]
