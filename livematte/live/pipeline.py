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
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import cv2

from livematte.channels import Channel, StoppedError
from livematte.errors import LivematteError
from livematte.finish import Finish
from livematte.frame import Size
from livematte.live.board import Board
from livematte.live.clock import Clock
from livematte.live.controls import Controls
from livematte.live.detail import Ladder
from livematte.live.dressing import Dressing
from livematte.live.feed import Captured, Feed
from livematte.live.figures import LiveReport, Times
from livematte.live.fresh import Fresh
from livematte.live.keys import Keys
from livematte.live.matting import STALE_AFTER, Matted, Matting
from livematte.live.outlet import Exit, Outlet
from livematte.live.stand_in import StandIn
from livematte.live.telling import Teller
from livematte.matting.base import Matter
from livematte.sinks.picture_formats import encode_png
from livematte.sources import LiveSource
from livematte.urls import shown

LEAVES_AFTER = 3.0  # seconds after the last watcher left, when the camera is let go
_LOADING = "loading the network"
_PAUSED = "paused"
_POLL, _POLL_WINDOW, _POLL_WATCHERS = 0.1, 0.015, 0.25  # seconds
_LATELY = 300  # pictures over which the status line takes latencies
_END_WITHIN = 10.0  # seconds that devices and streams have to end
_LET_GO_AFTER = 2.0  # seconds that the others have then: a camera's driver may never answer
_FILES_END_WITHIN = 600.0  # that files have: a long .mov is written once more, with its index at the front


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
        finish: Finish | None = None,
        ofd: bool = False,
        tell: Callable[[str], None] = lambda text: None,
    ) -> None:
        self._make_matter, self._controls, self._teller = matter, controls, Teller(tell)
        self._on_demand, self._period = on_demand, 1 / rate
        self._plays = first is not None and not first.info.real_time
        self._stopping, self._ready, self._asked = threading.Event(), threading.Event(), False
        self._failure: BaseException | None = None
        self._threads: list[threading.Thread] = []
        self._outlet_threads: list[threading.Thread] = []
        self._watchers: int | None = None
        self._watched_at = time.monotonic()
        finish = finish or Finish()
        self._build(exits, canvas, None if self._plays else limit, finish=finish, ofd=ofd)
        self._feed = Feed(
            open,
            first=first,
            name=name,
            board=self.board,
            clock=self._clock,
            put=self._captured.put,
            hear=self._hear,
            tell=self._teller.say,
            limit=limit if self._plays else None,  # of a camera, what comes while the network loads is seen by nobody, and does not count
        )
        controls.prepare = self._stand_in.make
        controls.on_change, controls.on_choose = self._changed, finish.choose
        self.keys = Keys(controls, stop=self.stop, snapshot=self._snapshot)

    def _build(self, exits: Sequence[Exit], canvas: Size, limit: int | None, *, finish: Finish, ofd: bool) -> None:
        """All but the source's part."""
        controls, views = self._controls, [exit.view for exit in exits]
        self.board, self._clock, self._times = Board(STALE_AFTER), Clock(), Times()
        self._captured: Channel[Captured] = Channel(1, policy="newest")
        self._fresh = Fresh(self._captured, lambda: self._feed.every)
        self._matted: Channel[Matted] = Channel(1, policy="newest")
        self._ladder = Ladder(self._period, longest=max(canvas), fixed=controls.live.detail)
        self._stand_in = StandIn(canvas, views)
        self._stand_in.make(controls.look)
        common: dict[str, Any] = {"board": self.board, "clock": self._clock, "stand_in": self._stand_in}
        self.outlets = [Outlet(exit, period=self._period, tell=self._teller.say, **common) for exit in exits]
        self._mattes = Matting(
            canvas=canvas,
            board=self.board,
            ladder=self._ladder,
            times=self._times,
            put=self._matted.put,
            tell_once=self._teller.once,
            stopping=self._stopping,
            plays=self._plays,
            limit=limit,
        )
        told: dict[str, Any] = {"times": self._times, "tell_once": self._teller.once}
        self._dresser = Dressing(controls=controls, views=views, finish=finish, ofd=ofd, **told, **common)

    def stop(self) -> None:
        """Ends the job within a tenth of a second; what is being written is finished. It only sets a flag: a signal may come while this
        very thread holds a lock."""
        self._asked = True

    def _stop(self) -> None:
        self._stopping.set()
        self._feed.stop()

    @property
    def idle(self) -> bool:
        """Whether no thread uses the source, the matter or the sinks."""
        return not any(thread.is_alive() for thread in (*self._threads, *self._outlet_threads))

    def run(self, listen: Callable[[LiveReport], None] = lambda report: None) -> LiveReport:
        """Runs until stop(), or until a file that is played is at its end. `listen` hears of it some ten times a second.

        Raises what the matter's making raised, what broke a file that is played, and, where all outputs have ended by errors, the first
        of these. An output that broke alone was told, and is in the outlets' `error`."""
        before = cv2.getNumThreads()
        cv2.setNumThreads(1)  # the threads here and the engine share the cores already
        try:
            self._start()
            self._wait(listen)
        finally:
            self._finish()
            cv2.setNumThreads(before)
        errors = [outlet.error for outlet in self.outlets if outlet.error is not None]
        error = self._failure or (errors[0] if len(errors) == len(self.outlets) else None)
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
            self.board.release(_LOADING)
            self._ready.set()
            self._mattes.run(matter, self._captured if self._plays else self._fresh)
        finally:
            self._feed.stop()
            self._ready.set()
            self._matted.end()

    def _dressing(self) -> None:
        self._dresser.run(self._matted, self._period)

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except StoppedError:
            pass
        except BaseException as error:  # noqa: BLE001 - raised by run
            self._failure = self._failure or error
            self.board.clear()
            self._stop()

    # the main thread

    def _wait(self, listen: Callable[[LiveReport], None]) -> None:
        windows: list[Any] = [outlet for outlet in self.outlets if hasattr(outlet.sink, "pump")]
        heard = watched = 0.0
        while not (self._asked or self._stopping.is_set()) and self._threads[-1].is_alive() and not all(o.error for o in self.outlets):
            now = time.monotonic()
            if now - watched >= _POLL_WATCHERS:
                watched = now
                self._watch()
            if now - heard >= _POLL:
                heard = now
                report = self.report(lately=_LATELY)
                with suppress(OSError, ValueError):  # nobody reads it any more
                    listen(report)
                for outlet in windows:
                    outlet.sink.status(report.line)
            for outlet in windows:
                self._serve(outlet.sink, outlet.view)
            self._stopping.wait(_POLL_WINDOW if windows else _POLL)

    def _serve(self, window: Any, view: str) -> None:
        """The preview's keys, help and clicks; its toolkit wants the main thread."""
        try:
            for key in window.pump():
                if key == "?":
                    window.help()
                elif said := self.keys.press(key):
                    self._teller.say(said)
            for x, y in window.clicks():
                self._teller.say(self.keys.click(3 * x % 1 if view == "triptych" else x, y))
        except Exception as error:  # noqa: BLE001 - a preview that breaks is not worth a call
            self._teller.once(f"{window.name}: {error}")

    def _watch(self) -> None:
        """Whether anybody watches the outputs that can tell; the source is let go some seconds after the last one left."""
        counts = [0 if outlet.down else outlet.sink.watchers() for outlet in self.outlets if hasattr(outlet.sink, "watchers")]
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
        self._stop()
        for outlet in self.outlets:
            outlet.finish()
        now = time.monotonic()
        for outlet, thread in zip(self.outlets, self._outlet_threads, strict=False):
            self._join(thread, now + (_END_WITHIN if outlet.again else _FILES_END_WITHIN))
        now = time.monotonic()
        for thread in self._threads:
            self._join(thread, now + _LET_GO_AFTER)
        self._captured.stop()
        self._matted.stop()
        self._controls.close()

    def _join(self, thread: threading.Thread, deadline: float) -> None:
        while thread.is_alive() and time.monotonic() < deadline:
            thread.join(0.02)
            for outlet in self.outlets:
                if hasattr(outlet.sink, "pump"):
                    with suppress(Exception):  # told already
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

    def report(self, *, lately: int = 20_000) -> LiveReport:
        """The job so far. lately: pictures over which latencies are taken."""
        feed, first = self._feed, self.outlets[0]
        return LiveReport(
            state=self.board.reason,
            seconds=self._clock.now(),
            frames_in=feed.rate.count,
            frames_matted=self._mattes.rate.count,
            frames_out=first.rate.count,
            dropped=self._captured.dropped + self._fresh.dropped + self._matted.dropped,
            fps_in=feed.rate.now,
            fps_matted=self._mattes.rate.now,
            fps_out=first.rate.now,
            latency_ms=tuple(round(1000 * seconds, 1) for seconds in first.latencies.at(0.5, 0.95, 0.99, last=lately)),
            detail=self._ladder.detail,
            stages_ms=self._times.means_ms(),
            reconnects=feed.reconnects,
            stand_in_seconds=round(self.board.stood_in, 2),
            bad_frames=feed.bad_frames,
            outputs={name: outlet.rate.count for name, outlet in self._by_name()},
            breaks={name: outlet.breaks for name, outlet in self._by_name()},
            watchers=self._watchers,
            background=shown(self._controls.live.background),
        )

    def _by_name(self) -> Iterator[tuple[str, Outlet]]:
        """The outputs, those of one name told apart: of an address that holds a secret, little is shown."""
        seen: Counter[str] = Counter()
        for outlet in self.outlets:
            name = outlet.sink.name
            seen[name] += 1
            yield (f"{name} ({seen[name]})" if seen[name] > 1 else name), outlet
