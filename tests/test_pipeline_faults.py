"""The whole program's loop when a part of it fails, hangs or is stopped: it ends, tells why, and keeps what is done."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fakes import Counter, Memory, Script, at, ended, fail, frames, outputs, run

from livematte import look, pipeline
from livematte.errors import LivematteError, SinkError, SourceError
from livematte.look import Look
from livematte.pipeline import Pipeline


@pytest.mark.parametrize("error", [LivematteError("broken"), RuntimeError("broken"), MemoryError("broken")])
@pytest.mark.parametrize("place", ["source", "matter", "edges", "composite", "sink"])
def test_an_error_in_any_thread_ends_the_run_with_it(place: str, error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    before = set(threading.enumerate())
    first, sink = Memory("first"), Memory("second", on_send=at(7, fail(error)) if place == "sink" else lambda number: None)
    items: list[Any] = [*frames(12), *([error] if place == "source" else []), *frames(500)]
    matter = Counter(at(7, fail(error)) if place == "matter" else lambda number: None)
    if place == "edges":
        monkeypatch.setattr(look.edges, "shape", fail(error))
    if place == "composite":
        monkeypatch.setattr(look, "view", fail(error))
    source = Script(items)
    with pytest.raises(type(error), match="broken") as caught:
        Pipeline(source, matter, outputs(first, sink), Look()).run()
    assert caught.value is error
    assert (first.ended, sink.ended) == ("kept", "kept")
    assert source.given < 50
    assert ended(before)


def test_an_error_of_passing_on_ends_the_run() -> None:
    sink = Memory()
    sink.pass_on = fail(SinkError("no room"))  # type: ignore[method-assign]
    with pytest.raises(SinkError, match="no room"):
        run([*frames(3), "sound", *frames(100)], sink)
    assert sink.ended == "kept"


@pytest.mark.parametrize("count", [1, 5, 30])
def test_what_a_broken_source_gave_is_written_and_kept(count: int) -> None:
    sink, empty = Memory("a.mov"), Memory("b.mov")
    empty.send = lambda frame: None  # type: ignore[method-assign]
    with pytest.raises(SourceError, match="broke at 3 s") as caught:
        run([*frames(count), "sound", SourceError("broke at 3 s")], sink, empty)
    assert [f.pts for f in sink.frames] == list(range(count))
    assert sink.got[-1] == "sound"
    assert sink.ended == empty.ended == "kept"
    assert caught.value.__notes__ == ["What is done so far: a.mov.part"]


def test_a_source_that_breaks_at_once_leaves_no_part() -> None:
    sink = Memory()
    with pytest.raises(SourceError) as caught:
        run([SourceError("broke")], sink)
    assert sink.ended == "kept"
    assert not getattr(caught.value, "__notes__", [])


@pytest.mark.parametrize("error", [SinkError("disk full"), RuntimeError("disk full")])
def test_a_sink_that_fails_to_close_leaves_the_others_whole(error: Exception) -> None:
    before, broken, after = Memory(), Memory("broken", on_close=fail(error)), Memory()
    with pytest.raises(type(error), match="disk full"):
        run(frames(5), before, broken, after)
    assert (before.ended, broken.ended, after.ended) == ("closed", "kept", "closed")


def test_a_sink_that_fails_to_abandon_leaves_the_others_their_parts() -> None:
    broken, other = Memory("broken"), Memory("other")
    broken.abandon = fail(OSError("gone"))  # type: ignore[method-assign]
    with pytest.raises(SourceError, match="broke") as caught:
        run([*frames(5), SourceError("broke")], broken, other)
    assert caught.value.__notes__ == ["What is done so far: other.part"]


@pytest.mark.parametrize("error", [KeyboardInterrupt(), RuntimeError("a listener's")])
def test_an_error_of_the_main_thread_ends_the_others(error: BaseException) -> None:
    before = set(threading.enumerate())
    sink = Memory("clip")
    endless = Pipeline(Script(frames(5) * 100000), Counter(lambda number: time.sleep(0.001)), outputs(sink), Look())
    with pytest.raises(type(error)) as caught:
        endless.run(lambda report: fail(error)() if report.frames_out > 2 else None)
    assert caught.value is error
    assert sink.ended == "kept"
    assert error.__notes__ == ["What is done so far: clip.part"]
    assert ended(before)


# somebody stops it, or it hangs


def test_stop_finishes_what_was_read() -> None:
    source, sink = Script(frames(5) * 100000), Memory("clip")
    stopped = Pipeline(source, Counter(), [], Look())
    stopped._outputs = outputs(Memory(on_send=at(5, stopped.stop)), sink)
    report = stopped.run()
    assert report.interrupted
    assert report.parts == [Path("memory.part"), Path("clip.part")]
    assert report.frames_in == report.frames_out == len(sink.frames) >= 6
    assert source.given - report.frames_in in (0, 1)  # one may have been read when nobody took any more
    assert sink.ended == "kept"


def test_stop_before_the_first_frame_writes_little_and_does_not_hang() -> None:
    sink = Memory()
    stopped = Pipeline(Script(frames(1000)), Counter(), outputs(sink), Look())
    stopped.stop()
    report = stopped.run()
    assert report.interrupted
    assert report.frames_in == report.frames_out == 0
    assert sink.ended == "kept"


def test_stop_after_the_last_frame_was_read_changes_nothing() -> None:
    sink = Memory()
    stopped = Pipeline(Script(frames(5)), Counter(), [], Look())
    stopped._outputs = outputs(Memory(on_send=at(4, stopped.stop)), sink)
    report = stopped.run()
    assert not report.interrupted
    assert report.frames_out == 5
    assert sink.ended == "closed"


def test_stop_does_not_wait_for_a_source_that_gives_nothing(gate: threading.Event) -> None:
    sink = Memory()
    stopped = Pipeline(Script([*frames(5), gate.wait]), Counter(), [], Look())
    stopped._outputs = outputs(sink)
    threading.Timer(0.3, stopped.stop).start()
    report = stopped.run()
    assert report.interrupted
    assert report.frames_out == 5
    assert sink.ended == "kept"
    assert not stopped.idle


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """What a stuck thread waits for; opened when the test is over."""
    event = threading.Event()
    before = set(threading.enumerate())
    yield event
    event.set()
    assert ended(before)


@pytest.mark.parametrize(("place", "name", "kept"), [("source", "read", "kept"), ("matter", "matte", "kept"), ("sink", "write", "")])
def test_a_stuck_thread_is_named(place: str, name: str, kept: str, gate: threading.Event, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "STUCK_AFTER", 0.3)
    monkeypatch.setattr(pipeline, "_END_WITHIN", 0.3)
    hold = at(3, gate.wait)
    items = [*frames(12), *([gate.wait] if place == "source" else []), *frames(12)]
    sink = Memory(on_send=hold if place == "sink" else lambda number: None)
    with pytest.raises(LivematteError, match=f"the {name} thread is stuck"):
        run(items, sink, matter=Counter(hold) if place == "matter" else None)
    assert sink.ended == kept  # a sink that a thread is inside of is left alone


def test_waiting_for_others_is_not_being_stuck(monkeypatch: pytest.MonkeyPatch) -> None:
    """The slow matter takes longer over the clip than a thread may over a frame: the reader and the writer only wait."""
    monkeypatch.setattr(pipeline, "STUCK_AFTER", 0.4)
    sink = Memory()
    run(frames(30), sink, matter=Counter(lambda number: time.sleep(0.05)))
    assert len(sink.frames) == 30


def test_a_pipe_may_be_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "STUCK_AFTER", 0.2)
    sink = Memory()
    source = Script([*frames(9), lambda: time.sleep(0.6), *frames(12)[9:]], piped=True)
    report = Pipeline(source, Counter(), outputs(sink), Look()).run()
    assert report.frames_out == 12
    assert sink.ended == "closed"


def test_an_error_is_told_though_another_thread_hangs(gate: threading.Event, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "_END_WITHIN", 0.3)
    sink = Memory(on_send=at(3, fail(SinkError("disk full"))))
    with pytest.raises(SinkError, match="disk full"):
        run([*frames(14), gate.wait, *frames(3)], sink)
    assert sink.ended == "kept"
