"""What `livematte devices` lists: cameras with their formats, virtual cameras, and what else can be read and written here."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.util import find_spec

from livematte.errors import SinkError
from livematte.sinks.window import need_display
from livematte.sources import camera
from livematte.sources.camera import Camera
from livematte.sources.modes import listed

_PROTOCOLS = ("rtsp", "rtmp", "rtmps", "udp", "tcp", "http", "https", "srt")
_WRITTEN = ("rtsp", "rtmp", "rtmps", "udp", "tcp", "srt")  # what libav can also send to
_NOBODY = "{}://"  # an address for a protocol
_EXTRAS = {"whip": ("aiortc", "whip+https://… output"), "ndi": ("cyndilib", "ndi:NAME output")}


def lines() -> list[str]:
    """For people, a line each."""
    found = camera.cameras()
    return [*_real([c for c in found if not c.virtual]), *_virtual(), *_others()]


def _real(cameras: list[Camera]) -> Iterator[str]:
    yield "CAMERAS (livematte cam, cam:NUMBER, cam:NAME)"
    if not cameras:
        yield f"  {camera.NONE}"
    number = 0
    for found in cameras:
        yield f"  {'-' if found.problem else number}  {found.name}  {found.place}"
        number += not found.problem
        yield from (f"       {line}" for line in _formats(found))


def _formats(found: Camera) -> list[str]:
    if found.problem:
        return [f"cannot be opened: {found.problem}" + camera.mend([found])]
    try:
        return listed(camera.modes(found))
    except OSError as error:
        return [f"cannot be asked: {error.strerror}"]


def _virtual() -> Iterator[str]:
    yield "VIRTUAL CAMERAS (-o vcam, vcam:DEVICE)"
    if sys.platform == "linux":
        from livematte.sources import v4l2

        nodes = [node for node in v4l2.nodes() if node.virtual]
        yield from (f"  {node.path}  {node.name}" for node in nodes)
        if not nodes:
            yield "  none: sudo apt install v4l2loopback-dkms && sudo modprobe v4l2loopback exclusive_caps=1 card_label=livematte"
    else:
        yield "  OBS Virtual Camera, where OBS is installed"


def _others() -> Iterator[str]:
    spoken = [name for name in _PROTOCOLS if _speaks(name)]
    yield "STREAMS"
    yield f"  read     {' '.join(f'{name}://' for name in spoken)}"
    yield f"  written  {' '.join(f'{name}://' for name in spoken if name in _WRITTEN)}"
    for extra, (package, use) in _EXTRAS.items():
        yield f"  {extra:<8} {use if find_spec(package) else f'not installed: pip install livematte[{extra}]'}"
    missing = [name for name in _PROTOCOLS if name not in spoken]
    if missing:
        yield f"  not in this libav: {' '.join(missing)}"
    yield "WINDOW (-o window)"
    yield from (f"  {line}" for line in _window().splitlines())


def _speaks(protocol: str) -> bool:
    """Whether this libav knows a protocol. It is allowed none, so that it refuses those it knows before it connects: an address without
    a host means this machine, whose servers would be called."""
    import av

    try:
        av.open(_NOBODY.format(protocol), options={"protocol_whitelist": "none"}).close()
    except av.error.ProtocolNotFoundError:
        return False
    except (av.error.FFmpegError, OSError, ValueError):
        pass
    return True


def _window() -> str:
    try:
        need_display()
    except SinkError as error:
        return str(error).removeprefix("window: ")
    return "a display is there"
