"""What a person sees while a job runs: one live line on a terminal, plain lines now and then elsewhere, nothing when quiet."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from rich.progress import Progress as Bar
    from rich.progress import TaskID

    from livematte.pipeline import Report
    from livematte.sources import SourceInfo

_PLAIN_EVERY = 5.0  # seconds between lines where there is no terminal


class Progress:
    """`with Progress() as progress`, then show(report) as often as one likes. All of it goes to standard error."""

    def __init__(self, *, quiet: bool = False) -> None:
        from rich.console import Console

        self._quiet = quiet
        self._console = Console(stderr=True, soft_wrap=True, markup=False, highlight=False)
        self._live = not quiet and self._console.is_terminal
        self._bar: Bar | None = None
        self._task: TaskID | None = None
        self._expected: int | None = None
        self._told = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._stop()

    def say(self, text: str) -> None:
        """One line, at once."""
        if not self._quiet:
            self._console.print(text)

    def expect(self, info: SourceInfo) -> None:
        """Frames are going to be shown; how many, where that is known."""
        self._stop()
        self._expected = info.frames
        if self._live:
            self._start("{task.completed:.0f}{task.fields[of]} frames", total=info.frames, of=f"/{info.frames}" if info.frames else "")

    def show(self, report: Report) -> None:
        fps, busy = report.fps, f"slowest: {report.bottleneck}" if report.bottleneck else ""
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=report.frames_out, tail=f"{fps:.1f} fps  {self._left(report)}{busy}")
        elif not self._quiet and time.monotonic() - self._told >= _PLAIN_EVERY:
            self._told = time.monotonic()
            of = f"/{self._expected}" if self._expected else ""
            self.say(f"{report.frames_out}{of} frames, {fps:.1f} fps, {self._left(report)}{busy}")

    def fetching(self, done: int, total: int) -> None:
        """Bytes of a model's weights that have come."""
        if self._live and self._bar is None:
            self._start("{task.completed:.0f}/{task.total:.0f} MB of weights", total=total / 1e6)
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=done / 1e6)
        elif done >= total:
            self.say(f"weights: {total / 1e6:.0f} MB fetched")
        if done >= total:
            self._stop()

    def finish(self, report: Report, outputs: Sequence[str]) -> None:
        """The last line: what was done and where it lies."""
        self._stop()
        done = f"{report.frames_out} frames in {report.seconds:.1f} s ({report.fps:.1f} fps)"
        if not report.interrupted:
            self.say(f"{done}: {', '.join(outputs)}")
        elif report.parts:
            self.say(f"interrupted after {done}; what is done so far: {', '.join(map(str, report.parts))}")
        else:
            self.say("interrupted before the first frame; nothing was written")

    def _left(self, report: Report) -> str:
        if not self._expected or not report.fps:
            return ""
        left = max(0, self._expected - report.frames_out) / report.fps
        return f"{int(left) // 60}:{int(left) % 60:02d} left  "

    def _start(self, text: str, *, total: float | None, of: str = "") -> None:
        from rich.progress import BarColumn, TextColumn
        from rich.progress import Progress as Bar

        columns = (BarColumn(bar_width=24), TextColumn(text), TextColumn("{task.fields[tail]}"))
        self._bar = Bar(*columns, console=self._console, transient=True)
        self._task = self._bar.add_task("", total=total, of=of, tail="")
        self._bar.start()

    def _stop(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = self._task = None
