"""Matting by a network of an Engine, recurrent (arXiv 2108.11515) or not: a small picture and the state, if there is one, go in,
coefficients and the next state come out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from livematte.engines import Engine
from livematte.frame import Frame, Matte, Size
from livematte.matting.canvas import Look, Pixels, on_card, small_size
from livematte.matting.draft import Draft
from livematte.matting.follow import CELL
from livematte.matting.followed import FollowedScene, WholeScene
from livematte.matting.refine import refine
from livematte.matting.scenes import REPEATS, CutDetector
from livematte.matting.together import BATCH, settle_together

if TYPE_CHECKING:
    from livematte.matting.device import DeviceRefiner

_AUTO_BUDGET = 0.6  # of what the whole picture costs: what a part may, for the sake of its detail
AUTO_DETAIL = 512  # the paper's inner resolution for HD: the longest side at which people were seen in training


class RecurrentMatter:
    """A Matter. detail: pixels on the longest side of what the network sees; more helps full-body shots, and costs time. None is what the
    network was made for, else 512.

    follow: it sees the part of the picture where people are (follow.py), at no more cost than the whole at that detail; where detail is
    None, at 0.6 of it at most. reuse: and not at all while nothing moves (still.py).
    waits: for the network to be made for a size that is new, which takes 0.3 s; else the whole picture is looked at meanwhile.
    ran: whether the network was run for the last frame. batch: how many pictures step_many is best given at once."""

    def __init__(self, engine: Engine, *, detail: int | None = None, follow: bool = True, reuse: bool = True, waits: bool = True) -> None:
        if detail is not None and detail < CELL:
            raise ValueError(f"got {detail = }, wanted at least {CELL} pixels, or None")
        self.engine = engine
        self.detail = detail
        self._budget = _AUTO_BUDGET if detail is None else 1.0
        self.ran = False
        self._follow, self._reuse, self._waits = follow, reuse, waits
        self._refiner = _device_refiner(engine)
        self.batch = BATCH if on_card(engine) and engine.recurrent and hasattr(engine, "run_many") else 1
        self._cuts = CutDetector()
        self._scene: FollowedScene | WholeScene | None = None
        self._primed = False

    def step(self, frame: Frame) -> Matte:
        if self._cuts.starts_scene(frame) and not self._primed:
            self._scene = None
        self._primed = False
        look, region = self._run(frame)
        coef = look.coef
        if self._refiner is not None:
            return Draft(frame, look, region, self._refiner.later(frame, coef, region=region))
        return Draft(frame, look, region, lambda alpha: refine(frame, coef, alpha=alpha, region=region))

    def reset(self) -> None:
        self._scene = None
        self._cuts = CutDetector()
        self._primed = False

    def prime(self, frames: Sequence[Frame]) -> None:
        """Plays the scene's frames backwards, so that the state is settled when its first frame comes; a lone frame is repeated."""
        self._scene = None
        self._primed = True
        if not self.engine.recurrent:
            return
        following = list(frames[1:]) or [frames[0]] * REPEATS
        for frame in reversed(following):
            self._scene_of(frame).settle(frame)

    def step_many(self, frames: Sequence[Frame]) -> list[Matte]:
        """The mattes of pictures that have nothing to do with each other, as prime([frame]) and step(frame) give them one by one.

        The network is settled on all those of one size in one call."""
        scenes = []
        for frame in frames:
            self._scene = None
            scenes.append(self._scene_of(frame))
        settle_together(self.engine, list(zip(scenes, frames, strict=True)))
        mattes = []
        for self._scene, frame in zip(scenes, frames, strict=True):
            self._primed = True
            mattes.append(self.step(frame))
        return mattes

    def ready(self, frame: Frame, detail: int) -> bool:
        """Whether frames like this one would be matted at that detail at once; if not, that is prepared in the background."""
        width, height = small_size(frame, detail)
        return self.engine.ready(height, width)

    @property
    def representative(self) -> bool:
        """Whether what the last frame took says what the next ones will."""
        return self.ran and not self.engine.making

    def _run(self, frame: Frame) -> tuple[Look, Pixels | None]:
        """What the network saw, and the pixels that it is of; None for all."""
        scene = self._scene_of(frame)
        look, region = scene.step(frame, reuse=self._reuse and frame.pts is not None, waits=self._waits)
        self.ran = scene.ran
        return look, region

    def _scene_of(self, frame: Frame) -> FollowedScene | WholeScene:
        """The one there is, or a new one where one begins."""
        size = small_size(frame, self._detail_of(frame))
        if self._scene is None or self._scene.size != size:
            # Without times nobody knows when to look round again.
            follow = self._follow and self.engine.parts and frame.pts is not None and size[0] % CELL == size[1] % CELL == 0
            self._scene = self._new_scene(frame, follow=follow)
        return self._scene

    def _new_scene(self, frame: Frame, *, follow: bool) -> FollowedScene | WholeScene:
        if follow:
            return FollowedScene(self.engine, frame, detail=self._detail_of(frame), budget=self._budget)
        return WholeScene(self.engine, frame, detail=self._detail_of(frame))

    def _detail_of(self, frame: Frame) -> int:
        usual: Callable[[Size], int] | None = getattr(self.engine, "usual_detail", None)
        return self.detail or (usual(frame.size) if usual else AUTO_DETAIL)


def _device_refiner(engine: Engine) -> DeviceRefiner | None:
    """Where coefficients stay on a graphics card, so does their full-size part."""
    if not on_card(engine):
        return None
    from livematte.matting.device import DeviceRefiner

    return DeviceRefiner(engine.device)
