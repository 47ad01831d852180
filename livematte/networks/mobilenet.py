"""MobileNetV3-Large as an encoder (Howard et al., arXiv 1905.02244), batch norm folded into the convolutions."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from livematte.networks.mobilenet_blocks import BLOCKS, MEAN, STD, TAPS, Block


class Encoder(nn.Module):
    """MobileNetV3-Large to 1/16, less its classifier. (N, 3, h, w) in [0, 1] to the four features of TAPS."""

    mean: Tensor
    std: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(MEAN).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(STD).view(3, 1, 1), persistent=False)
        layers: list[nn.Module] = [conv_norm(3, 16, 3, act=nn.Hardswish, stride=2)]
        channels = 16
        for block in BLOCKS:
            layers.append(InvertedResidual(channels, block))
            channels = block.out
        layers.append(conv_norm(channels, 960, 1, act=nn.Hardswish))
        self.features = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> list[Tensor]:
        return tapped(self.features, (x - self.mean) / self.std, TAPS)


def tapped(layers: nn.Sequential, x: Tensor, taps: Sequence[int]) -> list[Tensor]:
    """What the layers of these numbers give, in order, on the way of x through all of them."""
    features = []
    for index, layer in enumerate(layers):
        x = layer(x)
        if index in taps:
            features.append(x)
    return features


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
