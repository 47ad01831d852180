"""The command line: the only place that prints and exits.

Built on argparse, whose import costs a tenth of what richer ones do: `livematte --help` is to answer at once.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, Self

from livematte.errors import LivematteError, SettingsError

if TYPE_CHECKING:
    from livematte.progress import Progress
    from livematte.settings import Settings

DONE, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130

_OUTPUTS = """\
OUTPUT, by its name:
  .mov   ProRes 4444 with alpha (default: NAME.matte.mov)    .webm  VP9 with alpha
  .mkv   FFV1 with alpha, lossless                           .mp4   H.264, no alpha
  .gif .webp .png  animated                                  folder/ or .zip  PNG pictures
  vcam, vcam:/dev/video10  a virtual camera                  window  a preview, with keys (? lists them)
  rtmp:// rtsp:// udp:// whip+https:// ndi:NAME  streams     -  NUT on standard output

commands:
  livematte devices          cameras, virtual cameras, streams
  livematte models           the networks: size, licence, whether they are here
  livematte models fetch NAME
  livematte doctor           what is installed and what is missing
  livematte bench            how fast and how good it is on this machine; livematte bench --help

examples:
  livematte talk.mp4                           talk.matte.mov, for a video editor
  livematte talk.mp4 -o talk.webm              for a web page
  livematte talk.mp4 -b beach.jpg -o new.mp4   over a picture; a video is looped
  livematte talk.mp4 -b blur -o a.mp4 -o b.mov several outputs from one pass
  livematte photos/ -o cutouts/                a folder of pictures
  livematte cam -o vcam -b blur                a virtual background for any call
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line and returns the exit code: 0 done, 1 the work failed, 2 wrong usage, 130 interrupted."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    commands: dict[str, Callable[[list[str]], int]] = {
        "models": _models,
        "devices": _devices,
        "doctor": _doctor,
        "bench": _bench,
    }
    verbose = any(re.fullmatch(r"--verbose|-[qvy]*v[qvy]*", argument) for argument in arguments)
    try:
        if arguments and arguments[0] in commands:
            return commands[arguments[0]](arguments[1:])
        return _matte(arguments)
    except KeyboardInterrupt:
        _say("interrupted")
        return INTERRUPTED
    except Exception as error:  # noqa: BLE001 - also a bug of ours is told in two lines, with the traceback for who asks
        _tell(error, verbose)
        return USAGE if isinstance(error, SettingsError) else FAILED


def _tell(error: Exception, verbose: bool) -> None:
    if verbose:
        import traceback

        traceback.print_exception(error)
        return
    if not isinstance(error, LivematteError):
        error.add_note("This is a bug in livematte; -v shows where.")
    text = str(error) if isinstance(error, LivematteError) else f"unforeseen {type(error).__name__}: {error}"
    _say("\n".join([f"livematte: {text}", *getattr(error, "__notes__", ())]))


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


class _Parser(argparse.ArgumentParser):
    """Tells wrong usage in two lines rather than with the whole usage text."""

    def error(self, message: str) -> NoReturn:
        raise SettingsError(f"{message}\nTry: livematte --help")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="livematte",
        usage="livematte INPUT [-o OUTPUT]... [options]\n       livematte models | devices | doctor | bench",
        description="Takes people out of video: a clip becomes a video with alpha, or over a new background.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=_OUTPUTS,
        allow_abbrev=False,
        argument_default=argparse.SUPPRESS,
    )
    add = parser.add_argument
    add(
        "input",
        metavar="INPUT",
        nargs="?",
        help="a video, a picture, a folder or glob of pictures, cam, cam:1, a URL, - (standard input), pattern",
    )
    add("-o", "--output", metavar="OUTPUT", dest="outputs", action="append", help="where to; may be given several times")
    add(
        "-b",
        "--background",
        metavar="BG",
        action="append",
        help="none (default), green, '#rrggbb', blur[:STRENGTH], a picture, a video (looped); live: several, the key b goes on",
    )
    add("--view", metavar="VIEW", help="auto, composite, cutout, alpha, foreground, triptych (clips only)")
    add("--start", metavar="TIME", help="begin here: seconds or m:ss")
    add("--end", metavar="TIME", help="stop before this")
    add("--frames", metavar="N", help="at most N frames")
    _add_matting(parser.add_argument_group("matting").add_argument)
    _add_live(parser.add_argument_group("cameras and live outputs").add_argument)
    _add_files(parser.add_argument_group("files and streams").add_argument)
    add("--config", metavar="FILE.toml", help="options from a file; those given here come first")
    add("-y", "--overwrite", action="store_true", help="overwrite outputs that exist")
    add("-q", "--quiet", action="store_true", help="errors only")
    add("-v", "--verbose", action="store_true", help="tell what is used, and tracebacks")
    add("--report", metavar="FILE.json", help="write what was done, and how long each stage took")
    add("--version", action=_Version, nargs=0, help="tell the version")
    return parser


def _add_matting(add: Callable[..., Any]) -> None:
    add("-m", "--model", metavar="NAME", help="a name from `livematte models`, or an .onnx or .pth file (rvm-mobilenetv3)")
    add("--weights", metavar="PATH", help="where the model's file lies")
    add("--detail", metavar="PX", help="pixels that people are given, on the longer side (auto: 512, or what costs less)")
    add("--follow", metavar="HOW", help="auto: run the network where people are (default); off: on the whole picture, --detail is of that")
    add("--choke", metavar="PX", help="shrink the matte by so many pixels; negative grows it")
    add("--feather", metavar="PX", help="soften its edge")
    add("--smooth", metavar="SECONDS", help="let still parts settle over so long; moving ones follow at once (0)")
    add("--alpha", metavar="KIND", help="straight (default) or premultiplied")
    add("--device", metavar="DEV", help="auto, cpu, cuda, cuda:1, mps, xpu")
    add("--precision", metavar="P", help="auto, fp32, fp16, bf16, int8")
    add("--runtime", metavar="R", help="auto, openvino, onnxruntime, torch")
    add("--threads", metavar="N", help="CPU threads for the network (all cores)")


def _add_live(add: Callable[..., Any]) -> None:
    add("--size", metavar="WxH", help="what to ask the camera for (1280x720)")
    add("--fps", metavar="N", help="frames a second to ask it for (30)")
    add("--pixel-format", metavar="NAME", help="mjpeg, yuyv422, nv12, … (what reaches size and rate)")
    add("--mirror", action="store_true", help="show the person as in a mirror")
    add("--on-demand", action="store_true", help="open the camera only while a program reads the virtual camera (Linux)")


def _add_files(add: Callable[..., Any]) -> None:
    add("--codec", metavar="NAME", help="h264, hevc, av1, h264_nvenc, prores, ffv1, vp9, …")
    add("--crf", metavar="N", help="quality on the encoder's own scale; lower is better")
    add("--preset", metavar="NAME", help="the encoder's speed preset")
    add("--bitrate", metavar="RATE", help="such as 8M, instead of --crf")
    add("--keyframes", metavar="SECONDS", help="between key frames of a stream (2)")


class _Version(argparse.Action):
    """Prints the version, looked up only when it is asked for."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        from importlib.metadata import version

        print(f"livematte {version('livematte')}")
        parser.exit()


def _matte(arguments: list[str]) -> int:
    """The default command."""
    given = vars(_parser().parse_args(arguments))
    quiet, verbose = (given.pop(name, False) for name in ("quiet", "verbose"))
    from livematte.settings import make_settings, read_config

    config = read_config(Path(path)) if (path := given.pop("config", None)) else None
    settings = make_settings(config, **given)
    from livematte.live_job import is_live

    return (_run_live if is_live(settings) else _run_clip)(settings, quiet, verbose)


def _run_live(settings: Settings, quiet: bool, verbose: bool) -> int:
    from livematte.progress import Progress

    with Progress(quiet=quiet) as progress:
        signals = _Signals(progress.close)
        try:
            with signals:
                return _live(settings, progress, signals, verbose)
        except KeyboardInterrupt:
            if signals.number == signal.SIGINT:
                raise
            return DONE  # a service that is told to end before it began


def _live(settings: Settings, progress: Progress, signals: _Signals, verbose: bool) -> int:
    from livematte.live_job import LiveJob

    progress.wait("opening …")
    with LiveJob(settings, fetching=progress.fetching, tell=progress.say) as job:
        signals.begin(job.pipeline.stop)
        width, height = job.info.size
        outputs = ", ".join(outlet.sink.name for outlet in job.pipeline.outlets)
        progress.say(f"{job.info.name} {width}x{height} at {float(job.info.rate):.4g} → {outputs}; Ctrl-C ends it")
        for note in job.info.notes:
            progress.say(f"note: {note}")
        progress.live()
        report = job.run(progress.show_live)
        for note in job.notes():
            progress.say(f"note: {note}")
    progress.finish_live(report)
    if verbose and job.engine is not None:
        progress.say(f"{settings.model} by {job.engine.describe}")
    code = FAILED if job.failed else INTERRUPTED if signals.number == signal.SIGINT else DONE  # SIGTERM ends a service
    if not job.pipeline.idle:
        os._exit(code)
    return code


def _run_clip(settings: Settings, quiet: bool, verbose: bool) -> int:
    from livematte.job import Job, outputs_of
    from livematte.progress import Progress

    with Progress(quiet=quiet) as progress, _Signals(progress.close) as signals:
        progress.wait("opening …")
        with Job(settings, fetching=progress.fetching) as job:
            signals.begin(job.pipeline.stop)
            if verbose:
                progress.say(f"{settings.model} by {job.engine.describe}; {job.threads}")
                progress.say(f"input {job.info.name}, {'x'.join(map(str, job.info.size))}, {float(job.info.rate):.5g} frames a second")
            progress.expect(job.info)
            report = job.run(progress.show)
            for note in job.notes():
                progress.say(f"note: {note}")
        progress.finish(report, outputs_of(settings))
        code = INTERRUPTED if report.interrupted else DONE
        if not job.pipeline.idle:
            os._exit(code)  # a thread that waits for its source for ever would abort an ordinary exit
    return code


def _ending_signals() -> list[int]:
    """Also the closing of the terminal, but where nohup had it ignored; Windows does not know it."""
    hang_up = getattr(signal, "SIGHUP", None)
    own = [] if hang_up is None or signal.getsignal(hang_up) is signal.SIG_IGN else [hang_up]
    return [signal.SIGINT, signal.SIGTERM, *own]


class _Signals:
    """What Ctrl-C and SIGTERM do. Before `begin` they are a KeyboardInterrupt, as there is nothing to finish yet. After it, once
    calls `finish`. Twice ends the program at once, after `leave`."""

    def __init__(self, leave: Callable[[], None]) -> None:
        self._finish: Callable[[], None] | None = None
        self._leave = leave
        self._asked = False
        self.number = 0  # the signal that came, 0 for none

    def begin(self, finish: Callable[[], None]) -> None:
        self._finish = None if self._asked else finish
        if self._asked:
            raise KeyboardInterrupt

    def _on_signal(self, number: int, frame: object) -> None:
        if self._asked:
            self._leave()
            _say("stopped")
            os._exit(INTERRUPTED)  # threads deep in libav or the network do not end when told
        self._asked = True
        self.number = number
        if self._finish is None:
            raise KeyboardInterrupt
        _say("\nfinishing what is done; once more to stop at once")
        self._finish()

    def __enter__(self) -> Self:
        self._before = {number: signal.signal(number, self._on_signal) for number in _ending_signals()}
        return self

    def __exit__(self, *exc: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        if self._asked and self._finish is None:
            raise KeyboardInterrupt from None  # PyAV loses the one that was raised within it, and tells of its own error instead


def _models(arguments: list[str]) -> int:
    parser = _Parser(prog="livematte models", description="Lists the models, or fetches one.", allow_abbrev=False)
    parser.add_argument("verb", nargs="?", choices=["fetch"])
    parser.add_argument("name", nargs="?", help="a model's name")
    parser.add_argument("-q", "--quiet", action="store_true")
    parser.add_argument("-v", "--verbose", action="store_true")
    given = parser.parse_args(arguments)
    from livematte import weights

    if given.verb is None:
        _list_models()
        return DONE
    if given.name is None:
        raise SettingsError(f"models fetch wants a name; one of {', '.join(weights.MODELS)}")
    from livematte.progress import Progress

    with Progress(quiet=given.quiet) as progress, _Signals(progress.close):
        path = weights.locate(given.name, progress=progress.fetching)
    if not given.quiet:
        print(f"{given.name}: {path}")
    return DONE


def _list_models() -> None:
    from livematte import weights

    print(f"{'NAME':<18}{'SIZE':>8}  {'LICENCE':<10}STATE")
    for card in weights.MODELS.values():
        path = weights.find(card.name)
        state = "fetchable" if path is None else f"here: {path}" if weights.is_intact(path, card) else f"damaged: {path}"
        print(f"{card.name:<18}{card.size / 1e6:>5.0f} MB  {card.licence:<10}{state}")


def _devices(arguments: list[str]) -> int:
    _Parser(prog="livematte devices", description="Lists cameras, virtual cameras and streams.", allow_abbrev=False).parse_args(arguments)
    from livematte.devices import lines

    print("\n".join(lines()))
    return DONE


def _doctor(arguments: list[str]) -> int:
    _Parser(prog="livematte doctor", description="Checks what livematte needs.", allow_abbrev=False).parse_args(arguments)
    from livematte.doctor import checks

    worst = DONE
    for check in checks():
        print(f"{'OK  ' if check.ok else 'MEND' if check.needed else 'NONE'}  {check.name:<16}{check.found}")
        if not check.ok:
            print(f"      {check.mend}")
        worst = FAILED if check.needed and not check.ok else worst
    return worst


def _bench(arguments: list[str]) -> int:
    from livematte.bench.main import bench

    text, failed = bench(arguments, tell=_say)
    print(text)
    return FAILED if failed else DONE


if __name__ == "__main__":
    sys.exit(main())
