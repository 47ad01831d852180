"""The whole program in one visible loop: read, matte and write in three threads, joined by bounded queues.

    source ──► [read] ──► [matte: network] ──► [write: full-size matte, edges, composite, encode] ──► sinks

Packets of other tracks (sound, subtitles) travel in the same queues between the frames that they lie between, so one pass over the
source serves files and pipes alike. A frame is always composited with its own matte: they travel together.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import cv2

from livematte.channels import Channel, StoppedError
from livematte.errors import LivematteError
from livematte.finish import Finish
from livematte.frame import Frame, Matte
from livematte.look import Look
from livematte.matting.base import Matter
from livematte.matting.scenes import mattes
from livematte.sinks.base import Sink
from livematte.smooth import one_frame_late
from livematte.sources.base import Source

_DEPTH = 4  # frames that wait between two threads: enough to ride out a slow one, 12 MB each side at 1080p
_LISTED = 10  # pictures that are named where some fail
_POLL = 0.1  # seconds between looks at the threads
STUCK_AFTER = 120.0  # seconds on one frame, after which a thread is called stuck; a scene's first frame is 7 runs of the network
_END_WITHIN = 10.0  # seconds a thread has to end after an error
_LET_GO_AFTER = 1.0  # seconds that a reader may still wait for its source once nobody needs it


class Output(NamedTuple):
    """A sink and what it is shown: "composite", "cutout", "alpha", "foreground" or "triptych"."""

    sink: Sink
    view: str


@dataclass
class Stage:
    """What one thread is doing. busy: seconds at work, by kind of work; since: when its present work began, None while it waits."""

    name: str
    frames: int = 0
    busy: dict[str, float] = field(default_factory=dict)
    since: float | None = None
    _work: str | None = None

    @property
    def seconds(self) -> float:
        since = self.since
        return sum(self.busy.values()) + (0.0 if since is None else time.monotonic() - since)

    def now(self, work: str | None) -> None:
        """Another kind of work begins; None: the thread waits."""
        time_now = time.monotonic()
        if self._work is not None and self.since is not None:
            self.busy[self._work] = self.busy.get(self._work, 0.0) + time_now - self.since
        self._work, self.since = work, None if work is None else time_now

    def pull(self, channel: Channel[Any], work: str) -> Iterator[Any]:
        """The channel's items; the time between one and the next is `work`, the time until one comes is not."""
        self.now(None)
        for item in channel:
            self.now(work)
            yield item
            self.now(None)


@dataclass
class Report:
    """What a run did. stages: seconds at work by kind of work. parts: playable parts that an interrupted run left."""

    frames_in: int = 0
    frames_out: int = 0
    seconds: float = 0.0
    stages: dict[str, float] = field(default_factory=dict)
    bottleneck: str = ""
    interrupted: bool = False
    parts: list[Path] = field(default_factory=list)

    @property
    def fps(self) -> float:
        return self.frames_out / self.seconds if self.seconds else 0.0


class Pipeline:
    """One run from a source through a matter to its outputs. run() may be called once; stop() from anywhere, also a signal."""

    def __init__(
        self, source: Source, matter: Matter, outputs: Sequence[Output], look: Look, *, finish: Finish | None = None, ofd: bool = False
    ) -> None:
        self._source, self._matter, self._outputs, self._look = source, matter, outputs, look
        self._mattes = finish or Finish()
        self._ofd = ofd and not source.info.still  # pictures have no neighbours in time
        self._read: Channel[Any] = Channel(_DEPTH)
        self._matted: Channel[Any] = Channel(_DEPTH)
        self.stages = [Stage("read"), Stage("matte"), Stage("write")]
        self._threads: list[threading.Thread] = []
        self._stopping = self._all_read = False
        self._failure: BaseException | None = None
        self._source_error: LivematteError | None = None
        self._left_out: list[tuple[str, LivematteError]] = []  # pictures that the matter refused
        self._started = 0.0

    def stop(self) -> None:
        """Reads no further, also where the source has nothing to give; what was read is finished."""
        self._stopping = True
        self._read.end()

    @property
    def idle(self) -> bool:
        """Whether no thread uses the source, the matter or the sinks. A reader that its source never answers stays where it is."""
        return not any(thread.is_alive() for thread in self._threads)

    def run(self, listen: Callable[[Report], None] = lambda report: None) -> Report:
        """Runs to the end and returns what was done; `listen` hears of it some ten times a second.

        A source that breaks, an error anywhere, or stop(), ends the outputs as playable parts. Errors carry where those lie as a note
        (PEP 678)."""
        before = cv2.getNumThreads()
        cv2.setNumThreads(1)  # the threads here, the engine and the encoder share the cores already
        self._started = time.monotonic()
        self._threads = [
            threading.Thread(target=self._guarded, args=(work,), name=stage.name, daemon=True)
            for stage, work in zip(self.stages, (self._reading, self._matting, self._writing), strict=True)
        ]
        for thread in self._threads:
            thread.start()
        try:
            self._wait(listen)
        except BaseException as error:  # noqa: BLE001 - a listener's, or Ctrl-C where nobody handles it; _finish raises it
            self._fail(error)
        self._join(_END_WITHIN if self._failure else _LET_GO_AFTER)
        cv2.setNumThreads(before)
        return self._finish()

    # the three threads

    def _reading(self) -> None:
        stage = self.stages[0]
        stage.now("read")
        try:
            for item in self._source.items():
                stage.now(None)
                self._read.put(item)
                stage.frames += isinstance(item, Frame)
                stage.now("read")
        except LivematteError as error:
            self._source_error = error  # told once everything that could be read is written
        stage.now(None)
        self._all_read = True
        self._read.end()

    def _matting(self) -> None:
        stage = self.stages[1]
        items = stage.pull(self._read, "matte")
        for item in mattes(self._matter, items, stills=self._source.info.still, leave_out=self._leave_out):
            stage.frames += isinstance(item, tuple)
            stage.now(None)
            self._matted.put(item)
            stage.now("matte")
        self._matted.end()

    def _leave_out(self, frame: Frame, error: LivematteError) -> None:
        self._left_out.append((frame.label, error))

    def _writing(self) -> None:
        stage = self.stages[2]
        items = stage.pull(self._matted, "ofd" if self._ofd else "encode")
        for item in one_frame_late(items) if self._ofd else items:
            if isinstance(item, tuple):
                self._write(stage, *item)
                stage.frames += 1
            else:
                for output in self._outputs:
                    output.sink.pass_on(item)

    def _write(self, stage: Stage, frame: Frame, matte: Matte) -> None:
        stage.now("finish")
        still = self._source.info.still
        if still:
            self._mattes.reset()
        matte = self._mattes.step(frame, matte)
        if still or self._mattes.starts:
            self._look.reset()
        stage.now("refine")
        matte.work_out()
        stage.now("edges")
        frame, shaped = self._look.shaped(frame, matte)
        pictures: dict[str, Frame] = {}
        for sink, name in self._outputs:
            if name not in pictures:
                stage.now("composite")
                pictures[name] = self._look.view(name, frame, shaped)
            stage.now("encode")
            sink.send(pictures[name])

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except StoppedError:
            pass
        except BaseException as error:  # noqa: BLE001 - whatever ends a thread ends the run, and is raised by it
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        self._failure = self._failure or error
        self._read.stop()
        self._matted.stop()

    # the main thread

    def _wait(self, listen: Callable[[Report], None]) -> None:
        writer = self._threads[-1]
        while writer.is_alive() and not self._failure:
            writer.join(_POLL)
            listen(self.report())
            self._check_stuck()

    def _join(self, seconds: float) -> None:
        """Waits for threads that were told to end; what a thread is in the middle of must not lose its source or sinks."""
        deadline = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _check_stuck(self) -> None:
        now = time.monotonic()
        for stage in self.stages[self._source.info.piped :]:  # to wait for another program is no fault
            since = stage.since
            if since is not None and now - since > STUCK_AFTER:
                self._fail(LivematteError(f"the {stage.name} thread is stuck: one frame for over {STUCK_AFTER:.0f} s"))

    def report(self) -> Report:
        """The run so far."""
        busiest = max(self.stages, key=lambda stage: stage.seconds)
        return Report(
            frames_in=self.stages[0].frames,
            frames_out=self.stages[2].frames,
            seconds=time.monotonic() - self._started,
            stages={work: seconds for stage in self.stages for work, seconds in list(stage.busy.items())},
            bottleneck=busiest.name if busiest.seconds else "",
        )

    def _finish(self) -> Report:
        """Ends every output as the run went: whole, or as a part. Pictures that cannot be read do not make the others less whole."""
        interrupted = self._stopping and not self._all_read and not self._failure
        error = self._failure or self._source_error or self._refused()
        if error is self._source_error and error is not None and self._left_out:
            error.add_note(str(self._refused()))
        others = bool(error) and not self._failure and self._source.info.still and self.stages[2].frames > 0
        whole = not interrupted and (error is None or others)
        if whole and (failed := self._close_all()):
            error = failed
        elif whole and error:
            error.add_note(f"The others are done: {', '.join(output.sink.name for output in self._outputs)}")
        report = self.report()
        if error is None and not interrupted:
            return report
        report.interrupted = interrupted
        report.parts = [] if self._threads[-1].is_alive() else self._abandon_all()
        if error is None:
            return report
        for part in report.parts:
            error.add_note(f"What is done so far: {part}")
        raise error

    def _refused(self) -> LivematteError | None:
        """What tells of the pictures that were left out; of a lone one, what the matter said."""
        if not self._left_out:
            return None
        if len(self._left_out) == self.stages[0].frames == 1:
            return self._left_out[0][1]
        lines = [f"{label}: {error}".partition("\n")[0] for label, error in self._left_out]
        more = [f"and {len(lines) - _LISTED} more"] if len(lines) > _LISTED else []
        return LivematteError("\n  ".join([f"{len(lines)} of {self.stages[0].frames} pictures were left out:", *lines[:_LISTED], *more]))

    def _close_all(self) -> Exception | None:
        first: Exception | None = None
        for output in self._outputs:
            try:
                output.sink.close()
            except Exception as error:  # noqa: BLE001 - one output that fails must not cost the others their end
                first = first or error
        return first

    def _abandon_all(self) -> list[Path]:
        parts = []
        for output in self._outputs:
            try:
                part = output.sink.abandon(keep=True)
            except Exception:  # noqa: BLE001 - the first error is the one to tell
                continue
            if part:
                parts.append(part)
        return parts
