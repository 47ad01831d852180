"""Where an output is written: under a temporary name beside its final one, which it gets when it is whole.

Nothing that exists is overwritten unasked, nothing is overwritten before its replacement is whole, and the input never.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from itertools import count
from pathlib import Path

from livematte.errors import SinkError

_NUMBERED = re.compile(r"\d{8}\.png")  # the names that a folder of numbered pictures is made of


class Target:
    """One output: a file, or a folder of files.

    final: the name as the user wrote it. part: the temporary name beside it, made (empty) here. reads: the source's name, so that it
    is not overwritten. Raises SinkError where the output exists, is the input, or cannot be written."""

    def __init__(self, final: Path, *, overwrite: bool, reads: str = "", folder: bool = False) -> None:
        self.final = final
        self.folder = folder
        self._overwrite = overwrite
        self._check(reads)
        make = Path.mkdir if folder else _touch
        self.part = _first_free(final, make)

    def _check(self, reads: str) -> None:
        parent = self.final.parent
        if not parent.is_dir():
            raise SinkError(f"cannot write {self.final}: there is no folder {parent}; make it first")
        if not os.path.lexists(self.final):
            return
        if _is_input(self.final, reads):
            raise SinkError(f"{self.final} is what is read; give the output another name")
        if self.folder and not self.final.is_dir():
            raise SinkError(f"{self.final} is a file, wanted a folder; give the output another name")
        if self._taken() and not self._overwrite:
            raise SinkError(f"{self.final} exists; -y overwrites it, or give the output another name")

    def _taken(self) -> bool:
        """An empty folder is as good as none."""
        return os.path.lexists(self.final) and not (self.folder and not any(self.final.iterdir()))

    def commit(self) -> None:
        """Gives the whole output its final name. Raises SinkError if another program took that name meanwhile."""
        if self._taken() and not self._overwrite:
            raise SinkError(f"{self.final} was made by something else meanwhile; the output is {self.part}")
        try:
            if self.folder and self.final.is_dir():
                self._merge()
            else:
                os.replace(self.part, self.final)
        except OSError as error:
            raise SinkError(f"cannot rename {self.part} to {self.final}: {reason(error)}") from error

    def _merge(self) -> None:
        """Moves the pictures into the folder that exists. Only numbered pictures of an earlier, longer run go: never other files."""
        new = {path.name for path in self.part.iterdir()}
        for path in self.final.iterdir():
            if _NUMBERED.fullmatch(path.name) and path.name not in new:
                path.unlink()
        for name in new:
            os.replace(self.part / name, self.final / name)
        self.part.rmdir()

    def discard(self) -> None:
        """Leaves nothing behind."""
        if self.folder:
            shutil.rmtree(self.part, ignore_errors=True)
        else:
            self.part.unlink(missing_ok=True)


def _touch(path: Path) -> None:
    path.open("xb").close()


def _first_free(final: Path, make: Callable[[Path], None]) -> Path:
    """NAME.part.EXT, or NAME.part2.EXT and on where an interrupted run has left one; made at once, so that two runs never share one."""
    final = final if final.name not in ("", "..") else final.resolve()  # "." has no name to vary
    if not final.name:
        raise SinkError(f"cannot write {final}; give the output a folder of its own")
    for number in count(1):
        part = final.with_name(f"{final.stem}.part{number if number > 1 else ''}{final.suffix}")
        try:
            make(part)
        except FileExistsError:
            continue
        except OSError as error:
            raise SinkError(f"cannot write into {final.parent}: {reason(error)}; give the output another name or folder") from error
        return part
    raise AssertionError("unreachable")


def _is_input(final: Path, reads: str) -> bool:
    """Whether `final` is the source's file or folder, or the folder in which a source's pattern ("in/*.png") looks."""
    names = [Path(reads)]
    if any(c in reads for c in "*?["):
        names.append(Path(reads).parent)
    return bool(reads) and final.exists() and any(name.exists() and name.samefile(final) for name in names)


def reason(error: BaseException) -> str:
    """Why writing failed, in the system's own words."""
    number = getattr(error, "errno", None)
    if isinstance(number, int) and 0 < number < 1000:
        return os.strerror(number)
    return str(getattr(error, "strerror", None) or error)
