"""All threads of a program of ours take memory from one heap, but where the user has said otherwise."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc's heaps")

_PROGRAM = """
import ctypes, threading
from livematte import heap
{share}
libc, done = ctypes.CDLL(None), threading.Barrier(5)
libc.malloc.restype = ctypes.c_void_p

def work():
    libc.malloc(3000)
    done.wait()

threads = [threading.Thread(target=work) for _ in range(4)]
for thread in threads:
    thread.start()
done.wait()
libc.malloc_stats()
"""


def heaps(share: str, **said: str) -> int:
    """How many heaps a program has whose four threads take memory at the same time."""
    environment = {name: value for name, value in os.environ.items() if name != "MALLOC_ARENA_MAX"} | said
    program = _PROGRAM.format(share=share)
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment)
    return run.stderr.count("Arena ")


def test_threads_share_one_heap() -> None:
    assert heaps("heap.share()") == 1


def test_by_themselves_they_have_several() -> None:
    assert heaps("") > 1


def test_what_the_user_says_counts() -> None:
    assert heaps("heap.share()", MALLOC_ARENA_MAX="3") in (2, 3)
