"""The live job on a camera that a clip plays: steadiness, latency, and whether memory stays as it is. The job itself is in live_run.py."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from livematte.bench.children import check_linux, run_apart
from livematte.bench.choices import one_choice
from livematte.bench.clips import person
from livematte.bench.compare import of
from livematte.bench.results import Result
from livematte.bench.tables import goal, table

RATE = 30
PAPERS = 512  # the detail that the figures count at
GOALS = {"slope": 1.0, "added": 1000 / RATE, "idle": 2.0}  # MB per 1,000 frames; milliseconds; percent of a core
FIXED_GOALS = {"matted": 25.0, "p95": 60.0}  # frames a second and milliseconds, at PAPERS


@dataclass(frozen=True)
class Kind:
    """A run. matter: "network", "stub" or "idle"; detail: None for what time allows."""

    name: str
    matter: str
    frames: int
    fps: int
    detail: int | None = None


def measure(options: argparse.Namespace, tell: Callable[[str], None]) -> Result:
    check_linux("live")
    choice = one_choice(options)
    clip = str(options.clip or person("720p", 90))
    fixed = choice.settings().detail
    kinds = [
        *([] if fixed else [Kind("detail as time allows", "network", options.frames, RATE)]),
        Kind(f"detail {fixed or PAPERS}", "network", options.frames, RATE, fixed or PAPERS),
        Kind("a stub", "stub", options.stub_frames, options.stub_fps),
    ]
    rows: list[list[str]] = []
    figures: dict[str, float] = {}
    details: dict[str, Any] = {}
    for kind in (kind for kind in kinds if kind.frames):
        tell(f"{kind.name} …")
        details[kind.name] = found = _apart(kind, clip, choice.values)
        rows += _rows(kind, found)
        figures |= {f"{kind.name}: {what}": value for what, value in _figures(found).items()}
    tell("nobody watching …")
    idle = _apart(Kind("idle", "idle", 0, RATE), clip, choice.values)["cpu_percent"]
    figures["on demand, nobody watching: % of a core"] = idle
    rows.append(["on demand, nobody watching: % of a core", f"{idle:.2f}", *goal("<", idle, GOALS["idle"])])
    return Result(table(["1280x720 MJPEG to I420, over a blur", "value", "goal", ""], rows), figures, details, of(options))


def _apart(kind: Kind, clip: str, values: dict[str, str]) -> dict[str, Any]:
    asked = {"matter": kind.matter, "frames": kind.frames, "fps": kind.fps, "detail": kind.detail, "clip": clip, "values": values}
    found: dict[str, Any] = json.loads(run_apart("live_run", json.dumps(asked))[-1])
    return found


def _figures(found: dict[str, Any]) -> dict[str, float]:
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


def _rows(kind: Kind, found: dict[str, Any]) -> list[list[str]]:
    figures, fixed = _figures(found), FIXED_GOALS if kind.detail == PAPERS else {}
    matted, network, slope = (figures[name] for name in ("frames matted, a second", "network, ms", "memory, MB per 1,000 frames"))
    p50, p95, p99 = found["report"]["latency_ms"]
    added = p50 - network
    rows = [
        [f"**{kind.name}**", "", "", ""],
        ["frames in, a second", f"{figures['frames in, a second']:.1f}", f"{kind.fps}", ""],
        ["frames matted, a second", f"{matted:.1f}", *goal("≥", matted, fixed.get("matted"))],
        ["frames sent, a second", f"{figures['frames sent, a second']:.2f}", f"{kind.fps}", ""],
        ["intervals between them, p5 p50 p95 p99 ms", " ".join(f"{ms:.1f}" for ms in found["intervals_ms"]), f"{1000 / kind.fps:.1f}", ""],
        ["detail at the end", str(found["report"]["detail"]), "", ""],
        ["the network, ms a frame", f"{network:.1f}", "", ""],
        ["capture to sending, p50 ms", f"{p50:.0f}", "", ""],
        ["p95 ms", f"{p95:.0f}", *goal("≤", p95, fixed.get("p95"))],
        ["p99 ms", f"{p99:.0f}", "", ""],
        ["p50 less the network's own time, ms", f"{added:.0f}", *goal("≤", added, GOALS["added"], form=".0f")],
        ["memory, MB per 1,000 frames", f"{slope:+.2f}", *goal("<", slope, GOALS["slope"])],
        ["memory at the end, MB", f"{found['resident'][-1][1]:.0f}", "", ""],
    ]
    return [row for row in rows if kind.matter == "network" or "network" not in row[0]]
