"""A broadcast for streams to carry: grey pictures with a flash, and a beep with it, once a second; and who watches it."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from fractions import Fraction
from itertools import count
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from livematte.colour import BT709, Colour
from livematte.errors import SourceError
from livematte.frame import Frame, Size, pixel_format
from livematte.sinks import Encoding, Sink, open_sink
from livematte.sound import RATE, Sound
from livematte.sources import LiveSource, SourceInfo, open_live_source

TIME_BASE = Fraction(1, 90_000)
FPS = 25
BEGIN = 7  # seconds that the job has run when the stream begins
SIZE = (64, 48)
HD = Colour(BT709, BT709, BT709, False)
GREY, WHITE, CB, CR = 60, 220, 100, 160
PATIENCE = 20.0  # seconds after which something hangs


def like(*, sound: bool = True, size: Size = SIZE) -> SourceInfo:
    return SourceInfo("a camera", size, Fraction(FPS), TIME_BASE, real_time=True, sound=sound)


def flashes(number: int) -> bool:
    return number % FPS == 10


def picture(number: int, *, size: Size = SIZE, name: str = "yuv420p", colour: Colour = HD) -> Frame:
    known = pixel_format(name)
    assert known is not None
    levels = (WHITE if flashes(number) else GREY, CB, CR)
    planes = tuple(np.full(known[0].plane_size(i, size)[::-1], levels[i], np.uint8) for i in range(3))
    return Frame(planes, known[0], pts=90_000 * BEGIN + number * 90_000 // FPS, time_base=TIME_BASE, duration=90_000 // FPS, colour=colour)


def tone(number: int) -> Sound:
    """The sound beside frame `number`: 1 kHz with the flash, else nothing."""
    length = RATE // FPS
    wave = 0.5 * np.sin(2 * np.pi * 1000 * np.arange(length) / RATE) if flashes(number) else np.zeros(length)
    return Sound(np.stack([wave, wave]).astype(np.float32), RATE * BEGIN + number * length)


def send(sink: Sink, numbers: Iterable[int], *, size: Size = SIZE) -> None:
    """As fast as can be."""
    for number in numbers:
        sink.send(picture(number, size=size))
        sink.hear(tone(number))


@contextmanager
def on_air(url: str, *, size: Size = SIZE, sent: dict[int, float] | None = None) -> Iterator[None]:
    """The broadcast in its own time, for as long as it is watched; it begins anew where it breaks. sent: gets when each frame was."""
    over = threading.Event()

    def run() -> None:
        began = time.monotonic()
        number = 0
        sink: Sink | None = None
        while not over.wait(max(0.0, began + number / FPS - time.monotonic())):
            try:
                sink = sink or open_sink(url, like=like(size=size), encoding=Encoding(keyframes=0.5))
                if sent is not None:
                    sent[number] = time.monotonic()
                send(sink, [number], size=size)
            except Exception:  # noqa: BLE001 - a server that is gone comes back; the one who watches tells if not
                if sink is not None:
                    sink.close()
                sink = None
            number += 1
        if sink is not None:
            sink.close()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(PATIENCE)
        assert not thread.is_alive()


def tune_in(url: str) -> LiveSource:
    """The source, once it is there."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return open_live_source(url)
        except SourceError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def watch(items: Iterator[Frame | Sound], frames: int) -> tuple[list[Frame], list[Sound]]:
    """The next frames and the sound beside them."""
    seen: list[Frame] = []
    heard: list[Sound] = []
    for item in items:
        if isinstance(item, Sound):
            heard.append(item)
        else:
            seen.append(item)
        if len(seen) == frames:
            break
    return seen, heard


def flash_times(frames: Iterable[Frame]) -> list[float]:
    return [frame.seconds for frame in frames if frame.planes[0].mean() > (GREY + WHITE) / 2 * (1 << (frame.depth - 8))]


def beep_times(sounds: list[Sound]) -> list[float]:
    """When each beep begins, in seconds."""
    if not sounds:
        return []
    wave, start = joined(sounds)
    loud = np.flatnonzero(np.abs(wave) > 0.2)
    if not loud.size:
        return []
    first = np.concatenate([[True], np.diff(loud) > RATE // 4])
    return [float((start + at) / RATE) for at in loud[first]]


def joined(sounds: list[Sound]) -> tuple[NDArray[np.float32], int]:
    """The left channel of all of them by their times, and the first one's pts."""
    start = min(sound.pts for sound in sounds)
    wave = np.zeros(max(sound.pts + sound.samples.shape[1] for sound in sounds) - start, np.float32)
    for sound in sounds:
        wave[sound.pts - start :][: sound.samples.shape[1]] = sound.samples[0]
    return wave, start


def check_sync(frames: list[Frame], sounds: list[Sound]) -> None:
    """At least one flash has its beep, within the 40 ms that people do not notice."""
    beeps = beep_times(sounds)
    last = max(beeps, default=0.0)
    pairs = [(flash, min(beeps, key=lambda beep: abs(beep - flash))) for flash in flash_times(frames) if beeps and flash < last + 0.5]
    assert pairs, "no flash and beep were seen and heard"
    assert all(abs(flash - beep) <= 0.04 for flash, beep in pairs), pairs


class Recorder:
    """A TCP server that keeps what one caller sends. url: its own. recorded(): all of it, once the caller has hung up."""

    def __init__(self) -> None:
        self._server = socket.create_server(("127.0.0.1", 0))
        self.url = f"tcp://127.0.0.1:{self._server.getsockname()[1]}"
        self._data = bytearray()
        self._thread = threading.Thread(target=self._take, daemon=True)
        self._thread.start()

    def close(self) -> None:
        with suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._thread.join(PATIENCE)

    def _take(self) -> None:
        with suppress(OSError), self._server.accept()[0] as call:
            while data := call.recv(1 << 16):
                self._data += data

    def recorded(self) -> bytes:
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()
        return bytes(self._data)


@contextmanager
def patience() -> Iterator[Iterator[int]]:
    """Numbers until something hangs."""
    deadline = time.monotonic() + PATIENCE

    def numbers() -> Iterator[int]:
        for number in count():
            assert time.monotonic() < deadline, "nothing was told"
            yield number
            time.sleep(0.01)

    yield numbers()


def children() -> list[int]:
    """Processes of this one that run, where the system tells."""
    told = Path(f"/proc/self/task/{os.getpid()}/children")
    return [int(pid) for pid in told.read_text().split()] if told.exists() else []


def shifted(frame: Frame, seconds: float) -> Frame:
    return replace(frame, pts=(frame.pts or 0) + round(seconds / TIME_BASE))
