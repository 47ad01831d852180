"""The full-size part of a matte where the network's coefficients lie: on the graphics card.

A frame's own planes go there once, the composite's come back, and nothing else where nothing else is asked for.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from livematte.engines.transfers import download, upload
from livematte.frame import Blend, Frame, Matte, Plane, Size
from livematte.matting.device_planes import Plan, covered, crop, over
from livematte.matting.refine import refine
from livematte.planes import blended

Array = NDArray[np.float32]
Region = tuple[int, int, int, int]  # left, top, right, bottom

_log = logging.getLogger(__name__)


class DeviceRefiner:
    """refine() on a device, and what of it stays from frame to frame. device: "cuda", "cuda:1", …, or "cpu" for a look at its numbers.

    Its work goes in a stream of its own, beside the network's on the next frame. Where the device's memory is spent, which is logged once,
    a matte is made in the computer's."""

    def __init__(self, device: str) -> None:
        self.device = torch.device(device)
        self._stream = torch.cuda.Stream(self.device) if self.device.type == "cuda" else None  # type: ignore[no-untyped-call]
        self._plan: tuple[object, Plan] | None = None
        self._behind: tuple[tuple[Plane, ...], tuple[Tensor, ...]] | None = None
        self._told = False

    def refine(self, frame: Frame, coef: Tensor, *, region: Region | None = None) -> Matte:
        """As refine.refine, its work left to the thread that first asks. coef: as of `later`."""
        make = self.later(frame, coef, region=region)
        return Matte.later(lambda: make(None))

    def later(self, frame: Frame, coef: Tensor, *, region: Region | None = None) -> Callable[[Array | None], Matte]:
        """What makes the matte, given the `alpha` of refine.refine or None. coef: (8, h, w) float32 on the device, which its current
        stream (of the calling thread) may still be computing."""
        ready = torch.cuda.current_stream(self.device).record_event() if self._stream else None
        return lambda alpha: self._refined(frame, coef, alpha, region, ready)

    @torch.inference_mode()
    def _refined(self, frame: Frame, coef: Tensor, alpha: Array | None, region: Region | None, ready: torch.cuda.Event | None) -> Matte:
        try:
            with self.beside():
                if self._stream and ready:
                    self._stream.wait_event(ready)
                    coef.record_stream(self._stream)
                if alpha is not None:
                    coef = coef.clone()
                    coef[[3, 7]] = upload(alpha, self.device)
                left, top, right, bottom = box = region or (0, 0, *frame.size)
                planes = tuple(upload(plane, self.device) for plane in frame.planes)
                pha = torch.zeros(frame.size[::-1], device=self.device)
                plan = self._plan_for(frame, coef, (right - left, bottom - top))
                plan.refine(crop(planes, box, frame.format), coef, pha[top:bottom, left:right])
                if frame.pha is not None:
                    pha *= upload(frame.pha, self.device)
                return DeviceMatte(self, frame, planes, pha)
        except torch.OutOfMemoryError as error:
            self.tell_once(error)
            return refine(frame, download([coef])[0], alpha=alpha, region=region)

    def beside(self) -> AbstractContextManager[object]:
        """Within it, work goes in the refiner's own stream."""
        return torch.cuda.stream(self._stream) if self._stream else nullcontext()

    def behind(self, planes: tuple[Plane, ...]) -> tuple[Tensor, ...]:
        """A background's planes on the device; those that stay the same objects from frame to frame stay there."""
        if self._behind is None or not _same(self._behind[0], planes):
            self._behind = planes, tuple(upload(plane, self.device) for plane in planes)
        return self._behind[1]

    def tell_once(self, error: Exception) -> None:
        if not self._told:
            _log.warning("the device's memory is spent, mattes are made without it: %s", str(error).partition("\n")[0])
        self._told = True

    def _plan_for(self, frame: Frame, coef: Tensor, size: Size) -> Plan:
        """The last one, where it fits."""
        small = coef.shape[2], coef.shape[1]
        key = frame.format, frame.size, frame.colour, small, size
        if self._plan is None or self._plan[0] != key:
            self._plan = key, Plan(frame, small, size, self.device)
        return self._plan[1]


class DeviceMatte(Matte):
    """A matte on a device: composites are made there, pha and fgr are fetched once they are asked for."""

    __slots__ = ("_fetched_fgr", "_fetched_pha", "_frame", "_planes", "_refiner", "_there")

    def __init__(self, refiner: DeviceRefiner, frame: Frame, planes: tuple[Tensor, ...], pha: Tensor) -> None:
        """frame: whose tags and format the foreground has. planes, pha: on the refiner's device."""
        self._refiner, self._frame, self._planes, self._there = refiner, frame, planes, pha
        self._fetched_pha: NDArray[np.float32] | None = None
        self._fetched_fgr: Frame | None = None

    @property
    def pha(self) -> NDArray[np.float32]:
        if self._fetched_pha is None:
            (self._fetched_pha,) = self._fetch(self._there)
        return self._fetched_pha

    @property
    def fgr(self) -> Frame:
        if self._fetched_fgr is None:
            self._fetched_fgr = self._frame.with_planes(tuple(self._fetch(*self._planes)))
        return self._fetched_fgr

    @property
    def blend(self) -> Blend:
        return self._over

    @property
    def sizes(self) -> tuple[Size, Size]:
        return self._frame.size, self._frame.size

    @property
    def bounds(self) -> tuple[float, float]:
        with self._refiner.beside():
            low, high = self._there.aminmax()
            return low.item(), high.item()

    @torch.inference_mode()
    def _fetch(self, *tensors: Tensor) -> list[NDArray[Any]]:
        with self._refiner.beside():
            return download(tensors)

    @torch.inference_mode()
    def _over(self, bgr: tuple[Plane, ...]) -> tuple[Plane, ...]:
        fmt = self._frame.format
        try:
            with self._refiner.beside():
                behind = self._refiner.behind(bgr)
                small = covered(self._there[None], fmt.sub)[0]
                pairs = enumerate(zip(self._planes, behind, strict=True))
                return tuple(download([over(f, b, small if i else self._there, shift=fmt.shift) for i, (f, b) in pairs]))
        except torch.OutOfMemoryError as error:
            self._refiner.tell_once(error)
            return blended(self.fgr, bgr, self.pha)


def _same(one: tuple[Plane, ...], other: tuple[Plane, ...]) -> bool:
    return len(one) == len(other) and all(a is b for a, b in zip(one, other, strict=True))
