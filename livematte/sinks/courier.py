"""A process of its own that carries encoded packets to a URL.

libav's output protocols may wait for minutes, and PyAV holds the interpreter's lock meanwhile: a server that does not answer would
stop the camera, and every other output, with it. A process can be waited for, and ended.

What it reads: the order, one line of JSON; the size and the bytes of a small NUT container, whose streams are like those to come; then
their packets.
What it writes: a line of JSON when it is connected, and one that says why it ended where that was not at the end of its input.
"""

from __future__ import annotations

import json
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from io import BytesIO
from typing import IO, TYPE_CHECKING, Any

from livematte.sinks.outbox import Outbox

if TYPE_CHECKING:
    import av

_SIZE = struct.Struct("<I")
_PACKET = struct.Struct("<BBqqqI")  # stream, whether it is a key frame, pts, dts, duration, size
_BACKLOG = 2 << 20  # bytes; a second of the best streams
_FAREWELL = 2.0  # seconds to send what is left and take leave of the server


class Courier:
    """Packets on their way to a URL. Nothing here waits, but close(), and that for seconds at most.

    header: the beginning of a NUT container. container: the muxer for the URL, and its options. connected: the server takes packets.
    failure: why it ended, {"error": libav's or Python's name, "reason": …}, None while it runs."""

    def __init__(self, url: str, *, container: str, options: dict[str, str], header: bytes) -> None:
        order = {"url": url, "container": container, "options": options}
        # The URL, which may hold a password, goes through the pipe: everybody on a machine sees a program's arguments.
        self._process = subprocess.Popen(
            # -P: or an av.py in the current folder, whoever put it there, would run instead of PyAV.
            [sys.executable, "-P", "-m", "livematte.sinks.courier"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            # Ctrl-C is for livematte, which then ends its streams in order. The first is for Unix, the second for Windows.
            start_new_session=True,
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
        )
        assert self._process.stdin is not None
        self._outbox = Outbox(self._process.stdin.fileno(), limit=_BACKLOG)
        self._outbox.put(json.dumps(order).encode() + b"\n" + _SIZE.pack(len(header)) + header)
        self.connected = False
        self.failure: dict[str, str] | None = None
        self._answered = threading.Event()
        self._listener = threading.Thread(target=self._listen, name="courier", daemon=True)
        self._listener.start()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            said = json.loads(line)
            self.connected = self.connected or "connected" in said
            if "error" in said:
                self.failure = said
            self._answered.set()
        if self._process.wait() and self.failure is None:
            self.failure = {"error": "", "reason": f"its process ended with {self._process.returncode}"}
        self._answered.set()

    def connect(self, seconds: float) -> bool:
        """Waits for the server's answer. Whether it takes packets."""
        self._answered.wait(seconds)
        return self.connected

    @property
    def full(self) -> bool:
        return self._outbox.full

    @property
    def stalled(self) -> float:
        return self._outbox.stalled

    def send(self, packets: Iterable[av.Packet[Any]]) -> None:
        for packet in packets:
            pts, dts = _times(packet)
            head = _PACKET.pack(packet.stream_index, packet.is_keyframe, pts, dts, packet.duration or 0, packet.size)
            self._outbox.put(head + bytes(packet))

    def close(self) -> None:
        """Sends what is left and ends the process. May be called more than once."""
        if self.connected and self.failure is None and self._outbox.end(_FAREWELL):
            self._hang_up()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(_FAREWELL)
        self._process.kill()
        self._process.wait()
        self._outbox.end(_FAREWELL)
        self._hang_up()
        self._listener.join()
        if self._process.stdout is not None:
            self._process.stdout.close()

    def _hang_up(self) -> None:
        if self._process.stdin is not None:
            with suppress(OSError):
                self._process.stdin.close()


def _times(packet: av.Packet[Any]) -> tuple[int, int]:
    """(pts, dts); encoders give at least one."""
    pts = packet.pts if packet.pts is not None else packet.dts or 0
    return pts, pts if packet.dts is None else packet.dts


# -- the process ------------------------------------------------------------------------------------------------------------------


def carry(source: IO[bytes], answer: IO[bytes]) -> None:
    """Reads an order and packets until they end, and says how it went."""
    import av

    def say(**words: str) -> None:
        answer.write(json.dumps(words).encode() + b"\n")
        answer.flush()

    order = json.loads(source.readline())
    header = source.read(_SIZE.unpack(source.read(_SIZE.size))[0])
    av.logging.set_level(av.logging.ERROR)
    with av.logging.Capture() as logs:  # of a server that refuses, libav tells the reason only there
        try:
            place, options = order["url"], order["options"]
            with (
                av.open(BytesIO(header), format="nut") as template,
                av.open(place, "w", format=order["container"], container_options=options) as out,
            ):
                _carry(source, template, out, say)
        except (av.FFmpegError, OSError, ValueError) as error:
            said = str(logs[-1][2]).strip() if logs else ""
            say(error=type(error).__name__, reason=getattr(error, "strerror", None) or str(error), said=said)


def _carry(source: IO[bytes], template: Any, out: Any, say: Callable[..., None]) -> None:
    """Packets from `source` to the muxer `out`, whose streams are like the template's."""
    import av

    streams = [(out.add_stream_from_template(stream, opaque=True), stream.time_base) for stream in template.streams]
    out.start_encoding()
    say(connected=out.format.name)
    while len(head := source.read(_PACKET.size)) == _PACKET.size:
        index, key, pts, dts, duration, size = _PACKET.unpack(head)
        packet: Any = av.Packet(source.read(size))
        packet.stream, packet.time_base = streams[index]
        packet.pts, packet.dts, packet.duration, packet.is_keyframe = pts, dts, duration, bool(key)
        out.mux(packet)


if __name__ == "__main__":
    carry(sys.stdin.buffer, sys.stdout.buffer)
