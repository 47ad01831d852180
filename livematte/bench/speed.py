"""How fast a clip goes through, beside what its network and encoder allow, and beside the usual loop."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path

from livematte.bench import plot
from livematte.bench.choices import Choice, choices, is_here, label
from livematte.bench.clips import person
from livematte.bench.compare import of
from livematte.bench.parts import Parts
from livematte.bench.places import docs
from livematte.bench.results import Result
from livematte.bench.speed_tables import Measured

_AT_4K = 3  # so many times fewer frames


def measure(options: argparse.Namespace, tell: Callable[[str], None]) -> Result:
    asked = _asked(options, tell)
    pictures = plot.wanted(options.plot, docs() / "performance.png" if options.write else None)
    clips = [_measured(name, options, asked, tell) for name in of(options)]
    for picture in pictures:
        plot.draw(picture, {clip.name: clip.bars() for clip in clips})
    details = {clip.name: [{what: asdict(figure) for what, figure in one.items()} for one in clip.rounds] for clip in clips}
    figures = {name: value for clip in clips for name, value in clip.figures().items()}
    return Result("\n\n".join(clip.told() for clip in clips), figures, details, of(options))


def _asked(options: argparse.Namespace, tell: Callable[[str], None]) -> list[Choice]:
    """The choices; where nothing is said of following, with it and without. Of several, those that this machine has."""
    asked = choices(options)
    if len(asked) > 1:
        missing = [choice for choice in asked if not is_here(choice)]
        for choice in missing:
            tell(f"not here: {label(choice, asked)}")
        asked = [choice for choice in asked if choice not in missing]
    if options.follow is None:
        return [replace(choice, follow=follow) for choice in asked for follow in ("off", "auto")]
    return asked


def _measured(name: str, options: argparse.Namespace, asked: Sequence[Choice], tell: Callable[[str], None]) -> Measured:
    tell(f"{name}: making ready …")
    frames: int = options.frames if name != "4k" else max(1, options.frames // _AT_4K)
    clip: Path = options.clip or person(name, frames)
    parts = Parts(clip, frames, asked)
    rounds = []
    for count in range(options.rounds):
        tell(f"{name}: round {count + 1} of {options.rounds} …")
        rounds.append(parts.round())
    parts.close()
    return Measured(name, parts.size, parts.engines, parts.choices, rounds)
