"""Pictures one by one: a folder of PNGs, a .zip of them, a single picture. They are encoded side by side, and written in order."""

from __future__ import annotations

import os
import zipfile
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self

from livematte.errors import SinkError
from livematte.frame import Frame
from livematte.sinks import naming
from livematte.sinks.naming import Target
from livematte.sinks.picture_formats import encode
from livematte.sound import Sound

if TYPE_CHECKING:
    import av

# A photo takes the encoder longer than the network. Those under way are kept in memory, 100 MB each at 12 megapixels.
_AT_ONCE = min(4, os.cpu_count() or 1)


class Store(Protocol):
    """Where pictures go."""

    def write(self, name: str, data: bytes) -> None: ...
    def close(self) -> None: ...


class FolderStore:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write(self, name: str, data: bytes) -> None:
        (self._folder / name).write_bytes(data)

    def close(self) -> None:
        pass


class ZipStore:
    """A .zip, picture by picture: none is kept in memory. PNGs are compressed already, so they are only stored."""

    def __init__(self, path: Path) -> None:
        self._zip = zipfile.ZipFile(path, "w", zipfile.ZIP_STORED)

    def write(self, name: str, data: bytes) -> None:
        self._zip.writestr(zipfile.ZipInfo(name), data)

    def close(self) -> None:
        self._zip.close()


class FileStore:
    """One picture."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def write(self, name: str, data: bytes) -> None:
        self._path.write_bytes(data)

    def close(self) -> None:
        pass


class ImagesSink:
    """PNGs, or a single picture of the kind that its name says; straight RGBA, RGB where a frame is opaque.

    Named after the frame's label (a picture's own name), else 00000001.png and on. Failing leaves nothing behind."""

    paced = False

    def __init__(self, target: Target, store: Store, *, suffix: str = ".png", alpha: bool = True, single: bool = False) -> None:
        self.name = str(target.final)
        self.alpha = alpha
        self.notes: list[str] = []
        self._target = target
        self._store = store
        self._suffix, self._single = suffix, single
        self._names: set[str] = set()
        self._encoders = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="picture")
        self._pending: deque[tuple[str, Future[bytes]]] = deque()
        self._ended = False

    def send(self, frame: Frame) -> None:
        """Takes a frame. Sizes may differ from picture to picture. What fails may be told by a later call."""
        with self._failing():
            if self._single and self._names:
                raise SinkError(f"a single {self._suffix} holds one picture, got more; write into a folder/ or a .zip")
            if frame.sample_aspect != 1 and not self._names:
                self.notes.append(f"samples of {frame.sample_aspect} are written as they are: set that aspect where the pictures are used")
            self._pending.append((self._name_for(frame), self._encoders.submit(encode, frame, self._suffix)))
            self._write(leaving=_AT_ONCE)

    def _write(self, *, leaving: int = 0) -> None:
        while len(self._pending) > leaving:
            name, picture = self._pending.popleft()
            self._store.write(name, picture.result())

    def _name_for(self, frame: Frame) -> str:
        stem = Path(frame.label).name or f"{len(self._names) + 1:08d}"
        names = chain([f"{stem}{self._suffix}"], (f"{stem}-{i}{self._suffix}" for i in count(2)))
        name = next(n for n in names if n not in self._names)
        self._names.add(name)
        return name

    def pass_on(self, packet: av.Packet[Any]) -> None:
        """Pictures have no other tracks."""

    def hear(self, sound: Sound) -> None:
        """Nor sound."""

    def close(self) -> None:
        """Gives the output its name. Raises SinkError if there is nothing in it, or if writing fails."""
        if self._ended:
            return
        with self._failing():
            if not self._names:
                raise SinkError(f"{self.name}: no frame came, so nothing is written")
            self._write()
            self._store.close()
        self._end()
        self._target.commit()

    def abandon(self, *, keep: bool) -> Path | None:
        """Ends early: keep leaves the pictures so far under the temporary name and gives it, otherwise nothing is left behind."""
        if self._ended:
            return None
        self._end()
        try:
            if keep:
                self._write()
            self._store.close()
        except (OSError, SinkError):
            keep = False
        if keep and self._names:
            return self._target.part
        self._target.discard()
        return None

    def _end(self) -> None:
        self._ended = True
        self._encoders.shutdown()

    @contextmanager
    def _failing(self) -> Iterator[None]:
        if self._ended:
            raise SinkError(f"{self.name} is closed")
        try:
            yield
        except SinkError:
            self.abandon(keep=False)
            raise
        except OSError as error:
            self.abandon(keep=False)
            raise SinkError(f"cannot write {self.name}: {naming.reason(error)}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        if exc[0] is None:
            self.close()
        else:
            self.abandon(keep=True)
