"""The refiner of Background Matting V2 (arXiv 2012.07810, section 3.2): patches of 4x4 pixels in which the base network errs, anew.

Each is made of what lies about it: 8x8 pixels of the half-size picture become 4x4 by two convolutions, then at full size 8x8 become 4x4
by two more. A picture padded by those margins and taken as one patch gives the same everywhere, which is the full mode.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from livematte.networks.norms import norm

HIDDEN = 32  # channels that the base network hands on
PATCH = 4  # pixels on a patch's side
MODES = ("sampling", "thresholding", "full")

_AT_ONCE = 1000  # patches, of which 5000 take 145 ms all together and 100 in such portions: what is made of them stays in reach
Where = tuple[Tensor, ...]  # of the patches: number in the batch, row and column, each (P,)


class Coarse(NamedTuple):
    """What the base network gives. pha: (B, 1, h, w) in [0, 1]; fgr: (B, 3, h, w), the foreground less the source; err: (B, 1, h, w) in
    [0, 1], how much it expects pha to be off; hid: (B, 32, h, w), not negative."""

    pha: Tensor
    fgr: Tensor
    err: Tensor
    hid: Tensor


def select(err: Tensor, mode: str, *, sample_pixels: int, threshold: float) -> Where | None:
    """The patches to refine, by their expected error err (B, H/4, W/4); None is all. ValueError: an unknown mode."""
    if mode not in MODES:
        raise ValueError(f"got refine {mode!r}, wanted one of {', '.join(MODES)}")
    if mode == "full":
        return None
    chosen = err > threshold if mode == "thresholding" else _worst(err, sample_pixels // PATCH**2)
    return chosen.nonzero(as_tuple=True)


def _worst(err: Tensor, count: int) -> Tensor:
    """Where the `count` greatest errors of each picture are, (B, h, w) bool; patches without any are left alone even so."""
    flat = err.flatten(1)
    worst = flat.topk(min(count, flat.shape[1]), dim=1, sorted=False).indices
    return torch.zeros_like(flat, dtype=torch.bool).scatter(1, worst, True).view_as(err) & (err > 0)


class Refiner(nn.Module):
    """kernel: side of its convolutions, 3 or 1."""

    def __init__(self, kernel: int = 3) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(HIDDEN + 4 + 6, 24, kernel, bias=False)
        self.bn1 = norm(24)
        self.conv2 = nn.Conv2d(24, 16, kernel, bias=False)
        self.bn2 = norm(16)
        self.conv3 = nn.Conv2d(16 + 6, 12, kernel, bias=False)
        self.bn3 = norm(12)
        self.conv4 = nn.Conv2d(12, 4, kernel)
        reach = kernel // 2
        # Two convolutions take their reach from each side at full size; at half size two more do, and half of what those need.
        self._margin, self._half_margin = 2 * reach, 3 * reach

    def forward(self, src: Tensor, bgr: Tensor, coarse: Coarse, where: Where | None) -> tuple[Tensor, Tensor]:
        """src, bgr: (B, 3, H, W), sides multiples of 4; where: None for everywhere. Gives pha (B, 1, H, W) and the foreground less the
        source (B, 3, H, W), neither clamped; where nothing is refined, the coarse ones bilinearly."""
        height, width = src.shape[-2:]
        half = height // 2, width // 2
        known = resize(torch.cat([coarse.hid, coarse.pha, coarse.fgr], dim=1), half)
        seen = torch.cat([src, bgr], dim=1)
        views = ((known, PATCH // 2, self._half_margin), (resize(seen, half), PATCH // 2, self._half_margin), (seen, PATCH, self._margin))
        if where is None:
            refined = self._refine(*(F.pad(x, (margin,) * 4) for x, _, margin in views))
            return refined[:, :1], refined[:, 1:]
        matte = resize(torch.cat([coarse.pha, coarse.fgr], dim=1), (height, width))
        for some in _portions(where):
            put(matte, some, self._refine(*(cut(x, some, size, margin) for x, size, margin in views)))
        return matte[:, :1], matte[:, 1:]

    def _refine(self, known: Tensor, seen_half: Tensor, seen: Tensor) -> Tensor:
        """(N, 36, h + 2·half_margin, w + …), (N, 6, h + …, w + …) and (N, 6, 2h + 2·margin, …) to pha and residual, (N, 4, 2h, 2w)."""
        x = F.relu(self.bn1(self.conv1(torch.cat([known, seen_half], dim=1))))
        x = F.relu(self.bn2(self.conv2(x)))
        x = torch.cat([F.interpolate(x, scale_factor=2, mode="nearest"), seen], dim=1)
        x = F.relu(self.bn3(self.conv3(x)))
        y: Tensor = self.conv4(x)
        return y


def _portions(where: Where) -> Iterator[Where]:
    for start in range(0, len(where[0]), _AT_ONCE):
        yield tuple(index[start : start + _AT_ONCE] for index in where)


def cut(x: Tensor, where: Where, size: int, margin: int) -> Tensor:
    """Patches of x (B, C, H, W) with what lies about them, zeros beyond the picture: (P, C, size + 2·margin, size + 2·margin)."""
    number, row, column = where
    height, width = x.shape[-2:]
    span = torch.arange(-margin, size + margin, device=x.device)
    rows, columns = (row[:, None] * size + span)[:, :, None], (column[:, None] * size + span)[:, None, :]
    pixels = (number[:, None, None] * height + rows.clamp(0, height - 1)) * width + columns.clamp(0, width - 1)
    # Rows of a table of pixels: a third of the time that indexing takes.
    patches = x.permute(0, 2, 3, 1).reshape(-1, x.shape[1]).index_select(0, pixels.flatten()).view(*pixels.shape, -1)
    patches[(rows < 0) | (rows >= height) | (columns < 0) | (columns >= width)] = 0
    return patches.permute(0, 3, 1, 2)


def put(x: Tensor, where: Where, patches: Tensor) -> None:
    """Patches (P, C, 4, 4) to their places in x (B, C, H, W)."""
    number, row, column = where
    batch, channels, height, width = x.shape
    x.view(batch, channels, height // PATCH, PATCH, width // PATCH, PATCH)[number, :, row, :, column] = patches


def resize(x: Tensor, size: Sequence[int]) -> Tensor:
    """Bilinear without antialiasing."""
    return F.interpolate(x, size=tuple(size), mode="bilinear", align_corners=False)
