"""Matting by a recurrent network (arXiv 2108.11515): a small picture and the state in, coefficients and the next state out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from livematte.engines import Engine
from livematte.frame import Frame, Matte
from livematte.matting.canvas import Canvas, Pixels, on_card, small_pha, small_size
from livematte.matting.follow import CELL, GLANCE_DETAIL, Cells, Follower, pixels
from livematte.matting.refine import refine
from livematte.matting.scenes import WARM_UP, CutDetector
from livematte.matting.still import Stillness

if TYPE_CHECKING:
    from livematte.matting.device import DeviceRefiner

_GLANCE_WORTH = 0.5  # of the picture: a glance that costs more is none
AUTO_DETAIL = 512  # the paper's inner resolution for HD: the longest side at which people were seen in training


class RecurrentMatter:
    """A Matter. detail: longest side of the network's picture in pixels, None = 512; more helps full-body shots, and costs time.

    follow: the network is run on the part of the picture where people are (follow.py). reuse: and not at all while nothing moves
    (still.py). waits: for the network to be made for a size that is new, which takes 0.3 s; else the whole picture is looked at
    meanwhile. ran: whether the network was run for the last frame."""

    def __init__(self, engine: Engine, *, detail: int | None = None, follow: bool = True, reuse: bool = True, waits: bool = True) -> None:
        if detail is not None and detail < CELL:
            raise ValueError(f"got {detail = }, wanted at least {CELL} pixels, or None")
        self.engine = engine
        self.detail = detail or AUTO_DETAIL
        self.ran = False
        self._follow, self._reuse, self._waits = follow, reuse, waits
        self._refiner = _device_refiner(engine)
        self._cuts = CutDetector()
        self._scene: _Scene | None = None
        self._primed = False

    def step(self, frame: Frame) -> Matte:
        if self._cuts.starts_scene(frame) and not self._primed:
            self._scene = None
        self._primed = False
        coef, region = self._run(frame)
        if self._refiner is not None:
            return self._refiner.refine(frame, coef, region=region)
        return Matte.later(lambda: refine(frame, coef, region=region))

    def reset(self) -> None:
        self._scene = None
        self._cuts = CutDetector()
        self._primed = False

    def prime(self, frames: Sequence[Frame]) -> None:
        """Plays the scene's frames backwards, so that the state is settled when its first frame comes; a lone frame is repeated."""
        self._scene = None
        self._primed = True
        following = list(frames[1:]) or [frames[0]] * WARM_UP
        for frame in reversed(following):
            self._scene_of(frame).look(frame, self._scene_of(frame).canvas.whole)

    def ready(self, frame: Frame, detail: int) -> bool:
        """Whether frames like this one would be matted at that detail at once; if not, that is prepared in the background."""
        width, height = small_size(frame, detail)
        return self.engine.ready(height, width)

    def _run(self, frame: Frame) -> tuple[Any, Pixels | None]:
        """Coefficients, and the pixels that they are of; None for all."""
        scene = self._scene_of(frame)
        coef, cells = scene.step(frame, reuse=self._reuse, waits=self._waits)
        self.ran = scene.ran
        return coef, None if cells == scene.canvas.whole else pixels(cells, scene.canvas.grid, frame)

    def _scene_of(self, frame: Frame) -> _Scene:
        """The one there is, or a new one where one begins."""
        size = small_size(frame, self.detail)
        if self._scene is None or self._scene.canvas.size != size:
            glance = Canvas(self.engine, small_size(frame, GLANCE_DETAIL))
            self._scene = _Scene(Canvas(self.engine, size), glance, follow=self._follow)
        return self._scene


class _Scene:
    """What is known of the scene that is on: its state, where people are, what has not changed."""

    def __init__(self, canvas: Canvas, glance: Canvas, *, follow: bool) -> None:
        self.canvas = canvas
        self.ran = False
        self._glance = glance if glance.area < _GLANCE_WORTH * canvas.area else None
        self._follower = Follower(canvas.grid, glances=self._glance is not None) if follow and canvas.divides else None
        self._stillness = Stillness()

    def step(self, frame: Frame, *, reuse: bool, waits: bool) -> tuple[Any, Cells]:
        """Coefficients, and the cells that they are of: of a part where that is enough, else of the whole."""
        whole, cells = self.canvas.whole, self._part(frame, waits)
        coef = self.look(frame, cells, reuse=reuse)
        if coef is None:
            coef, cells = self.look(frame, whole), whole
        assert coef is not None, "a look at the whole is always good"
        return coef, cells

    def _part(self, frame: Frame, waits: bool) -> Cells:
        follower, whole = self._follower, self.canvas.whole
        if follower is None or not self.canvas.settled:
            return whole
        cells = follower.part(frame.seconds)
        if cells != whole and follower.glance_due(frame.seconds):
            if self._glance is None or not (waits or self._glance.ready(self._glance.whole)):
                return whole
            follower.glanced(self._glance.alpha(frame), frame.seconds)
            cells = follower.part(frame.seconds)
        return cells if waits or self.canvas.ready(cells) else whole

    def look(self, frame: Frame, cells: Cells, *, reuse: bool = False) -> Any | None:
        """Coefficients of these cells; None where a body may go on outside of them."""
        seconds, src_sm = frame.seconds, self.canvas.picture(frame, cells)
        known = self._stillness.recall(cells, src_sm, seconds) if reuse else None
        self.ran = known is None
        if known is not None:
            return known
        coef, rec = self.canvas.run(src_sm, cells)
        if self._follower and not self._follower.saw(cells, small_pha(coef, src_sm), seconds):
            return None
        self.canvas.keep(cells, rec)
        self._stillness.ran(cells, src_sm, seconds, coef)
        return coef


def _device_refiner(engine: Engine) -> DeviceRefiner | None:
    """Where coefficients stay on a graphics card, so does their full-size part."""
    if not on_card(engine):
        return None
    from livematte.matting.device import DeviceRefiner

    return DeviceRefiner(engine.device)
