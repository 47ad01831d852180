"""Pictures one by one: a folder of PNGs, a .zip of them, a single .png."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self

from livematte.errors import SinkError
from livematte.frame import Frame
from livematte.sinks import naming, pixels
from livematte.sinks.naming import Target
from livematte.sound import Sound

if TYPE_CHECKING:
    import av

# zlib's quickest: a third of the time of its usual level for a tenth more bytes.
_COMPRESSION = 1


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
        self._full = False

    def write(self, name: str, data: bytes) -> None:
        if self._full:
            raise SinkError("a single .png holds one picture, got more; write into a folder/ or a .zip")
        self._path.write_bytes(data)
        self._full = True

    def close(self) -> None:
        pass


class ImagesSink:
    """PNGs, straight RGBA (RGB where a frame is opaque), 16 bits a channel for frames of more than 8.

    Named after the frame's label (a picture's own name), else 00000001.png and on. Failing leaves nothing behind."""

    alpha = True
    paced = False

    def __init__(self, target: Target, store: Store) -> None:
        self.name = str(target.final)
        self.notes: list[str] = []
        self._target = target
        self._store = store
        self._names: set[str] = set()
        self._ended = False

    def send(self, frame: Frame) -> None:
        """Writes a frame. Sizes may differ from picture to picture."""
        with self._failing():
            if frame.sample_aspect != 1 and not self._names:
                self.notes.append(f"samples of {frame.sample_aspect} are written as they are: set that aspect where the pictures are used")
            self._store.write(self._name_for(frame), encode_png(frame))

    def _name_for(self, frame: Frame) -> str:
        stem = Path(frame.label).name or f"{len(self._names) + 1:08d}"
        name = next(n for n in chain([f"{stem}.png"], (f"{stem}-{i}.png" for i in count(2))) if n not in self._names)
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
            self._store.close()
        self._ended = True
        self._target.commit()

    def abandon(self, *, keep: bool) -> Path | None:
        """Ends early: keep leaves the pictures so far under the temporary name and gives it, otherwise nothing is left behind."""
        if self._ended:
            return None
        self._ended = True
        try:
            self._store.close()
        except OSError:
            keep = False
        if keep and self._names:
            return self._target.part
        self._target.discard()
        return None

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


def encode_png(frame: Frame) -> bytes:
    """A frame as a PNG: straight RGBA, or RGB where it is opaque; 16 bits a channel where it has more than 8."""
    import cv2

    rgba = pixels.rgba(frame)
    order = cv2.COLOR_RGBA2BGRA if rgba.shape[2] == 4 else cv2.COLOR_RGB2BGR
    done, data = cv2.imencode(".png", cv2.cvtColor(rgba, order), [cv2.IMWRITE_PNG_COMPRESSION, _COMPRESSION])
    assert done, (rgba.shape, rgba.dtype)
    return bytes(data)
