"""Background Matting V2 (Lin et al., arXiv 2012.07810), as released: a base network sees source and clean plate at a small size, and a
refiner goes over the patches in which it errs, at full size.

The keys are those of the author's published .pth files, norms and all; norms.fold makes a network that runs faster of one.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from livematte.networks.aspp import ASPP, OUT
from livematte.networks.bgm_mobilenet import MobileNetV2
from livematte.networks.bgm_refiner import HIDDEN, Coarse, Refiner, resize, select
from livematte.networks.norms import norm
from livematte.networks.resnet import ResNet

# Channels of each backbone's features at 1/2, 1/4, 1/8 and 1/16.
BACKBONES = {"mobilenetv2": (16, 24, 32, 320), "resnet50": (64, 256, 512, 2048), "resnet101": (64, 256, 512, 2048)}
STEP = 4  # sides are multiples of this
SEEN = 6  # channels: source and plate side by side


class MattingBase(nn.Module):
    """The base network alone, published as MattingBase. backbone: a key of BACKBONES."""

    def __init__(self, backbone: str) -> None:
        super().__init__()
        half, quarter, eighth, deepest = BACKBONES[backbone]
        mobile = backbone == "mobilenetv2"
        self.backbone = MobileNetV2(channels=SEEN) if mobile else ResNet(backbone, channels=SEEN)
        self.aspp = ASPP(deepest, rates=(3, 6, 9))
        self.decoder = Decoder((eighth, quarter, half, SEEN))

    def coarse(self, src: Tensor, bgr: Tensor) -> Coarse:
        """src, bgr: (B, 3, h, w) float in [0, 1], RGB, of any size."""
        x = torch.cat([src, bgr], dim=1)
        half, quarter, eighth, deepest = self.backbone(x)
        x = self.decoder(self.aspp(deepest), (eighth, quarter, half, x))
        pha, fgr, err, hid = x.split([1, 3, 1, HIDDEN], dim=1)
        return Coarse(pha.clamp(0, 1), fgr, err.clamp(0, 1), hid.relu())

    def forward(self, src: Tensor, bgr: Tensor) -> tuple[Tensor, Tensor]:
        """Gives pha (B, 1, h, w) and fgr (B, 3, h, w), straight, both in [0, 1]."""
        coarse = self.coarse(src, bgr)
        return coarse.pha, (coarse.fgr + src).clamp(0, 1)


class BackgroundMatting(MattingBase):
    """Base network and refiner, published as MattingRefine. kernel: side of the refiner's convolutions, 3 (all released files) or 1."""

    def __init__(self, backbone: str, *, kernel: int = 3) -> None:
        super().__init__(backbone)
        self.refiner = Refiner(kernel)

    def forward(
        self,
        src: Tensor,
        bgr: Tensor,
        *,
        backbone_scale: float = 0.25,
        refine: str = "sampling",
        sample_pixels: int = 80_000,
        threshold: float = 0.1,
    ) -> tuple[Tensor, Tensor]:
        """Frames and the clean plate that belongs to each.

        src, bgr: (B, 3, H, W) float in [0, 1], RGB, sides multiples of 4. backbone_scale: of the sides that the base network sees, 1/2 at
        most; its author has 1/4 for HD, 1/8 for 4K. refine: "sampling" goes over the worst sample_pixels, which costs the same for each
        frame; "thresholding" over all whose expected error is above `threshold`; "full" over all. Gives pha (B, 1, H, W) and
        fgr (B, 3, H, W), straight, both in [0, 1]. ValueError: other shapes, or a setting out of its range."""
        _check(src, bgr, backbone_scale)
        height, width = src.shape[-2:]
        size = int(height * backbone_scale), int(width * backbone_scale)
        coarse = self.coarse(resize(src, size), resize(bgr, size))
        err = resize(coarse.err, (height // STEP, width // STEP))
        where = select(err[:, 0], refine, sample_pixels=sample_pixels, threshold=threshold)
        pha, residual = self.refiner(src, bgr, coarse, where)
        return pha.clamp(0, 1), (residual + src).clamp(0, 1)


def _check(src: Tensor, bgr: Tensor, backbone_scale: float) -> None:
    if src.shape != bgr.shape or src.shape[-2] % STEP or src.shape[-1] % STEP:
        raise ValueError(
            f"got src {tuple(src.shape)} and bgr {tuple(bgr.shape)}, wanted the same (B, 3, H, W), H and W multiples of {STEP}"
        )
    if not 0 < backbone_scale <= 0.5:
        raise ValueError(f"got {backbone_scale = }, wanted more than 0, 1/2 at most")


class Decoder(nn.Module):
    """From 1/16 up to the base network's full size, at each step joined with the encoder's feature; the last of these is the input."""

    def __init__(self, skips: Sequence[int]) -> None:
        super().__init__()
        widths = (OUT, 128, 64, 48)
        first, second, third, last = (skip + width for skip, width in zip(skips, widths, strict=True))
        self.conv1 = nn.Conv2d(first, 128, 3, padding=1, bias=False)
        self.bn1 = norm(128)
        self.conv2 = nn.Conv2d(second, 64, 3, padding=1, bias=False)
        self.bn2 = norm(64)
        self.conv3 = nn.Conv2d(third, 48, 3, padding=1, bias=False)
        self.bn3 = norm(48)
        self.conv4 = nn.Conv2d(last, 1 + 3 + 1 + HIDDEN, 3, padding=1)

    def forward(self, x: Tensor, skips: Sequence[Tensor]) -> Tensor:
        eighth, quarter, half, full = skips
        x = F.relu(self.bn1(self.conv1(_joined(x, eighth))))
        x = F.relu(self.bn2(self.conv2(_joined(x, quarter))))
        x = F.relu(self.bn3(self.conv3(_joined(x, half))))
        y: Tensor = self.conv4(_joined(x, full))
        return y


def _joined(x: Tensor, skip: Tensor) -> Tensor:
    return torch.cat([resize(x, skip.shape[-2:]), skip], dim=1)
