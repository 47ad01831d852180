"""Matting from a trimap, from strokes, or from another matter's matte: of stills, and of a clip whose first frame they are of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from livematte.errors import LivematteError, SettingsError, SourceError
from livematte.frame import Frame, Matte
from livematte.matting.base import Matter
from livematte.matting.recolour import box_around, recoloured
from livematte.matting.scenes import CutDetector
from livematte.matting.trimaps.carried import Carrier
from livematte.matting.trimaps.marks import Picture, check_size, parse_strokes, parse_trimap
from livematte.matting.trimaps.solvers import Array, Trimap, check_available, foreground
from livematte.matting.trimaps.strokes import trimap_from_strokes
from livematte.matting.trimaps.trimap import Tell, alpha_from_trimap, auto_trimap, complete, default_band

Marks = Picture | Callable[[Frame], Picture]
_AROUND = 32  # pixels about what is partial that the foreground's colour is estimated from


class TrimapMatter:
    """A Matter. method: a name in solvers.METHODS. Exactly one of trimap, strokes and auto is given, ValueError otherwise.

    trimap, strokes: a picture of the size of the frame that starts the scene (see marks.py), or what gives one for that frame. From frame
    to frame alpha is carried along, and found anew in a band about its outline. A picture is good for one scene: where another begins,
    step raises SourceError (SettingsError, where it is another still). auto: a matter, whose matte of each frame gives a trimap of it.
    band: pixels of the unknown band that is made, None for default_band. tell: hears what an alpha suffers from, once a scene.
    EngineError where the method's package is not here."""

    def __init__(
        self,
        method: str = "closed-form",
        *,
        trimap: Marks | None = None,
        strokes: Marks | None = None,
        auto: Matter | None = None,
        band: int | None = None,
        tell: Tell = lambda text: None,
    ) -> None:
        if sum(given is not None for given in (trimap, strokes, auto)) != 1:
            raise ValueError("wanted exactly one of trimap, strokes and auto")
        check_available(method)
        self.method, self._auto, self._band, self._tell = method, auto, band, tell
        self._what = "trimap" if trimap is not None else "strokes"
        self._given = _read(trimap if trimap is not None else strokes, parse_trimap if trimap is not None else parse_strokes)
        self._cuts = CutDetector()
        self._carrier: Carrier | None = None
        self._served: str | None = None  # the label of the frame that the given picture was used for
        self._primed = False
        self._told = False

    def step(self, frame: Frame) -> Matte:
        starts = self._cuts.starts_scene(frame) or self._primed
        self._primed = False
        opaque = replace(frame, pha=None)
        rgb = opaque.rgb()
        pha = self._sharpened(opaque, rgb) if self._auto is not None else self._carried_on(opaque, rgb, starts)
        fgr = _coloured(opaque, rgb, pha)
        return Matte(pha if frame.pha is None else pha * frame.pha, fgr)

    def reset(self) -> None:
        self._cuts = CutDetector()
        self._carrier = self._served = None
        self._primed = self._told = False
        if self._auto is not None:
            self._auto.reset()

    def prime(self, frames: Sequence[Frame]) -> None:
        self._primed, self._told = True, False
        if self._auto is not None:
            self._auto.prime([replace(frame, pha=None) for frame in frames])

    def _sharpened(self, frame: Frame, rgb: Array) -> Array:
        """The other matter's alpha, found anew about all that is partial in it."""
        assert self._auto is not None
        pha = self._auto.step(frame).pha
        trimap = auto_trimap(pha, band=self._band)
        return alpha_from_trimap(rgb, trimap, self.method, tell=self._tell_once) if complete(trimap) else pha

    def _carried_on(self, frame: Frame, rgb: Array, starts: bool) -> Array:
        trimap, prior = self._of_scene(frame, rgb, starts)
        pha = alpha_from_trimap(rgb, trimap, self.method, prior=prior, tell=self._tell_once)
        assert self._carrier is not None
        self._carrier.keep(frame, pha, trimap)
        return pha

    def _of_scene(self, frame: Frame, rgb: Array, starts: bool) -> tuple[Trimap, Array | None]:
        """The given one for a scene's first frame, for the others one that is carried along, with what alpha is near to."""
        if not starts and self._carrier is not None:
            return self._carrier.carry(frame)
        marks = self._marks_for(frame)
        check_size(marks, frame, what=self._what)
        self._carrier, self._told = Carrier(self._band or default_band(frame.size)), False
        return (marks if self._what == "trimap" else trimap_from_strokes(rgb, marks, band=self._band)), None

    def _marks_for(self, frame: Frame) -> Trimap:
        if callable(self._given):
            return self._given(frame)
        assert self._given is not None
        if self._served is not None:
            raise _used_up(self._what, self._served, frame)
        self._served = frame.label
        return self._given

    def _tell_once(self, text: str) -> None:
        if not self._told:
            self._tell(text)
        self._told = True


def _read(marks: Marks | None, parse: Callable[[Picture], Trimap]) -> Trimap | Callable[[Frame], Trimap] | None:
    """Parsed at once, so that what is wrong with it is told before anything is opened; or for each scene."""
    if marks is None:
        return None
    if callable(marks):
        return lambda frame: parse(marks(frame))
    return parse(marks)


def _used_up(what: str, served: str, frame: Frame) -> LivematteError:
    if frame.label and frame.label != served:
        return SettingsError(
            f"--{what}: got one picture, drawn for {served}, and {frame.label} is another; "
            f"try --{what} with a folder of pictures that are named after the stills"
        )
    return SourceError(
        f"at {frame.seconds:.2f} s the clip cuts to another scene, which the {what} is not of; "
        f"try --end {frame.seconds:.2f}, and the rest with --start {frame.seconds:.2f} and a picture of its own"
    )


def _coloured(frame: Frame, rgb: Array, pha: Array) -> Frame:
    """The frame with the foreground's colour where alpha is partial. rgb: its own, which is written to."""
    box = box_around((pha > 0) & (pha < 1), frame, margin=_AROUND)
    if box is None:
        return frame
    left, top, right, bottom = box
    part = slice(top, bottom), slice(left, right)
    rgb[part] = foreground(rgb[part], pha[part])
    return recoloured(frame, rgb, pha)
