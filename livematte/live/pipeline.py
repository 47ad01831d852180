"""A live job in one visible loop: each thread takes the newest there is, and none waits for the one after it.

    source ──► [feed] ──► newest ──► [matte: network] ──► newest ──► [dress: full-size matte, edges, composite] ──► board
                 └──────── sound ───────────────────────────────────────────────────────────────────────► each output
    board ──► [output] paced, with the stand-in where the board has nothing; one thread for each

A frame is always composited with its own matte: they travel together. A frame reaches an output only through the board, which refuses it
where anything went wrong since it was taken.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np

from livematte.background import fitted
from livematte.channels import Channel, StoppedError
from livematte.errors import LivematteError
from livematte.frame import Frame, Matte, Size
from livematte.live.board import Board
from livematte.live.clock import Clock
from livematte.live.controls import Controls
from livematte.live.detail import Ladder
from livematte.live.feed import BACK_OFF, Captured, Feed
from livematte.live.figures import LiveReport, Rate
from livematte.live.keys import Keys
from livematte.live.outlet import Exit, Outlet
from livematte.live.stand_in import StandIn
from livematte.look import Look, close_background
from livematte.matting.base import Matter
from livematte.sinks.images import encode_png
from livematte.smooth import Smoother
from livematte.sources import LiveSource

STALE_AFTER = 1.5  # seconds without a new picture, after which the stand-in is shown
LEAVES_AFTER = 3.0  # seconds after the last watcher left, when the camera is let go
_LOADING = "loading the network"
_PAUSED = "paused"
_NO_MATTE = "no matte"
_POLL, _POLL_WINDOW, _POLL_WATCHERS = 0.1, 0.015, 0.25  # seconds
_LATELY = 300  # pictures over which the status line takes latencies
_END_WITHIN = 10.0  # seconds that the threads have to end
_FILES_END_WITHIN = 600.0  # that files have: a long .mov is written once more, with its index at the front


class Matted(NamedTuple):
    captured: Captured
    matte: Matte


class LivePipeline:
    """One live job. run() may be called once; stop() from anywhere, also a signal.

    open, first: as of Feed. matter: makes the Matter, in a thread: the outputs show the stand-in meanwhile. canvas: the size of all
    pictures. rate: pictures a second. on_demand: the source is open only while somebody watches an output that can tell."""

    def __init__(
        self,
        open: Callable[[], LiveSource],
        matter: Callable[[], Matter],
        exits: Sequence[Exit],
        controls: Controls,
        *,
        canvas: Size,
        rate: float,
        first: LiveSource | None = None,
        name: str = "the source",
        on_demand: bool = False,
        limit: int | None = None,
        tell: Callable[[str], None] = lambda text: None,
    ) -> None:
        self._make_matter, self._controls, self._canvas, self._tell = matter, controls, canvas, tell
        self._on_demand = on_demand
        self.board, self._clock = Board(STALE_AFTER), Clock()
        self._stand_in = StandIn(canvas, [exit.view for exit in exits])
        self._stand_in.make(controls.look)
        self._captured: Channel[Captured] = Channel(1, policy="newest")
        self._matted: Channel[Matted] = Channel(1, policy="newest")
        common = {"board": self.board, "clock": self._clock, "tell": tell}
        self.outlets = [Outlet(exit, stand_in=self._stand_in, period=1 / rate, **common) for exit in exits]  # type: ignore[arg-type]
        self._feed = Feed(open, first=first, name=name, put=self._captured.put, hear=self._hear, limit=limit, **common)  # type: ignore[arg-type]
        self._plays = first is not None and not first.info.real_time
        self._ready = threading.Event()
        self._ladder = Ladder(1 / rate, longest=max(canvas), fixed=controls.live.detail)
        self._period = 1 / rate
        self._matted_rate = Rate()
        self._smoother, self._smoothed = Smoother(), -1
        self._busy: dict[str, tuple[float, int]] = {}
        self._stopping = threading.Event()
        self._failure: BaseException | None = None
        self._threads: list[threading.Thread] = []
        self._outlet_threads: list[threading.Thread] = []
        self._watchers: int | None = None
        self._watched_at = time.monotonic()
        self._told: set[str] = set()
        controls.prepare = self._stand_in.make
        controls.on_change = self._changed
        self.keys = Keys(controls, stop=self.stop, snapshot=self._snapshot)

    def stop(self) -> None:
        """Ends the job; what is being written is finished."""
        self._stopping.set()
        self._feed.stop()

    @property
    def idle(self) -> bool:
        """Whether no thread uses the source, the matter or the sinks."""
        return not any(thread.is_alive() for thread in (*self._threads, *self._outlet_threads))

    def run(self, listen: Callable[[LiveReport], None] = lambda report: None) -> LiveReport:
        """Runs until stop(), or until a file that is played is at its end. `listen` hears of it some ten times a second.

        Raises what the matter's making raised, what broke a file that is played, and, when the last output has ended by an error, that
        one."""
        before = cv2.getNumThreads()
        cv2.setNumThreads(1)  # the threads here and the engine share the cores already
        try:
            self._start()
            self._wait(listen)
        finally:
            self._finish()
            cv2.setNumThreads(before)
        error = self._failure or next((o.error for o in self.outlets if o.error is not None), None)
        if error is not None:
            raise error
        return self.report()

    def _start(self) -> None:
        self.board.hold(_LOADING)
        if self._controls.live.paused:
            self.board.hold(_PAUSED)
        if self._on_demand:
            self._feed.want(False)
        work = {"feed": self._feeding, "matte": self._matting, "dress": self._dressing}
        self._threads = [threading.Thread(target=self._guarded, args=(w,), name=n, daemon=True) for n, w in work.items()]
        self._outlet_threads = [threading.Thread(target=o.run, name=f"output {o.sink.name}", daemon=True) for o in self.outlets]
        for thread in (*self._outlet_threads, *self._threads):
            thread.start()

    # the threads

    def _feeding(self) -> None:
        try:
            if self._plays:
                self._ready.wait()  # nothing of a file is lost while the network loads
            self._feed.run()
        finally:
            self._captured.end()

    def _matting(self) -> None:
        try:
            matter = self._make_matter()
            self._ready.set()
            self._matte_all(matter)
        finally:
            self._ready.set()
            self._matted.end()

    def _matte_all(self, matter: Matter) -> None:
        self.board.release(_LOADING)
        epoch, failures = -1, 0
        for captured in self._captured:
            if self.board.held or captured.epoch != self.board.epoch:
                continue  # of before something happened: nobody will see it
            try:
                matted = self._matte(matter, captured, fresh=captured.epoch != epoch)
            except Exception as error:  # noqa: BLE001 - whatever a network raises, the job goes on without a picture
                epoch, failures = -1, failures + 1
                self._no_matte(error, failures)
                continue
            epoch, failures = captured.epoch, 0
            self._matted.put(matted)
            self._matted_rate.tick()

    def _matte(self, matter: Matter, captured: Captured, *, fresh: bool) -> Matted:
        """fresh: the matter starts anew, its state settled on this frame before it counts."""
        began = time.perf_counter()
        captured = captured._replace(frame=self._on_canvas(captured.frame))
        fresh |= self._sets_detail(matter)
        if fresh:
            matter.prime([captured.frame])
            began = time.perf_counter()
        matte = matter.step(captured.frame)
        seconds = time.perf_counter() - began
        self._note_time("network", seconds)
        if not fresh:
            self._ladder.measured(seconds)
        return Matted(captured, matte)

    def _on_canvas(self, frame: Frame) -> Frame:
        """A frame of another size than the job's, as of a camera that came back, is scaled to cover it."""
        if frame.size == self._canvas and frame.sample_aspect == 1:
            return frame
        blank = replace(frame, planes=_blank(frame, self._canvas), sample_aspect=Fraction(1), pha=None)
        return blank.with_planes(fitted(frame, blank))

    def _sets_detail(self, matter: Any) -> bool:
        """Whether the matter's detail changed: then its state is of no use."""
        wanted = self._ladder.detail
        if getattr(matter, "detail", wanted) == wanted:
            return False
        matter.detail = wanted
        return True

    def _no_matte(self, error: Exception, failures: int) -> None:
        self.board.clear()
        if _is_out_of_memory(error) and self._ladder.smaller():
            self._tell_once(f"out of memory: detail goes down to {self._ladder.detail}")
            return
        text = str(error) if isinstance(error, LivematteError) else f"the network failed: {type(error).__name__}: {error}"
        self._tell_once(f"{text}\nThe stand-in is shown until it works again.")
        self._stopping.wait(BACK_OFF[min(failures, len(BACK_OFF)) - 1] if failures > 1 else 0)

    def _dressing(self) -> None:
        look = self._controls.look
        while True:
            matted = self._matted.take(self._period)
            if self._matted.ended and matted is None:
                return
            before, look = look, self._controls.look
            if before.background is not look.background:
                close_background(before.background)
            try:
                self._dress(matted, look)
            except LivematteError as error:
                self.board.clear()
                self._tell_once(str(error))
            except Exception as error:  # noqa: BLE001 - no picture is better than the end of a call
                self.board.clear()
                self._tell_once(f"a picture could not be made: {type(error).__name__}: {error}")

    def _dress(self, matted: Matted | None, look: Look) -> None:
        if matted is None:
            if self.board.newest() is None and getattr(look.background, "moves", False):
                self._stand_in.make(look, self._clock.pts(self._clock.now()))
                if self._controls.look is not look:  # changed meanwhile, and made by the one who changed it
                    self._stand_in.make(self._controls.look)
            return
        (frame, taken, epoch), matte = matted
        began = time.perf_counter()
        matte.work_out()
        _check(matte, frame)
        self._smoother.seconds = self._controls.live.smooth
        if epoch != self._smoothed:
            self._smoother.reset()
            self._smoothed = epoch
        frame, shaped = look.shaped(frame, self._smoother.step(frame, matte))
        views = {outlet.view: look.view(outlet.view, frame, shaped) for outlet in self.outlets}
        self._note_time("composite", time.perf_counter() - began)
        self.board.show(views, captured=taken, epoch=epoch)

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except StoppedError:
            pass
        except BaseException as error:  # noqa: BLE001 - raised by run
            self._failure = self._failure or error
            self.board.clear()
            self.stop()

    # the main thread

    def _wait(self, listen: Callable[[LiveReport], None]) -> None:
        windows: list[Any] = [outlet for outlet in self.outlets if hasattr(outlet.sink, "pump")]
        heard = watched = 0.0
        while not self._stopping.is_set() and self._threads[-1].is_alive() and not all(o.error for o in self.outlets):
            now = time.monotonic()
            if now - watched >= _POLL_WATCHERS:
                watched = now
                self._watch()
            if now - heard >= _POLL:
                heard = now
                listen(self.report(lately=_LATELY))
            for outlet in windows:
                self._serve(outlet.sink)
            self._stopping.wait(_POLL_WINDOW if windows else _POLL)

    def _serve(self, window: Any) -> None:
        """The preview's keys, help and status line; its toolkit wants the main thread."""
        window.status(self.report(lately=_LATELY).line)
        for key in window.pump():
            if key == "?":
                window.help()
            elif said := self.keys.press(key):
                self._tell(said)

    def _watch(self) -> None:
        """Whether anybody watches the outputs that can tell; the source is let go some seconds after the last one left."""
        counts = [outlet.sink.watchers() for outlet in self.outlets if hasattr(outlet.sink, "watchers")]
        known = [count for count in counts if count is not None]
        self._watchers = sum(known) if known else None
        if not self._on_demand or len(known) < len(self.outlets):
            self._feed.want(True)
        elif self._watchers:
            self._watched_at = time.monotonic()
            self._feed.want(True)
        elif time.monotonic() - self._watched_at > LEAVES_AFTER:
            self._feed.want(False)

    def _finish(self) -> None:
        self.stop()
        for outlet in self.outlets:
            outlet.finish()
        now = time.monotonic()
        for outlet, thread in zip(self.outlets, self._outlet_threads, strict=False):
            self._join(thread, now + (_END_WITHIN if outlet.again else _FILES_END_WITHIN))
        for thread in self._threads:
            self._join(thread, now + _END_WITHIN)
        self._captured.stop()
        self._matted.stop()
        self._controls.close()

    def _join(self, thread: threading.Thread, deadline: float) -> None:
        while thread.is_alive() and time.monotonic() < deadline:
            thread.join(0.02)
            for outlet in self.outlets:
                if hasattr(outlet.sink, "pump"):
                    outlet.sink.pump()

    # what others ask of it

    def _changed(self, names: set[str]) -> None:
        if "paused" in names:
            (self.board.hold if self._controls.live.paused else self.board.release)(_PAUSED)
        if "detail" in names:
            self._ladder.fix(self._controls.live.detail)

    def _hear(self, sound: Any) -> None:
        for outlet in self.outlets:
            outlet.hear(sound)

    def _snapshot(self) -> str:
        """Writes what the first output shows into the current folder, as a PNG of a name that is free."""
        shown = self.board.newest()
        view = self.outlets[0].view
        frame = shown.views[view] if shown else self._stand_in.picture(view, 0)
        stem = time.strftime("livematte-%Y%m%d-%H%M%S")
        path = next(p for n in range(1000) if not (p := Path(f"{stem}{f'-{n}' if n else ''}.png")).exists())
        try:
            path.write_bytes(encode_png(frame))
        except OSError as error:
            raise LivematteError(f"cannot write {path}: {error.strerror}") from error
        return str(path)

    def _tell_once(self, text: str) -> None:
        if text not in self._told:
            self._told.add(text)
            self._tell(text)

    def _note_time(self, stage: str, seconds: float) -> None:
        total, count = self._busy.get(stage, (0.0, 0))
        self._busy[stage] = total + seconds, count + 1

    def report(self, *, lately: int = 20_000) -> LiveReport:
        """The job so far. lately: pictures over which latencies are taken."""
        feed, first = self._feed, self.outlets[0]
        busy = {stage: 1000 * total / count for stage, (total, count) in list(self._busy.items())}
        return LiveReport(
            state=self.board.reason,
            seconds=self._clock.now(),
            frames_in=feed.rate.count,
            frames_matted=self._matted_rate.count,
            frames_out=first.rate.count,
            dropped=self._captured.dropped + self._matted.dropped,
            fps_in=feed.rate.now,
            fps_matted=self._matted_rate.now,
            fps_out=first.rate.now,
            latency_ms=tuple(round(1000 * seconds, 1) for seconds in first.latencies.at(0.5, 0.95, 0.99, last=lately)),
            detail=self._ladder.detail,
            stages_ms={stage: round(ms, 2) for stage, ms in busy.items()},
            reconnects=feed.reconnects,
            stand_in_seconds=round(self.board.stood_in, 2),
            bad_frames=feed.bad_frames,
            outputs={outlet.sink.name: outlet.rate.count for outlet in self.outlets},
            watchers=self._watchers,
            background=self._controls.live.background,
        )


def _blank(frame: Frame, size: Size) -> tuple[Any, ...]:
    """Planes of the frame's format for a picture of `size`; their values do not matter."""
    fmt = frame.format
    shapes = [fmt.plane_size(i, size)[::-1] + ((2,) if fmt.family == "semi" and i else ()) for i in range(fmt.plane_count)]
    return tuple(np.broadcast_to(fmt.dtype(0), shape) for shape in shapes)


def _check(matte: Matte, frame: Frame) -> None:
    """LivematteError for a matte that would let anything through: of another size, or of numbers that are none."""
    pha = matte.pha
    if pha.shape != frame.planes[0].shape or matte.fgr.size != frame.size:
        raise LivematteError(f"the network gave a matte of {pha.shape}, wanted {frame.planes[0].shape}")
    low, high = float(pha.min()), float(pha.max())
    if not (low >= 0 and high <= 1):  # also where one is no number
        raise LivematteError(f"the network gave alpha from {low} to {high}, wanted 0 to 1")


def _is_out_of_memory(error: Exception) -> bool:
    """As torch and its devices say it, and Python."""
    return isinstance(error, MemoryError) or "out of memory" in str(error).lower()
