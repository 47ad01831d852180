"""The command line of scripts/bench."""

import argparse
from pathlib import Path

from benchlib.clips import SIZES
from livematte.errors import LivematteError


def main() -> None:
    """Ends the program with a line of text where something cannot be measured."""
    options = _parser().parse_args()
    try:
        _measure(options)
    except LivematteError as error:
        raise SystemExit(f"scripts/bench: {error}") from error


def _measure(options: argparse.Namespace) -> None:
    # Imported only now: what one measurement loads should not slow, or swell, another.
    if options.what == "speed":
        from benchlib.speed import speed

        speed(options)
    elif options.what == "memory":
        from benchlib.memory import memory

        memory(options)
    elif options.what == "live":
        from benchlib.live import live

        live(options)
    else:
        from benchlib.start import start

        start(options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scripts/bench", description="Measures livematte on this machine.")
    kinds = parser.add_subparsers(dest="what", required=True)
    speed = kinds.add_parser("speed", help="frames a second, beside the network alone, the encoder and the usual loop")
    speed.add_argument("--rounds", type=_count, default=3, metavar="N", help="times that everything is measured in turn (3)")
    speed.add_argument("--sizes", type=_sizes, default=("1080p", "720p"), metavar="LIST", help="of 1080p,720p")
    speed.add_argument("--frames", type=_count, default=300, metavar="N", help="frames end to end (300)")
    speed.add_argument("--clip", type=Path, metavar="FILE", help="measure on this clip")
    memory = kinds.add_parser("memory", help="resident size over a long 1080p clip")
    memory.add_argument("--frames", type=_count, default=2_100, metavar="N", help="frames (2100); with fewer, growth counts in proportion")
    live = kinds.add_parser("live", help="steadiness, latency and memory of a live job")
    live.add_argument("--frames", type=int, default=2_000, metavar="N", help="frames with the network (2000), 0 for none")
    live.add_argument("--stub-frames", type=int, default=20_000, metavar="N", help="frames with a stub (20000), 0 for none")
    live.add_argument("--stub-fps", type=_count, default=120, metavar="N", help="frames a second of these (120)")
    start = kinds.add_parser("start", help="seconds until livematte answers")
    for kind in (speed, memory, live, start):
        kind.add_argument("--json", type=Path, metavar="FILE", help="also write the figures there")
        kind.add_argument("--write", action="store_true", help="also put the tables into docs/performance.md")
    return parser


def _count(text: str) -> int:
    count = int(text)
    if count < 1:
        raise argparse.ArgumentTypeError(f"got {text}, wanted 1 or more")
    return count


def _sizes(text: str) -> tuple[str, ...]:
    names = tuple(text.split(","))
    if not set(names) <= set(SIZES):
        raise argparse.ArgumentTypeError(f"got {text}, wanted one or more of {','.join(SIZES)}")
    return names
