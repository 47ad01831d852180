"""What command-line tests share: running a command in this process or in another, and a look at the folder before and after."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import av
from drawn_person import drawn_person

from livematte.cli import main

SMALL = ("--detail", "64")  # the network's smallest picture: quick, and good enough where the matte is not looked at


class Told(NamedTuple):
    """What a command left: its exit code and the lines that it wrote."""

    code: int
    out: list[str]
    err: list[str]


def run(capsys: Any, *arguments: object) -> Told:
    """Runs `livematte ARGUMENTS` in this process."""
    capsys.readouterr()
    try:
        code = main([str(argument) for argument in arguments])
    except SystemExit as ended:  # --help and --version
        code = int(ended.code or 0)
    out, err = capsys.readouterr()
    return Told(code, out.splitlines(), err.splitlines())


def well(capsys: Any, *arguments: object) -> list[str]:
    """Runs a command that must go well and print nothing; gives what it told on standard error."""
    result = run(capsys, *arguments)
    assert result.code == 0, result.err
    assert not result.out
    return result.err


def start(*arguments: object, before: str = "", **options: Any) -> subprocess.Popen[str]:
    """Starts `livematte ARGUMENTS` as a process of its own. before: Python that it runs first."""
    program = f"import sys\n{before}\nfrom livematte.cli import main\nsys.exit(main())"
    command = [sys.executable, "-c", program, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)


def files(folder: Path) -> dict[str, bytes]:
    """Every file below `folder` with its bytes, and every folder, whose name ends in a slash, with none."""
    return {
        f"{path.relative_to(folder).as_posix()}{'/' * path.is_dir()}": b"" if path.is_dir() else path.read_bytes()
        for path in sorted(folder.rglob("*"))
    }


def person_clip(path: Path, *, frames: int = 6, size: tuple[int, int] = (128, 96)) -> Path:
    """A lossless .mkv of the drawn person at 25 frames a second, without sound."""
    with av.open(str(path), "w") as out:
        video: Any = out.add_stream("ffv1", rate=25, width=size[0], height=size[1])
        video.pix_fmt = "yuv444p"
        video.codec_context.time_base = Fraction(1, 25)
        for index in range(frames):
            picture = av.VideoFrame.from_ndarray(drawn_person(size, index), "rgb24").reformat(format="yuv444p")
            picture.pts, picture.time_base = index, Fraction(1, 25)
            out.mux(video.encode(picture))
        out.mux(video.encode(None))
    return path


def read_until(process: subprocess.Popen[str], seen: Callable[[str], bool]) -> str:
    """Lines of a process's standard error up to the first for which `seen`, or all if there is none."""
    assert process.stderr is not None
    lines = ""
    for line in process.stderr:
        lines += line
        if seen(line):
            break
    return lines
