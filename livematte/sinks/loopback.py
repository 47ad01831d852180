"""What of a virtual camera on Linux is the driver's (v4l2loopback): which devices there are, whether one is free, who watches it.

pyvirtualcam only writes frames. A second descriptor, held here as long as the camera, does what it leaves undone: it tells the rate, reads
back the size, asks for watchers, and gives the device back. Structures and numbers are those of linux/videodev2.h.
"""

from __future__ import annotations

import os
import struct
import threading
import time
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

from livematte.errors import SinkError
from livematte.frame import Size

_CLASS = Path("/sys/class/video4linux")
_REFERENCES = Path("/sys/module/v4l2loopback/refcnt")
_PROCESSES = Path("/proc")
_DRIVER = b"v4l2 loopback"
_OUTPUT = 2  # V4L2_CAP_VIDEO_OUTPUT, and V4L2_BUF_TYPE_VIDEO_OUTPUT
_WORD = struct.calcsize("P")  # a pointer's size: the union in v4l2_format holds some
_USAGE = 0x08000000 + 0x08E00000 + 1  # v4l2loopback's event CLIENT_USAGE, from version 0.13 on: how many programs stream
_SEND_INITIAL = 1  # V4L2_EVENT_SUB_FL_SEND_INITIAL: the event tells how things are, not only what changes
_RESCAN = 10.0  # seconds after which programs are counted anew, though nothing seems to have changed

_READ, _WRITE = 2, 1


def _ioctl_number(direction: int, number: int, size: int) -> int:
    return direction << 30 | size << 16 | ord("V") << 8 | number


_QUERYCAP = _ioctl_number(_READ, 0, 104)
_G_FMT = _ioctl_number(_READ | _WRITE, 4, 200 + _WORD)
_STREAMON = _ioctl_number(_WRITE, 18, 4)
_S_PARM = _ioctl_number(_READ | _WRITE, 22, 204)
_DQEVENT = _ioctl_number(_READ, 89, 136)
_SUBSCRIBE = _ioctl_number(_WRITE, 90, 32)
_UNSUBSCRIBE = _ioctl_number(_WRITE, 91, 32)


def devices() -> list[str]:
    """Paths of the virtual cameras, by number: "/dev/video10". A camera has no max_openers, and is not opened to be asked."""
    found = [entry.parent.name for entry in _CLASS.glob("video*/max_openers")]
    return [f"/dev/{name}" for name in sorted(found, key=lambda name: int(name.removeprefix("video")))]


def programs(path: str) -> list[str]:
    """Programs that have a device open, but for this one, as far as this user may see: "zoom (process 4711)"."""
    found, node = [], os.path.realpath(path)
    for entry in _PROCESSES.glob("[0-9]*"):
        with suppress(OSError):  # another user's, or ended meanwhile
            links = (os.readlink(link) for link in (entry / "fd").iterdir())
            if int(entry.name) != os.getpid() and node in links:
                found.append(f"{(entry / 'comm').read_text().strip()} (process {entry.name})")
    return found


class Loopback:
    """A device that is free to be written. SinkError where it is none, or another program writes to it.

    Then pyvirtualcam may open it, and hold() is next."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._lock = threading.Lock()  # watchers() is asked by another thread than the one that closes
        self._descriptors = 1  # of this program on the device
        self._references, self._counted_at, self._count = -1, 0.0, 0
        self._fd: int | None = _open(path)
        try:
            self._claim(self._fd)
        except SinkError:
            self.close()
            raise
        self._tells_usage = _usage(self._fd) is not None

    def _claim(self, fd: int) -> None:
        answer = _ask(fd, _QUERYCAP, bytes(104)) or bytes(104)
        driver, capabilities = answer[:16].rstrip(b"\0"), struct.unpack_from("I", answer, 88)[0]
        if driver != _DRIVER:
            known = ", ".join(devices())
            raise SinkError(f"{self.path} is not a virtual camera; wanted {f'one of {known}' if known else 'one that v4l2loopback makes'}")
        if capabilities & _OUTPUT:
            return
        if self._openers():
            raise self.busy()
        # Up to v4l2loopback 0.12 a writer that only wrote, and ended, leaves the device closed to others (its issue 470): it
        # becomes free again when a descriptor that streamed is closed.
        mender = _open(self.path)
        with suppress(OSError):
            _ask(mender, _STREAMON, struct.pack("i", _OUTPUT))
        os.close(mender)

    def busy(self) -> SinkError:
        names = ", ".join(programs(self.path)) or "another program"
        return SinkError(f"{self.path} is in use by {names}; end the one that writes to it, or make a second virtual camera")

    def hold(self, size: Size, rate: Fraction) -> None:
        """To be called once pyvirtualcam has opened the device. SinkError where it has not got the size that it asked for."""
        assert self._fd is not None
        self._descriptors = 2
        with suppress(OSError):  # watchers are told 30 fps then
            period = 1 / rate.limit_denominator(1001)
            _ask(self._fd, _S_PARM, struct.pack("5I184x", _OUTPUT, 0, 0, period.numerator, period.denominator))
        self._check_size(self._fd, size)
        if not self._tells_usage:
            # Closed together with pyvirtualcam's, at the latest by the system when this program is killed, it frees the device.
            with suppress(OSError):
                _ask(self._fd, _STREAMON, struct.pack("i", _OUTPUT))

    def _check_size(self, fd: int, size: Size) -> None:
        """The driver keeps its format, without a word, while any program has its pictures."""
        answer = _ask(fd, _G_FMT, struct.pack("I", _OUTPUT).ljust(200 + _WORD, b"\0"))
        got = struct.unpack_from("2I4s", answer or bytes(200 + _WORD), _WORD)
        if answer is not None and got != (*size, b"YU12"):
            readers = ", ".join(programs(self.path)) or "another program"
            raise SinkError(
                f"{self.path} is kept at {got[0]}x{got[1]} {got[2].decode('latin-1')} by {readers}, wanted {size[0]}x{size[1]} YU12;\n"
                f"end that program, or try --size {got[0]}x{got[1]}"
            )

    def watchers(self) -> int | None:
        """How many programs read the device; up to 0.12 of the driver: have it open. None where that can't be known."""
        with self._lock:
            if self._fd is None:
                return None
            return _usage(self._fd) if self._tells_usage else self._openers()

    def _openers(self) -> int | None:
        """By the module's count of descriptors where this is its only device; else, when that changed, by a look at all programs."""
        try:
            references = int(_REFERENCES.read_text())
        except (OSError, ValueError):
            return None
        if len(devices()) == 1:
            return max(0, references - self._descriptors)
        now = time.monotonic()
        if references != self._references or now - self._counted_at > _RESCAN:
            self._references, self._counted_at, self._count = references, now, len(programs(self.path))
        return self._count

    @property
    def gone(self) -> bool:
        return not os.path.exists(self.path)

    def close(self) -> None:
        with self._lock:
            if self._fd is not None:
                os.close(self._fd)
                self._fd = None


def _open(path: str) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError as error:
        known = ", ".join(devices())
        raise SinkError(f"there is no {path}; wanted {f'one of {known}' if known else 'a virtual camera'}") from error
    except PermissionError as error:
        raise SinkError(f"no permission to write to {path}; try: sudo usermod -aG video $USER, then log in again") from error
    except OSError as error:
        raise SinkError(f"{path} cannot be opened: {error.strerror}; wanted a virtual camera such as vcam:/dev/video10") from error


def _usage(fd: int) -> int | None:
    """How many programs stream, as the driver tells every new subscriber; None for a driver that does not."""
    subscription = struct.pack("3I20x", _USAGE, 0, _SEND_INITIAL)
    try:
        _ask(fd, _UNSUBSCRIBE, subscription)
        if _ask(fd, _SUBSCRIBE, subscription) is None:
            return None
        event = _ask(fd, _DQEVENT, bytes(136))
    except OSError:
        return None
    return None if event is None else int(struct.unpack_from("I", event, 8)[0])


def _ask(fd: int, request: int, data: bytes) -> bytes | None:
    """The structure as the driver fills it in; None where it does not know the request. OSError where it refuses otherwise."""
    import errno
    import fcntl

    answer = bytearray(data)
    try:
        fcntl.ioctl(fd, request, answer)
    except OSError as error:
        if error.errno in (errno.EINVAL, errno.ENOTTY, errno.ENOENT):
            return None
        raise
    return bytes(answer)
