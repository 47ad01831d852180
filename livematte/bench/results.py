"""What a measurement found, and where it is kept: a JSON file, docs/performance.md."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from livematte.bench.machine import Facts
from livematte.bench.places import docs
from livematte.errors import LivematteError

FORMAT = 1  # of the JSON file


@dataclass(frozen=True)
class Result:
    """text: tables. figures: what can be compared with an earlier run, by names that say the unit. details: all that was measured.
    of: the sizes or the clip. failed: rows of the gate that a default did not pass."""

    text: str
    figures: dict[str, float]
    details: Any = None
    of: tuple[str, ...] = ()
    failed: Sequence[str] = ()


def save(path: Path, what: str, result: Result, *, machine: Facts, options: dict[str, Any]) -> None:
    """LivematteError where it cannot be written."""
    kept = {
        "livematte bench": FORMAT,
        "what": what,
        "of": result.of,
        "machine": machine,
        "options": options,
        "figures": result.figures,
        "details": result.details,
    }
    _write(path, json.dumps(kept, indent=2) + "\n")


def put_on_page(what: str, text: str) -> None:
    """Replaces what lies between `<!-- bench:WHAT -->` and `<!-- /bench:WHAT -->`. LivematteError where that is not there."""
    page = docs() / "performance.md"
    begin, end = f"<!-- bench:{what} -->\n", f"<!-- /bench:{what} -->"
    before, found, rest = page.read_text(encoding="utf-8").partition(begin)
    _, ended, after = rest.partition(end)
    if not (found and ended):
        raise LivematteError(f"{page} has no lines {begin.strip()} and {end} to write between")
    _write(page, f"{before}{begin}{text}\n{end}{after}")


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise LivematteError(f"cannot write {path}: {error.strerror}") from error
