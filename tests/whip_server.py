"""A WHIP server on this machine, for tests: takes offers, keeps what arrives, and says when it was."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError


@dataclass
class Track:
    """What arrived of one kind. units: (seconds since the first, what is in it). first: its RTP time. reports: (NTP, RTP time)."""

    rate: int
    units: list[tuple[float, Any]] = field(default_factory=list)
    first: int | None = None
    reports: list[tuple[int, int]] = field(default_factory=list)

    def wall(self, seconds: float) -> float:
        """By the sender's clock, as its reports say: what a receiver plays together."""
        offsets = [ntp / 2**32 - ((rtp - (self.first or 0)) % 2**32) / self.rate for ntp, rtp in self.reports]
        return seconds + float(np.mean(offsets))


class WhipServer:
    """Answers at `url` until stop(). token: what it wants. answers: statuses to give, with a Location, before it takes an offer."""

    def __init__(self, *, port: int = 0, token: str = "", answers: tuple[tuple[int, str], ...] = ()) -> None:
        self.requests: list[tuple[str, str, dict[str, str], str]] = []  # method, path, headers, body
        self.video, self.audio = Track(90_000), Track(48_000)
        self._token, self._answers = token, list(answers)
        self._peers: list[RTCPeerConnection] = []
        self._loop = asyncio.new_event_loop()
        self._loop.set_exception_handler(lambda _loop, _context: None)
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server = self._do(asyncio.start_server(self._serve, "127.0.0.1", port))
        self.port: int = self._server.sockets[0].getsockname()[1]
        self.url = f"whip+http://127.0.0.1:{self.port}/live"

    def _do(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(15)

    def ask_for_key(self) -> None:
        """A picture loss indication to the sender, as when a new viewer comes."""

        async def ask() -> None:
            receiver = next(t.receiver for t in self._peers[-1].getTransceivers() if t.kind == "video")
            await receiver._send_rtcp_pli(next(iter(receiver.getSynchronizationSources())).source)

        self._do(ask())

    def mute(self) -> None:
        """Sends no reports any more, as if it were killed."""

        async def mute() -> None:
            for receiver in self._peers[-1].getReceivers():
                await receiver.stop()

        self._do(mute())

    def stop(self) -> None:
        """Ends it with a goodbye to its senders. May be called more than once."""
        if self._loop.is_closed():
            return

        async def end() -> None:
            self._server.close()
            for peer in self._peers:
                await peer.close()
            others = asyncio.all_tasks() - {asyncio.current_task()}
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)

        self._do(end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        method, path, _ = (await reader.readline()).decode().split(" ", 2)
        headers = {}
        while line := (await reader.readline()).decode().strip():
            key, _, value = line.partition(":")
            headers[key.strip().lower()] = value.strip()
        body = (await reader.readexactly(int(headers.get("content-length", 0)))).decode()
        self.requests.append((method, path, headers, body))
        status, location, answer = await self._reply(method, headers, body)
        lines = [f"HTTP/1.1 {status} x", "Connection: close", f"Content-Length: {len(answer)}", "Content-Type: application/sdp"]
        lines += [f"Location: {location}"] if location else []
        writer.write("\r\n".join([*lines, "", answer]).encode())
        await writer.drain()
        writer.close()

    async def _reply(self, method: str, headers: dict[str, str], body: str) -> tuple[int, str, str]:
        if self._token and headers.get("authorization") != f"Bearer {self._token}":
            return 401, "", ""
        if method == "DELETE":
            return 200, "", ""
        if self._answers:
            return (*self._answers.pop(0), "")
        return 201, "/session/1", await self._take(body)

    async def _take(self, offer: str) -> str:
        peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._peers.append(peer)
        self.video, self.audio = Track(90_000), Track(48_000)
        peer.on("track", lambda track: asyncio.ensure_future(self._collect(track)))
        await peer.setRemoteDescription(RTCSessionDescription(offer, "offer"))
        for transceiver in peer.getTransceivers():
            _listen(transceiver.receiver, self.video if transceiver.kind == "video" else self.audio)
        await peer.setLocalDescription(await peer.createAnswer())
        return str(peer.localDescription.sdp)

    async def _collect(self, track: Any) -> None:
        kept = self.video if track.kind == "video" else self.audio
        try:
            while True:
                unit = await track.recv()
                seconds = float(unit.pts * Fraction(unit.time_base.numerator, unit.time_base.denominator))
                kept.units.append((seconds, unit if track.kind == "video" else unit.to_ndarray().reshape(-1, 2)))
        except MediaStreamError:
            pass


def _listen(receiver: Any, track: Track) -> None:
    """Notes RTP's and RTCP's own times, which aiortc keeps to itself."""
    on_rtp, on_rtcp = receiver._handle_rtp_packet, receiver._handle_rtcp_packet

    async def rtp(packet: Any, arrival_time_ms: int) -> None:
        track.first = packet.timestamp if track.first is None else track.first
        await on_rtp(packet, arrival_time_ms)

    async def rtcp(packet: Any) -> None:
        info = getattr(packet, "sender_info", None)
        if info is not None and info.packet_count:
            track.reports.append((info.ntp_timestamp, info.rtp_timestamp))
        await on_rtcp(packet)

    receiver._handle_rtp_packet, receiver._handle_rtcp_packet = rtp, rtcp
