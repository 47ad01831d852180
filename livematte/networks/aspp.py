"""Atrous spatial pyramid pooling (Chen et al., arXiv 1706.05587): what lies near, farther and everywhere, joined. Keys as torchvision's."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

OUT = 256  # channels of each branch, and of what they are projected to


class ASPP(nn.Module):
    """(N, channels, h, w) to (N, 256, h, w). rates: dilations of the 3x3 branches."""

    def __init__(self, channels: int, *, rates: Sequence[int]) -> None:
        super().__init__()
        near = nn.Sequential(*_conv_norm(channels, 1))
        around = [nn.Sequential(*_conv_norm(channels, 3, dilation=rate)) for rate in rates]
        everywhere = nn.Sequential(nn.AdaptiveAvgPool2d(1), *_conv_norm(channels, 1))
        self.convs = nn.ModuleList([near, *around, everywhere])
        self.project = nn.Sequential(*_conv_norm(OUT * len(self.convs), 1))

    def forward(self, x: Tensor) -> Tensor:
        parts = [conv(x) for conv in self.convs]
        joined = torch.cat([part.expand(-1, -1, *x.shape[-2:]) for part in parts], dim=1)
        y: Tensor = self.project(joined)
        return y


def _conv_norm(channels: int, kernel: int, *, dilation: int = 1) -> list[nn.Module]:
    padding = (kernel - 1) // 2 * dilation
    return [nn.Conv2d(channels, OUT, kernel, padding=padding, dilation=dilation, bias=False), nn.BatchNorm2d(OUT), nn.ReLU()]
