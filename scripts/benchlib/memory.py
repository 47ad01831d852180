"""Whether memory stays as it is while a long 1080p clip goes through: resident size by frames done, in a process of its own.

Run as a program with CLIP and OUTPUT it is that process: it prints lines of frames done and bytes resident, then the peak.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from livematte.pipeline import Report

PAGE_BYTES = resource.getpagesize()
FROM, TO = 200, 2_000  # frames between which the growth counts
_SPAN = 50  # frames over which samples are put together: frames waiting in queues make single ones differ by some 20 MB
GOALS = {"growth": 30.0, "peak": 1_200.0}  # MB
Sample = tuple[int, float]  # frames done, MB resident


def memory(options: argparse.Namespace) -> None:
    from benchlib.clips import FOLDER, person
    from benchlib.tables import machine, publish

    where = machine()
    samples, peak = _watched(person("1080p", options.frames), FOLDER / "output.mp4")
    first, last = (count * options.frames // (TO + 2 * _SPAN) if options.frames < TO + _SPAN else count for count in (FROM, TO))
    sizes = {f"at frame {count}": _around(samples, count) for count in (first, last)}
    growth = sizes[f"at frame {last}"] - sizes[f"at frame {first}"]
    text = f"{where}\n\n{_told(sizes, growth, peak)}"
    results = {"machine": where, **sizes, "growth": growth, "peak": peak, "samples": samples}
    publish("memory", text, results, write=options.write, save=options.json)


def _watched(clip: Path, output: Path) -> tuple[list[Sample], float]:
    """(resident size by frames done, its peak) of a run, in MB."""
    run = subprocess.run([sys.executable, __file__, str(clip), str(output)], stdout=subprocess.PIPE, text=True, check=True)
    *lines, peak = run.stdout.splitlines()
    samples = [(int(frames), int(size) / 1e6) for frames, size in map(str.split, lines)]
    return samples, int(peak) / 1e6


def _around(samples: list[Sample], count: int) -> float:
    """MB at the time of frame `count` and a little after."""
    return median(size for frames, size in samples if count <= frames < count + _SPAN)


def _told(sizes: dict[str, float], growth: float, peak: float) -> str:
    from benchlib.tables import table, verdict

    rows = [[what, f"{size:.0f}", "", ""] for what, size in sizes.items()]
    for what, value in (("growth", growth), ("peak", peak)):
        rows.append([what, f"{value:.0f}", f"< {GOALS[what]:.0f}", verdict(value < GOALS[what])])
    return table(["resident, 1080p to .mp4 over green", "MB", "goal", ""], rows)


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * PAGE_BYTES


def _tell(report: Report) -> None:
    print(report.frames_out, _resident())


def _run(clip: str, output: str) -> None:
    from livematte.job import Job
    from livematte.settings import make_settings

    with Job(make_settings(input=clip, outputs=(output,), background="green", overwrite=True)) as job:
        _tell(job.run(_tell))
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)


if __name__ == "__main__":
    _run(*sys.argv[1:])
