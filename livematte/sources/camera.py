"""Cameras by number, device or name: `cam`, `cam:1`, `cam:/dev/video2`, `cam:HD Webcam`. The system's way to read one is a neighbour."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from livematte.errors import SourceError
from livematte.sources.base import ANYTHING, Wish
from livematte.sources.modes import Mode
from livematte.sources.reader import Reader

NONE = "no camera is connected; check its cable, its switch or cover, and in a container or virtual machine that it is passed on"


@dataclass(frozen=True, slots=True)
class Camera:
    """A camera that is there. place: its device on Linux, its number in OpenCV elsewhere. virtual: another program makes its pictures.
    problem: why it can't be used, or ""."""

    name: str
    place: str
    virtual: bool = False
    problem: str = ""


def open_camera(spec: str, *, wish: Wish = ANYTHING) -> Reader:
    """The camera that `spec` names, set as near to the wish as it goes; what it refused is in info.notes.

    SourceError where there is no such camera, or it has no picture in the wished pixel format; BusyError where another program uses it."""
    camera = find(spec, cameras())
    if sys.platform == "linux":
        from livematte.sources.v4l2_camera import open_v4l2

        return open_v4l2(camera.place, name=camera.name, wish=wish)
    else:
        from livematte.sources.opencv_camera import OpenCvCamera

        return OpenCvCamera(int(camera.place), name=camera.name, wish=wish)


def cameras() -> list[Camera]:
    """Cameras that are there, real ones first: these are what numbers count."""
    if sys.platform == "linux":
        from livematte.sources import v4l2

        found = [Camera(n.name, n.path, n.virtual, n.problem) for n in v4l2.nodes() if n.captures or n.problem]
    else:
        from livematte.sources import opencv_camera

        found = [Camera(name, str(number), "virtual" in name.lower()) for number, name in opencv_camera.names()]
    return sorted(found, key=lambda camera: camera.virtual)


def modes(camera: Camera) -> list[Mode]:
    """What a camera can give. Only Linux tells: elsewhere there is nothing in the list. OSError where it can't be asked."""
    if sys.platform == "linux":
        from livematte.sources import v4l2

        return v4l2.modes(camera.place, ANYTHING)
    else:
        return []


def find(spec: str, present: Sequence[Camera]) -> Camera:
    """The camera among those present that `cam[:WHICH]` names. `cam` and numbers never mean a virtual one, such as our own output.

    SourceError where none or several fit."""
    which = spec.partition(":")[2].strip()
    real = [camera for camera in present if not camera.virtual]
    if not which or which.isdecimal():
        usable = [camera for camera in real if not camera.problem]
        number = int(which or 0)
        if number < len(usable):
            return usable[number]
        raise SourceError(_none(spec, real))
    if os.path.isabs(which):
        return _at(spec, which, present)
    named = [c for c in present if c.name.lower() == which.lower()] or [c for c in present if which.lower() in c.name.lower()]
    if len(named) == 1:
        return _usable(spec, named[0])
    raise SourceError(f"{spec} fits {len(named)} cameras; name one by its place: {_list(named)}" if named else _none(spec, present))


def _at(spec: str, path: str, present: Sequence[Camera]) -> Camera:
    place = os.path.realpath(path)  # /dev/v4l/by-id/… are links
    for camera in present:
        if camera.place == place:
            return _usable(spec, camera)
    if not os.path.exists(path):
        raise SourceError(_none(spec, present))
    here = f"there is {_list(present)}" if present else "no camera is connected"
    raise SourceError(f"{spec}: {path} gives no pictures: it is no camera, or a virtual one that nobody feeds; {here}")


def _usable(spec: str, camera: Camera) -> Camera:
    if camera.problem:
        raise SourceError(f"{spec}: {camera.place} cannot be opened: {camera.problem}{mend([camera])}")
    return camera


def _none(spec: str, present: Sequence[Camera]) -> str:
    if not present:
        return f"{spec}: {NONE}"
    return f"there is no camera {spec}; there is {_list(present)}{mend(present)}"


def _list(present: Sequence[Camera]) -> str:
    return ", ".join(f"{c.name!r} at {c.place}" + (f" ({c.problem})" if c.problem else "") for c in present)


def mend(present: Sequence[Camera]) -> str:
    """What to try where cameras may not be opened; begins with "; ", or is ""."""
    if any(camera.problem == os.strerror(13) for camera in present):  # EACCES
        return "; to be let in: sudo usermod -aG video $USER, then log in anew"
    return ""
