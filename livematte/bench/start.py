"""How soon the command answers.

Run as a program with the time at which it was started and a job's settings as JSON, it is a job of one frame that writes after how many
seconds its first frame was decoded, and was done.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from livematte.bench.children import report, run_apart
from livematte.errors import LivematteError

if TYPE_CHECKING:
    from livematte.bench.results import Result

GOALS = {"--help": 0.3, "first frame decoded": 2.5, "first frame done": 2.5}  # seconds
_LOOK = 0.002  # seconds between looks at the job


def measure(options: argparse.Namespace, tell: Callable[[str], None]) -> Result:
    from livematte.bench.clips import person
    from livematte.bench.compare import of
    from livematte.bench.places import folder
    from livematte.bench.results import Result
    from livematte.bench.tables import goal, table

    tell("making ready …")
    clip, output = options.clip or person("720p", 150), folder() / "output.mp4"
    tell("measuring …")
    given = {"input": str(clip), "outputs": [str(output)], "background": "green", "frames": 1, "overwrite": True}
    frames = [_first_frame(given) for _ in range(options.rounds)]
    one = ["-q", "-y", str(clip), "-o", str(output), "-b", "green", "--frames", "1"]
    seconds = {
        "--help": median(_command("--help") for _ in range(2 * options.rounds)),
        "first frame decoded": median(decoded for decoded, _ in frames),
        "first frame done": median(done for _, done in frames),
        f"one frame of {clip.name}, to the finished .mp4": median(_command(*one) for _ in range(options.rounds)),
    }
    rows = [[what, f"{value:.2f}", *goal("<", value, GOALS.get(what))] for what, value in seconds.items()]
    figures = {f"{what}, seconds": value for what, value in seconds.items()}
    return Result(table(["livematte", "seconds", "goal", ""], rows), figures, {"frames": frames}, of(options))


def _command(*arguments: str) -> float:
    """Seconds from the installed command to its end."""
    installed = shutil.which("livematte", path=str(Path(sys.executable).parent))
    command = [installed] if installed else [sys.executable, "-P", "-m", "livematte.cli"]
    begun = time.perf_counter()
    code = subprocess.run([*command, *arguments], stdout=subprocess.DEVNULL, check=False).returncode
    if code:
        raise LivematteError(f"livematte {' '.join(arguments)} ended with code {code}; what it said stands above")
    return time.perf_counter() - begun


def _first_frame(settings: dict[str, Any]) -> tuple[float, float]:
    """Seconds from the start of a process until its first frame is decoded, and until it is matted, composited and encoded."""
    (line,) = run_apart("start", str(time.time()), json.dumps(settings))
    decoded, done = map(float, line.split())
    return decoded, done


def _run(begun: float, settings: dict[str, Any]) -> None:
    from livematte.job import Job
    from livematte.settings import make_settings

    seen: list[float] = []
    with Job(make_settings(**settings)) as job:

        def watch() -> None:
            for stage in (job.pipeline.stages[0], job.pipeline.stages[-1]):
                while not stage.frames:
                    time.sleep(_LOOK)
                seen.append(time.time() - begun)

        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        job.run()
        watcher.join(1.0)
    report(*seen)


if __name__ == "__main__":
    _run(float(sys.argv[1]), json.loads(sys.argv[2]))
