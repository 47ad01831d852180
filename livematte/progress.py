"""What a person sees while a job runs: one live line on a terminal, plain lines now and then elsewhere, nothing when quiet."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from rich.progress import Progress as Bar
    from rich.progress import TaskID

    from livematte.live.figures import LiveReport
    from livematte.pipeline import Report
    from livematte.sources import SourceInfo

_PLAIN_EVERY = 5.0  # seconds between lines where there is no terminal
_LIVE_EVERY = 60.0  # of a live job


class Progress:
    """`with Progress() as progress`, then show(report) as often as one likes. All of it goes to standard error."""

    def __init__(self, *, quiet: bool = False) -> None:
        from rich.console import Console

        class Lasting(Console):
            """Where nobody reads standard error any more, it falls silent: rich would end the program."""

            def on_broken_pipe(self) -> None:
                self.quiet = True

        self._quiet = quiet
        self._console = Lasting(stderr=True, soft_wrap=True, markup=False, highlight=False, emoji=False)
        # FORCE_COLOR makes rich take a log file for a terminal
        self._live = not quiet and self._console.is_interactive and sys.stderr.isatty()
        self._bar: Bar | None = None
        self._task: TaskID | None = None
        self._is_fetching = False
        self._expected: int | None = None
        self._told = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def say(self, text: str) -> None:
        """One line, at once."""
        if not self._quiet:
            self._console.print(text)

    def notes(self, notes: Iterable[str]) -> None:
        for note in notes:
            self.say(f"note: {note}")

    def wait(self, text: str) -> None:
        """What takes a moment, shown until something else is; nothing where there is no terminal."""
        if self._live:
            self._start(text, total=None)

    def expect(self, info: SourceInfo) -> None:
        """Frames are going to be shown; how many, where that is known."""
        self._expected = info.frames
        if self._live:
            self._start("{task.completed:.0f}{task.fields[of]} frames", total=info.frames, of=f"/{info.frames}" if info.frames else "")

    def show(self, report: Report) -> None:
        """How far a run is. Cheap enough to be called all the time."""
        busy = f"slowest: {report.bottleneck}" if report.bottleneck else ""
        words = [word for word in (f"{report.fps:.1f} fps", self._left(report), busy) if word]
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=report.frames_out, tail="  ".join(words))
        elif self._is_due():
            of = f"/{self._expected}" if self._expected else ""
            self.say(", ".join([f"{report.frames_out}{of} frames", *words]))

    def live(self) -> None:
        """A live job runs from now on; show_live tells how."""
        self._told = time.monotonic()
        if self._live:
            self._start("", total=None, bar=False)

    def show_live(self, report: LiveReport) -> None:
        """How it is now. Where there is no terminal, seldom: a service runs all day."""
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, tail=report.line)
        elif self._is_due(_LIVE_EVERY):
            self.say(report.line)

    def finish_live(self, report: LiveReport) -> None:
        self.close()
        latency = "/".join(f"{ms:.0f}" for ms in report.latency_ms)
        frames = f"{report.frames_in} frames in, {report.frames_out} out, {report.dropped} dropped"
        self.say(f"{frames} in {report.seconds:.1f} s; latency {latency} ms (p50/p95/p99)")

    def fetching(self, done: int, total: int) -> None:
        """Bytes of a model's weights that have come."""
        if self._live and not self._is_fetching:
            self._is_fetching = True
            self._start("{task.completed:.0f}/{task.total:.0f} MB of weights", total=total / 1e6)
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=done / 1e6)
        elif done >= total or self._is_due():
            self.say(f"weights: {done / 1e6:.0f}/{total / 1e6:.0f} MB fetched")

    def finish(self, report: Report, outputs: Sequence[str]) -> None:
        """The last line: what was done and where it lies."""
        self.close()
        done = f"{report.frames_out} frame{'s' * (report.frames_out != 1)} in {report.seconds:.1f} s ({report.fps:.1f} fps)"
        if not report.interrupted:
            self.say(f"{done}: {', '.join(outputs)}")
        elif report.parts:
            self.say(f"interrupted after {done}; what is done so far: {', '.join(map(str, report.parts))}")
        else:
            self.say("interrupted before the first frame; nothing was written")

    def close(self) -> None:
        """Takes the live line away and gives the terminal its cursor back."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = self._task = None

    def _is_due(self, seconds: float | None = None) -> bool:
        """Whether it is time for another plain line."""
        due = not self._quiet and time.monotonic() - self._told >= (_PLAIN_EVERY if seconds is None else seconds)
        self._told = time.monotonic() if due else self._told
        return due

    def _left(self, report: Report) -> str:
        if not self._expected or not report.fps:
            return ""
        left = max(0, self._expected - report.frames_out) / report.fps
        return f"{int(left) // 60}:{int(left) % 60:02d} left"

    def _start(self, text: str, *, total: float | None, of: str = "", bar: bool = True) -> None:
        from rich.progress import BarColumn, TextColumn
        from rich.progress import Progress as Bar

        self.close()
        columns = (BarColumn(bar_width=24), TextColumn(text), TextColumn("{task.fields[tail]}"))
        self._bar = Bar(*(columns if bar else columns[2:]), console=self._console, transient=True)
        self._task = self._bar.add_task("", total=total, of=of, tail="")
        self._bar.start()
