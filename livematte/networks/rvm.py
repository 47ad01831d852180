"""Robust Video Matting (Lin et al., arXiv 2108.11515), as released: with MobileNetV3-Large or ResNet-50 as encoder.

Batch norm is folded: each convolution it followed has a bias instead, and an nn.Identity stands in its place, so that the keys
are those of the author's published .pth less the norms (weights.load folds them). The segmentation head `project_seg`, which only
training uses, is left out.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from livematte.networks.mobilenet import Encoder, conv_norm
from livematte.networks.resnet import ResNet
from livematte.networks.rvm_variants import VARIANTS, Variant


class Recurrent(NamedTuple):
    """State of the four ConvGRUs: (B, C1, h/2, w/2), (B, C2, h/4, w/4), (B, C3, h/8, w/8), (B, C4, h/16, w/16), sizes rounded up; C is
    (16, 20, 40, 64) with mobilenetv3, (16, 32, 64, 128) with resnet50."""

    r1: Tensor
    r2: Tensor
    r3: Tensor
    r4: Tensor


class RVM(nn.Module):
    """Source frames to foreground and alpha, with recurrent state as argument and result. variant: a key of VARIANTS."""

    def __init__(self, variant: str = "mobilenetv3") -> None:
        super().__init__()
        shape = VARIANTS[variant]
        hidden = shape.decoded[-1]
        self.backbone = Encoder() if variant == "mobilenetv3" else ResNet(variant, folded=True)
        self.aspp = LRASPP(shape.deepest, shape.merged)
        self.decoder = Decoder(shape)
        self.project_mat = Projection(hidden, 4)
        self.refiner = Refiner(hidden)

    def forward(self, src: Tensor, rec: Recurrent | None = None, *, downsample_ratio: float = 1.0) -> tuple[Tensor, Tensor, Recurrent]:
        """One frame, or T frames in order, of each of B clips.

        src: (B, 3, H, W) or (B, T, 3, H, W) float in [0, 1], RGB. rec: None starts; else the state that came with the last frame,
        of the same B, H, W and ratio. Gives fgr (as src, straight foreground), pha ((B, 1, H, W) or (B, T, 1, H, W)) in [0, 1], rec.
        """
        flat = src.flatten(0, -4)
        src_sm = _shrink(flat, downsample_ratio)
        coef, rec = self.coefficients(src_sm.view(*src.shape[:-2], *src_sm.shape[-2:]), rec)
        fgr, pha = apply_coefficients(flat, coef.flatten(0, -4))
        return fgr.view(src.shape), pha.view(*src.shape[:-3], *pha.shape[1:]), rec

    def coefficients(self, src_sm: Tensor, rec: Recurrent | None = None) -> tuple[Tensor, Recurrent]:
        """The network up to the refiner's last, full-size step (`apply_coefficients`).

        src_sm: (B, 3, h, w) or (B, T, 3, h, w) float in [0, 1], RGB. Gives coef (B, 8, h, w) or (B, T, 8, h, w): gains A for
        R, G, B and pha, then offsets b for R, G, B and pha; and the next state.
        """
        flat = src_sm.flatten(0, -4)
        steps = src_sm.shape[1] if src_sm.ndim == 5 else 1
        f1, f2, f3, f4 = self.backbone(flat)
        hid, rec = self.decoder(flat, (f1, f2, f3, self.aspp(f4)), rec, steps)
        coef: Tensor = self.refiner(flat, self.project_mat(hid), hid)
        return coef.view(*src_sm.shape[:-3], *coef.shape[1:]), rec


def apply_coefficients(src: Tensor, coef: Tensor) -> tuple[Tensor, Tensor]:
    """The refiner's full-size step: residual_c = A_c · src_c + b_c, fgr = src + residual, pha = A_4 · mean(R, G, B) + b_4.

    src: (B, 3, H, W) in [0, 1]; coef: (B, 8, h, w) of any smaller size. Gives fgr (B, 3, H, W), pha (B, 1, H, W), both in [0, 1].
    The released graph takes this way at ratio 1 too, where the published text speaks of it for reduced sizes only.
    """
    gain, offset = F.interpolate(coef, size=src.shape[-2:], mode="bilinear", align_corners=False).chunk(2, dim=1)
    refined = gain * _with_mean(src) + offset
    return (src + refined[:, :3]).clamp(0, 1), refined[:, 3:].clamp(0, 1)


def _shrink(src: Tensor, ratio: float) -> Tensor:
    """Bilinear without antialiasing, and with the ratio itself as scale rather than the rounded sizes': as the released graph."""
    if ratio == 1:
        return src
    return F.interpolate(src, scale_factor=ratio, mode="bilinear", align_corners=False, recompute_scale_factor=False)


def _with_mean(rgb: Tensor) -> Tensor:
    return torch.cat([rgb, rgb.mean(1, keepdim=True)], dim=1)


class LRASPP(nn.Module):
    """Lite R-ASPP (Howard et al., arXiv 1905.02244): a projection gated by the picture's global average."""

    def __init__(self, channels: int, out: int) -> None:
        super().__init__()
        self.aspp1 = conv_norm(channels, out, 1, act=nn.ReLU)
        self.aspp2 = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(channels, out, 1, bias=False), nn.Sigmoid())

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.aspp1(x) * self.aspp2(x)
        return y


class Decoder(nn.Module):
    """From 1/16 up to the network's full size; the four inner scales each carry a ConvGRU."""

    def __init__(self, shape: Variant) -> None:
        super().__init__()
        half, quarter, eighth = shape.skips
        d3, d2, d1, d0 = shape.decoded
        self.decode4 = Bottleneck(shape.merged)
        self.decode3 = Upsampling(shape.merged, eighth, d3)
        self.decode2 = Upsampling(d3, quarter, d2)
        self.decode1 = Upsampling(d2, half, d1)
        self.decode0 = Output(d1, d0)

    def forward(self, src: Tensor, features: Sequence[Tensor], rec: Recurrent | None, steps: int) -> tuple[Tensor, Recurrent]:
        """src: (B·steps, 3, h, w); features at 1/2, 1/4, 1/8, 1/16. Gives hid (B·steps, 16, h, w) and the next state."""
        half = _halve(src)
        quarter = _halve(half)
        r1, r2, r3, r4 = rec or (None, None, None, None)
        f1, f2, f3, f4 = features
        x, r4 = self.decode4(f4, r4, steps)
        x, r3 = self.decode3(x, f3, _halve(quarter), r3, steps)
        x, r2 = self.decode2(x, f2, quarter, r2, steps)
        x, r1 = self.decode1(x, f1, half, r1, steps)
        return self.decode0(x, src), Recurrent(r1, r2, r3, r4)


class Bottleneck(nn.Module):
    """The coarsest scale: its ConvGRU only."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gru = ConvGRU(channels // 2)

    def forward(self, x: Tensor, rec: Tensor | None, steps: int) -> tuple[Tensor, Tensor]:
        return _half_recurrent(self.gru, x, rec, steps)


class Upsampling(nn.Module):
    """Twice the size, merged with the encoder's feature and the picture of that scale, then a ConvGRU."""

    def __init__(self, channels: int, skip: int, out: int) -> None:
        super().__init__()
        self.conv = conv_norm(channels + skip + 3, out, 3, act=nn.ReLU)
        self.gru = ConvGRU(out // 2)

    def forward(self, x: Tensor, skip: Tensor, src: Tensor, rec: Tensor | None, steps: int) -> tuple[Tensor, Tensor]:
        x = self.conv(torch.cat([_double(x, src), skip, src], dim=1))
        return _half_recurrent(self.gru, x, rec, steps)


class Output(nn.Module):
    """The finest scale, without recurrence."""

    def __init__(self, channels: int, out: int) -> None:
        super().__init__()
        self.conv = nn.Sequential(*conv_norm(channels + 3, out, 3, act=nn.ReLU), *conv_norm(out, out, 3, act=nn.ReLU))

    def forward(self, x: Tensor, src: Tensor) -> Tensor:
        y: Tensor = self.conv(torch.cat([_double(x, src), src], dim=1))
        return y


class ConvGRU(nn.Module):
    """A gated recurrent unit whose products are 3x3 convolutions (Ballas et al., arXiv 1511.06432)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.ih = nn.Sequential(nn.Conv2d(channels * 2, channels * 2, 3, padding=1), nn.Sigmoid())
        self.hh = nn.Sequential(nn.Conv2d(channels * 2, channels, 3, padding=1), nn.Tanh())

    def step(self, x: Tensor, h: Tensor) -> Tensor:
        """r, z = σ(ih[x, h]); c = tanh(hh[x, r·h]); h' = (1 - z)·h + z·c. x, h: (B, C, H, W)."""
        reset, update = self.ih(torch.cat([x, h], dim=1)).chunk(2, dim=1)
        candidate = self.hh(torch.cat([x, reset * h], dim=1))
        new: Tensor = (1 - update) * h + update * candidate
        return new

    def forward(self, clip: Tensor, h: Tensor | None) -> tuple[Tensor, Tensor]:
        """clip: (B, T, C, H, W); h: (B, C, H, W) or None for zeros. Gives the T states and the last of them."""
        h = torch.zeros_like(clip[:, 0]) if h is None else h
        states = []
        for x in clip.unbind(1):
            h = self.step(x, h)
            states.append(h)
        return torch.stack(states, dim=1), h


class Projection(nn.Module):
    """A 1x1 convolution, named as in the published files."""

    def __init__(self, channels: int, out: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, out, 1)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.conv(x)
        return y


class Refiner(nn.Module):
    """Deep guided filter (Wu et al., arXiv 1803.05619): in each 3x3 window the matte is A · guide + b, A learned from the statistics."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        # A box by name only: training moved its weights from 1/9 each to between -0.004 and 0.225.
        self.box_filter = nn.Conv2d(4, 4, 3, padding=1, groups=4, bias=False)
        last = nn.Conv2d(hidden, 4, 1)
        self.conv = nn.Sequential(*conv_norm(8 + hidden, hidden, 1, act=nn.ReLU), *conv_norm(hidden, hidden, 1, act=nn.ReLU), last)

    def forward(self, src_sm: Tensor, mat: Tensor, hid: Tensor) -> Tensor:
        """src_sm: (N, 3, h, w); mat: (N, 4, h, w) foreground residual and alpha; hid: (N, 16, h, w). Gives A and b, (N, 8, h, w)."""
        guide = _with_mean(src_sm)
        mean_x, mean_y = self.box_filter(guide), self.box_filter(mat)
        cov = self.box_filter(guide * mat) - mean_x * mean_y
        var = self.box_filter(guide * guide) - mean_x * mean_x
        gain = self.conv(torch.cat([cov, var, hid], dim=1))
        return torch.cat([gain, mean_y - gain * mean_x], dim=1)


def _halve(x: Tensor) -> Tensor:
    """Mean over 2x2, sizes rounded up; an odd last row or column is averaged over what there is."""
    return F.avg_pool2d(x, 2, 2, ceil_mode=True, count_include_pad=False)


def _double(x: Tensor, like: Tensor) -> Tensor:
    """Twice the size, bilinear, cropped to `like` where that is odd."""
    height, width = like.shape[-2:]
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)[..., :height, :width]


def _half_recurrent(gru: ConvGRU, x: Tensor, rec: Tensor | None, steps: int) -> tuple[Tensor, Tensor]:
    """The second half of the channels goes through the ConvGRU, the first half past it. x: (B·steps, C, H, W)."""
    past, through = x.chunk(2, dim=1)
    states, rec = gru(through.view(-1, steps, *through.shape[1:]), rec)
    return torch.cat([past, states.flatten(0, 1)], dim=1), rec
