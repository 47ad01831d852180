"""How soon the command answers."""

import argparse
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

from benchlib.clips import FOLDER, person
from benchlib.tables import machine, publish, table, verdict

LIVEMATTE = Path(sys.executable).with_name("livematte")
HELP_GOAL = 0.3  # seconds


def start(options: argparse.Namespace) -> None:
    where = machine()
    clip, output = person("720p", 150), FOLDER / "output.mp4"
    one_frame = ["-q", "-y", str(clip), "-o", str(output), "-b", "green", "--frames", "1"]
    seconds = {"--help": _median(["--help"], 10), "one frame of a 720p clip, to the finished .mp4": _median(one_frame, 5)}
    goals = [[f"< {HELP_GOAL}", verdict(seconds["--help"] < HELP_GOAL)], ["", ""]]
    rows = [[what, f"{value:.2f}", *goal] for (what, value), goal in zip(seconds.items(), goals, strict=True)]
    text = f"{where}\n\n{table(['livematte', 'seconds', 'goal', ''], rows)}"
    publish("start", text, {"machine": where, **seconds}, write=options.write, save=options.json)


def _median(arguments: list[str], times: int) -> float:
    """Seconds from the command to its end."""
    return median(_seconds([str(LIVEMATTE), *arguments]) for _ in range(times))


def _seconds(command: list[str]) -> float:
    begun = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - begun
