"""WHIP against a server on this machine: what arrives, when, and what happens when the server does not play along."""

from __future__ import annotations

import socket
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from email.message import Message
from fractions import Fraction
from io import BytesIO
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.request import OpenerDirector

import numpy as np
import pytest
from required import required

from livematte.colour import Colour
from livematte.errors import SettingsError, SinkError
from livematte.frame import Frame, pixel_format
from livematte.sinks import Encoding, open_sink
from livematte.sound import RATE, Sound
from livematte.sources.base import SourceInfo

if TYPE_CHECKING:
    from whip_server import WhipServer

SIZE = (64, 48)
LIKE = SourceInfo("cam", SIZE, Fraction(30), Fraction(1, 90_000), real_time=True)
GREY, WHITE = (60, 90, 200), (235, 128, 128)
Serve = Callable[..., "WhipServer"]


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    """serve(token=…) -> a WhipServer, which ends with the test."""
    try:
        from aioice.ice import get_host_addresses
        from whip_server import WhipServer
    except ImportError:
        reason = 'aiortc is not installed; pip install "livematte[whip]" brings it'
        pytest.fail(reason) if required("whip") else pytest.skip(reason)
    if not get_host_addresses(True, True):  # aiortc leaves out 127.0.0.1
        reason = "WebRTC wants a network interface beside loopback"
        pytest.fail(reason) if required("whip") else pytest.skip(reason)
    monkeypatch.delenv("LIVEMATTE_WHIP_TOKEN", raising=False)
    servers: list[WhipServer] = []

    def start(**wishes: Any) -> WhipServer:
        servers.append(WhipServer(**wishes))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


def name_of(server: WhipServer) -> str:
    return f"whip+http://127.0.0.1:{server.port}/…"


def open_whip(url: str, *, like: SourceInfo = LIKE, encoding: Encoding | None = None) -> Any:
    return open_sink(url, like=like, encoding=encoding or Encoding())


def flat(code: tuple[int, int, int], seconds: float, *, size: tuple[int, int] = SIZE, colour: Colour | None = None) -> Frame:
    known = pixel_format("yuv420p")
    assert known is not None
    sizes = [known[0].plane_size(i, size) for i in range(3)]
    planes = tuple(np.full((high, wide), value, np.uint8) for value, (wide, high) in zip(code, sizes, strict=True))
    return Frame(planes, known[0], pts=round(seconds * 90_000), time_base=Fraction(1, 90_000), colour=colour or Colour())


def until(true: Callable[[], object], seconds: float = 10.0) -> bool:
    """Waits for what another thread does; whether it came."""
    end = time.monotonic() + seconds
    while not true() and time.monotonic() < end:
        time.sleep(0.02)
    return bool(true())


def play(sink: Any, seconds: float, *, code: tuple[int, int, int] = GREY, start: float = 0.0) -> None:
    """A second of flat frames takes a second."""
    for i in range(round(seconds * 30)):
        sink.send(flat(code, start + i / 30))
        time.sleep(1 / 30)


def codes(picture: Any) -> tuple[float, ...]:
    """Mean (Y, U, V) of a picture that arrived."""
    values = picture.to_ndarray()
    width, height = picture.width, picture.height
    chroma = values[height:].reshape(2, -1)[:, : width * height // 4]
    return (float(values[:height].mean()), *(float(c.mean()) for c in chroma))


def test_pictures_arrive_in_their_colours_and_at_their_times(serve: Serve) -> None:
    server = serve()
    with open_whip(server.url) as sink:
        assert (sink.paced, sink.alpha, sink.name, sink.notes) == (False, False, name_of(server), [])
        play(sink, 1.0)
        assert until(lambda: len(server.video.units) >= 29)  # the last waits in the receiver for the beginning of a next one
    seconds, pictures = zip(*server.video.units, strict=True)
    np.testing.assert_allclose(seconds[:29], np.arange(29) / 30, atol=1e-4)
    assert codes(pictures[20]) == pytest.approx(GREY, abs=1)  # quantisation of a flat picture
    method, path, headers, body = server.requests[0]
    assert (method, path, headers["content-type"]) == ("POST", "/live", "application/sdp")
    assert "a=sendonly" in body
    assert "m=audio" not in body
    assert "authorization" not in headers
    assert [request[:2] for request in server.requests[1:]] == [("DELETE", "/session/1")]


def test_full_range_becomes_limited_and_odd_sizes_even(serve: Serve) -> None:
    server = serve()
    with open_whip(server.url) as sink:
        for i in range(30):
            sink.send(flat((255, 128, 128), i / 30, size=(63, 47), colour=Colour(full_range=True)))
            time.sleep(1 / 30)
        assert until(lambda: len(server.video.units) > 20)
    picture = server.video.units[10][1]
    assert (picture.width, picture.height) == (64, 48)
    assert codes(picture) == pytest.approx(WHITE, abs=1)


def test_sound_arrives_with_its_picture(serve: Serve) -> None:
    server = serve()
    with open_whip(server.url, like=replace(LIKE, sound=True)) as sink:
        began, heard = time.monotonic(), 0
        for i in range(120):
            seconds = i / 30
            time.sleep(max(0.0, began + seconds - time.monotonic()))
            sink.send(flat(WHITE if 2.0 <= seconds < 2.2 else GREY, seconds))
            while heard / RATE <= seconds:  # as a live job does: sound after the frame of its time, in stretches of its own
                sink.hear(beep(heard, 1024))
                heard += 1024
        assert until(lambda: len(server.video.reports) > 1 and len(server.audio.reports) > 1)
        assert "opus/48000/2\r\na=fmtp:96 stereo=1" in server.requests[0][3]
    flash = next(seconds for seconds, picture in server.video.units if codes(picture)[0] > 150)
    start, samples = next((s, u) for s, u in server.audio.units if np.abs(u[:, 0]).max() > 3000)
    onset = start + int(np.argmax(np.abs(samples[:, 0]) > 3000)) / RATE
    off = server.audio.wall(onset) - server.video.wall(flash)
    assert abs(off) < 0.04  # what the eye forgives
    assert np.abs(samples[:, 1]).max() < 0.5 * np.abs(samples[:, 0]).max()  # the right channel is the quiet one: it is stereo


def beep(pts: int, count: int) -> Sound:
    """1 kHz from 2.0 to 2.2 s, right a quarter of left; silence else."""
    seconds = (np.arange(count) + pts) / RATE
    tone = 0.5 * np.sin(2 * np.pi * 1000 * seconds) * ((seconds >= 2.0) & (seconds < 2.2))
    return Sound(np.stack([tone, tone / 4]).astype(np.float32), pts)


def test_a_new_viewer_gets_a_key_frame(serve: Serve) -> None:
    server = serve()
    with open_whip(server.url, encoding=Encoding(keyframes=100)) as sink:
        play(sink, 0.6)
        before = sum(picture.key_frame for _, picture in server.video.units)
        server.ask_for_key()
        play(sink, 0.6, start=0.6)
        assert until(lambda: sum(picture.key_frame for _, picture in server.video.units) > before)
    assert before == 1


def test_key_frames_come_by_time(serve: Serve) -> None:
    server = serve()
    with open_whip(server.url, encoding=Encoding(keyframes=0.5)) as sink:
        play(sink, 1.3)
        assert until(lambda: len(server.video.units) > 35)
    times = [seconds for seconds, picture in server.video.units if picture.key_frame]
    assert times == pytest.approx([0.0, 0.5, 1.0], abs=0.01)


def test_bitrate_bounds_what_is_sent(make_frame: Callable[..., Frame]) -> None:
    from livematte.sinks.rtp import Pictures

    def bits(bitrate: int) -> int:
        pictures = Pictures("out", Encoding(bitrate=bitrate), Fraction(30))
        frames = [replace(make_frame(size=(320, 240), seed=i), pts=i * 3000, time_base=Fraction(1, 90_000)) for i in range(60)]
        return sum(8 * packet.size for frame in frames for packet in pictures.encode(frame, key=False)[0])

    assert bits(4_000_000) / 2 < 1.5 * 4_000_000  # two seconds; the buffer holds one more
    assert bits(1_000_000) < bits(4_000_000)


def test_a_token_is_sent_and_never_shown(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    server = serve(token="s3cret/+")
    with open_whip(server.url.replace("//", "//:s3cret%2F+@")) as sink:
        assert sink.name == name_of(server)
    assert [request[2]["authorization"] for request in server.requests] == ["Bearer s3cret/+"] * 2
    monkeypatch.setenv("LIVEMATTE_WHIP_TOKEN", "wrong-one")
    with pytest.raises(SinkError, match=r"wants another token \(401\); put it before the host") as caught:
        open_whip(server.url)
    assert "wrong-one" not in str(caught.value)


def test_redirections_keep_method_and_offer(serve: Serve) -> None:
    last = serve()
    http = last.url.removeprefix("whip+")
    first = serve(answers=((307, http), (302, "/other"), (308, http)))
    with open_whip(first.url), open_whip(first.url):
        pass
    assert [request[:2] for request in first.requests] == [("POST", "/live"), ("POST", "/live"), ("POST", "/other")]
    assert [request[:2] for request in last.requests] == [("POST", "/live")] * 2 + [("DELETE", "/session/1")] * 2


def test_a_token_goes_to_the_addresses_own_server_only(serve: Serve) -> None:
    other = serve()
    first = serve(token="s3cret", answers=((307, other.url.removeprefix("whip+")), (307, "/near")))
    address = first.url.replace("//", "//:s3cret@")
    with open_whip(address), open_whip(address):
        pass
    assert ["authorization" in request[2] for request in other.requests] == [False, False]  # POST and DELETE
    assert [request[1] for request in first.requests] == ["/live", "/live", "/near", "/session/1"]
    assert [request[2]["authorization"] for request in first.requests] == ["Bearer s3cret"] * 4


def test_another_server_that_wants_a_token_is_told(serve: Serve) -> None:
    other = serve(token="s3cret")
    first = serve(answers=((307, other.url.removeprefix("whip+")),))
    with pytest.raises(SinkError, match=r"redirects to another, which wants a token \(401\); give that one's address"):
        open_whip(first.url.replace("//", "//:s3cret@"))


def test_the_end_of_a_session_elsewhere_goes_without_the_token(monkeypatch: pytest.MonkeyPatch) -> None:
    from livematte.sinks import endpoint

    asked: list[tuple[str, bool]] = []

    def answer(self: Any, request: Any, timeout: float) -> Any:
        asked.append((request.full_url, request.has_header("Authorization")))
        raise HTTPError(request.full_url, 201, "", Message(), BytesIO())

    monkeypatch.setattr(OpenerDirector, "open", answer)
    place = endpoint.Endpoint("https://:s3cret@host:443/live", token="")
    for session in ("https://host/session", "https://HOST:443/session", "https://elsewhere/session", "https://host:444/session"):
        place._session = session
        place.delete()
    assert [kept for _, kept in asked] == [True, True, False, False]


def test_what_cannot_be_asked_for_is_told_without_the_key(serve: Serve) -> None:
    for url in ("whip+http://127.0.0.1/a secret", "whip+http://127.0.0.1/é-secret"):
        with pytest.raises(SinkError, match=r"^whip.http://127.0.0.1/…: no request can be made of it") as caught:
            open_whip(url)
        assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("status", "location", "message"),
    [
        (404, "", r"has nothing at this address \(404\); is the path right\?"),
        (403, "", r"refuses this token \(403\)"),
        (500, "", "answers 500; try again later"),
        (201, "/session/1", "not with a session description; is it the WHIP address?"),
        (307, "ftp://elsewhere/", "redirects to ftp://elsewhere/, wanted http or https"),
        (307, "/live", "redirects in circles"),
        (307, "ftp://me:secret@elsewhere/secret?secret", "redirects to ftp://elsewhere/…, wanted http or https"),
        (307, "http://[", "redirects to nowhere, wanted http or https"),
        (307, "", "redirects to nowhere, wanted http or https"),
    ],
)
def test_refusals_are_told(serve: Serve, status: int, location: str, message: str) -> None:
    server = serve(answers=((status, location),) * 5)
    with pytest.raises(SinkError, match=message.replace("?", r"\?") if "(" not in message else message) as caught:
        open_whip(server.url)
    assert str(caught.value).startswith(f"{name_of(server)}: ")


def test_nobody_there(serve: Serve) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(SinkError, match=f"^whip.http://127.0.0.1:{port}/…: cannot be reached: Connection refused"):
        open_whip(f"whip+http://127.0.0.1:{port}/live")


def test_a_server_that_goes_is_told_and_a_new_one_found(serve: Serve) -> None:
    first = serve()
    sink = open_whip(first.url)
    play(sink, 0.3)
    first.stop()
    with pytest.raises(SinkError, match=r"the server is gone; is it still running\?"):
        play(sink, 5.0, start=0.3)
    began = time.monotonic()
    sink.close()
    sink.close()
    assert time.monotonic() - began < 2  # what a live job waits for
    second = serve(port=first.port)
    with open_whip(first.url) as again:
        play(again, 0.6, start=8.0)
        assert until(lambda: len(second.video.units) > 5)


def test_a_server_that_falls_silent_is_gone(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    server = serve()
    from livematte.sinks import rtc

    monkeypatch.setattr(rtc, "_SILENCE", 3.0)
    with open_whip(server.url) as sink:
        play(sink, 4.0)  # reports come every 0.5 to 1.5 s
        server.mute()
        with pytest.raises(SinkError, match="the server is gone"):
            play(sink, 8.0, start=4.0)


def test_what_cannot_be_sent(serve: Serve) -> None:
    server = serve()
    with open_whip(server.url) as sink:
        clear = np.zeros(SIZE[::-1], np.float32)
        with pytest.raises(SinkError, match="WebRTC holds no alpha; choose a background"):
            sink.send(replace(flat(GREY, 0.0), pha=clear))
    with pytest.raises(SettingsError, match="--codec vp9 cannot be in a WHIP stream; wanted libx264 or h264"):
        open_whip(server.url, encoding=Encoding(codec="vp9"))
    with open_whip(server.url, encoding=Encoding(preset="quick")) as sink, pytest.raises(SinkError, match="another --preset or --bitrate"):
        sink.send(flat(GREY, 0.0))


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "livematte.sinks.rtc", raising=False)
    monkeypatch.setitem(sys.modules, "aiortc", None)
    with pytest.raises(SinkError, match=r'^WHIP needs the package aiortc.*\ntry: pip install "livematte\[whip\]"$'):
        open_whip("whip+http://127.0.0.1:9/live")


def test_a_token_in_clear_text_is_told() -> None:
    from livematte.sinks.endpoint import Endpoint

    assert Endpoint("http://:abc@192.0.2.9/live", token="").clear_text
    assert not Endpoint("http://192.0.2.9/live", token="").clear_text
    assert not Endpoint("https://:abc@192.0.2.9/live", token="").clear_text
    assert not Endpoint("http://localhost/live", token="abc").clear_text


@pytest.mark.parametrize("url", ["whip+https:///live", "whip+http://host:port/live", "whip+https://[::1/live", "whip+http://host:0/live"])
def test_addresses_that_are_none(url: str) -> None:
    with pytest.raises(SettingsError, match=r"no host or a port that is none; wanted whip\+https://host/path"):
        open_whip(url)
