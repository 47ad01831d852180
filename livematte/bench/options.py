"""The command line of the bench. Nothing heavy is imported: `livematte bench --help` answers at once."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, NoReturn

from livematte.errors import SettingsError

SIZES = {"720p": (1280, 720), "1080p": (1920, 1080), "4k": (3840, 2160), "figure": (1920, 1080)}
MEASURED = {"speed": tuple(SIZES), "live": ("720p", "1080p", "4k")}  # where --sizes says nothing
KINDS = {
    "speed": "frames a second, beside the network alone, the encoder and the usual loop",
    "live": "steadiness, latency and memory of a live job",
    "memory": "resident size over a long 1080p clip",
    "start": "seconds until livematte answers",
    "stages": "what each thing that happens to a frame costs, beside its network",
    "cuts": "whether cuts are found on spliced clips, and what follows them in the matte",
    "quality": "the gate: what precision, engines and methods cost in quality; ends with code 1 where a default costs too much",
}
# Where results go, and what is kept beside them anyway.
_APART = ("what", "sizes", "json", "write", "plot", "compare")


class _Parser(argparse.ArgumentParser):
    """Tells wrong usage in two lines rather than with the whole usage text."""

    def error(self, message: str) -> NoReturn:
        raise SettingsError(f"{message}\nTry: {self.prog} --help")


def parse(arguments: list[str]) -> argparse.Namespace:
    """The options, `what` being the kind of measurement. `--quality` is `quality`; nothing is `speed`. SettingsError for wrong usage."""
    options = _parser().parse_args(_with_kind(arguments))
    if options.what == "speed" and options.engines:
        options.what = "engines"
    if options.json and not options.json.parent.is_dir():
        raise SettingsError(f"--json: there is no folder {options.json.parent}; wanted one that exists")
    return options


def _with_kind(arguments: list[str]) -> list[str]:
    first = arguments[0] if arguments else ""
    if first in (*KINDS, "-h", "--help"):
        return arguments
    if first and not first.startswith("-"):
        raise SettingsError(f"got {first!r}, wanted one of {', '.join(KINDS)}\nTry: livematte bench --help")
    kind = next((name for name in KINDS if f"--{name}" in arguments), None)
    return [kind or "speed", *(argument for argument in arguments if argument != f"--{kind}")]


def _parser() -> _Parser:
    parser = _Parser(
        prog="livematte bench",
        description="Measures livematte on this machine. Without a kind it is speed; --quality is the same as quality.",
        allow_abbrev=False,
    )
    kinds = parser.add_subparsers(dest="what", required=True)
    made = {name: kinds.add_parser(name, help=told, description=told.capitalize(), allow_abbrev=False) for name, told in KINDS.items()}
    _add_speed(made["speed"])
    _add_live(made["live"])
    _add_memory(made["memory"])
    _add_start(made["start"])
    _add_stages(made["stages"])
    _add_cuts(made["cuts"])
    _add_quality(made["quality"])
    for kind in made.values():
        _add_results(kind)
    return parser


def _add_speed(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--rounds", type=_count, default=3, metavar="N", help="times that everything is measured in turn (3)")
    add("--sizes", type=_sizes, metavar="LIST", help=f"of {','.join(SIZES)} (all): figure is 1080p, the person a third of it")
    add("--frames", type=_count, default=300, metavar="N", help="frames end to end (300); at 4k a third of them")
    add("--engines", action="store_true", help="only the network: each engine and precision of this machine at several details")
    add("--plot", type=Path, metavar="FILE.png", help="also draw the rates")
    _add_clip(parser)
    _add_choices(parser)


def _add_live(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--sizes", type=_sizes, metavar="LIST", help=f"of {','.join(SIZES)} ({','.join(MEASURED['live'])})")
    add("--frames", type=_amount, default=2_000, metavar="N", help="frames with the network (2000), 0 for none; a quarter above 720p")
    add("--stub-frames", type=_amount, default=20_000, metavar="N", help="frames with a stub (20000), 0 for none")
    add("--stub-fps", type=_count, default=120, metavar="N", help="frames a second of these (120)")
    _add_clip(parser)
    _add_choices(parser)


def _add_memory(parser: argparse.ArgumentParser) -> None:
    help_ = "frames (2100); with fewer, growth counts in proportion"
    parser.add_argument("--frames", type=_count, default=2_100, metavar="N", help=help_)
    _add_clip(parser)
    _add_choices(parser)


def _add_start(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rounds", type=_count, default=5, metavar="N", help="times that each is measured (5)")
    _add_clip(parser)


def _add_stages(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--rounds", type=_count, default=3, metavar="N", help="times that each is measured (3)")
    add("--frames", type=_count, default=48, metavar="N", help="frames, all in memory (48)")
    _add_clip(parser)


def _add_cuts(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--truth", type=Path, metavar="DIR", help="clips with known alpha, NAME.src.mkv and NAME.pha.mkv (else drawn ones)")
    add("--clips", type=Path, metavar="DIR", help="other clips to splice for the detector (those with known alpha)")
    add("--drawn", action="store_true", help="drawn clips, also where a folder of others lies beside the checkout")
    add("--detector", action="store_true", help="only the detector, without mattes")
    parser.set_defaults(clip=None)


def _add_quality(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--truth", type=Path, metavar="DIR", help="clips with known alpha, NAME.src.mkv and NAME.pha.mkv (else such are made)")
    add("--made", action="store_true", help="made clips, also where a folder of others lies beside the checkout")
    add("--frames", type=_count, default=48, metavar="N", help="frames of each clip at most (48)")
    add("--small", action="store_true", help="made clips of 36 frames: a minute and a half")
    _add_clip(parser)


def _add_clip(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--clip", type=Path, metavar="FILE", help="a clip of a person to measure on (examples/portrait.mp4)")


def _add_choices(parser: argparse.ArgumentParser) -> None:
    """How the network is run; several of one option, with commas between them, are compared where one run can."""
    add = parser.add_argument_group("as in `livematte`, or several with commas between them").add_argument
    for name in ("device", "runtime", "precision", "detail", "follow", "threads"):
        add(f"--{name}", type=_words, metavar="LIST")


def _add_results(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("results").add_argument
    add("--compare", type=Path, metavar="BASE.json", help="also show what changed against figures that --json wrote earlier")
    add("--json", type=Path, metavar="FILE", help="also write the figures there")
    add("--write", action="store_true", help="also put the tables into docs/performance.md of this checkout")


def _amount(text: str, least: int = 0) -> int:
    if not text.isdecimal() or int(text) < least:
        raise argparse.ArgumentTypeError(f"got {text}, wanted {least} or more")
    return int(text)


def _count(text: str) -> int:
    return _amount(text, 1)


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split(","))


def _sizes(text: str) -> tuple[str, ...]:
    names = tuple(text.lower().split(","))
    if not set(names) <= set(SIZES):
        raise argparse.ArgumentTypeError(f"got {text}, wanted one or more of {','.join(SIZES)}")
    return names


def kept(options: argparse.Namespace) -> dict[str, Any]:
    """What figures were measured with, for JSON."""
    return {name: str(value) if isinstance(value, Path) else value for name, value in vars(options).items() if name not in _APART}
