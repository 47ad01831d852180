"""MobileNetV3-Large as an encoder (Howard et al., arXiv 1905.02244), batch norm folded into the convolutions."""

from typing import NamedTuple

from torch import Tensor, nn
from torch.nn import functional as F


class Block(NamedTuple):
    """One inverted residual. expanded, out: channels; squeeze: with squeeze-excite; hard_swish: else ReLU."""

    kernel: int
    expanded: int
    out: int
    squeeze: bool
    hard_swish: bool
    stride: int
    dilation: int


# The last three are dilated in place of a stride, so the encoder ends at 1/16.
BLOCKS = (
    Block(3, 16, 16, False, False, 1, 1),
    Block(3, 64, 24, False, False, 2, 1),
    Block(3, 72, 24, False, False, 1, 1),
    Block(5, 72, 40, True, False, 2, 1),
    Block(5, 120, 40, True, False, 1, 1),
    Block(5, 120, 40, True, False, 1, 1),
    Block(3, 240, 80, False, True, 2, 1),
    Block(3, 200, 80, False, True, 1, 1),
    Block(3, 184, 80, False, True, 1, 1),
    Block(3, 184, 80, False, True, 1, 1),
    Block(3, 480, 112, True, True, 1, 1),
    Block(3, 672, 112, True, True, 1, 1),
    Block(5, 672, 160, True, True, 1, 2),
    Block(5, 960, 160, True, True, 1, 2),
    Block(5, 960, 160, True, True, 1, 2),
)
TAPS = (1, 3, 6, 16)  # the features handed on: 16, 24, 40 and 960 channels at 1/2, 1/4, 1/8 and 1/16


class Encoder(nn.Module):
    """MobileNetV3-Large to 1/16, less its classifier. (N, 3, h, w), normalised, to the four features of TAPS."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = [conv_norm(3, 16, 3, act=nn.Hardswish, stride=2)]
        channels = 16
        for block in BLOCKS:
            layers.append(InvertedResidual(channels, block))
            channels = block.out
        layers.append(conv_norm(channels, 960, 1, act=nn.Hardswish))
        self.features = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> list[Tensor]:
        taps = []
        for index, layer in enumerate(self.features):
            x = layer(x)
            if index in TAPS:
                taps.append(x)
        return taps


class InvertedResidual(nn.Module):
    """Expand, filter by channel, weigh the channels, project; plus the input where shapes agree."""

    def __init__(self, channels: int, block: Block) -> None:
        super().__init__()
        wide, act = block.expanded, nn.Hardswish if block.hard_swish else nn.ReLU
        layers: list[nn.Module] = [] if wide == channels else [conv_norm(channels, wide, 1, act=act)]
        filtering = conv_norm(wide, wide, block.kernel, act=act, stride=block.stride, dilation=block.dilation, groups=wide)
        layers.append(filtering)
        if block.squeeze:
            layers.append(SqueezeExcite(wide))
        layers.append(conv_norm(wide, block.out, 1, act=nn.Identity))
        self.block = nn.Sequential(*layers)
        self.residual = block.stride == 1 and channels == block.out

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.block(x)
        return x + y if self.residual else y


class SqueezeExcite(nn.Module):
    """Channels weighted by what the whole picture holds."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        squeezed = -(-channels // 32) * 8  # a quarter, rounded up to a multiple of 8
        self.fc1 = nn.Conv2d(channels, squeezed, 1)
        self.fc2 = nn.Conv2d(squeezed, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        return x * F.hardsigmoid(self.fc2(F.relu(self.fc1(F.adaptive_avg_pool2d(x, 1)))))


def conv_norm(
    channels: int, out: int, kernel: int, *, act: type[nn.Module], stride: int = 1, dilation: int = 1, groups: int = 1
) -> nn.Sequential:
    """Convolution (0), the place of the folded norm (1), activation (2)."""
    padding = (kernel - 1) // 2 * dilation
    conv = nn.Conv2d(channels, out, kernel, stride=stride, padding=padding, dilation=dilation, groups=groups)
    return nn.Sequential(conv, nn.Identity(), act())
