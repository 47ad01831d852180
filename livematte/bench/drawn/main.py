"""`scripts/make_benchmark` from its command line to its text."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import product
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple, NoReturn

from livematte.errors import LivematteError, SettingsError
from livematte.frame import Size

SIZES: dict[str, tuple[Size, ...]] = {"512x288": ((512, 288),), "1920x1080": ((1920, 1080),), "both": ((512, 288), (1920, 1080))}
_FRAMES = 48
_EPILOG = """\
OUT then holds, for each size, videomatte_SIZE/NAME/{com,pha,fgr}/0000.png and clips_SIZE/NAME.{src,pha}.mkv; see docs/benchmark.md.

examples:
  scripts/make_benchmark bench-set
  scripts/make_benchmark bench-set --size both --clips 3 --frames 24
  livematte bench --quality --truth bench-set/clips_512x288
"""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise SettingsError(f"{message}\nTry: {self.prog} --help")


class _Task(NamedTuple):
    out: Path
    clip: int
    size: Size
    frames: int
    seed: int


def make(arguments: list[str], *, tell: Callable[[str], None]) -> str:
    """What was made, in a line. tell: hears of each clip that is done.

    SettingsError for wrong usage, other LivematteErrors where nothing can be written."""
    options = _parse(arguments)
    from livematte.bench.drawn.clips import CLIPS

    chosen = range(len(CLIPS) if options.clips is None else options.clips)
    tasks = [_Task(options.out, clip, size, options.frames, options.seed) for size, clip in product(SIZES[options.size], chosen)]
    _check_out(options.out, options.overwrite)
    for name, size in _made(tasks, options.workers):
        tell(f"{name}, {size[0]}x{size[1]}")
    return f"{len(tasks)} clips of {options.frames} frames in {options.out}"


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = _Parser(
        prog="scripts/make_benchmark",
        description="Draws clips of people whose alpha is known.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("out", metavar="OUT", type=Path, help="a folder, made where it is not there")
    add("--size", default="512x288", help=f"one of {', '.join(SIZES)} (512x288)")
    add("--clips", type=int, metavar="N", help="only the first N (all)")
    add("--frames", type=int, metavar="N", default=_FRAMES, help=f"of each clip, 30 a second ({_FRAMES})")
    add("--seed", type=int, metavar="N", default=0, help="another draws other folds, strands and rooms (0)")
    add("-j", "--workers", type=int, metavar="N", help="clips drawn at once (all cores)")
    add("-y", "--overwrite", action="store_true", help="write into a folder that holds something already")
    options = parser.parse_args(arguments)
    _check(options)
    return options


def _check(options: argparse.Namespace) -> None:
    from livematte.bench.drawn.clips import CLIPS
    from livematte.engines import available_cores

    if options.size not in SIZES:
        raise SettingsError(f"--size: got {options.size}, wanted one of {', '.join(SIZES)}")
    if options.clips is not None and not 1 <= options.clips <= len(CLIPS):
        raise SettingsError(f"--clips: got {options.clips}, wanted 1 to {len(CLIPS)}")
    if not 1 <= options.frames <= 9999:
        raise SettingsError(f"--frames: got {options.frames}, wanted 1 to 9999")
    if options.seed < 0:
        raise SettingsError(f"--seed: got {options.seed}, wanted 0 or more")
    options.workers = available_cores() if options.workers is None else options.workers
    if options.workers < 1:
        raise SettingsError(f"--workers: got {options.workers}, wanted at least 1")


def _check_out(out: Path, overwrite: bool) -> None:
    """Before the long work."""
    if out.exists() and not out.is_dir():
        raise LivematteError(f"{out} is a file; wanted a folder, or a name for one")
    if out.is_dir() and any(out.iterdir()) and not overwrite:
        raise LivematteError(f"{out} holds something already; -y writes into it")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LivematteError(f"cannot make {out}: {error.strerror}") from error


def _made(tasks: list[_Task], workers: int) -> Iterator[tuple[str, Size]]:
    if min(workers, len(tasks)) == 1:
        yield from map(_make, tasks)
        return
    # Spawned: a fork of a process with OpenCV's threads can hang.
    with ProcessPoolExecutor(min(workers, len(tasks)), mp_context=get_context("spawn")) as pool:
        yield from pool.map(_make, tasks)


def _make(task: _Task) -> tuple[str, Size]:
    import cv2

    from livematte.bench.drawn.clips import CLIPS
    from livematte.bench.drawn.layout import write

    before = cv2.getNumThreads()
    cv2.setNumThreads(1)  # the clips share the cores already
    try:
        for _ in write(task.out, CLIPS[task.clip], task.size, task.frames, seed=task.seed):
            pass
    finally:
        cv2.setNumThreads(before)
    return CLIPS[task.clip].name, task.size
