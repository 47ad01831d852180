"""The whole program's loop when all goes well: what comes out, in which order, and what is told. Faults: test_pipeline_faults.py."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

import media
import numpy as np
import pytest
import written
from fakes import Counter, Memory, Script, at, frames, number, outputs, run

from livematte.background import Solid
from livematte.frame import Frame, Matte
from livematte.look import Look
from livematte.pipeline import Pipeline, Report


@pytest.mark.parametrize(
    ("times", "time_base"),
    [(range(0, 25 * 1001, 1001), Fraction(1, 30000)), (range(25), Fraction(1001, 30000)), (written.VFR, Fraction(1, 30000))],
)
def test_frames_in_are_frames_out_at_their_times(times: Sequence[int], time_base: Fraction) -> None:
    clip = [replace(media.frame(i), pts=pts, time_base=time_base, duration=1, label=str(i)) for i, pts in enumerate(times)]
    sink = Memory()
    report = run(clip, sink)
    assert [(f.pts, f.time_base, f.duration) for f in sink.frames] == [(pts, time_base, 1) for pts in times]
    assert sink.ended == "closed"
    assert (report.frames_in, report.frames_out, report.interrupted, report.parts) == (len(times), len(times), False, [])


def test_each_frame_has_its_own_matte() -> None:
    clip = [replace(media.frame(i), label=str(i)) for i in range(40)]
    sink = Memory()
    run(clip, sink)
    for i, frame in enumerate(sink.frames):
        assert frame.pha is not None
        np.testing.assert_array_equal(frame.pha, np.float32(i / 1000))
        assert frame.label == str(i)


def test_packets_stay_between_their_frames() -> None:
    items: list[Any] = ["sound 0", "sound 1"]
    for frame in frames(20):
        items += [frame, f"after {frame.pts}"]
    sink, other = Memory(), Memory()
    run(items, sink, other)
    for got in (sink.got, other.got):
        assert [item.pts if isinstance(item, Frame) else item for item in got] == [
            item.pts if isinstance(item, Frame) else item for item in items
        ]


def test_sinks_of_one_view_get_the_same_picture_made_once() -> None:
    one, two, alpha = Memory(), Memory(), Memory()
    Pipeline(Script(frames(5)), Counter(), [*outputs(one, two), *outputs(alpha, view="alpha")], Look()).run()
    assert len(one.frames) == len(alpha.frames) == 5
    for a, b, c in zip(one.frames, two.frames, alpha.frames, strict=True):
        assert a is b
        assert a is not c
        assert c.pha is None


def test_the_look_is_applied() -> None:
    """Alpha 0 but for one pixel: over green with a wider edge."""

    class Dot(Counter):
        def step(self, frame: Frame) -> Matte:
            pha = np.zeros(frame.planes[0].shape, np.float32)
            pha[24, 32] = 1
            return Matte(pha, frame)

    cut, com = Memory(), Memory()
    look = Look(Solid("green"), choke=-2)
    Pipeline(Script(frames(1)), Dot(), [*outputs(cut), *outputs(com, view="composite")], look).run()
    pha = cut.frames[0].pha
    assert pha is not None
    assert pha.sum() == 17  # OpenCV's disc of radius 2
    green = Solid("green").planes(media.frame(0), Matte(pha, media.frame(0)))
    np.testing.assert_array_equal(com.frames[0].planes[0][pha == 0], green[0][pha == 0])


@pytest.mark.parametrize(("still", "ofd", "alphas"), [(False, False, [1, 0, 1]), (False, True, [1, 1, 1]), (True, True, [1, 0, 1])])
def test_one_frame_delay_takes_flicker_out_of_clips(still: bool, ofd: bool, alphas: list[float]) -> None:
    class Flickering(Counter):
        def step(self, frame: Frame) -> Matte:
            return Matte(np.full(frame.planes[0].shape, number(frame) != 1, np.float32), frame)

    sink = Memory()
    Pipeline(Script(frames(3), still=still), Flickering(), outputs(sink), Look(), ofd=ofd).run()
    assert [frame.pts for frame in sink.frames] == [0, 1, 2]
    assert [float(frame.pha.mean()) for frame in sink.frames if frame.pha is not None] == alphas


@pytest.mark.parametrize(("still", "primed"), [(False, [[0, 1, 2]]), (True, [[0], [1], [2]])])
def test_pictures_are_scenes_of_their_own(still: bool, primed: list[list[int]]) -> None:
    matter = Counter()
    Pipeline(Script(frames(3), still=still), matter, outputs(Memory()), Look()).run()
    assert matter.primed == primed


def test_nothing_in_closes_the_sinks() -> None:
    sink = Memory()
    report = run([], sink)
    assert (report.frames_in, report.frames_out, report.fps) == (0, 0, 0)
    assert sink.ended == "closed"


def test_report_tells_what_took_the_time() -> None:
    heard: list[Report] = []
    slow = Counter(lambda number: time.sleep(0.03))
    report = Pipeline(Script(frames(10)), slow, outputs(Memory()), Look()).run(heard.append)
    assert set(report.stages) == {"read", "matte", "finish", "refine", "edges", "composite", "encode"}
    assert report.bottleneck == "matte"
    assert max(report.stages, key=lambda stage: report.stages[stage]) == "matte"
    assert report.fps == report.frames_out / report.seconds
    assert heard
    assert [r.frames_out for r in heard] == sorted(r.frames_out for r in heard)


def test_reading_stays_a_few_frames_ahead() -> None:
    """Memory is bounded: while the sink waits, no more than the queues and the look ahead are read."""
    source = Script(frames(200))
    counts = []

    def wait() -> None:
        before = -1
        while source.given != before:
            before = source.given
            time.sleep(0.2)
        counts.append(source.given)

    Pipeline(source, Counter(), outputs(Memory(on_send=at(0, wait))), Look()).run()
    assert 8 < counts[0] < 25
