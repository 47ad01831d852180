"""What each thing that happens to a frame costs beside its network: one 1080p clip, its frames in memory, one stage after the other.

Each is measured alone, on one thread but for the network, which has all cores; shares are of the network's time of the same round, for a
machine's speed drifts. The network's is that of a frame followed, the cheaper of its two ways, from the frame's planes to coefficients.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from functools import partial
from statistics import median
from typing import Any

import cv2

from livematte.background import Blur, Solid
from livematte.bench.choices import Choice, open_chosen
from livematte.bench.clips import person
from livematte.bench.results import Result
from livematte.bench.tables import goal, table
from livematte.bench.timing import timed
from livematte.finish import Finish
from livematte.frame import Frame, Matte
from livematte.look import Look
from livematte.opening import SETTLED, make_matter
from livematte.sources import Cut, open_source

_GOAL = 15.0  # percent of the network's time, for what a default job adds to it before the full size is made
_DEFAULTS = "finish, as by default"

Round = dict[str, float]


def measure(options: argparse.Namespace, tell: Callable[[str], None]) -> Result:
    cv2.setNumThreads(1)  # as the pipeline does
    with open_source(options.clip or person("1080p", options.frames), cut=Cut(frames=options.frames)) as source:
        frames = list(source)
    rounds = []
    for count in range(options.rounds):
        tell(f"round {count + 1} of {options.rounds} …")
        rounds.append(_round(frames))
    return _result(frames, rounds)


def _round(frames: list[Frame]) -> Round:
    """Milliseconds a frame, by stage."""
    settings = Choice().settings()
    engine = open_chosen(settings)
    try:
        matter = make_matter(engine, settings, reuse=False)
        matter.step(frames[0]).work_out()
        matter.reset()
        mattes: list[Matte] = []
        took = {"network": _each(lambda: mattes.extend(matter.step(frame) for frame in frames), frames)}
    finally:
        engine.close()
    pairs = list(zip(frames, mattes, strict=True))
    for name, finish in _finishes().items():
        took[name] = _each(partial(_done, finish.step, pairs), frames)
    took["refine (full size)"] = _each(lambda: [matte.work_out() for matte in mattes], frames)
    for name, (look, view) in _looks().items():
        took[name] = _each(partial(_done, partial(_shown, look, view), pairs), frames)
    return took


def _done(work: Callable[[Frame, Matte], object], pairs: list[tuple[Frame, Matte]]) -> None:
    for pair in pairs:
        work(*pair)


def _finishes() -> dict[str, Finish]:
    return {
        _DEFAULTS: Finish(smooth=SETTLED, tidy=True),
        "of it smoothing": Finish(smooth=SETTLED),
        "of it holes and islands": Finish(tidy=True),
        "--keep nearest": Finish(keep="nearest"),
    }


def _looks() -> dict[str, tuple[Look, str]]:
    green, room = Solid("green"), Blur()
    return {
        "composite, a colour": (Look(green), "composite"),
        "composite, -b blur": (Look(room), "composite"),
        "with --choke 1 --feather 2": (Look(green, choke=1, feather=2), "composite"),
        "with --light-wrap 0.5": (Look(green, light_wrap=0.5), "composite"),
        "with --match 0.5": (Look(green, match=0.5), "composite"),
        "cutout": (Look(None), "cutout"),
    }


def _shown(look: Look, view: str, frame: Frame, matte: Matte) -> Frame:
    return look.view(view, *look.shaped(frame, matte))


def _each(work: Callable[[], Any], frames: list[Frame]) -> float:
    """Milliseconds a frame, on the clock."""

    def all_of_it() -> int:
        work()
        return len(frames)

    return timed(all_of_it).each * 1e3


def _result(frames: list[Frame], rounds: list[Round]) -> Result:
    width, height = frames[0].size
    rows = list(_rows(rounds))
    head = f"**stages** {width}x{height}, {len(frames)} frames, median of {len(rounds)} rounds, ms a frame"
    figures = {f"{name}, ms": median(one[name] for one in rounds) for name in rounds[0]}
    return Result("\n\n".join([head, table(["stage", "ms", "% of the network", "goal", ""], rows)]), figures, rounds)


def _rows(rounds: list[Round]) -> Iterator[list[str]]:
    for name in rounds[0]:
        share = median(100 * one[name] / one["network"] for one in rounds)
        limit = _GOAL if name == _DEFAULTS else None
        yield [name, f"{median(one[name] for one in rounds):.2f}", f"{share:.1f}", *goal("≤", share, limit)]
