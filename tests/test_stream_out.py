"""Streams out: what a receiver gets, and what is told when there is none."""

from __future__ import annotations

import io
import socket
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import servers
import streaming
from streaming import FPS, Recorder, picture, send, tone

from livematte.colour import BT601, Colour
from livematte.frame import Frame
from livematte.pyav import from_av
from livematte.sinks import Encoding, open_sink, stream
from livematte.sinks.courier import Courier
from livematte.sound import RATE, Sound


def received(data: bytes) -> tuple[list[Frame], list[Sound]]:
    """The frames and the sound of a container."""
    frames: list[Frame] = []
    sounds: list[Sound] = []
    with av.open(io.BytesIO(data)) as container:
        for item in container.decode():
            if isinstance(item, av.AudioFrame):
                assert item.pts is not None
                assert item.time_base is not None
                sounds.append(Sound(item.to_ndarray().astype(np.float32), round(item.pts * item.time_base * RATE)))
            elif isinstance(item, av.VideoFrame):
                frames.append(from_av(item))
    return frames, sounds


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    made = Recorder()
    yield made
    made.close()


def test_picture_and_sound_arrive_in_sync_and_colour(recorder: Recorder) -> None:
    with open_sink(recorder.url, like=streaming.like(), encoding=Encoding()) as sink:
        send(sink, range(2 * FPS))
    frames, sounds = received(recorder.recorded())
    assert len(frames) == 2 * FPS
    assert np.diff([round(frame.seconds * FPS) for frame in frames]).tolist() == [1] * (2 * FPS - 1)
    assert len(streaming.flash_times(frames)) == len(streaming.beep_times(sounds)) == 2
    streaming.check_sync(frames, sounds)
    assert frames[0].colour == streaming.HD
    levels = [plane.mean() for plane in frames[0].planes]
    assert levels == pytest.approx([streaming.GREY, streaming.CB, streaming.CR], abs=2)  # flat grey, but the codec rounds


def test_a_stream_begins_near_zero_however_long_the_job_has_run(recorder: Recorder) -> None:
    with open_sink(recorder.url, like=streaming.like(), encoding=Encoding()) as sink:
        send(sink, range(5))
    with av.open(io.BytesIO(recorder.recorded())) as container:
        first = next(container.decode(video=0))
    assert first.time is not None
    assert first.time < 2  # MPEG-TS adds 1.4 s of its own


@pytest.mark.parametrize(("asked", "seconds"), [(None, 2.0), (1.0, 1.0)])
def test_key_frames_come_by_the_clock(recorder: Recorder, asked: float | None, seconds: float) -> None:
    with open_sink(recorder.url, like=streaming.like(sound=False), encoding=Encoding(keyframes=asked)) as sink:
        for number in range(0, 7 * FPS, 3):  # a third of the rate that was promised
            sink.send(picture(number))
    with av.open(io.BytesIO(recorder.recorded())) as container:
        keys = [float(p.pts * p.time_base) for p in container.demux(video=0) if p.is_keyframe and p.pts is not None]
    assert len(keys) == len(range(0, 7 * FPS, round(seconds * FPS)))
    assert np.diff(keys) == pytest.approx(seconds, abs=3 / FPS)


def test_frames_of_another_format_and_range_keep_their_colour(recorder: Recorder) -> None:
    """A camera that comes back may give other planes; the stream's tags stay."""
    full = Colour(matrix=BT601, full_range=True)
    with open_sink(recorder.url, like=streaming.like(sound=False), encoding=Encoding(crf=1)) as sink:
        for number in range(6):
            sink.send(picture(number))
        for number in range(6, 10):
            sink.send(picture(number, name="yuv422p", colour=full))
    frames, _ = received(recorder.recorded())
    assert frames[9].colour == frames[0].colour == streaming.HD
    # Half a step of limited-range Cb is 1.1 levels of blue, of Y 0.6; and there are two conversions. Unconverted it would be 20 levels.
    assert np.abs(frames[9].rgb() - picture(9, name="yuv422p", colour=full).rgb()).max() < 4 / 255


def test_odd_sizes_get_a_column_and_a_row_more(recorder: Recorder) -> None:
    with open_sink(recorder.url, like=streaming.like(sound=False, size=(65, 47)), encoding=Encoding()) as sink:
        sink.send(picture(0, size=(65, 47)))
    frames, _ = received(recorder.recorded())
    assert frames[0].size == (66, 48)


def test_hevc(recorder: Recorder) -> None:
    with open_sink(
        recorder.url, like=streaming.like(sound=False), encoding=Encoding(codec="hevc", preset="ultrafast", bitrate=200_000)
    ) as sink:
        send(sink, range(3))
    with av.open(io.BytesIO(recorder.recorded())) as container:
        assert container.streams.video[0].codec_context.name == "hevc"


def test_sound_that_never_comes_is_silence_and_holds_nothing_up(recorder: Recorder) -> None:
    with open_sink(recorder.url, like=streaming.like(), encoding=Encoding()) as sink:
        for number in range(3 * FPS):
            sink.send(picture(number))
    frames, sounds = received(recorder.recorded())
    assert len(frames) == 3 * FPS
    wave, _ = streaming.joined(sounds)
    assert len(wave) > 2 * RATE
    assert np.abs(wave).max() < 1e-3


def test_sound_that_comes_late_is_never_before_the_beginning(tmp_path: Path) -> None:
    """RTMP takes no packet before 0, and AAC begins before its first sound."""
    server = servers.nginx(tmp_path)
    try:
        with open_sink(server.url("a"), like=streaming.like(), encoding=Encoding()) as sink:
            for number in range(FPS):
                sink.send(picture(number))
            send(sink, range(FPS, 2 * FPS))
    finally:
        server.stop()


def test_bitrate_grows_with_the_picture() -> None:
    assert stream.sensible_bitrate((1280, 720), Fraction(30)) == 3_000_000
    assert 4_500_000 < stream.sensible_bitrate((1920, 1080), Fraction(30)) < 6_000_000


@pytest.mark.parametrize("kind", ["udp", "rtp", "rtsp", "rtmp"])
def test_round_trips(kind: str, tmp_path: Path) -> None:
    """Sent by a StreamSink, seen by a StreamSource."""
    with _address(kind, tmp_path) as url, streaming.on_air(url):
        source = streaming.tune_in(url)
        try:
            assert source.info.sound
            assert source.info.real_time
            assert source.info.size == streaming.SIZE
            frames, sounds = streaming.watch(source.items(), 2 * FPS)
        finally:
            source.close()
    streaming.check_sync(frames, sounds)
    captured = [frame.captured or 0 for frame in frames]
    assert captured == sorted(captured)
    assert captured[0] > 0


class _Udp:
    def __init__(self, kind: str) -> None:
        self._kind = kind

    def __enter__(self) -> str:
        return f"{self._kind}://127.0.0.1:{servers.free_port(socket.SOCK_DGRAM)}"

    def __exit__(self, *exc: object) -> None: ...


class _Relay:
    def __enter__(self) -> str:
        self._relay = servers.RtspRelay()
        return self._relay.url()

    def __exit__(self, *exc: object) -> None:
        self._relay.close()


class _Nginx:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __enter__(self) -> str:
        self._server = servers.nginx(self._folder)
        return self._server.url("secret-key")

    def __exit__(self, *exc: object) -> None:
        self._server.stop()


def _address(kind: str, folder: Path) -> _Udp | _Relay | _Nginx:
    return _Relay() if kind == "rtsp" else _Nginx(folder) if kind == "rtmp" else _Udp(kind)


def test_a_server_that_comes_back(tmp_path: Path) -> None:
    server = servers.nginx(tmp_path)
    try:
        with streaming.on_air(server.url("a")):
            source = streaming.tune_in(server.url("a"))
            items = source.items()
            streaming.watch(items, 3)
            server.stop()
            with pytest.raises(streaming.SourceError, match=r"rtmp://127.0.0.1:\d+/live/… (has ended|broke off)"):
                streaming.watch(items, 100 * FPS)
            source.close()
            server.start()
            source = streaming.tune_in(server.url("a"))
            frames, sounds = streaming.watch(source.items(), 2 * FPS)
            source.close()
        streaming.check_sync(frames, sounds)
    finally:
        server.stop()


def test_frames_that_the_line_has_no_room_for_are_left_out(recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_sink(recorder.url, like=streaming.like(), encoding=Encoding()) as sink:
        send(sink, range(5))
        monkeypatch.setattr(Courier, "full", True)
        send(sink, range(5, 10))
        monkeypatch.undo()
        send(sink, range(10, 15))
    frames, _ = received(recorder.recorded())
    assert len(frames) == 10
    assert frames[5].seconds - frames[4].seconds == pytest.approx(6 / FPS)


def test_sound_before_the_first_frame_is_left_out(recorder: Recorder) -> None:
    with open_sink(recorder.url, like=streaming.like(), encoding=Encoding()) as sink:
        sink.hear(tone(10))
        send(sink, range(5))
    _, sounds = received(recorder.recorded())
    assert streaming.beep_times(sounds) == []


@pytest.fixture(autouse=True)
def _no_process_is_left() -> Iterator[None]:
    before = set(streaming.children())
    yield
    assert set(streaming.children()) <= before, "a courier outlives its stream"
