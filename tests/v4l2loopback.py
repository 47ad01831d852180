"""An imitation of the v4l2loopback driver, as far as a writer meets it: what version 0.12.7 and 0.13 were seen to do."""

from __future__ import annotations

import os
import struct
from fractions import Fraction
from pathlib import Path
from typing import Self

import pytest

from livematte.frame import Size
from livematte.sinks import loopback


class Driver:
    """One device, a file in a folder. others: descriptors of other programs. free: it can be written. kept: a size that readers hold.

    tells_usage: it is of version 0.13 or later. streams: what it then says of its readers."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.path = str(folder / "video10")
        Path(self.path).touch()
        self.references = folder / "refcnt"
        self.name, self.free, self.tells_usage = b"v4l2 loopback", True, False
        self.kept: Size | None = None
        self.size: Size = (0, 0)
        self.period = Fraction(1, 30)
        self.streams = 0
        self.streaming: set[int] = set()
        self._others = 0
        self._fds: set[int] = set()
        self._pyvirtualcam = 0
        self._subscribed: set[int] = set()
        self._open, self._close = os.open, os.close
        monkeypatch.setattr(os, "open", self._opens)
        monkeypatch.setattr(os, "close", self._closes)
        monkeypatch.setattr(loopback, "_ask", self._answers)
        monkeypatch.setattr(loopback, "_REFERENCES", self.references)
        monkeypatch.setattr(loopback, "devices", lambda: [self.path])
        self._count()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for fd in list(self._fds):
            self._closes(fd)

    @property
    def opened(self) -> int:
        return len(self._fds)

    @property
    def others(self) -> int:
        return self._others

    @others.setter
    def others(self, count: int) -> None:
        self._others = count
        self._count()

    def taken_by_pyvirtualcam(self, size: Size) -> None:
        assert self.free, "pyvirtualcam would call it no video output device"
        self.size, self.free, self._pyvirtualcam = self.kept or size, False, 1
        self._count()

    def left_by_pyvirtualcam(self) -> None:
        self._pyvirtualcam = 0
        self.free = self.tells_usage
        self._count()

    def _count(self) -> None:
        self.references.write_text(f"{len(self._fds) + self._pyvirtualcam + self._others}\n")

    def _opens(self, path: str, flags: int, *rest: int) -> int:
        fd = self._open(path, flags, *rest)
        if path == self.path and flags & os.O_NONBLOCK:
            self._fds.add(fd)
            self._count()
        return fd

    def _closes(self, fd: int) -> None:
        self._close(fd)
        if fd in self._fds:
            self._fds.remove(fd)
            self._count()
        if fd in self.streaming:
            self.streaming.remove(fd)
            self.free = True

    def _answers(self, fd: int, request: int, data: bytes) -> bytes | None:
        assert fd in self._fds
        if request == loopback._QUERYCAP:
            return self.name.ljust(88, b"\0") + struct.pack("I12x", 0x05200000 | (2 if self.free else 0))
        if request == loopback._G_FMT:
            offset = struct.calcsize("P")
            return data[:offset] + struct.pack("2I4s", *self.size, b"YU12") + data[offset + 12 :]
        if request == loopback._S_PARM:
            self.period = Fraction(*struct.unpack_from("2I", data, 12))
            return data
        if request == loopback._STREAMON:
            self.streaming.add(fd)
            return None if self.size == (0, 0) else data
        return self._events(fd, request, data) if self.tells_usage else None

    def _events(self, fd: int, request: int, data: bytes) -> bytes | None:
        if request == loopback._UNSUBSCRIBE:
            self._subscribed.discard(fd)
            return data
        if request == loopback._SUBSCRIBE:
            kind, _, flags = struct.unpack_from("3I", data)
            first = fd not in self._subscribed and flags == 1
            self._subscribed.add(fd)
            return data if kind == 0x10E00001 and first else None
        return struct.pack("I4xI124x", 0x10E00001, self.streams)
