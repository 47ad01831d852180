"""A job from its settings: everything opened in the order in which mistakes are cheap to find, run, and closed."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from livematte import weights
from livematte.background import Background, Blur, Clip, Picture, Solid, parse_colour
from livematte.engines import Engine, open_engine
from livematte.errors import SettingsError, SinkError, SourceError
from livematte.matting.recurrent import RecurrentMatter
from livematte.pipeline import Look, Output, Pipeline, Report
from livematte.settings import Settings
from livematte.sinks import Encoding, Sink, open_sink, sink_holds_alpha
from livematte.sources import Cut, SourceInfo, open_source

if TYPE_CHECKING:
    from livematte.weights import Progress

_VERSIONS = ("livematte", "torch", "onnxruntime", "av", "opencv-python", "numpy")


class Job:
    """`with Job(settings) as job: job.run()`. Opening it finds every mistake in the settings; outputs are
    empty parts until run(), and gone where it never runs.

    fetching: told (bytes done, bytes in all) while weights are fetched. SettingsError, SourceError, SinkError, WeightsError or
    EngineError where something cannot be opened."""

    def __init__(self, settings: Settings, *, fetching: Progress | None = None) -> None:
        self.settings = settings
        self.views = [_view_of(settings, name) for name in outputs_of(settings)]
        background = _parse_background(settings.background)
        _check_names(settings, background)
        if settings.model not in weights.MODELS and not Path(settings.model).is_file():
            weights.card_of(settings.model)
        with ExitStack() as stack:
            self.source = stack.enter_context(open_source(settings.input, cut=Cut(settings.start, settings.end, settings.frames)))
            self.background = None if background is None else stack.enter_context(_opened(background))
            self.sinks = _open_sinks(settings, self.source.info, stack)
            self.engine = _open_engine(settings, fetching)
            stack.callback(self.engine.close)
            self._stack = stack.pop_all()
        self.pipeline = Pipeline(
            self.source,
            RecurrentMatter(self.engine, detail=settings.detail),
            [Output(sink, view) for sink, view in zip(self.sinks, self.views, strict=True)],
            Look(self.background, settings.choke, settings.feather, settings.alpha == "premultiplied"),
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
            _write_report(self.settings.report, report, self)
        return report

    def notes(self) -> list[str]:
        """What the source and the sinks have to tell once."""
        return [*self.info.notes, *(note for sink in self.sinks for note in sink.notes)]

    def __enter__(self) -> Job:
        return self

    def __exit__(self, *exc: object) -> None:
        if self.pipeline.idle:  # a thread that hangs in a library would lose its ground, and the process with it
            self._stack.close()


def outputs_of(settings: Settings) -> tuple[str, ...]:
    """The outputs, or the one that an input has where none is named: NAME.matte.mov for a clip, .png for a picture, / for pictures."""
    if settings.outputs:
        return settings.outputs
    if name := _stream_name(settings.input):
        return (f"{name}.matte.mov",)
    path = Path(settings.input)
    if os.path.isdir(path):  # Path's own fail for names that are too long
        return (f"{path.resolve().name}.matte/",)
    if set("*?[") & set(path.name) and not os.path.exists(path):
        return (f"{path.resolve().parent.name}.matte/",)
    from livematte.sources.images import is_picture

    return (str(path.with_name(f"{path.stem}.matte{'.png' if os.path.isfile(path) and is_picture(path) else '.mov'}")),)


def _stream_name(spec: str) -> str | None:
    """What to call what comes of an input that is no file."""
    if "://" in spec:
        return Path(urlsplit(spec).path).stem or "stream"
    return {"-": "stdin", "pattern": "pattern"}.get(spec.partition(":")[0])


def _check_names(settings: Settings, background: str | Background | None) -> None:
    """What can be told of the names of what is written before anything is opened."""
    names = outputs_of(settings)
    if len({os.path.abspath(name) for name in names}) < len(names):
        raise SettingsError(f"an output is named twice: {', '.join(names)}")
    if isinstance(background, str) and os.path.realpath(background) in map(os.path.realpath, names):
        raise SettingsError(f"{settings.background} is the background; give the output another name")
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
        raise SettingsError(f"{output} cannot hold alpha; give it a background (-b green, -b blur), or write a .mov, .webm or .mkv")
    if view == "composite" and settings.background == "none":
        raise SettingsError("--view composite wants a background; try -b green, -b blur or -b picture.jpg")
    return view


def _parse_background(spec: str) -> str | Background | None:
    """None, a background that needs no file, or the name of the file to open."""
    if spec == "none":
        return None
    if spec == "blur":
        return Blur()
    if spec.startswith("blur:"):
        try:
            return Blur(float(spec.removeprefix("blur:")))
        except ValueError as error:
            raise SettingsError(f"--background: got {spec!r}, wanted blur or blur:STRENGTH, percent of the picture's height") from error
    if os.path.isfile(spec) or "://" in spec or (Path(spec).suffix and not spec.startswith("#")) or "/" in spec:
        return spec
    try:
        return Solid(parse_colour(spec))
    except SettingsError as error:
        raise SettingsError(f"--background: {error}; or none, blur, a picture, a video") from error


@contextmanager
def _opened(background: str | Background) -> Iterator[Background]:
    if not isinstance(background, str):
        yield background
        return
    name = background
    try:
        with open_source(name) as source:
            still, first = source.info.still, next(iter(source))
    except StopIteration:
        raise SourceError(f"the background {name} has no picture") from None
    except SourceError as error:
        raise SourceError(f"background: {error}") from error
    if still:
        yield Picture(first)
        return
    clip = Clip(lambda: open_source(name))
    try:
        yield clip
    finally:
        clip.close()


def _open_engine(settings: Settings, fetching: Progress | None) -> Engine:
    path = weights.resolve(settings.model, weights=settings.weights, progress=fetching)
    return open_engine(path, device=settings.device, precision=settings.precision, runtime=settings.runtime, threads=settings.threads)


def _open_sinks(settings: Settings, info: SourceInfo, stack: ExitStack) -> list[Sink]:
    encoding = Encoding(settings.codec, settings.crf, settings.preset, settings.bitrate)
    sinks: list[Sink] = []
    for name in outputs_of(settings):
        sinks.append(open_sink(name, like=info, encoding=encoding, overwrite=settings.overwrite))
        # A sink that a run has closed or abandoned stays as it is; one that never ran leaves nothing behind.
        stack.callback(sinks[-1].abandon, keep=False)
    return sinks


def _write_report(path: Path, report: Report, job: Job) -> None:
    data: dict[str, Any] = {
        **asdict(report),
        "parts": [str(part) for part in report.parts],
        "fps": round(report.fps, 3),
        "input": job.info.name,
        "outputs": [sink.name for sink in job.sinks],
        "model": job.settings.model,
        "device": job.engine.device,
        "engine": job.engine.describe,
        "notes": job.notes(),
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
