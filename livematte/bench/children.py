"""Parts of the bench that run as processes of their own, so that nothing which was measured before them shows in their figures.

Their sizes are those of the process, by Linux's /proc. Run as a program it is such a part, with memory kept as the command keeps it."""

from __future__ import annotations

import runpy
import subprocess
import sys
from pathlib import Path

from livematte import heap
from livematte.errors import LivematteError

_STATUS = Path("/proc/self/status")


def run_apart(module: str, *arguments: str) -> list[str]:
    """Runs livematte.bench.MODULE as a program of its own and gives the lines that it wrote; what it says on standard error passes through.

    LivematteError where it fails. -P: a module in the current folder is none of ours."""
    command = [sys.executable, "-P", "-m", "livematte.bench.children", module, *arguments]
    run = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if run.returncode:
        raise LivematteError(f"bench {module} broke off with code {run.returncode}; what it said stands above")
    return run.stdout.splitlines()


def report(*values: object) -> None:
    """A line for run_apart's reader."""
    sys.stdout.write(" ".join(map(str, values)) + "\n")


def check_linux(what: str) -> None:
    """LivematteError where sizes of processes cannot be told."""
    if not _STATUS.exists():
        raise LivematteError(f"bench {what} reads sizes from /proc, which is Linux's; there is none on {sys.platform}")


def resident() -> int:
    """Bytes of memory that this process holds."""
    return _size("VmRSS")


def peak() -> int:
    """The most that it has held. getrusage would count what the process held that it was forked from."""
    return _size("VmHWM")


def _size(name: str) -> int:
    line = next(line for line in _STATUS.read_text(encoding="ascii").splitlines() if line.startswith(name))
    return int(line.split()[1]) * 1024


if __name__ == "__main__":
    heap.share()  # before the libraries that the part imports
    del sys.argv[0]
    runpy.run_module(f"livematte.bench.{sys.argv[0]}", run_name="__main__", alter_sys=True)
