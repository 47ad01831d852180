"""Pictures that have nothing to do with each other, each a scene of its own, seen by the network in sRGB whatever their ICC profile.

Networks learned from sRGB. Mean absolute error of alpha on 12 composed pictures, x1e3: 4.22 in sRGB; shown as they are, 4.25 in Display P3,
4.37 in Adobe RGB, 4.69 in ProPhoto, 5.97 in linear light.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

from livematte.errors import LivematteError, SettingsError, SourceError
from livematte.frame import Frame, Matte
from livematte.matting.base import Matter
from livematte.matting.recolour import box_around, recoloured
from livematte.profiles import in_srgb

LeaveOut = Callable[[Frame, LivematteError], None]
_MOST_AT_ONCE = 100_000_000  # pixels


def still_mattes(matter: Matter, items: Iterable[object], *, leave_out: LeaveOut | None = None) -> Iterator[object]:
    """(picture, its matte) for each picture, in order; anything else passes in its place.

    A matter with step_many is given as many at once as its `batch` says, as far as memory allows. leave_out: hears of a picture that the
    matter refuses, and why, and the rest goes on; None: that ends it."""
    batch = getattr(matter, "batch", 1)
    waiting: list[Frame] = []
    for item in items:
        if isinstance(item, Frame):
            waiting.append(item)
            if len(waiting) < batch and sum(frame.planes[0].size for frame in waiting) < _MOST_AT_ONCE:
                continue
        yield from _matted(matter, waiting, leave_out)
        waiting = []
        if not isinstance(item, Frame):
            yield item
    yield from _matted(matter, waiting, leave_out)


def _matted(matter: Matter, frames: Sequence[Frame], leave_out: LeaveOut | None) -> Iterator[tuple[Frame, Matte]]:
    seen = [in_srgb(frame) for frame in frames]
    many: Callable[[Sequence[Frame]], list[Matte]] | None = getattr(matter, "step_many", None)
    mattes = many(seen) if many is not None and len(seen) > 1 else [_alone(matter, frame, leave_out) for frame in seen]
    for frame, shown, matte in zip(frames, seen, mattes, strict=True):
        if matte is not None:
            yield frame, _of(frame, shown, matte)


def _alone(matter: Matter, frame: Frame, leave_out: LeaveOut | None) -> Matte | None:
    try:
        matter.prime([frame])
        return matter.step(frame)
    except (SettingsError, SourceError) as error:  # of this picture; what else fails would fail for all
        if leave_out is None:
            raise
        leave_out(frame, error)
        return None


def _of(frame: Frame, seen: Frame, matte: Matte) -> Matte:
    """A matte of the frame, from that of the frame in sRGB."""
    return matte if seen is frame else Matte.later(lambda: _in_own_colours(frame, seen, matte.work_out()))


def _in_own_colours(frame: Frame, seen: Frame, matte: Matte) -> Matte:
    if seen.planes is frame.planes:  # the profile was sRGB's
        return Matte(matte.pha, replace(matte.fgr, profile=frame.profile))
    box = box_around((matte.pha > 0) & (matte.pha < 1), frame)
    if box is None:
        return Matte(matte.pha, frame.with_planes(frame.planes))
    left, top, right, bottom = box
    pha = matte.pha[top:bottom, left:right]
    here = frame.crop(*box)
    # What the network changes is little, and as much in one set of colours as in the other.
    colour = here.rgb() + (matte.fgr.crop(*box).rgb() - seen.crop(*box).rgb())
    fgr = frame.with_planes(tuple(plane.copy() for plane in frame.planes))
    for plane, part in zip(fgr.crop(*box).planes, recoloured(here, colour, pha).planes, strict=True):
        plane[...] = part
    return Matte(matte.pha, fgr)
