"""What these tests are made of: livematte as a process, a program that watches the virtual camera, a camera to be switched about."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self

import av
import numpy as np
from numpy.typing import NDArray

CAMERA, VIRTUAL, DRAWN = "/dev/video0", "/dev/video10", "/dev/video11"
WIDTH, HEIGHT, RATE = 320, 180, 10
SMALL = ("--size", f"{WIDTH}x{HEIGHT}", "--fps", str(RATE))
# Y, Cb, Cr as BT.601 has them in limited range. The room is blue all over, and so is the person in it: whatever of the right half is blue
# is the room, shown to watchers.
BLUE, MAGENTA = (41, 240, 110), (106, 202, 222)
ON_MAGENTA = ("-b", "#ff00ff", *SMALL)
NEAR = 2  # of 255: what may be lost between the camera and the watcher
STARTS = 60.0  # seconds that livematte may take to begin; under emulation it takes 6 to 15
_DRIVER = Path("/sys/bus/platform/drivers/vivid")

Pixels = NDArray[np.uint8]
Colour = tuple[int, int, int]


def until(what: Callable[[], Any], seconds: float, wanted: str) -> Any:
    """What `what` gives as soon as it is true; fails when that takes longer."""
    end = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < end, f"wanted within {seconds:g} s: {wanted}"
        time.sleep(0.05)
    return found


class Livematte:
    """The command line in a process of its own, which ends with the block. stub: its network is stub_live's."""

    def __init__(self, *arguments: str, stub: bool = True) -> None:
        how = [str(Path(__file__).with_name("stub_live.py"))] if stub else ["-m", "livematte.cli"]
        self._words = Path(tempfile.mkstemp(suffix=".said")[1])
        with self._words.open("w") as words:
            self._process = subprocess.Popen([sys.executable, *how, *arguments], stdout=subprocess.DEVNULL, stderr=words)

    @property
    def said(self) -> str:
        """Its standard error so far."""
        return self._words.read_text()

    def hear(self, text: str, seconds: float = STARTS) -> None:
        """Waits until it said this."""
        until(lambda: text in self.said or self._process.poll() is not None, seconds, f"{text!r} from livematte")
        assert text in self.said, f"livematte ended with {self._process.returncode}"

    def wait(self, seconds: float = STARTS) -> int:
        return self._process.wait(seconds)

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Sends a signal and gives the exit code."""
        self._process.send_signal(number)
        return self.wait()

    def holds(self, device: str) -> bool:
        """Whether it has a device open."""
        return device in _open_files(self._process.pid)

    @property
    def cpu(self) -> float:
        """Seconds of processor time that it used so far."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        print(self.said)  # noqa: T201 - shown where a test fails
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()


def _open_files(pid: int) -> set[str]:
    found = set()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        try:
            found.add(os.readlink(link))
        except FileNotFoundError:  # closed meanwhile
            continue
    return found


class Shot(NamedTuple):
    """A picture that a watcher got. at: time.monotonic(). pixels: I420, (HEIGHT * 3 / 2, WIDTH)."""

    at: float
    pixels: Pixels

    def half(self, right: bool) -> list[Pixels]:
        """Y, Cb and Cr of one half of the picture."""
        middle = [plane.shape[1] // 2 for plane in planes(self.pixels)]
        return [plane[:, at:] if right else plane[:, :at] for plane, at in zip(planes(self.pixels), middle, strict=True)]

    @property
    def stands_in(self) -> bool:
        return _is(self.half(False), MAGENTA) and self.room_is_hidden

    @property
    def shows_person(self) -> bool:
        return _is(self.half(False), BLUE) and self.room_is_hidden

    @property
    def room_is_hidden(self) -> bool:
        return _is(self.half(True), MAGENTA)

    def save(self, path: Path) -> None:
        av.VideoFrame.from_ndarray(self.pixels, format="yuv420p").to_image().save(path)


def planes(pixels: Pixels) -> list[Pixels]:
    luma, chroma = pixels[:HEIGHT], pixels[HEIGHT:].reshape(2, HEIGHT // 2, WIDTH // 2)
    return [luma, chroma[0], chroma[1]]


def _is(half: Sequence[Pixels], colour: Colour) -> bool:
    return all(int(np.abs(plane.astype(int) - value).max()) <= NEAR for plane, value in zip(half, colour, strict=True))


class Watcher:
    """A program that reads the virtual camera, from `with` on. shots: all that it got. rate: that the driver tells."""

    def __init__(self, device: str = VIRTUAL) -> None:
        self._device = device
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._failure: BaseException | None = None
        self.shots: list[Shot] = []
        self.rate = 0.0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._done.set()
        self._thread.join()

    def await_shot(self, which: Callable[[Shot], bool], seconds: float, wanted: str) -> Shot:
        """The first one of this kind that comes from now on."""
        end, seen = time.monotonic() + seconds, len(self.shots)
        while True:
            for shot in self.shots[seen:]:
                seen += 1
                if which(shot):
                    return shot
            if self._failure:
                raise self._failure
            assert time.monotonic() < end, f"wanted within {seconds:g} s: {wanted}"
            time.sleep(0.05)

    def await_person(self, seconds: float = 30.0) -> Shot:
        return self.await_shot(lambda shot: shot.shows_person, seconds, "the person before the background")

    def await_stand_in(self, seconds: float = 30.0) -> Shot:
        return self.await_shot(lambda shot: shot.stands_in, seconds, "the stand-in")

    @property
    def longest_gap(self) -> float:
        """Seconds between two pictures, at most."""
        return float(np.diff([shot.at for shot in self.shots]).max())

    def _watch(self) -> None:
        try:
            with self._open() as container:
                stream = container.streams.video[0]
                self.rate = float(stream.average_rate or 0)
                while not self._done.is_set():
                    self._take(container, stream)
        except BaseException as error:  # noqa: BLE001 - raised by await_shot
            self._failure = error

    def _open(self) -> Any:
        # told not to wait (AVFMT_FLAG_NONBLOCK), or a writer that stops would hold this thread for ever
        return av.open(self._device, format="v4l2", options={"fflags": "+4"}, timeout=(0.001, 5.0))

    def _take(self, container: Any, stream: Any) -> None:
        try:
            packet = next(container.demux(stream))
        except BlockingIOError:
            time.sleep(0.005)
            return
        for picture in stream.codec_context.decode(packet):
            self.shots.append(Shot(time.monotonic(), picture.to_ndarray().copy()))


def vivid(**controls: int) -> None:
    """Sets controls of the camera."""
    subprocess.run(["v4l2-ctl", "-d", CAMERA, "-c", ",".join(f"{name}={value}" for name, value in controls.items())], check=True)


def unplug() -> None:
    (_DRIVER / "unbind").write_text("vivid.0")


def plug() -> None:
    """The camera is back, as new, and looks at a blue room."""
    (_DRIVER / "bind").write_text("vivid.0")
    until(Path(CAMERA).exists, 10, f"{CAMERA} after the camera was plugged in")
    paint_blue()


def paint_blue() -> None:
    vivid(test_pattern=9, osd_text_mode=2, percentage_of_dropped_buffers=0)


def photograph() -> Pixels:
    """What the camera gives at this moment, as I420."""
    options = {"input_format": "nv12", "video_size": f"{WIDTH}x{HEIGHT}", "framerate": str(RATE)}
    with av.open(CAMERA, format="v4l2", options=options) as camera:
        return next(camera.decode(video=0)).reformat(format="yuv420p").to_ndarray().copy()


def reads(device: str) -> subprocess.Popen[bytes]:
    """Another program, which reads a device until it is ended."""
    return subprocess.Popen(["v4l2-ctl", "-d", device, "--stream-mmap"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
