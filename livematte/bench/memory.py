"""Whether memory stays as it is while a long 1080p clip goes through: resident size by frames done, in a process of its own.

Run as a program with a job's settings as JSON it is that process: it writes lines of frames done and bytes resident, then the peak.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from statistics import median
from typing import TYPE_CHECKING, Any

from livematte.bench.children import check_linux, peak, report, resident, run_apart

if TYPE_CHECKING:
    from livematte.bench.results import Result
    from livematte.pipeline import Report

FROM, TO = 200, 2_000  # frames between which the growth counts
_SPAN = 50  # frames over which samples are put together: frames waiting in queues make single ones differ by some 20 MB
GOALS = {"growth": 30.0, "peak": 1_000.0}  # MB
Sample = tuple[int, float]  # frames done, MB resident


def measure(options: argparse.Namespace, tell: Callable[[str], None]) -> Result:
    from livematte.bench.choices import one_choice
    from livematte.bench.clips import person
    from livematte.bench.compare import of
    from livematte.bench.places import folder
    from livematte.bench.results import Result

    check_linux("memory")
    choice = one_choice(options)
    tell("making ready …")
    clip = options.clip or person("1080p", options.frames)
    tell("running …")
    given = {"input": str(clip), "outputs": [str(folder() / "output.mp4")], "background": "green", "frames": options.frames}
    samples, most = _watched(choice.values | given | {"overwrite": True})
    done = samples[-1][0]
    first, last = (count * done // (TO + 2 * _SPAN) if done < TO + _SPAN else count for count in (FROM, TO))
    sizes = {f"at frame {count}": _around(samples, count) for count in (first, last)}
    sizes["growth"] = sizes[f"at frame {last}"] - sizes[f"at frame {first}"]
    sizes["peak"] = most
    return Result(_told(sizes, clip.stem), {f"{what}, MB": size for what, size in sizes.items()}, {"samples": samples}, of(options))


def _watched(settings: dict[str, Any]) -> tuple[list[Sample], float]:
    """(resident size by frames done, its peak) of a run, in MB."""
    *lines, most = run_apart("memory", json.dumps(settings))
    samples = [(int(frames), int(size) / 1e6) for frames, size in map(str.split, lines)]
    return samples, max(int(most) / 1e6, *(size for _, size in samples))  # the kernel counts its peak from time to time


def _around(samples: list[Sample], count: int) -> float:
    """MB at the time of frame `count` and a little after; where nothing was seen then, at the nearest."""
    near = [size for frames, size in samples if count <= frames < count + _SPAN]
    return median(near) if near else min(samples, key=lambda sample: abs(sample[0] - count))[1]


def _told(sizes: dict[str, float], clip: str) -> str:
    from livematte.bench.tables import goal, table

    rows = [[what, f"{size:.0f}", *goal("<", size, GOALS.get(what))] for what, size in sizes.items()]
    return table([f"resident, {clip} to .mp4 over green", "MB", "goal", ""], rows)


def _run(settings: dict[str, Any]) -> None:
    from livematte.job import Job
    from livematte.settings import make_settings

    def tell(done: Report) -> None:
        report(done.frames_out, resident())

    with Job(make_settings(**settings)) as job:
        tell(job.run(tell))
    report(peak())


if __name__ == "__main__":
    _run(json.loads(sys.argv[1]))
