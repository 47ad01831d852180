"""The command line: the only place that prints and exits."""

from __future__ import annotations

import argparse
import os
import re
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, Self

from livematte import heap
from livematte.errors import LivematteError, SettingsError
from livematte.options import Parser, parser

if TYPE_CHECKING:
    from livematte.progress import Progress
    from livematte.settings import Settings

DONE, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line and returns the exit code: 0 done, 1 the work failed, 2 wrong usage, 130 interrupted."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    commands: dict[str, Callable[[list[str]], int]] = {
        "models": _models,
        "devices": _devices,
        "doctor": _doctor,
        "bench": _bench,
        "evaluate": _evaluate,
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


class _Version(argparse.Action):
    """Prints the version, looked up only when it is asked for."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        from importlib.metadata import version

        print(f"livematte {version('livematte')}")
        parser.exit()


def _matte(arguments: list[str]) -> int:
    """The default command."""
    given = vars(parser(_Version).parse_args(arguments))
    quiet, verbose = (given.pop(name, False) for name in ("quiet", "verbose"))
    heap.share()
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
        progress.notes(job.info.notes)
        progress.live()
        report = job.run(progress.show_live)
        progress.notes(job.notes())
    progress.finish_live(report)
    if verbose and job.method is not None:
        progress.say(f"{job.method.name} by {job.method.describe}")
    code = FAILED if job.failed else INTERRUPTED if signals.number == signal.SIGINT else DONE  # SIGTERM ends a service
    if not job.pipeline.idle:
        os._exit(code)
    return code


def _run_clip(settings: Settings, quiet: bool, verbose: bool) -> int:
    from livematte.job import Job, outputs_of
    from livematte.progress import Progress

    with Progress(quiet=quiet) as progress, _Signals(progress.close) as signals:
        progress.wait("opening …")
        with Job(settings, fetching=progress.fetching, tell=progress.say) as job:
            signals.begin(job.pipeline.stop)
            if verbose:
                progress.say(f"{job.method.name} by {job.method.describe}; {job.threads}")
                progress.say(f"input {job.info.name}, {'x'.join(map(str, job.info.size))}, {float(job.info.rate):.5g} frames a second")
            progress.expect(job.info)
            try:
                report = job.run(progress.show)
            except LivematteError:
                if job.info.still:  # most of the pictures may be done
                    progress.notes(job.notes())
                raise
            progress.notes(job.notes())
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
    parser = Parser(prog="livematte models", description="Lists the models, or fetches one.", allow_abbrev=False)
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
    from livematte.methods import METHODS

    print(f"{'NAME':<18}{'NEEDS':<23}{'SIZE':>7}  {'LICENCE':<12}STATE")
    for method in METHODS.values():
        card = method.card
        size = f"{card.size / 1e6:.0f} MB" if card and card.size else ""
        needs = " or ".join(f"--{need}" for need in method.needs)
        print(f"{method.name:<18}{needs:<23}{size:>7}  {card.licence if card else method.licence:<12}{method.state}")
    print("also, as --model: your own .onnx, .tflite or TorchScript file; torchvision:NAME and smp:ARCH:ENCODER with --weights")


def _devices(arguments: list[str]) -> int:
    Parser(prog="livematte devices", description="Lists cameras, virtual cameras and streams.", allow_abbrev=False).parse_args(arguments)
    from livematte.devices import lines

    print("\n".join(lines()))
    return DONE


def _doctor(arguments: list[str]) -> int:
    Parser(prog="livematte doctor", description="Checks what livematte needs.", allow_abbrev=False).parse_args(arguments)
    from livematte.doctor import checks

    worst = DONE
    for check in checks():
        print(f"{'OK  ' if check.ok else 'MEND' if check.needed else 'NONE'}  {check.name:<16}{check.found}")
        if not check.ok:
            print(f"      {check.mend}")
        worst = FAILED if check.needed and not check.ok else worst
    return worst


def _bench(arguments: list[str]) -> int:
    heap.share()
    from livematte.bench.main import bench

    text, failed = bench(arguments, tell=_say)
    print(text)
    return FAILED if failed else DONE


def _evaluate(arguments: list[str]) -> int:
    from livematte.evaluate.main import evaluate

    print(evaluate(arguments, tell=_say))
    return DONE


if __name__ == "__main__":
    sys.exit(main())
