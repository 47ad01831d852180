"""A scene as the network is shown it: the whole of each frame, or the part where people are, at a detail that suits them."""

from __future__ import annotations

from math import sqrt

from livematte.engines import Engine
from livematte.frame import Frame, Size
from livematte.matting.canvas import Canvas, Look, Pixels, small_size
from livematte.matting.follow import CELL, GLANCE_DETAIL, Cells, Follower, pixels

_GLANCE_WORTH = 0.5  # of the picture: a glance that costs more is none
_ZOOMS = (1.0, 1.25, 1.5, 2.0, 2.5, 3.0, 4.0)  # few, so that sizes are used again
_PATIENCE = 1.3  # times its budget, that a part may cost before its detail is given up


class WholeScene:
    """All of each frame. ran: whether the network was run for the last one."""

    def __init__(self, engine: Engine, frame: Frame, *, detail: int) -> None:
        self.size = small_size(frame, detail)
        self.ran = False
        self._canvas = Canvas(engine, self.size)

    def settle(self, frame: Frame) -> None:
        """A frame of which no matte is wanted."""
        self.step(frame, reuse=False, waits=True)

    def step(self, frame: Frame, *, reuse: bool, waits: bool) -> tuple[Look, Pixels | None]:
        """What was seen, and the pixels that it is of; None for all."""
        look = self._canvas.look(frame, self._canvas.whole, reuse=reuse)
        self.take(frame, look)
        return look, None

    @property
    def canvas(self) -> Canvas:
        """Of all of the frame."""
        return self._canvas

    def take(self, frame: Frame, look: Look) -> None:
        """A look at all of the frame."""
        self._canvas.keep(look)
        self.ran = look.ran


class FollowedScene:
    """Of each frame the part where people are. The whole is seen at `detail`; the part at more, as far as its longest side has no more
    than `detail` pixels, and it costs no more than `budget` of the whole."""

    def __init__(self, engine: Engine, frame: Frame, *, detail: int, budget: float) -> None:
        self.size = small_size(frame, detail)
        self.ran = False
        self._engine, self._detail, self._budget = engine, detail, budget
        self._wide = self._near = Canvas(engine, self.size)
        glance = Canvas(engine, small_size(frame, GLANCE_DETAIL))
        self._glance = glance if glance.area < _GLANCE_WORTH * self._wide.area else None
        self._zoom = 1.0
        self._follower = self._new_follower()

    def _new_follower(self) -> Follower:
        return Follower(self._near.grid, glances=self._glance is not None)

    def settle(self, frame: Frame) -> None:
        """A frame of which no matte is wanted."""
        self._look_at_all(frame)

    def step(self, frame: Frame, *, reuse: bool, waits: bool) -> tuple[Look, Pixels | None]:
        """What was seen, and the pixels that it is of; None for all."""
        self.ran = False
        cells, whole = self._wanted(frame, waits), None
        if cells == self._near.whole:
            whole = self._look_at_all(frame, reuse=reuse)
            # Where the look has less detail than the part, edges would jump at each look. What it found may have changed the part's detail.
            cells = self._wanted(frame, waits) if self._zoom > 1 else self._near.whole
        if cells != self._near.whole and (waits or self._near.ready(cells)):
            part = self._look_at(frame, cells, reuse=reuse)
            if part is not None:
                return part, pixels(cells, self._near.grid, frame)
        return self._look_at_all(frame) if whole is None else whole, None

    def _wanted(self, frame: Frame, waits: bool) -> Cells:
        """What there is to look at; all of it where there is doubt."""
        follower, glance, seconds = self._follower, self._glance, frame.seconds
        cells = follower.part(seconds) if self._near.settled else follower.whole
        if cells == follower.whole or glance is None or not follower.glance_due(seconds):
            return cells
        if not waits and not glance.ready(glance.whole):
            return follower.whole
        look = glance.look(frame, glance.whole)
        glance.keep(look)
        self.ran = True
        follower.glanced(look.pha_sm, seconds)
        return follower.part(seconds)

    def _look_at_all(self, frame: Frame, *, reuse: bool = False) -> Look:
        look = self._wide.look(frame, self._wide.whole, reuse=reuse)
        self.take(frame, look)
        return look

    @property
    def canvas(self) -> Canvas:
        """Of all of the frame."""
        return self._wide

    def take(self, frame: Frame, look: Look) -> None:
        """A look at all of the frame."""
        self._wide.keep(look)
        self.ran |= look.ran
        if look.ran:
            if self._near is not self._wide:
                self._near.take_over(self._wide, but=self._follower.around)
            self._follower.saw(self._follower.whole, look.pha_sm, look.seconds)
            self._suit(frame, look)

    def _look_at(self, frame: Frame, cells: Cells, *, reuse: bool) -> Look | None:
        """At a part; None where a body may go on outside of it."""
        look = self._near.look(frame, cells, reuse=reuse)
        self.ran |= look.ran
        if look.ran and not self._follower.saw(cells, look.pha_sm, look.seconds):
            return None
        self._near.keep(look)
        return look

    def _suit(self, frame: Frame, look: Look) -> None:
        """Gives the part another detail where its size has changed by much. look: at the whole."""
        zoom = self._best_zoom(frame)
        if zoom == self._zoom:
            return
        self._zoom, size = zoom, _zoomed(self.size, zoom, frame.size)
        self._near = self._wide
        if size != self.size:
            self._near = Canvas(self._engine, size)
            self._near.take_over(self._wide)
        self._follower = self._new_follower()
        self._follower.saw(self._follower.whole, look.pha_sm, look.seconds)

    def _best_zoom(self, frame: Frame) -> float:
        part, whole = self._follower.around, self._follower.whole
        if part == whole:
            return 1.0
        share = part.area / whole.area
        longest = max(part.size) / self._zoom
        most = min(self._detail / longest, sqrt(self._budget / share), max(frame.size) / max(self.size))
        best = max(zoom for zoom in _ZOOMS if zoom <= max(1.0, most))
        too_dear = self._zoom**2 * share > _PATIENCE * self._budget
        return best if best > self._zoom or too_dear else self._zoom


def _zoomed(size: Size, zoom: float, most: Size) -> Size:
    """In whole cells, and no larger than the frame."""
    width, height = (min(round(side * zoom / CELL), limit // CELL) * CELL for side, limit in zip(size, most, strict=True))
    return width, height
