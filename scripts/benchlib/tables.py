"""Results as text: tables that read well both on a terminal and as Markdown, the machine they are of, and the page they go to."""

import json
import os
import platform
import re
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from livematte.engines import available_cores

PAGE = Path(__file__).resolve().parents[2] / "docs" / "performance.md"
_PACKAGES = ("livematte", "onnxruntime", "torch", "av", "opencv-python", "numpy")


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table in even columns: the first to the left, the others to the right."""
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]

    def line(row: Sequence[str]) -> str:
        cells = [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        return f"| {' | '.join(cells)} |"

    return "\n".join(line(row) for row in (head, rule, *rows))


def machine() -> str:
    """Processor, cores, load, versions and date, on one line. Others' work on the machine (the load) makes figures worthless."""
    versions = ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
    load = os.getloadavg()[0]
    when = time.strftime("%Y-%m-%d")
    return (
        f"{_processor()}, {available_cores()} cores, load {load:.1f} at the start; Python {platform.python_version()}, {versions}; {when}"
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:  # not Linux
        return platform.processor() or platform.machine()
    match = re.search(r"^model name\s*: (.*)$", lines, re.MULTILINE)
    return match[1] if match else platform.machine()


def publish(name: str, text: str, results: Any, *, write: bool, save: Path | None) -> None:
    """Prints the results; write: also puts them on the page; save: also the bare figures into a JSON file."""
    print(text)
    if write:
        _put_on_page(name, text)
    if save:
        save.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


def _put_on_page(name: str, text: str) -> None:
    """Replaces what lies between `<!-- bench:NAME -->` and `<!-- /bench:NAME -->`."""
    begin, end = f"<!-- bench:{name} -->\n", f"<!-- /bench:{name} -->"
    before, found, rest = PAGE.read_text(encoding="utf-8").partition(begin)
    _, ended, after = rest.partition(end)
    if not (found and ended):
        raise SystemExit(f"{PAGE} has no lines {begin.strip()} and {end} to write between")
    PAGE.write_text(f"{before}{begin}{text}\n{end}{after}", encoding="utf-8")


def verdict(reached: bool) -> str:
    return "reached" if reached else "missed"
