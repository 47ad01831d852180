"""MODNet (Ke et al., arXiv 2011.11961): alpha of portraits from one picture, by three branches that learned three tasks.

Low resolution: where the person is. High resolution: how the outline runs. Fusion: both into alpha. Names are those of the author's
checkpoints, in which the encoder stands twice, as the network's and as the low-resolution branch's: one module under two names.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from livematte.networks.mobilenet_v2 import TAP_CHANNELS, Encoder

_HIGH = 32  # channels of the high-resolution branch


class MODNet(nn.Module):
    """A picture to its alpha.

    src: (B, 3, H, W) float in [-1, 1], RGB, sides multiples of 32 (modnet_input.network_size). Gives pha (B, 1, H, W) in [0, 1]."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = Backbone()
        self.lr_branch = LowResolution(self.backbone)
        self.hr_branch = HighResolution()
        self.f_branch = Fusion()

    def forward(self, src: Tensor) -> Tensor:
        f2, f4, lr8 = self.lr_branch(src)
        pha: Tensor = self.f_branch(src, lr8, self.hr_branch(src, f2, f4, lr8))
        return pha


class Backbone(nn.Module):
    """The encoder under the name that it has in the checkpoints."""

    def __init__(self) -> None:
        super().__init__()
        self.model = Encoder()

    def forward(self, src: Tensor) -> list[Tensor]:
        features: list[Tensor] = self.model(src)
        return features


class LowResolution(nn.Module):
    """What the picture holds, at 1/8: the coarsest feature, weighed by channel, taken up twice. Gives f2, f4 and lr8."""

    def __init__(self, backbone: Backbone) -> None:
        super().__init__()
        _, _, eighth, sixteenth, coarsest = TAP_CHANNELS
        self.backbone = backbone
        self.se_block = SqueezeExcite(coarsest, coarsest // 4)
        self.conv_lr16x = ConvIBN(coarsest, sixteenth, 5)
        self.conv_lr8x = ConvIBN(sixteenth, eighth, 5)
        self.conv_lr = ConvIBN(eighth, 1, 3, stride=2, plain=True)  # the coarse mask, which only training looks at

    def forward(self, src: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        f2, f4, _, _, f32 = self.backbone(src)
        lr16 = self.conv_lr16x(_double(self.se_block(f32)))
        return f2, f4, self.conv_lr8x(_double(lr16))


class HighResolution(nn.Module):
    """The outline, at 1/2: fine features and the picture itself, told by lr8 where to look."""

    def __init__(self) -> None:
        super().__init__()
        half, quarter, eighth, _, _ = TAP_CHANNELS
        self.tohr_enc2x = ConvIBN(half, _HIGH, 1)
        self.conv_enc2x = ConvIBN(_HIGH + 3, _HIGH, 3, stride=2)
        self.tohr_enc4x = ConvIBN(quarter, _HIGH, 1)
        self.conv_enc4x = ConvIBN(2 * _HIGH, 2 * _HIGH, 3)
        self.conv_hr4x = _chain(2 * _HIGH + eighth + 3, 2 * _HIGH, 2 * _HIGH, _HIGH)
        self.conv_hr2x = _chain(2 * _HIGH, 2 * _HIGH, _HIGH, _HIGH, _HIGH)
        self.conv_hr = nn.Sequential(ConvIBN(_HIGH + 3, _HIGH, 3), ConvIBN(_HIGH, 1, 1, plain=True))  # the detail, for training only

    def forward(self, src: Tensor, f2: Tensor, f4: Tensor, lr8: Tensor) -> Tensor:
        half, quarter = (F.interpolate(src, scale_factor=scale, mode="bilinear", align_corners=False) for scale in (1 / 2, 1 / 4))
        f2 = self.tohr_enc2x(f2)
        hr4 = self.conv_enc2x(torch.cat([half, f2], dim=1))
        hr4 = self.conv_enc4x(torch.cat([hr4, self.tohr_enc4x(f4)], dim=1))
        hr4 = self.conv_hr4x(torch.cat([hr4, _double(lr8), quarter], dim=1))
        hr2: Tensor = self.conv_hr2x(torch.cat([_double(hr4), f2], dim=1))
        return hr2


class Fusion(nn.Module):
    """Alpha at full size from what the two branches know."""

    def __init__(self) -> None:
        super().__init__()
        self.conv_lr4x = ConvIBN(TAP_CHANNELS[2], _HIGH, 5)
        self.conv_f2x = ConvIBN(2 * _HIGH, _HIGH, 3)
        self.conv_f = nn.Sequential(ConvIBN(_HIGH + 3, _HIGH // 2, 3), ConvIBN(_HIGH // 2, 1, 1, plain=True))

    def forward(self, src: Tensor, lr8: Tensor, hr2: Tensor) -> Tensor:
        lr2 = _double(self.conv_lr4x(_double(lr8)))
        f2 = self.conv_f2x(torch.cat([lr2, hr2], dim=1))
        return torch.sigmoid(self.conv_f(torch.cat([_double(f2), src], dim=1)))


class SqueezeExcite(nn.Module):
    """Channels weighted by what the whole picture holds (Hu et al., arXiv 1709.01507)."""

    def __init__(self, channels: int, squeezed: int) -> None:
        super().__init__()
        linear = nn.Linear(channels, squeezed, bias=False), nn.Linear(squeezed, channels, bias=False)
        self.fc = nn.Sequential(linear[0], nn.ReLU(), linear[1], nn.Sigmoid())

    def forward(self, x: Tensor) -> Tensor:
        weights: Tensor = self.fc(x.mean(dim=(2, 3)))
        return x * weights[:, :, None, None]


class ConvIBN(nn.Module):
    """Convolution, instance-batch norm, ReLU; plain: the convolution alone."""

    def __init__(self, channels: int, out: int, kernel: int, *, stride: int = 1, plain: bool = False) -> None:
        super().__init__()
        conv = nn.Conv2d(channels, out, kernel, stride=stride, padding=kernel // 2)
        self.layers = nn.Sequential(conv) if plain else nn.Sequential(conv, InstanceBatchNorm(out), nn.ReLU())

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.layers(x)
        return y


class InstanceBatchNorm(nn.Module):
    """The first half of the channels is normalised by learned statistics, the second by its own over the picture (arXiv 1807.09441)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.bnorm = nn.BatchNorm2d(channels // 2)
        self.inorm = nn.InstanceNorm2d(channels // 2)

    def forward(self, x: Tensor) -> Tensor:
        half = self.bnorm.num_features
        return torch.cat([self.bnorm(x[:, :half]), self.inorm(x[:, half:])], dim=1)


def _chain(*channels: int) -> nn.Sequential:
    """3x3 convolutions from each number of channels to the next."""
    return nn.Sequential(*(ConvIBN(before, after, 3) for before, after in pairwise(channels)))


def _double(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
