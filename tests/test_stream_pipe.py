"""`-o -`: frames with alpha for another program."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import av
import media
import numpy as np
import pytest
import streaming

from livematte.colour import BT601, BT709, Colour
from livematte.errors import SettingsError, SinkError
from livematte.frame import Frame
from livematte.pyav import from_av
from livematte.sinks import Encoding, open_sink, sink_holds_alpha
from livematte.sinks.outbox import Outbox

_WRITER = """
import sys
sys.path.insert(0, {tests!r})
import streaming, media
from dataclasses import replace
from livematte.colour import Colour
from livematte.sinks import Encoding, open_sink
with open_sink("-", like=streaming.like(), encoding=Encoding(codec={codec!r})) as sink:
    for number in range({frames}):
        colour = Colour(*{colour!r})
        frame = streaming.picture(number, colour=colour) if {flat} else media.frame(number, media.SIZE, {pixels!r}, colour=colour)
        sink.send(replace(frame, pts=streaming.picture(number).pts, time_base=streaming.TIME_BASE, duration=3600))
        sink.hear(streaming.tone(number))
"""


def start(pixels: str, *, codec: str | None = None, frames: int = 20, flat: bool = False, colour: Any = ()) -> Any:
    program = _WRITER.format(tests=str(Path(__file__).parent), codec=codec, frames=frames, flat=flat, pixels=pixels, colour=colour)
    return subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def received(pixels: str, **more: Any) -> tuple[list[Frame], list[av.AudioFrame]]:
    frames, sounds = [], []
    with start(pixels, **more) as process, av.open(process.stdout) as container:
        assert container.format.name == "nut"
        for item in container.decode():
            if isinstance(item, av.AudioFrame):
                sounds.append(item)
            else:
                frames.append(from_av(item))
        assert process.stderr.read() == b""
    return frames, sounds


@pytest.mark.parametrize(("pixels", "codec"), [("yuva420p", None), ("yuv420p", None), ("yuva420p", "ffv1"), ("yuva422p10le", "ffv1")])
def test_frames_arrive_as_they_are(pixels: str, codec: str | None) -> None:
    frames, sounds = received(pixels, codec=codec)
    assert len(frames) == 20
    assert frames[0].seconds == 0
    assert frames[10].seconds == pytest.approx(10 / 25)
    sent = media.frame(7, media.SIZE, pixels)
    assert frames[7].format == sent.format
    assert all(np.array_equal(a, b) for a, b in zip(frames[7].planes, sent.planes, strict=True))
    if sent.pha is not None:
        assert frames[7].pha is not None
        assert np.abs(frames[7].pha - sent.pha).max() <= 0.5 / ((1 << sent.format.bits) - 1) + 1e-6
    samples = np.concatenate([sound.to_ndarray().reshape(-1, 2) for sound in sounds])
    assert sounds[0].pts == 0
    assert np.flatnonzero(np.abs(samples[:, 0]) > 3000)[0] == pytest.approx(10 / 25 * 48_000, abs=20)


def test_more_than_4_2_0_becomes_that_when_raw() -> None:
    frames, _ = received("yuva444p")
    assert frames[0].format.name == "yuv420p"
    assert frames[0].pha is not None


def test_full_range_and_another_matrix_become_what_is_taken_for_granted() -> None:
    full = (BT709, BT709, BT709, True)
    frames, _ = received("yuv420p", colour=full, frames=2, flat=True)
    assert frames[0].colour == Colour()  # the container says nothing
    assert frames[0].colour.matrix_for(48) == BT601
    # Half a step of limited-range Cb is 1.1 levels of blue, of Y 0.6; and there are two conversions. Unconverted it would be 20 levels.
    assert np.abs(frames[0].rgb() - streaming.picture(0, colour=Colour(*full)).rgb()).max() < 4 / 255


def test_a_reader_that_leaves() -> None:
    with start("yuva420p", frames=2000) as process:
        process.stdout.read(1000)
        process.stdout.close()
        told = process.stderr.read().decode()
    assert "livematte.errors.SinkError: the program that reads standard output is gone: Broken pipe" in told


def test_a_terminal_and_unknown_codecs(monkeypatch: pytest.MonkeyPatch) -> None:
    like = streaming.like()
    with pytest.raises(SettingsError, match="--codec h264 cannot be on standard output; wanted one of rawvideo, ffv1"):
        open_sink("-", like=like, encoding=Encoding(codec="h264"))

    class Terminal:
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stdout", Terminal())
    with pytest.raises(SinkError, match="standard output is a terminal; pipe it into a program"):
        open_sink("-", like=like)
    assert sink_holds_alpha("-")


# -- the outbox -------------------------------------------------------------------------------------------------------------------


def test_what_is_put_is_written_in_order() -> None:
    read, write = os.pipe()
    outbox = Outbox(write, limit=10)
    parts = [bytes([number]) * number * 100 for number in range(1, 40)]
    for part in parts:
        outbox.put(part)
    with open(read, "rb", buffering=0) as pipe:
        received = b""
        while len(received) < sum(map(len, parts)):
            received += pipe.read(1 << 16)
    assert outbox.end(10)
    os.close(write)
    assert received == b"".join(parts)
    assert not outbox.full
    assert outbox.stalled == 0


def test_a_reader_that_sleeps_holds_nobody_up() -> None:
    read, write = os.pipe()
    outbox = Outbox(write, limit=1000)
    outbox.put(bytes(1 << 20))
    outbox.put(bytes(2000))
    assert outbox.full
    assert not outbox.wait(0.05)
    assert outbox.stalled > 0
    assert not outbox.end(0.05)
    os.close(read)  # it leaves: the thread ends
    deadline = time.monotonic() + 10
    while outbox.error is None and time.monotonic() < deadline:
        time.sleep(0.01)
    assert isinstance(outbox.error, BrokenPipeError)
    assert outbox.wait(0.05)
    assert not outbox.end(1)
    os.close(write)
