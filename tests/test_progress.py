"""One live line on a terminal, plain lines elsewhere, nothing when quiet."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import media
import pytest

from livematte import progress as module
from livematte.pipeline import Report
from livematte.progress import Progress
from livematte.sources import SourceInfo

INFO = SourceInfo("clip.mp4", media.SIZE, media.NTSC, 1 / media.NTSC, frames=10)
HALF = Report(frames_in=6, frames_out=5, seconds=2.0, bottleneck="matte")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Watched(NamedTuple):
    """A progress and what it writes to."""

    progress: Progress
    screen: io.StringIO

    def __enter__(self) -> Progress:
        return self.progress.__enter__()

    def __exit__(self, *exc: object) -> None:
        self.progress.__exit__(*exc)


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Watched]:
    """watch(Terminal()) or watch(io.StringIO()) is a Progress that writes there; without a terminal every line is due at once."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(module, "_PLAIN_EVERY", 0.0)

    def make(screen: io.StringIO, *, quiet: bool = False) -> Watched:
        monkeypatch.setattr(sys, "stderr", screen)
        return Watched(Progress(quiet=quiet), screen)

    return make


def bare(screen: io.StringIO) -> str:
    """What was written, without what moves and colours it."""
    return re.sub(r"\x1b\[[?0-9;]*[a-zA-Z]", "", screen.getvalue())


def test_a_terminal_gets_one_live_line(watch: Callable[..., Watched]) -> None:
    watched = watch(Terminal())
    with watched as progress:
        progress.wait("opening …")
        progress.expect(INFO)
        progress.show(HALF)
        progress.finish(replace(HALF, frames_out=10), ["a.mov", "b.mp4"])
    shown = bare(watched.screen)
    assert "opening …" in shown
    (line,) = {part.strip() for part in re.split("[\r\n]", shown) if "5/10 frames" in part}
    assert line.endswith("5/10 frames 2.5 fps  0:02 left  slowest: matte")
    assert len(line) <= 80
    assert re.split("[\r\n]", shown.strip())[-1] == "10 frames in 2.0 s (5.0 fps): a.mov, b.mp4"


def test_a_terminal_gets_its_cursor_back(watch: Callable[..., Watched]) -> None:
    progress, screen = watch(Terminal())
    progress.expect(INFO)
    progress.close()
    shown = screen.getvalue()
    assert 0 <= shown.rindex("\x1b[?25l") < shown.rindex("\x1b[?25h")
    progress.close()  # as often as one likes


def test_a_file_gets_plain_lines(watch: Callable[..., Watched]) -> None:
    watched = watch(io.StringIO())
    with watched as progress:
        progress.wait("opening …")
        progress.expect(INFO)
        progress.show(HALF)
        progress.finish(HALF, ["a.mov"])
    assert watched.screen.getvalue() == "5/10 frames, 2.5 fps, 0:02 left, slowest: matte\n5 frames in 2.0 s (2.5 fps): a.mov\n"


def test_plain_lines_come_now_and_then(watch: Callable[..., Watched], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PLAIN_EVERY", 3600.0)
    watched = watch(io.StringIO())
    with watched as progress:
        for _ in range(3):
            progress.show(HALF)
            progress.fetching(1, 10)
    assert watched.screen.getvalue() == ""


@pytest.mark.parametrize("name", ["FORCE_COLOR", "TTY_COMPATIBLE"])
def test_colour_asked_for_makes_no_terminal_of_a_file(watch: Callable[..., Watched], monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "1")
    watched = watch(io.StringIO())
    with watched as progress:
        progress.wait("opening …")
        progress.expect(INFO)
        progress.show(HALF)
    assert watched.screen.getvalue() == "5/10 frames, 2.5 fps, 0:02 left, slowest: matte\n"


def test_a_dumb_terminal_gets_plain_lines(watch: Callable[..., Watched], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    watched = watch(Terminal())
    with watched as progress:
        progress.show(HALF)
    assert watched.screen.getvalue() == "5 frames, 2.5 fps, slowest: matte\n"


def test_quiet_says_nothing(watch: Callable[..., Watched]) -> None:
    watched = watch(Terminal(), quiet=True)
    with watched as progress:
        progress.wait("opening …")
        progress.say("note")
        progress.fetching(1, 1)
        progress.expect(INFO)
        progress.show(HALF)
        progress.finish(HALF, ["a.mov"])
    assert watched.screen.getvalue() == ""


def test_a_length_that_is_not_known(watch: Callable[..., Watched]) -> None:
    watched = watch(io.StringIO())
    with watched as progress:
        progress.expect(replace(INFO, frames=None))
        progress.show(HALF)
    assert watched.screen.getvalue() == "5 frames, 2.5 fps, slowest: matte\n"


def test_before_the_first_frame(watch: Callable[..., Watched]) -> None:
    watched = watch(io.StringIO())
    with watched as progress:
        progress.expect(INFO)
        progress.show(Report())
    assert watched.screen.getvalue() == "0/10 frames, 0.0 fps\n"


def test_more_frames_than_expected_leave_no_negative_time(watch: Callable[..., Watched]) -> None:
    watched = watch(io.StringIO())
    with watched as progress:
        progress.expect(INFO)
        progress.show(replace(HALF, frames_out=12))
    assert "0:00 left" in watched.screen.getvalue()


@pytest.mark.parametrize(
    ("report", "told"),
    [
        (replace(HALF, frames_out=1), "1 frame in 2.0 s (0.5 fps): a.mov"),
        (
            replace(HALF, interrupted=True, parts=[Path("a.part.mov"), Path("b.part.mp4")]),
            "interrupted after 5 frames in 2.0 s (2.5 fps); what is done so far: a.part.mov, b.part.mp4",
        ),
        (replace(HALF, interrupted=True), "interrupted before the first frame; nothing was written"),
    ],
)
def test_the_last_line(watch: Callable[..., Watched], report: Report, told: str) -> None:
    watched = watch(io.StringIO())
    with watched as progress:
        progress.finish(report, ["a.mov"])
    assert watched.screen.getvalue() == f"{told}\n"


def test_weights_on_a_terminal(watch: Callable[..., Watched]) -> None:
    watched = watch(Terminal())
    with watched as progress:
        progress.wait("opening …")
        for done in (0, 7_000_000, 15_000_000):
            progress.fetching(done, 15_000_000)
        progress.expect(INFO)
        progress.show(HALF)
    shown = bare(watched.screen)
    assert shown.index("opening") < shown.index("15/15 MB of weights") < shown.index("5/10 frames")


def test_weights_in_a_file(watch: Callable[..., Watched]) -> None:
    watched = watch(io.StringIO())
    with watched as progress:
        progress.fetching(7_000_000, 15_000_000)
        progress.fetching(15_000_000, 15_000_000)
    assert watched.screen.getvalue() == "weights: 7/15 MB fetched\nweights: 15/15 MB fetched\n"
