"""The picture as a network sees it: its size, and the state of all of it where there is one, of which a part may be carried on alone."""

from __future__ import annotations

from functools import cached_property
from typing import Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from livematte.engines import DeviceEngine, Engine
from livematte.frame import Frame, Size
from livematte.matting.follow import CELL, Cells, pixels
from livematte.matting.still import Stillness

Array = NDArray[np.float32]
Pixels = tuple[int, int, int, int]  # left, top, right, bottom


class SmallAlpha:
    """Alpha at the network's size, worked out once, by the thread that first asks. coef, src_sm: as of Look."""

    def __init__(self, coef: Any, src_sm: Array) -> None:
        self._coef, self._src_sm = coef, src_sm

    @cached_property
    def line(self) -> Array:
        """A and b, (2, h, w) float32, in memory. Of coefficients on a card it waits for them, in the thread that ran the network."""
        if isinstance(self._coef, np.ndarray):
            return self._coef[3::4]
        from livematte.engines.transfers import download  # torch, which a CUDA engine has loaded by now

        return np.stack(download([self._coef[3], self._coef[7]]))

    @cached_property
    def grey(self) -> Array:
        """The mean of R, G and B, (h, w)."""
        return np.asarray(cv2.transform(np.ascontiguousarray(self._src_sm.transpose(1, 2, 0)), _MEAN))

    @cached_property
    def raw(self) -> Array:
        """Beyond 0 and 1 too, (h, w)."""
        raw = self.line[0] * self.grey
        raw += self.line[1]
        return raw

    @cached_property
    def pha(self) -> Array:
        """(h, w) float32 in [0, 1]."""
        return np.clip(self.raw, 0, 1)


class Look:
    """At these cells of a frame. coef: (8, h, w) float32, on a graphics card a tensor; src_sm: the picture that they are of, (3, h, w);
    rec: the cells' next state, None where coefficients of before serve again."""

    def __init__(self, cells: Cells, seconds: float, coef: Any, src_sm: Array, rec: Any) -> None:
        self.cells, self.seconds, self.coef, self.src_sm, self.rec = cells, seconds, coef, src_sm, rec
        self.alpha = SmallAlpha(coef, src_sm)

    @property
    def ran(self) -> bool:
        return self.rec is not None

    @property
    def pha_sm(self) -> Array:
        """Alpha at the network's size, (h, w) float32 in [0, 1]."""
        return self.alpha.pha


class Canvas:
    """For frames of one size. size: the network's picture of the whole frame, (width, height).

    What a part's state was when it was last looked at stays for when it is looked at again."""

    def __init__(self, engine: Engine, size: Size) -> None:
        self._engine = engine
        # What stays on a graphics card is gone on with there, by matting/device.py.
        self._run: Any = cast(DeviceEngine, engine).run_on_device if on_card(engine) else engine.run
        self.size = size
        self.grid = (size[0] // CELL, size[1] // CELL)
        self.whole = Cells(0, 0, *self.grid)
        self._rec: Any = None
        self._stillness = Stillness()

    @property
    def settled(self) -> bool:
        """Whether there is a state of the whole."""
        return self._rec is not None

    def ready(self, cells: Cells) -> bool:
        """Whether these can be run at once; if not, that is prepared in the background."""
        width, height = self.size if cells == self.whole else cells.size
        return self._engine.ready(height, width)

    @property
    def area(self) -> int:
        return self.size[0] * self.size[1]

    def look(self, frame: Frame, cells: Cells, *, reuse: bool = False) -> Look:
        """reuse: of what is known, while nothing moves. It is `keep` that lets the state go on."""
        src_sm = self.picture(frame, cells)
        known = self._stillness.recall(cells, src_sm, frame.seconds) if reuse else None
        coef, rec = (known, None) if known is not None else self.run(src_sm, cells)
        return Look(cells, frame.seconds, coef, src_sm, rec)

    def keep(self, look: Look) -> None:
        """What was looked at is the state now."""
        if look.ran:
            self.put(look.cells, look.rec)
            self._stillness.ran(look.cells, look.src_sm, look.seconds, look.coef)

    def take_over(self, other: Canvas, *, but: Cells | None = None) -> None:
        """The state of one of another size, resampled. but: cells that keep their own."""
        sizes = [(-(-self.size[1] // 2**level), -(-self.size[0] // 2**level)) for level, _ in enumerate(other._rec, 1)]
        states = [_resampled(state, size, self._engine.channels_last) for state, size in zip(other._rec, sizes, strict=True)]
        before, self._rec = self._rec, _like(other._rec, states)
        if but is not None and but != self.whole:
            for window, state in zip(self._windows(but), self._windows(but, of=before), strict=True):
                window[...] = state

    def picture(self, frame: Frame, cells: Cells) -> Array:
        """What the network is shown of a frame: (3, h, w) float32 in [0, 1]."""
        if cells == self.whole:
            return _picture(frame, self.size)
        return _picture(frame.crop(*pixels(cells, self.grid, frame)), cells.size)

    def run(self, src_sm: Array, cells: Cells) -> tuple[Any, Any]:
        """Coefficients, and the next state of these cells."""
        rec = self._rec if cells == self.whole else _like(self._rec, self._windows(cells))
        coef, rec = self._run(src_sm, rec)
        return coef, rec

    def put(self, cells: Cells, rec: Any) -> None:
        """The cells' state becomes the whole's there."""
        if cells == self.whole:
            self._rec = rec
            return
        for window, state in zip(self._windows(cells), rec, strict=True):
            window[...] = state

    def _windows(self, cells: Cells, *, of: Any = None) -> list[Any]:
        """Views of the states, at 1/2 … 1/16, where the cells lie; none where the network has no state."""
        windows = []
        for level, state in enumerate(self._rec if of is None else of):
            scale = CELL >> (level + 1)
            rows = slice(cells.top * scale, cells.bottom * scale)
            columns = slice(cells.left * scale, cells.right * scale)
            windows.append(state[:, rows, columns] if self._engine.channels_last else state[:, :, rows, columns])
        return windows


def _like(rec: Any, states: list[Any]) -> Any:
    """The states in the form in which the engine keeps them."""
    return type(rec)(*states) if isinstance(rec, tuple) else states


def small_picture(frame: Frame, detail: int) -> Array:
    """The frame as the network takes it at that detail: (3, h, w) float32 in [0, 1], R'G'B'; in memory channels come last."""
    return _picture(frame, small_size(frame, detail))


def _resampled(state: Any, size: Size, channels_last: bool) -> Any:
    """A state, (1, h, w, C) or (1, C, h, w), at another (height, width), bilinearly."""
    if isinstance(state, np.ndarray):
        channels = state[0] if channels_last else state[0].transpose(1, 2, 0)
        resized = cv2.resize(np.ascontiguousarray(channels), size[::-1], interpolation=cv2.INTER_LINEAR)[None]
        return resized if channels_last else np.ascontiguousarray(resized.transpose(0, 3, 1, 2))
    from torch.nn.functional import interpolate

    return interpolate(state, size=size, mode="bilinear")


def _picture(frame: Frame, size: Size) -> Array:
    return frame.rgb(size).transpose(2, 0, 1)


def small_size(frame: Frame, detail: int) -> Size:
    """The frame's size with square pixels, its longest side at most `detail`; neither side is ever longer than the frame's own."""
    aspect = float(frame.sample_aspect)
    width, height = frame.size[0] * min(1.0, aspect), frame.size[1] / max(1.0, aspect)
    ratio = min(1.0, detail / max(width, height))
    if ratio == aspect == 1.0:
        return frame.size
    return _snapped(width * ratio, frame.size[0]), _snapped(height * ratio, frame.size[1])


def _snapped(side: float, limit: int) -> int:
    """To whole cells: such sides cost least, and their sizes are used again."""
    nearest = max(CELL, round(side / CELL) * CELL)
    return nearest if nearest <= limit else limit // CELL * CELL or limit


def on_card(engine: Engine) -> bool:
    """Whether coefficients and mattes stay on a graphics card."""
    return engine.device.startswith("cuda") and hasattr(engine, "run_on_device")


_MEAN = np.full((1, 3), 1 / 3, np.float32)
