"""The live job on a camera that a clip plays: steadiness, latency, and whether memory stays as it is. The job itself is in live_run.py."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from livematte.bench.children import check_linux, run_apart
from livematte.bench.choices import one_choice
from livematte.bench.clips import person
from livematte.bench.compare import of, sizes
from livematte.bench.options import SIZES
from livematte.bench.results import Result
from livematte.bench.tables import goal, table

RATE = 30
PAPERS = 512  # the detail that the figures count at
MAIN = "720p"  # the size that they count at, and that everything is measured at
GOALS = {"slope": 1.0, "added": 1000 / RATE, "idle": 2.0}  # MB per 1,000 frames; milliseconds; percent of a core
FIXED_GOALS = {"matted": 25.0, "p95": 60.0}  # frames a second and milliseconds, at PAPERS
_ABOVE = 4  # so many times fewer frames at the other sizes


@dataclass(frozen=True)
class Kind:
    """A run. matter: "network", "stub" or "idle"; size: of SIZES; detail: None for what time allows."""

    name: str
    matter: str
    frames: int
    fps: int
    size: str = MAIN
    detail: int | None = None


def measure(options: argparse.Namespace, tell: Callable[[str], None]) -> Result:
    check_linux("live")
    choice = one_choice(options)
    tables: list[str] = []
    figures: dict[str, float] = {}
    details: dict[str, Any] = {}
    for name in sizes(options):
        clip = str(options.clip or person(name, 90))
        rows: list[list[str]] = []
        for kind in _kinds(name, options, choice.settings().detail):
            tell(f"{name}, {kind.name} …")
            found = details[f"{name}: {kind.name}"] = _apart(kind, clip, choice.values)
            rows += _idle_rows(found) if kind.matter == "idle" else _rows(kind, found)
            figures |= {f"{name}: {kind.name}: {what}": value for what, value in _figures(found).items()}
        tables.append(table([f"{'x'.join(map(str, SIZES[name]))} MJPEG to I420, over a blur", "value", "goal", ""], rows))
    return Result("\n\n".join(tables), figures, details, of(options))


def _kinds(size: str, options: argparse.Namespace, fixed: int | None) -> list[Kind]:
    """The runs of a size. fixed: the detail that the options name."""
    frames = options.frames if size == MAIN else -(-options.frames // _ABOVE)
    kinds = [
        *([] if fixed else [Kind("detail as time allows", "network", frames, RATE, size)]),
        Kind(f"detail {fixed or PAPERS}", "network", frames, RATE, size, fixed or PAPERS),
    ]
    if size == MAIN:
        kinds.append(Kind("a stub", "stub", options.stub_frames, options.stub_fps))
    return [kind for kind in kinds if kind.frames] + ([Kind("on demand, nobody watching", "idle", 0, RATE)] if size == MAIN else [])


def _apart(kind: Kind, clip: str, values: dict[str, str]) -> dict[str, Any]:
    asked = asdict(kind) | {"size": SIZES[kind.size], "clip": clip, "values": values}
    found: dict[str, Any] = json.loads(run_apart("live_run", json.dumps(asked))[-1])
    return found


def _figures(found: dict[str, Any]) -> dict[str, float]:
    if "cpu_percent" in found:
        return {"% of a core": found["cpu_percent"]}
    report = found["report"]
    return {
        "frames in, a second": report["frames_in"] / report["seconds"],
        "frames matted, a second": report["frames_matted"] / report["seconds"],
        "frames sent, a second": found["sent_fps"],
        "latency p50, ms": report["latency_ms"][0],
        "latency p95, ms": report["latency_ms"][1],
        "latency p99, ms": report["latency_ms"][2],
        "network, ms": report["stages_ms"].get("network", 0.0),
        "memory, MB per 1,000 frames": found["slope"],
    }


def _idle_rows(found: dict[str, Any]) -> list[list[str]]:
    idle = found["cpu_percent"]
    return [["on demand, nobody watching: % of a core", f"{idle:.2f}", *goal("<", idle, GOALS["idle"])]]


def _rows(kind: Kind, found: dict[str, Any]) -> list[list[str]]:
    main = kind.size == MAIN
    figures, goals, fixed = _figures(found), GOALS if main else {}, FIXED_GOALS if main and kind.detail == PAPERS else {}
    matted, network, slope = (figures[name] for name in ("frames matted, a second", "network, ms", "memory, MB per 1,000 frames"))
    p50, p95, p99 = found["report"]["latency_ms"]
    added = p50 - network
    rows = [
        [f"**{kind.name}**", "", "", ""],
        ["frames in, a second", f"{figures['frames in, a second']:.1f}", f"{kind.fps}", ""],
        ["frames matted, a second", f"{matted:.1f}", *goal("≥", matted, fixed.get("matted"))],
        ["frames sent, a second", f"{figures['frames sent, a second']:.2f}", f"{kind.fps}", ""],
        ["intervals between them, p5 p50 p95 p99 ms", " ".join(f"{ms:.1f}" for ms in found["intervals_ms"]), f"{1000 / kind.fps:.1f}", ""],
        ["frames left out", f"{found['report']['dropped']}", "", ""],
        ["detail at the end", str(found["report"]["detail"]), "", ""],
        ["the network, ms a frame", f"{network:.1f}", "", ""],
        ["capture to sending, p50 ms", f"{p50:.0f}", "", ""],
        ["p95 ms", f"{p95:.0f}", *goal("≤", p95, fixed.get("p95"))],
        ["p99 ms", f"{p99:.0f}", "", ""],
        ["p50 less the network's own time, ms", f"{added:.0f}", *goal("≤", added, goals.get("added"), form=".0f")],
        ["memory, MB per 1,000 frames", f"{slope:+.2f}", *goal("<", slope, goals.get("slope"))],
        ["memory at the end, MB", f"{found['resident'][-1][1]:.0f}", "", ""],
    ]
    return [row for row in rows if (kind.matter == "network" or "network" not in row[0]) and (main or "1,000" not in row[0])]
