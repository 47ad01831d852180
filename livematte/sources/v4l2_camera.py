"""A camera on Linux, through libav's v4l2 input: pictures in the planes that the camera gives, with the kernel's time of each.

libav is told not to wait for the device, or a frozen camera would hold its reader for ever.
"""

from __future__ import annotations

import errno
import time
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import islice
from typing import TYPE_CHECKING, Any, Protocol

from livematte.colour import Colour
from livematte.errors import BusyError, SourceError
from livematte.frame import Frame
from livematte.pyav import from_av
from livematte.sources import v4l2
from livematte.sources.base import SILENCE, SourceInfo, Wish
from livematte.sources.modes import RATE, Choice, choose, refusal
from livematte.sources.reader import Reader

if TYPE_CHECKING:
    import av

TIME_BASE = Fraction(1, 1_000_000)
_DONT_WAIT = "+4"  # AVFMT_FLAG_NONBLOCK, which has no name among libav's options
# libav would turn in circles until the first picture, to learn of it what the driver told already. This ends the look, not the opening.
_DONT_PROBE = (0.001, SILENCE)
_OLDEST = 2.0  # seconds: a stamp that is older is of another clock
_POLLS = 16  # looks for a picture in the time of one: late by a thirty-second of it on the average
_STRICT_TRIES = 30


def open_v4l2(path: str, *, name: str, wish: Wish) -> V4l2Camera:
    """The camera at `path`, set as near to the wish as it goes. SourceError and BusyError tell why it can't be had."""
    try:
        modes = v4l2.modes(path, wish)
        feed = DeviceFeed(path, choose(modes, wish, name=name))
        try:
            note = refusal(feed.got, modes, wish)
            info = SourceInfo(name, feed.got.size, feed.rate, TIME_BASE, real_time=True, notes=(note,) if note else ())
            return V4l2Camera(feed, info, raw=v4l2.colour(path) if feed.raw else None)
        except BaseException:
            feed.close()
            raise
    except OSError as error:
        raise _why_not(error, path, name) from error


def _why_not(error: OSError, path: str, name: str) -> SourceError:
    camera = f"camera {name} ({path})"
    if error.errno == errno.EBUSY:
        others = ", ".join(v4l2.users(path)) or "another program"
        return BusyError(f"{camera} is in use by {others}; close it there")
    if error.errno == errno.ENOSPC:
        return SourceError(f"{camera} gets no room on its USB cable; try --pixel-format mjpeg, a smaller --size, or another socket")
    if error.errno in (errno.ENODEV, errno.ENOENT, errno.ENXIO):
        return SourceError(f"{camera} is gone; plug it in again")
    if error.errno == errno.EACCES:
        return SourceError(f"{camera} may not be opened; to be let in: sudo usermod -aG video $USER, then log in anew")
    return SourceError(f"{camera} cannot be opened: {error.strerror or error}; unplug it and plug it in again")


class Feed(Protocol):
    """Where packets come from. take: the next one, None where there is none yet; OSError where the device is gone, or gives no more.
    raw: its pictures lie in the packets as they are, in memory that is lost with the device. independent: each picture can be understood
    alone."""

    raw: bool
    independent: bool
    context: Any

    def take(self) -> av.Packet[Any] | None: ...
    def close(self) -> None: ...


class DeviceFeed:
    """A device as libav opens it. got: what it is set to. OSError where it does not open."""

    def __init__(self, path: str, choice: Choice) -> None:
        import av

        width, height = choice.size
        options = {"input_format": choice.pixels, "video_size": f"{width}x{height}", "fflags": _DONT_WAIT}
        if choice.rate is not None:
            options["framerate"] = str(choice.rate)
        try:
            self._container: Any = av.open(path, format="v4l2", options=options, timeout=_DONT_PROBE)
        except av.error.FFmpegError as error:
            raise _as_os_error(error) from error
        self._stream = self._container.streams.video[0]
        self.context = self._stream.codec_context
        self.raw = self.context.name == "rawvideo"
        self.independent = self.context.name != "h264"
        self.rate = Fraction(self._stream.average_rate or choice.rate or RATE)
        self.got = Choice(choice.pixels, (self.context.width, self.context.height), self.rate)

    def take(self) -> av.Packet[Any] | None:
        import av

        try:
            # A generator of its own for each packet: one that lives on holds the last packet, whose memory goes when the device is closed.
            packet: av.Packet[Any] = next(self._container.demux(self._stream))
        except BlockingIOError:
            return None
        except av.error.FFmpegError as error:
            raise _as_os_error(error) from error
        if not packet.size and packet.pts is None:  # PyAV's sign of the end, which it gives as often as it is asked
            raise OSError(errno.ENODEV, "it gives no more")
        return packet

    def close(self) -> None:
        self._container.close()


def _as_os_error(error: av.error.FFmpegError) -> OSError:
    """PyAV's errors are of many classes; EINVAL, which a device that is pulled out gives, is a ValueError."""
    return OSError(error.errno or errno.EIO, error.strerror or str(error))


class V4l2Camera(Reader):
    """Frames of a feed as they come. info.notes tell of pictures that were damaged.

    raw: colour tags of raw pictures, None for those that carry their own. SourceError where nothing came for SILENCE seconds, or where
    the camera is gone; it has let the device go then, so that a camera that is plugged in again gets its old number."""

    def __init__(self, feed: Feed, info: SourceInfo, *, raw: Colour | None = None) -> None:
        self._feed, self._info, self._raw = feed, info, raw
        self._context = feed.context
        _prepare(self._context, strict=True)
        self._strict = True
        self._pause = 1 / (float(info.rate) * _POLLS)
        self._last = 0
        self._good = self._damaged = 0
        self._open = True

    @property
    def info(self) -> SourceInfo:
        told = (f"damaged pictures of the camera, left out: {self._damaged}",) if self._damaged else ()
        return replace(self._info, notes=self._info.notes + told)

    def close(self) -> None:
        if self._open:
            self._open = False
            self._feed.close()

    def _read(self) -> Iterator[Frame]:
        heard = time.monotonic()
        while self._open:
            frames = self._next()
            if frames:
                heard = time.monotonic()
                yield from frames
            elif time.monotonic() - heard > SILENCE:
                self.close()
                raise SourceError(f"camera {self._info.name} gave no picture for {SILENCE:.0f} s; unplug it and plug it in again")

    def _next(self) -> list[Frame]:
        """The frames of the newest packet that is whole; none where nothing came yet, after a short sleep, or where all are damaged.

        A reader that is slower than the camera would otherwise be late for ever by all that the kernel holds, 32 pictures."""
        ready: list[av.Packet[Any]] = []
        try:
            ready.extend(islice(iter(self._feed.take, None), None if self._feed.independent else 1))
        except OSError as error:
            ready.clear()  # before the device takes their memory back
            self.close()
            raise SourceError(f"camera {self._info.name} is gone ({error.strerror}); plug it in again") from error
        if not ready:
            time.sleep(self._pause)
        while ready:
            if frames := self._decode(ready.pop()):
                return frames
        return []

    def _decode(self, packet: av.Packet[Any]) -> list[Frame]:
        import av

        try:
            if not packet.size:  # what the kernel flags as damaged comes empty, and would end the decoder
                raise av.error.InvalidDataError(0, "empty")
            pictures = [picture for picture in self._context.decode(packet) if not picture.is_corrupt]
        except av.error.FFmpegError:
            self._damaged += 1
            self._relent()
            return []
        self._good += len(pictures)
        return [self._frame(picture) for picture in pictures]

    def _relent(self) -> None:
        """Some cameras never give a JPEG that is right to the letter: where none passed, take what can be read."""
        if self._strict and not self._good and self._damaged == _STRICT_TRIES and self._context.name == "mjpeg":
            import av

            self._strict = False
            self._context = av.CodecContext.create("mjpeg", "r")
            _prepare(self._context, strict=False)

    def _frame(self, picture: av.VideoFrame) -> Frame:
        frame = from_av(picture, time_base=TIME_BASE)
        if self._feed.raw and frame.format.name == picture.format.name:
            # Planes are views of memory that the device takes back when it is closed.
            frame = frame.with_planes(tuple(plane.copy() for plane in frame.planes))
        now = time.monotonic()
        stamp = (picture.pts or 0) * 1e-6  # CLOCK_MONOTONIC, but for drivers that are told or made otherwise
        captured = stamp if 0 <= now - stamp <= _OLDEST else now
        self._last = max(self._last + 1, round(captured * 1_000_000))
        duration = round(1_000_000 / self._info.rate)
        colour = self._raw if self._raw is not None and frame.format.family != "gbr" else frame.colour
        return replace(frame, pts=self._last, duration=duration, captured=captured, colour=colour)


def _prepare(context: Any, *, strict: bool) -> None:
    """One thread and no reordering: each picture comes out as it goes in. strict: damage is an error, not a picture with a torn half."""
    context.thread_count = 1
    context.thread_type = "NONE"
    context.options = {"flags": "low_delay"} | ({"err_detect": "explode"} if strict else {})
