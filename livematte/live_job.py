"""A live job from its settings: what can be wrong is found while it is opened; what goes wrong later is told, and mended by itself."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING

from livematte.errors import BusyError, SettingsError, SinkError, SourceError
from livematte.frame import Size
from livematte.job import check_names, encoding_of, outputs_of, write_report
from livematte.live.clock import TIME_BASE
from livematte.live.controls import Controls, Live
from livematte.live.figures import LiveReport
from livematte.live.outlet import Exit
from livematte.live.pipeline import LivePipeline
from livematte.look import parse_background
from livematte.matting.base import Matter
from livematte.opening import Asked, Opened, Prepared, make_finish, prepare
from livematte.settings import Settings
from livematte.sinks import LIVE, Sink, live_kind, open_sink, sink_holds_alpha
from livematte.sources import Cut, LiveSource, SourceInfo, Wish, is_camera, is_url, open_live_source
from livematte.urls import shown

if TYPE_CHECKING:
    from livematte.weights import Progress

_STREAMS = ("rtsp", "rtsps", "rtmp", "rtmps", "udp", "rtp", "srt")  # inputs that come when they come, whatever is written
_SIZE: Size = (1280, 720)  # of the pictures of a camera that is not open yet
_RATE = Fraction(30)
_FASTEST = Fraction(120)
_NEXT = ("blur", "blur:12", "#202020", "green")  # what the key b goes through where the user named nothing


def is_live(settings: Settings) -> bool:
    """Whether these settings ask for a live job: from a camera or a stream, or to an output that shows frames when they happen."""
    stream = settings.input.partition("://")[0].lower() in _STREAMS and "://" in settings.input
    return is_camera(settings.input) or stream or any(live_kind(name) in LIVE for name in settings.outputs)


class LiveJob:
    """`with LiveJob(settings) as job: job.run()`. Opening it finds every mistake in the settings; the camera may be busy.

    fetching: told (bytes done, bytes in all) while weights are fetched. tell: told what happens while it runs. Errors as of Job."""

    def __init__(self, settings: Settings, *, fetching: Progress | None = None, tell: Callable[[str], None] = lambda text: None) -> None:
        self.settings = settings
        self.method: Opened | None = None
        check_names(settings, parse_background(settings.background))
        _check_live(settings)
        if settings.on_demand and not is_camera(settings.input):
            raise SettingsError(f"--on-demand is for cameras; got {shown(settings.input)}")
        names = outputs_of(settings)
        views = [_view_of(settings, name) for name in names]
        with ExitStack() as stack:
            asked = Asked(settings, live=True, fetching=fetching, tell=tell, closing=stack.enter_context(ExitStack()))
            prepared = prepare(asked)
            finish = make_finish(asked, prepared)
            self.controls = Controls(_live_of(settings, views, finish.smooth), opaque="composite" in views, tell=tell)
            stack.callback(self.controls.close)
            source = _open_first(settings)
            if source is not None:
                stack.callback(source.close)
            self.info = _info(settings, source.info if source else None)
            prepared.check_size(self.info.size)
            finish.check(self.info.size)
            exits = [self._exit(name, view, stack) for name, view in zip(names, views, strict=True)]
            self.pipeline = LivePipeline(
                partial(open_live_source, settings.input, wish=_wish(settings)),
                partial(self._open_matter, prepared),
                exits,
                self.controls,
                canvas=self.info.size,
                rate=float(self.info.rate),
                first=source,
                name=settings.input if is_camera(settings.input) else self.info.name,
                on_demand=settings.on_demand,
                limit=settings.frames,
                finish=finish,
                ofd=settings.ofd,
                tell=tell,
            )
            self._stack = stack.pop_all()

    def _exit(self, name: str, view: str, stack: ExitStack) -> Exit:
        opening = partial(open_sink, name, like=self.info, encoding=encoding_of(self.settings), overwrite=self.settings.overwrite)
        sink = opening()
        stack.callback(sink.abandon, keep=False)  # one that has run is closed, and stays as it is
        if self.settings.on_demand and live_kind(name) == "vcam" and _watchers(sink) is None:
            raise SinkError(f"--on-demand wants a virtual camera that tells who watches; {sink.name} does not; leave the option out")
        if self.settings.on_demand and live_kind(name) != "vcam":
            raise SettingsError(f"--on-demand wants virtual cameras only, got the output {shown(name)}; leave one of them out")
        return Exit(sink, view, opening if live_kind(name) in LIVE else None)

    def _open_matter(self, prepared: Prepared) -> Matter:
        self.method = prepared.open()
        return self.method.matter

    def run(self, listen: Callable[[LiveReport], None] = lambda report: None) -> LiveReport:
        """Runs until it is stopped, or a file that is played ends; then writes the report file where the settings want one."""
        report = self.pipeline.run(listen)
        if self.settings.report:
            outlets = self.pipeline.outlets
            figures = {
                **asdict(report),
                "input": self.info.name,
                "background": shown(report.background),
                "notes": self.notes(),
                "errors": [str(o.error) for o in outlets if o.error],
            }
            write_report(self.settings.report, figures, self.method)
        return report

    @property
    def failed(self) -> bool:
        """Whether an output broke for good on the way, or is broken at the end; it was told."""
        return any(outlet.error is not None or outlet.down for outlet in self.pipeline.outlets)

    def notes(self) -> list[str]:
        """What the outputs have to tell at the end."""
        return [note for outlet in self.pipeline.outlets for note in outlet.sink.notes]

    def __enter__(self) -> LiveJob:
        return self

    def __exit__(self, *exc: object) -> None:
        if self.pipeline.idle:  # a thread that hangs in a library would lose its ground, and the process with it
            self._stack.close()


def _check_live(settings: Settings) -> None:
    """What can be told of a live job's settings before anything is opened."""
    for name in settings.backgrounds:
        spec = parse_background(name)
        if isinstance(spec, str) and not is_url(spec) and not os.path.exists(spec):
            raise SourceError(f"background: there is no {spec}; wanted a picture or a video")
    if not is_camera(settings.input):
        for option, value in (("--fps", settings.fps), ("--pixel-format", settings.pixel_format)):
            if value is not None:
                raise SettingsError(f"{option} is what a camera is asked for; this input is none")


def _opened_aside(opening: Callable[[], LiveSource]) -> LiveSource:
    """Opens a source in a thread of its own: libav may wait for an answer for ten seconds, in which Ctrl-C must work."""
    done: list[LiveSource | BaseException] = []

    def work() -> None:
        try:
            done.append(opening())
        except BaseException as error:  # noqa: BLE001 - raised below
            done.append(error)

    thread = threading.Thread(target=work, name="opening", daemon=True)
    thread.start()
    while thread.is_alive():
        thread.join(0.05)
    if isinstance(done[0], BaseException):
        raise done[0]
    return done[0]


def _view_of(settings: Settings, output: str) -> str:
    """What an output is shown; SettingsError where it cannot hold that, or must not be seen."""
    holds_alpha = sink_holds_alpha(output, encoding_of(settings))
    view: str = settings.view
    if view == "triptych":
        raise SettingsError("--view triptych shows the room as it is, which a live job never does; try --view foreground or alpha")
    if view == "auto" and live_kind(output) != "window":  # a preview goes with what the keys choose
        view = "cutout" if holds_alpha and settings.background == "none" else "composite"
    if view == "cutout" and not holds_alpha:
        raise SettingsError(f"{shown(output)} cannot hold alpha; give it a background (-b green, -b blur), or choose an output that does")
    if view == "composite" and settings.background == "none" and "background" in settings.model_fields_set:
        raise SettingsError(f"{shown(output)} wants a background; try -b blur, -b green or -b picture.jpg")
    return view


def _live_of(settings: Settings, views: list[str], smooth: float) -> Live:
    """What can be changed later, as it begins. A virtual camera without a word about the background blurs the room."""
    background = "blur" if settings.background == "none" and "composite" in views else settings.background
    names = settings.backgrounds or (_NEXT if "composite" in views else ("none", *_NEXT))
    return Live(
        background=background,
        backgrounds=tuple(dict.fromkeys((background, *names))),
        smooth=smooth,
        choke=settings.choke,
        feather=settings.feather,
        detail=settings.detail,
        mirror=settings.mirror,
        premultiplied=settings.alpha == "premultiplied",
        light_wrap=settings.light_wrap,
        match=settings.match,
        keep=settings.keep,
    )


def _wish(settings: Settings) -> Wish:
    return Wish(settings.size, settings.fps, settings.pixel_format)


def _open_first(settings: Settings) -> LiveSource | None:
    """The source, to learn its size; None where another program has the camera, or nobody watches yet."""
    if is_camera(settings.input) and (settings.start or settings.end is not None):
        raise SettingsError("--start and --end are for clips; a camera runs until it is stopped (or for --frames N)")
    if settings.on_demand:
        return None
    try:
        cut = Cut(settings.start, settings.end)
        return _opened_aside(lambda: open_live_source(settings.input, wish=_wish(settings), cut=cut))
    except BusyError:
        return None  # the job says so, and waits for it


def _info(settings: Settings, known: SourceInfo | None) -> SourceInfo:
    """What the outputs are opened like: the pictures' size and rate, which stay, whatever the camera does later."""
    size = settings.size if known is None or not is_camera(settings.input) else known.size
    rate = (settings.fps if known is None or not is_camera(settings.input) else None) or (known.rate if known else _RATE)
    return SourceInfo(
        known.name if known else settings.input,
        size or (known.size if known else _SIZE),
        min(rate, _FASTEST),
        TIME_BASE,
        real_time=True,
        sound=known.sound if known else False,
        notes=known.notes if known else (),
    )


def _watchers(sink: Sink) -> int | None:
    count = getattr(sink, "watchers", None)
    return count() if count else None
