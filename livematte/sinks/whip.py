"""`whip+https://…`: a WebRTC stream to a server by WHIP (RFC 9725): an offer by HTTP POST, the answer to it, DELETE at the end."""

from __future__ import annotations

import os
from fractions import Fraction
from typing import TYPE_CHECKING

from livematte.errors import SettingsError, SinkError
from livematte.frame import Frame
from livematte.sinks.base import Device, Encoding
from livematte.sinks.endpoint import Endpoint
from livematte.sinks.rtp import Pictures, Playout, Sounds
from livematte.sound import RATE, Sound

if TYPE_CHECKING:
    from livematte.sinks.rtc import Peer
    from livematte.sources.base import SourceInfo

TOKEN = "LIVEMATTE_WHIP_TOKEN"  # the environment variable
_CODECS = ("libx264", "h264")
_CONNECT = 10.0  # seconds for a way to the server


class WhipSink(Device):
    """Frames as H.264 and sound as Opus to a WHIP server; open once the server takes them.

    A token is what stands before the host (`whip+https://:TOKEN@host/path`) or else in the environment; no message shows it. SinkError
    where the extra is not installed, the server cannot be reached or refuses, and from send() once it is gone."""

    paced = False

    def __init__(self, spec: str, *, like: SourceInfo, encoding: Encoding) -> None:
        if encoding.codec not in (None, *_CODECS):
            raise SettingsError(f"--codec {encoding.codec} cannot be in a WHIP stream; wanted {' or '.join(_CODECS)}")
        self._endpoint = Endpoint(spec.partition("+")[2], token=os.environ.get(TOKEN, ""))
        super().__init__(self._endpoint.name)
        self._pictures = Pictures(self.name, encoding, like.rate or Fraction(30))
        self._sounds = Sounds() if like.sound else None
        self._playout = Playout()
        self._peer = _make_peer(sound=like.sound)
        try:
            self._connect()
        except BaseException:
            self.close()
            raise
        if self._endpoint.clear_text:
            self.notes.append(f"{self.name}: the token goes there unencrypted; whip+https:// would hide it")

    def _connect(self) -> None:
        answer = self._endpoint.post(self._peer.offer())
        try:
            connected = self._peer.connect(answer, timeout=_CONNECT)
        except ValueError as error:
            raise SinkError(
                f"{self.name}: the server's answer is of no use: {error}\nIs it a WHIP address, and does it take H.264?"
            ) from error
        if not connected:
            raise SinkError(f"{self.name}: the server answers, but no way by UDP leads to it\nDoes a firewall hold UDP back?")

    def send(self, frame: Frame) -> None:
        """Encodes a frame and hands it over. SinkError where the server is gone, or for a frame with alpha."""
        if frame.pha is not None:
            raise SinkError(f"{self.name}: WebRTC holds no alpha; choose a background")
        if not self._peer.connected:
            raise SinkError(f"{self.name}: the server is gone; is it still running?")
        key = self._peer.wants_key.is_set()
        packets, is_key = self._pictures.encode(frame, key=key)
        if is_key:
            self._peer.wants_key.clear()
        due = self._playout.due("video", frame.seconds)
        for packet in packets:
            self._peer.put("video", due, packet)

    def hear(self, sound: Sound) -> None:
        for packet in self._sounds.encode(sound) if self._sounds else []:
            self._peer.put("audio", self._playout.due("audio", (packet.pts or 0) / RATE), packet)

    def close(self) -> None:
        self._endpoint.delete()
        self._peer.close()


def _make_peer(*, sound: bool) -> Peer:
    try:
        from livematte.sinks.rtc import Peer
    except ImportError as error:
        raise SinkError('WHIP needs the package aiortc, which is not installed\ntry: pip install "livematte[whip]"') from error
    return Peer(sound=sound)
