"""What changed since figures were saved."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from livematte.bench.machine import Facts, differences
from livematte.bench.options import MEASURED, SIZES, kept
from livematte.bench.results import FORMAT, Result
from livematte.bench.tables import table
from livematte.errors import SettingsError

_NAMED = 6  # figures that only one of both has


@dataclass(frozen=True)
class Base:
    """What a file that --json wrote says."""

    path: Path
    what: str
    of: tuple[str, ...]
    machine: Facts
    options: dict[str, Any]
    figures: dict[str, float]


def read_base(path: Path) -> Base:
    """SettingsError where there is no such file, or it is not one of these."""
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"--compare: cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise SettingsError(f"--compare: {path} is not JSON; wanted a file that --json wrote") from error
    if not isinstance(kept, dict) or kept.get("livematte bench") != FORMAT:
        raise SettingsError(f"--compare: {path} holds no figures of this bench; wanted a file that --json wrote")
    try:
        figures = {str(name): float(value) for name, value in kept["figures"].items()}
        return Base(path, kept["what"], tuple(kept["of"]), dict(kept["machine"]), dict(kept["options"]), figures)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise SettingsError(f"--compare: {path} is damaged; wanted a file that --json wrote") from error


def fit(base: Base, options: argparse.Namespace) -> None:
    """Measures the sizes that the base has where the options name none. SettingsError where the two cannot be compared."""
    if base.what != options.what:
        raise SettingsError(f"--compare: {base.path} holds figures of {base.what}; wanted those of {options.what}")
    if options.what not in MEASURED:
        return
    if options.clip is None and options.sizes is None and set(base.of) <= set(SIZES):
        options.sizes = base.of
    wanted = of(options)
    if missing := [name for name in wanted if name not in base.of]:
        raise SettingsError(f"--compare: {base.path} is of {', '.join(base.of)}; wanted {', '.join(missing)} too")


def of(options: argparse.Namespace) -> tuple[str, ...]:
    """What is measured on: the clip by its name, or the sizes."""
    if options.clip is not None:
        return (options.clip.name,)
    return sizes(options)


def sizes(options: argparse.Namespace) -> tuple[str, ...]:
    """The sizes that are measured; none where the kind of measurement has none."""
    return tuple(getattr(options, "sizes", None) or MEASURED.get(options.what, ()))


def told(base: Base, result: Result, *, machine: Facts, options: argparse.Namespace) -> str:
    """Each figure before and now, and a line of what else is not the same."""
    names = [name for name in base.figures if name in result.figures]
    rows = [_row(name, base.figures[name], result.figures[name]) for name in names]
    parts = [f"Against {base.path} of {base.machine.get('day')}", table(["", "before", "now", "now / before"], rows)]
    if changed := differences(base.machine, machine):
        parts.append(f"Not the same machine or versions: {', '.join(changed)}.")
    if changed := _changed(base.options, kept(options)):
        parts.append(f"Not the same options: {', '.join(changed)}.")
    if only := [name for name in (*base.figures, *result.figures) if (name in base.figures) != (name in result.figures)]:
        parts.append(f"In one of both only: {'; '.join(only[:_NAMED])}{f'; and {len(only) - _NAMED} more' if len(only) > _NAMED else ''}.")
    return "\n\n".join(parts)


def _row(name: str, before: float, now: float) -> list[str]:
    return [name, f"{before:.4g}", f"{now:.4g}", f"{now / before:.2f}" if before else ""]


def _changed(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Options by JSON's eyes, for which a tuple is a list."""
    old, new = (json.loads(json.dumps(dict(side))) for side in (before, now))
    pairs = {f"--{name.replace('_', '-')}": (old.get(name), new.get(name)) for name in sorted({*old, *new})}
    return [f"{name} {_said(a)} → {_said(b)}" for name, (a, b) in pairs.items() if a != b]


def _said(value: Any) -> str:
    return ",".join(value) if isinstance(value, list) else "none" if value is None else str(value)
