"""The full-size part of a matte, worked out plainly, to compare with."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import torch
from formats import SEMI, YUV

from livematte.colour import PQ
from livematte.frame import Frame, Matte, Plane, Size, pixel_format, shrink, to_integers
from livematte.matting.device import DeviceRefiner, Region

FORMATS = [*YUV, *SEMI, "gbrp", "gbrp12le", "gray", "gray10le"]
FEW = ["yuv420p", "yuv422p10le", "nv12", "p010le", "gbrp", "gray", "yuv411p"]
# (frame, coefficients): reduced, as the network has them, not on whole chroma samples, odd.
SIZES = [
    ((160, 120), (64, 48)),
    ((64, 48), (64, 48)),
    ((113, 101), (96, 88)),
    ((83, 71), (40, 36)),
    ((63, 47), (63, 47)),
    ((97, 19), (32, 16)),
]


def coefficients(size: Size, seed: int, *, cells: int = 4) -> np.ndarray:
    """(8, h, w) float32, smooth, with alpha 0 and 1 over wide areas and a foreground residual of a tenth."""
    rng = np.random.default_rng(seed)
    scales = np.array([0.2, 0.2, 0.2, 1.5, 0.1, 0.1, 0.1, 4])
    fields = rng.uniform(-1, 1, (8, cells, cells)) * scales[:, None, None]
    fields[7] += 0.5
    return np.stack([cv2.resize(f.astype(np.float32), size, interpolation=cv2.INTER_CUBIC) for f in fields])


def on(refiner: DeviceRefiner, frame: Frame, coef: np.ndarray, region: Region | None = None) -> Matte:
    return refiner.refine(frame, torch.from_numpy(coef).to(refiner.device), region=region)


def plain(frame: Frame, coef: np.ndarray, region: Region | None = None) -> tuple[np.ndarray, list[np.ndarray]]:
    """(pha, the foreground's planes before rounding) by the formula, in float64 at full size."""
    left, top, right, bottom = box = region or (0, 0, *frame.size)
    pha, rgb, fgr = np.zeros(frame.size[::-1]), *np.zeros((2, *frame.size[::-1], 3))
    part = np.s_[top:bottom, left:right]
    rgb[part] = without_subsampling(frame.crop(*box)).rgb()
    full = np.stack([cv2.resize(c, (right - left, bottom - top), interpolation=cv2.INTER_LINEAR) for c in coef]).astype(np.float64)
    pha[part] = np.clip(full[3] * rgb[part].mean(axis=2) + full[7], 0, 1)
    fgr[part] = np.clip(rgb[part] * (1 + full[:3].transpose(1, 2, 0)) + full[4:7].transpose(1, 2, 0), 0, 1)
    undecided = ((pha > 0) & (pha < 1))[..., None] & (frame.colour.transfer != PQ)
    delta = np.atleast_3d(frame.delta_planes(((fgr - rgb) * undecided).astype(np.float32)))
    channels = [np.ascontiguousarray(delta[..., i]) for i in range(delta.shape[2])]
    channels[1:] = [shrink(c, frame.format.sub) for c in channels[1:]]
    if frame.format.family == "semi":
        channels[1:] = [np.dstack(channels[1:])]
    return pha, [p + c for p, c in zip(frame.planes, channels, strict=True)]


def without_subsampling(frame: Frame) -> Frame:
    """Chroma stretched to the luma's size, each sample over the pixels that it covers, to whole codes."""
    if frame.format.family in ("gbr", "gray"):
        return frame
    known = pixel_format("yuv444p" if frame.depth == 8 else f"yuv444p{frame.depth}le")
    assert known is not None
    both = frame.planes[1:] if frame.format.family == "yuv" else (frame.planes[1][..., 0], frame.planes[1][..., 1])
    return replace(frame, planes=(frame.planes[0], *(stretched(c, frame) for c in both)), format=known[0])


def stretched(chroma: Plane, frame: Frame) -> Plane:
    values = chroma.astype(np.float64)
    for axis, count, sub in ((0, frame.size[1], frame.format.sub[1]), (1, frame.size[0], frame.format.sub[0])):
        last = values.shape[axis] - 1
        at = np.clip((np.arange(count) + 0.5) / sub - 0.5, 0, last)
        low, weight = np.floor(at).astype(int), (at % 1).reshape((-1, 1) if axis == 0 else (1, -1))
        values = values.take(low, axis) * (1 - weight) + values.take(np.minimum(low + 1, last), axis) * weight
    return np.rint(values).astype(chroma.dtype)


def assert_near(matte: Matte, pha: np.ndarray, planes: list[np.ndarray], frame: Frame) -> None:
    np.testing.assert_allclose(matte.pha, pha, atol=1e-5)
    step = 1 << frame.format.shift
    for got, exact in zip(matte.fgr.planes, planes, strict=True):
        off = np.abs(got.astype(np.float64) - (to_integers(exact / step, frame.format.bits) << frame.format.shift))
        assert off.max() <= step  # where float32 and float64 fall on two sides of a tie
        assert (off > 0).mean() < 0.002


def same(one: tuple[Plane, ...], other: tuple[Plane, ...]) -> None:
    for mine, theirs in zip(one, other, strict=True):
        assert mine.dtype == theirs.dtype
        np.testing.assert_array_equal(mine, theirs)
