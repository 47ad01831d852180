"""A WebRTC peer that only sends: one video track, one of sound, by aiortc, whose event loop has a thread of its own.

Packets come encoded, with their times, so that bit rate, key frames and lip-sync are ours.
"""

from __future__ import annotations

import asyncio
import logging
import re
import threading
import time
from collections.abc import Coroutine
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

from aiortc import (
    MediaStreamTrack,
    RTCBundlePolicy,
    RTCConfiguration,
    RTCPeerConnection,
    RTCRtpSender,
    RTCSessionDescription,
)
from aiortc.stats import RTCRemoteInboundRtpStreamStats

if TYPE_CHECKING:
    import av

T = TypeVar("T")
_SILENCE = 10.0  # seconds without a report, from a peer that gave some, after which it is gone: the slowest report every 7.5 s
_LOOK = 1.0  # seconds between two looks at its reports
_PROFILE = "42e01f"  # constrained baseline, which every receiver takes
# Without it receivers may make stereo mono (RFC 7587, 7.1).
_STEREO = re.compile(r"(a=rtpmap:(\d+) opus/48000/2\r\n)")

logging.getLogger("aiortc").addHandler(logging.NullHandler())  # its warnings would else go to standard error


class Line(MediaStreamTrack):
    """A track fed from outside. kind: "video" or "audio"."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind
        self._queue: asyncio.Queue[tuple[float, av.Packet[Any]]] = asyncio.Queue()

    def put(self, due: float, packet: av.Packet[Any]) -> None:
        """A packet to send at `due` by time.monotonic()."""
        self._queue.put_nowait((due, packet))

    async def recv(self) -> av.Packet[Any]:
        due, packet = await self._queue.get()
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        return packet


class Peer:
    """offer(), then connect() with the answer to it; then put, from one thread, until close().

    wants_key: the receiver asks for a key frame; to be cleared when it gets one."""

    def __init__(self, *, sound: bool) -> None:
        self.wants_key = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._loop.set_exception_handler(lambda _loop, _context: None)  # what ends the connection shows in its state
        self._thread = threading.Thread(target=self._loop.run_forever, name="whip", daemon=True)
        self._thread.start()
        self._lines: dict[str, Line] = {}
        self._heard_at: float | None = None
        self._watch: asyncio.Task[None] | None = None
        self._pc = self._wait(self._set_up(sound), 5.0)

    async def _set_up(self, sound: bool) -> RTCPeerConnection:
        # No STUN servers: a WHIP server has an address of its own, and ours it sees when we knock.
        pc = RTCPeerConnection(RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE))
        for kind in ("video", "audio")[: 2 if sound else 1]:
            self._lines[kind] = Line(kind)
            transceiver = pc.addTransceiver(self._lines[kind], direction="sendonly")
            codecs = [c for c in RTCRtpSender.getCapabilities(kind).codecs if _is_ours(c.mimeType, c.parameters)]
            transceiver.setCodecPreferences(codecs)
            if kind == "video":
                # aiortc answers a receiver's request by its own encoder, which has no part in this; there is no public way to hear of it.
                setattr(transceiver.sender, "_send_keyframe", self.wants_key.set)  # noqa: B010
        return pc

    def offer(self) -> str:
        """The session description to send, with all candidates."""
        return self._wait(self._offer(), 5.0)

    async def _offer(self) -> str:
        await self._pc.setLocalDescription(await self._pc.createOffer())
        return _STEREO.sub(r"\1a=fmtp:\2 stereo=1;sprop-stereo=1\r\n", self._pc.localDescription.sdp)

    def connect(self, answer: str, *, timeout: float) -> bool:
        """Whether there is a connection within `timeout` seconds. ValueError for an answer that is none to our offer."""
        try:
            return self._wait(self._connect(answer), timeout)
        except TimeoutError:
            return False

    async def _connect(self, answer: str) -> bool:
        try:
            await self._pc.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        except Exception as error:
            raise ValueError(str(error) or type(error).__name__) from error
        while self._pc.connectionState in ("new", "connecting"):
            await asyncio.sleep(0.02)
        self._watch = self._loop.create_task(self._listen())
        return self._pc.connectionState == "connected"

    async def _listen(self) -> None:
        """Notes when the receiver last reported; a peer that was killed says no goodbye."""
        sender = self._pc.getSenders()[0]
        last: Any = None
        while True:
            for stats in (await sender.getStats()).values():
                if isinstance(stats, RTCRemoteInboundRtpStreamStats) and stats.timestamp != last:
                    last, self._heard_at = stats.timestamp, time.monotonic()
            await asyncio.sleep(_LOOK)

    @property
    def connected(self) -> bool:
        silent = self._heard_at is not None and time.monotonic() - self._heard_at > _SILENCE
        return self._pc.connectionState == "connected" and not silent

    def put(self, kind: str, due: float, packet: av.Packet[Any]) -> None:
        """A packet for the "video" or the "audio" line, to be sent at `due` by time.monotonic()."""
        self._loop.call_soon_threadsafe(self._lines[kind].put, due, packet)

    def close(self) -> None:
        """Says goodbye and ends the thread, within a second or so. May be called more than once."""
        if self._loop.is_closed():
            return
        with suppress(Exception):  # of a connection that is broken; what is left ends with its loop
            self._wait(self._close(), 0.8)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(0.5)
        if not self._thread.is_alive():
            self._loop.close()

    async def _close(self) -> None:
        if self._watch:
            self._watch.cancel()
        await self._pc.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def _wait(self, work: Coroutine[Any, Any, T], timeout: float) -> T:
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result(timeout)
        finally:
            future.cancel()


def _is_ours(mime: str, parameters: dict[str, Any]) -> bool:
    if mime == "video/H264":
        return parameters.get("profile-level-id") == _PROFILE
    return mime in ("video/rtx", "audio/opus")
