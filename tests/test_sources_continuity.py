"""Clocks that start over within a recording."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import media
import pytest
from written import packets as read_packets
from written import read, times

from livematte.frame import Frame
from livematte.sinks import open_sink
from livematte.sources import open_source
from livematte.sources.continuity import Continuity
from livematte.sources.cut import packet_time

TICK = Fraction(1, 90000)


def joined(seconds: list[tuple[int, Fraction]]) -> list[Fraction]:
    """(stream, decoding time) of packets of 40 ms -> their times after joining. Every packet is shown 80 ms after it is decoded.

    Streams: 0 video, 1 audio, 2 subtitles."""
    continuity, moved = Continuity(), []
    for index, time in seconds:
        dts = round(time / TICK)
        stream = SimpleNamespace(type=("video", "audio", "subtitle")[index])
        packet: Any = SimpleNamespace(stream=stream, stream_index=index, time_base=TICK, dts=dts, pts=dts + 7200, duration=3600)
        continuity.join(packet)
        assert packet.pts - packet.dts == 7200
        moved.append(packet_time(packet) - Fraction(8, 100))
    return moved


def run(begin: Fraction, count: int) -> list[tuple[int, Fraction]]:
    """Two interleaved streams, the second 0.2 s late."""
    return [(stream, begin + i * Fraction(1, 25) + late) for i in range(count) for stream, late in ((0, Fraction(0)), (1, Fraction(1, 5)))]


@pytest.mark.parametrize("second", [Fraction(0), Fraction(100), Fraction(95443)])
def test_time_goes_on_where_the_clock_jumps(second: Fraction) -> None:
    first = Fraction(50)
    got = joined(run(first, 10) + run(second, 10))
    assert got == [time for _, time in run(first, 20)]


def test_a_packet_that_was_held_back_keeps_its_time() -> None:
    """A demuxer knows that a picture is whole when the next begins: it comes after sound that is later, and on the new clock."""
    first, second = run(Fraction(50), 10), run(Fraction(0), 10)
    held = [*first[:-2], first[-1], second[1], first[-2], second[0], *second[2:]]
    wanted = run(Fraction(50), 20)
    assert joined(held) == [time for _, time in [*wanted[:18], wanted[19], wanted[21], wanted[18], wanted[20], *wanted[22:]]]


def test_a_steady_clock_is_left_alone() -> None:
    gap = run(Fraction(0), 5) + run(Fraction(5), 5)  # reception failed for some seconds
    assert joined(gap) == [time for _, time in gap]


def test_subtitles_may_be_far_apart() -> None:
    spoken = [(2, Fraction(0)), *run(Fraction(0), 400), (2, Fraction(16)), *run(Fraction(16), 5)]
    assert joined(spoken) == [time for _, time in spoken]
    over = [(2, Fraction(50)), *run(Fraction(50), 10), *run(Fraction(0), 10), (2, Fraction(2, 5))]
    assert joined(over)[-1] == Fraction(50) + Fraction(4, 5)


def test_a_joined_recording_keeps_sound_and_picture_together(tmp_path: Path) -> None:
    """The second half is the first again: between both, everything moves by the same time."""
    half = media.clip(tmp_path / "half.ts", frames=30, audio=("eng",))
    whole = tmp_path / "whole.ts"
    whole.write_bytes(2 * half.read_bytes())
    with open_source(whole) as source:
        items = list(source.items())
    frames = [item for item in items if isinstance(item, Frame)]
    sound = [packet_time(item) for item in items if not isinstance(item, Frame)]
    assert len(frames) == 60
    moved = times(frames)[30] - times(frames)[0]
    assert abs(moved - 30 / media.NTSC) < Fraction(1, 20)  # sound is some milliseconds longer than the picture
    assert [time + moved for time in times(frames)[:30]] == times(frames)[30:]
    middle = len(sound) // 2
    assert [time + moved for time in sound[:middle]] == sound[middle:]


@pytest.mark.parametrize("name", ["out.mov", "out.webm", "out.mkv"])
def test_a_joined_recording_is_written(tmp_path: Path, name: str) -> None:
    half = media.clip(tmp_path / "half.ts", frames=30, audio=("eng",))
    whole = tmp_path / "whole.ts"
    whole.write_bytes(2 * half.read_bytes())
    with open_source(whole) as source, open_sink(tmp_path / name, like=source) as sink:
        for item in source.items():
            sink.send(item) if isinstance(item, Frame) else sink.pass_on(item)
    assert len(read(tmp_path / name)) == 60
    stamps = [time for time, _ in read_packets(tmp_path / name, "audio")]
    assert stamps == sorted(stamps)
    assert stamps[-1] > Fraction(19, 10)
