"""A job from its settings: everything opened in the order in which mistakes are cheap to find, run, and closed."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from livematte import methods
from livematte.background import Background
from livematte.errors import SettingsError, SinkError
from livematte.look import Look, close_background, open_background, parse_background
from livematte.opening import Asked, Opened, make_finish, prepare
from livematte.pipeline import Output, Pipeline, Report
from livematte.settings import Settings
from livematte.sinks import Encoding, Sink, open_sink, sink_holds_alpha
from livematte.sources import Cut, Source, SourceInfo, is_camera, is_url, open_source
from livematte.sources.images import is_picture
from livematte.urls import shown, split

if TYPE_CHECKING:
    from livematte.weights import Progress

_VERSIONS = ("livematte", "torch", "openvino", "onnxruntime", "av", "opencv-python", "numpy")


class Job:
    """`with Job(settings) as job: job.run()`. Opening it finds every mistake in the settings; outputs are
    empty parts until run(), and gone where it never runs.

    fetching: told (bytes done, bytes in all) while weights are fetched. tell: told what happens on the way. SettingsError, SourceError,
    SinkError, WeightsError or EngineError where something cannot be opened."""

    def __init__(self, settings: Settings, *, fetching: Progress | None = None, tell: Callable[[str], None] = lambda text: None) -> None:
        _check_for_clips(settings)
        self.settings = settings
        self.views = [_view_of(settings, name) for name in outputs_of(settings)]
        background = parse_background(settings.background)
        check_names(settings, background)
        with ExitStack() as stack:
            self.source = stack.enter_context(open_source(settings.input, cut=Cut(settings.start, settings.end, settings.frames)))
            self.background = open_background(settings.background)
            stack.callback(close_background, self.background)
            self.sinks = _open_sinks(settings, self.source.info, stack)
            closing = stack.enter_context(ExitStack())
            again, still = _again(settings), self.source.info.still
            asked = Asked(settings, fetching=fetching, tell=tell, again=again, still=still, closing=closing)
            prepared = prepare(asked)
            finish = make_finish(asked, prepared)
            if not still:
                prepared.check_size(self.source.info.size)
            self.method = prepared.open()
            self._stack = stack.pop_all()
        self.pipeline = Pipeline(
            self.source,
            self.method.matter,
            [Output(sink, view) for sink, view in zip(self.sinks, self.views, strict=True)],
            _look_of(settings, self.background),
            finish=finish,
            ofd=settings.ofd,
        )

    @property
    def info(self) -> SourceInfo:
        return self.source.info

    @property
    def threads(self) -> str:
        """How the cores are shared, for people."""
        from livematte.sinks.codecs import ENCODER_THREADS
        from livematte.sources.decoding import DECODER_THREADS

        return f"threads: decoder {DECODER_THREADS}, encoder {ENCODER_THREADS}, OpenCV 1"

    def run(self, listen: Callable[[Report], None] = lambda report: None) -> Report:
        """Runs the pipeline to its end, then writes the report file where the settings want one."""
        report = self.pipeline.run(listen)
        if self.settings.report:
            figures = {
                **asdict(report),
                "parts": [str(part) for part in report.parts],
                "fps": round(report.fps, 3),
                "input": self.info.name,
                "outputs": [sink.name for sink in self.sinks],
                "notes": self.notes(),
            }
            write_report(self.settings.report, figures, self.method)
        return report

    def notes(self) -> list[str]:
        """What the source and the sinks have to tell once."""
        return [*self.info.notes, *(note for sink in self.sinks for note in sink.notes)]

    def __enter__(self) -> Job:
        return self

    def __exit__(self, *exc: object) -> None:
        if self.pipeline.idle:  # a thread that hangs in a library would lose its ground, and the process with it
            self._stack.close()


def _look_of(settings: Settings, background: Background | None) -> Look:
    premultiplied = settings.alpha == "premultiplied"
    return Look(background, settings.choke, settings.feather, premultiplied, settings.mirror, settings.light_wrap, settings.match)


def outputs_of(settings: Settings) -> tuple[str, ...]:
    """The outputs, or the one that an input has where none is named: NAME.matte.mov for a clip, .png for a picture, / for pictures."""
    if settings.outputs:
        return settings.outputs
    if is_camera(settings.input):
        return ("window",)
    if name := _stream_name(settings.input):
        return (f"{name}.matte.mov",)
    path = Path(settings.input)
    if os.path.isdir(path):  # Path's own fail for names that are too long
        return (f"{path.resolve().name}.matte/",)
    if set("*?[") & set(path.name) and not os.path.exists(path):
        return (f"{path.resolve().parent.name}.matte/",)
    return (str(path.with_name(f"{path.stem}.matte{'.png' if os.path.isfile(path) and is_picture(path) else '.mov'}")),)


def _stream_name(spec: str) -> str | None:
    """What to call what comes of an input that is no file."""
    if "://" in spec:
        address = split(shown(spec))  # or a file would be called by a stream's key
        return (Path(address.path).stem if address else "").strip("…") or "stream"
    return {"-": "stdin", "pattern": "pattern"}.get(spec.partition(":")[0])


def _check_for_clips(settings: Settings) -> None:
    """SettingsError for what only a live job can do, or a background is wanted for."""
    only = {
        "--on-demand": settings.on_demand,
        "--size": settings.size,
        "--fps": settings.fps,
        "--pixel-format": settings.pixel_format,
        "more than one --background": settings.backgrounds,
    }
    for option, value in only.items():
        if value:
            raise SettingsError(f"{option} is for cameras and live outputs; got {shown(settings.input)}, which is a clip")
    for option, amount in (("--light-wrap", settings.light_wrap), ("--match", settings.match)):
        if amount and settings.background == "none":
            raise SettingsError(f"{option} wants a background; try -b blur, -b green or -b picture.jpg")


def check_names(settings: Settings, background: str | Background | None) -> None:
    """What can be told of the names of what is written, and of the model's, before anything is opened."""
    methods.check(settings)
    names = outputs_of(settings)
    if len({os.path.abspath(name) for name in names}) < len(names):
        raise SettingsError(f"an output is named twice: {', '.join(map(shown, names))}")
    if isinstance(background, str) and os.path.realpath(background) in map(os.path.realpath, names):
        raise SettingsError(f"{shown(settings.background)} is the background; give the output another name")
    report = settings.report
    if report is None:
        return
    if report.is_dir() or not report.parent.is_dir():
        raise SettingsError(f"--report: got {str(report)!r}, wanted a file in a folder that is there")
    others = (settings.input, settings.background, *names)
    if os.path.realpath(report) in {os.path.realpath(name) for name in others}:
        raise SettingsError(f"--report: got {str(report)!r}, which is the input, the background or an output; give it a name of its own")
    if report.exists() and not settings.overwrite:
        raise SinkError(f"{report} exists; -y overwrites it, or give the report another name")


def _view_of(settings: Settings, output: str) -> str:
    """What an output is shown; SettingsError where it cannot hold that."""
    holds_alpha = sink_holds_alpha(output, Encoding(codec=settings.codec))
    view: str = settings.view
    if view == "auto":
        view = "cutout" if settings.background == "none" else "composite"
    if view == "cutout" and not holds_alpha:
        stills = os.path.isdir(settings.input) or is_picture(Path(settings.input))
        kinds = ".png, .webp or .tif" if stills else ".mov, .webm or .mkv"
        raise SettingsError(f"{shown(output)} cannot hold alpha; give it a background (-b green, -b blur), or write a {kinds}")
    if view == "composite" and settings.background == "none":
        raise SettingsError("--view composite wants a background; try -b green, -b blur or -b picture.jpg")
    return view


def _again(settings: Settings) -> Callable[[], Source] | None:
    """Opens a clip once more, for what must see all of it first; None where it comes only once."""
    special = os.path.exists(settings.input) and not (os.path.isfile(settings.input) or os.path.isdir(settings.input))
    if settings.input == "-" or is_url(settings.input) or special:  # a named pipe, which gives what it has once
        return None
    return lambda: open_source(settings.input, cut=Cut(settings.start, settings.end, settings.frames))


def _open_sinks(settings: Settings, info: SourceInfo, stack: ExitStack) -> list[Sink]:
    sinks: list[Sink] = []
    for name in outputs_of(settings):
        sinks.append(open_sink(name, like=info, encoding=encoding_of(settings), overwrite=settings.overwrite))
        # A sink that a run has closed or abandoned stays as it is; one that never ran leaves nothing behind.
        stack.callback(sinks[-1].abandon, keep=False)
    return sinks


def encoding_of(settings: Settings) -> Encoding:
    return Encoding(settings.codec, settings.crf, settings.preset, settings.bitrate, settings.keyframes)


def write_report(path: Path, figures: dict[str, Any], method: Opened | None) -> None:
    """The figures of a job and what made them, as JSON. SinkError where they cannot be written."""
    data: dict[str, Any] = {
        **figures,
        "model": method.name if method else None,
        "device": method.device if method else None,
        "engine": method.describe if method else None,
        "versions": {"python": platform.python_version(), **{name: version(name) for name in _VERSIONS}},
    }
    part = path.with_name(f"{path.name}.part")
    try:
        part.write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")
        os.replace(part, path)
    except OSError as error:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise SinkError(f"cannot write the report {path}: {error.strerror}; try another --report") from error
