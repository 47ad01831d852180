"""The network alone, by each engine and precision of this machine and at several details: which is the fastest here?"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import islice
from statistics import median

from livematte.bench.choices import Choice, choices, engines_here, label, open_chosen
from livematte.bench.parts import run_trunk
from livematte.bench.places import portrait
from livematte.bench.results import Result
from livematte.bench.tables import table
from livematte.bench.timing import timed
from livematte.engines import Engine, Floats
from livematte.matting.canvas import small_picture
from livematte.matting.recurrent import AUTO_DETAIL
from livematte.sources import open_source

_DETAILS = ("512", "384", "256")
_FRAMES = 60  # at most
_WARM = 3  # runs that do not count: the first ones compile


def measure(options: argparse.Namespace, tell: Callable[[str], None]) -> Result:
    """A row for each engine, a column for each detail, in ms a frame; the ratios are to the first row, inside a round."""
    asked = _asked(options)
    details = options.detail or _DETAILS
    small = {detail: _small(options, detail) for detail in details}
    engines = {label(choice, asked) or "unasked": open_chosen(choice.settings()) for choice in asked}
    rounds = []
    for count in range(options.rounds):
        tell(f"round {count + 1} of {options.rounds} …")
        rounds.append({(name, detail): _each(engine, small[detail]) for name, engine in engines.items() for detail in details})
    for engine in engines.values():
        engine.close()
    figures = {f"{name}, detail {detail}, ms": median(one[name, detail] for one in rounds) * 1e3 for name, detail in rounds[0]}
    return Result(_told(list(engines), details, rounds, frames=len(small[details[0]])), figures)


def _asked(options: argparse.Namespace) -> list[Choice]:
    """Those named, or all of this machine."""
    if options.runtime or options.precision:
        return [replace(choice, detail=None) for choice in choices(argparse.Namespace(**(vars(options) | {"detail": None})))]
    return engines_here(options.device)


def _small(options: argparse.Namespace, detail: str) -> list[Floats]:
    longest = Choice(detail=detail).settings().detail or AUTO_DETAIL
    with open_source(options.clip or portrait()) as source:
        return [small_picture(frame, longest) for frame in islice(source, min(_FRAMES, options.frames))]


def _each(engine: Engine, small: Sequence[Floats]) -> float:
    """Seconds for a frame."""
    run_trunk(engine, small[:_WARM])
    return timed(lambda: run_trunk(engine, small)).each


def _told(names: Sequence[str], details: Sequence[str], rounds: Sequence[dict[tuple[str, str], float]], *, frames: int) -> str:
    rows = []
    for name in names:
        row = [name]
        for detail in details:
            row.append(f"{median(one[name, detail] for one in rounds) * 1e3:.1f}")
            row.append(f"{median(one[name, detail] / one[names[0], detail] for one in rounds):.2f}")
        rows.append(row)
    head = [cell for detail in details for cell in (f"detail {detail}, ms", "ratio")]
    return "\n\n".join(
        [f"Network alone, {frames} frames, median of {len(rounds)} rounds; ratios to the first row", table(["", *head], rows)]
    )
