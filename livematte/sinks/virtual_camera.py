"""A virtual camera that other programs see as a webcam, by pyvirtualcam: v4l2loopback on Linux, OBS's camera on Windows and macOS."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING, Any

from livematte.errors import SinkError
from livematte.frame import Frame, Size
from livematte.sinks import i420
from livematte.sinks.base import Device
from livematte.sinks.loopback import Loopback, devices
from livematte.sinks.pixels import even

if TYPE_CHECKING:
    from livematte.sources.base import SourceInfo

_INSTALL = {
    "apt": "sudo apt install v4l2loopback-dkms",
    "dnf": "sudo dnf install akmod-v4l2loopback",
    "pacman": "sudo pacman -S v4l2loopback-dkms",
    "zypper": "sudo zypper install v4l2loopback-kmp-default",
}
_LOAD = "sudo modprobe v4l2loopback devices=1 exclusive_caps=1 card_label=livematte video_nr=10"


class VirtualCamera(Device):
    """`vcam`, the first that is free, or `vcam:/dev/video10`. Takes frames of one size, in any format; odd sides grow by one.

    Frames go out in I420, BT.601, limited range, which every program takes an untagged camera for. The device stays open, and shows what
    was sent last. SinkError where there is none, where it is in use, and where writing fails."""

    def __init__(self, spec: str, *, like: SourceInfo) -> None:
        super().__init__(spec)
        self._size = (like.size[0] + like.size[0] % 2, like.size[1] + like.size[1] % 2)
        self._picture = i420.blank(self._size)
        self._loopback: Loopback | None = None
        self._camera: Any = None
        wanted = spec.partition(":")[2]
        try:
            if sys.platform.startswith("linux"):
                self._loopback = _free(wanted)
                self._camera = _opened(self._size, float(like.rate), self._loopback)
                self._loopback.hold(self._size, like.rate)
            else:
                self._camera = _opened_elsewhere(self._size, float(like.rate), wanted)
        except SinkError as error:
            self.close()
            raise SinkError(f"{spec}: {error}") from error

    def send(self, frame: Frame) -> None:
        frame = even(frame)
        if frame.size != self._size:
            raise ValueError(f"got a frame of size {frame.size}, wanted {self._size}")
        if self._camera is None or (self._loopback is not None and self._loopback.gone):
            raise SinkError(f"{self.name}: the virtual camera is gone; wanted it to stay, load or start it again")
        i420.write(frame, self._picture)
        try:
            self._camera.send(self._picture)
        except RuntimeError as error:
            raise SinkError(f"{self.name}: writing failed: {error}; is the virtual camera still there?") from error

    def watchers(self) -> int | None:
        """How many programs watch; None where that can't be known, as on Windows and macOS. Quick, from any thread."""
        return self._loopback.watchers() if self._loopback else None

    def close(self) -> None:
        if self._camera is not None:
            self._camera.close()
            self._camera = None
        if self._loopback is not None:  # after the camera: what frees the device is that this one goes last
            self._loopback.close()


def _free(wanted: str) -> Loopback:
    """The device that is wanted, or the first that can be written. SinkError tells why there is none."""
    refused: list[SinkError] = []
    for path in [wanted] if wanted else devices():
        try:
            return Loopback(path)
        except SinkError as error:
            refused.append(error)
    raise refused[0] if refused and (devices() or not wanted) else SinkError(_how_to_make_one())


def _how_to_make_one() -> str:
    install = next((command for tool, command in _INSTALL.items() if shutil.which(tool)), _INSTALL["apt"])
    return (
        f"there is no virtual camera on this computer; make one:\n  {install} && {_LOAD}\n"
        "  exclusive_caps=1 is for Chrome, Meet and Teams; Zoom wants 0: sudo modprobe -r v4l2loopback, and the same with 0"
    )


def _opened(size: Size, rate: float, loopback: Loopback) -> Any:
    try:
        return _camera(size, rate, loopback.path)
    except RuntimeError as error:
        if "busy" in str(error).lower():
            raise loopback.busy() from error
        raise SinkError(f"{loopback.path} cannot be opened: {_reason(error)}") from error


def _opened_elsewhere(size: Size, rate: float, wanted: str) -> Any:
    try:
        return _camera(size, rate, wanted or None)
    except RuntimeError as error:
        raise SinkError(
            f"no virtual camera: {_reason(error)}\n"
            "  install OBS (https://obsproject.com), start its virtual camera once, stop it and quit OBS;\n"
            "  then run this again"
        ) from error


def _camera(size: Size, rate: float, device: str | None) -> Any:
    import pyvirtualcam

    return pyvirtualcam.Camera(*size, rate, fmt=pyvirtualcam.PixelFormat.I420, device=device)


def _reason(error: Exception) -> str:
    """pyvirtualcam tells one line for each way it tried: "'obs' backend: …"."""
    return "; ".join(line.strip().rstrip(".") for line in str(error).splitlines())
