"""Streams in, and the sound of clips, for a live job."""

from __future__ import annotations

import io
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import av
import media
import numpy as np
import pytest
import servers
import streaming
from streaming import FPS, Recorder

from livematte.errors import SourceError
from livematte.frame import Frame
from livematte.sinks import Encoding, open_sink
from livematte.sound import RATE, Sound
from livematte.sources import Cut, demux, open_live_source
from livematte.sources import stream as streams
from livematte.sources.decoding import Decoder


def told(url: str) -> str:
    with pytest.raises(SourceError) as caught:
        open_live_source(url)
    text = str(caught.value)
    assert "secret" not in text
    assert len(text.splitlines()) <= 2
    return text


@pytest.fixture(scope="module")
def broadcast() -> bytes:
    """Three seconds of it, as MPEG-TS."""
    recorder = Recorder()
    with open_sink(recorder.url, like=streaming.like(), encoding=Encoding(keyframes=0.5)) as sink:
        streaming.send(sink, range(3 * FPS))
    data = recorder.recorded()
    recorder.close()
    return data


# -- clips and their sound --------------------------------------------------------------------------------------------------------


def test_the_sound_of_a_clip(tmp_path: Path) -> None:
    path = media.clip(tmp_path / "a.mp4", frames=30, audio=["eng", "deu"], subtitle="eng")
    source = open_live_source(str(path))
    assert source.info.sound
    assert not source.info.real_time
    assert source.info.tracks == ()
    frames, sounds = streaming.watch(source.items(), 1000)
    source.close()
    assert len(frames) == 30
    assert all(frame.captured is None for frame in frames)
    wave, start = streaming.joined(sounds)
    assert abs(start) < RATE // 100
    assert len(wave) == pytest.approx(30 * RATE / float(media.NTSC), abs=2048)
    middle = wave[RATE // 10 : -RATE // 10]
    tone = 0.3 * np.sqrt(0.5) * np.sin(2 * np.pi * 440 * (np.arange(len(middle)) + start + RATE // 10) / RATE)
    assert np.abs(middle - tone).mean() < 0.02  # AAC, from mono: half the power in each of two. 1 ms off would be 0.2


@pytest.mark.parametrize("spec", ["pattern:64x48", "silent clip"])
def test_sources_without_sound(spec: str, tmp_path: Path) -> None:
    source = open_live_source(str(media.clip(tmp_path / "a.mp4")) if spec == "silent clip" else spec)
    assert not source.info.sound
    assert isinstance(next(source.items()), Frame)
    source.close()


def test_mono_at_another_rate_becomes_stereo_at_48_khz(tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as out:
        video = out.add_stream("libx264", rate=25)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        audio = out.add_stream("pcm_s16le", rate=22_050, layout="mono")
        sound = av.AudioFrame.from_ndarray(np.full((1, 22_050), 8192, np.int16), "s16", "mono")
        sound.sample_rate, sound.pts, sound.time_base = 22_050, 0, Fraction(1, 22_050)
        out.mux(audio.encode(sound))
        out.mux(video.encode(av.VideoFrame(64, 48, "yuv420p")))
        out.mux(video.encode(None))
    source = open_live_source(str(path))
    _, sounds = streaming.watch(source.items(), 1000)
    source.close()
    assert all(sound.samples.shape[0] == 2 and sound.samples.dtype == np.float32 for sound in sounds)
    wave, _ = streaming.joined(sounds)
    assert len(wave) == pytest.approx(RATE, abs=500)
    assert wave[2000:-2000] == pytest.approx(0.25 * np.sqrt(0.5), abs=0.001)  # each of two has half the power


def test_a_damaged_packet_is_silence(tmp_path: Path) -> None:
    path = media.clip(tmp_path / "a.mp4", frames=30, audio=["eng"])
    with av.open(str(path)) as container:
        ear = streams.ear_for(container.streams)
        assert ear is not None
        sounds: list[Sound] = []
        for number, packet in enumerate(container.demux(audio=0)):
            if not packet.size:
                break
            heard = packet if number != 10 else _damaged(packet)
            sounds += ear.hear(heard)
    lost = next(sound for sound in sounds if not sound.samples.any())
    assert lost.samples.shape == (2, 1024)
    assert np.diff([sound.pts for sound in sounds]).tolist() == [1024] * (len(sounds) - 1)


def _damaged(packet: av.Packet) -> av.Packet:  # type: ignore[type-arg]
    broken = av.Packet(b"\0\0")
    broken.pts, broken.dts, broken.duration, broken.time_base = packet.pts, packet.dts, packet.duration, packet.time_base
    return broken


# -- streams ----------------------------------------------------------------------------------------------------------------------


@contextmanager
def tcp_sender(data: bytes, *, then: Callable[[socket.socket], object] = lambda call: None) -> Iterator[str]:
    """Sends `data` to one caller, does `then`, and hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with server.accept()[0] as call:
                call.sendall(data)
                then(call)

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"tcp://127.0.0.1:{server.getsockname()[1]}"
        thread.join(streaming.PATIENCE)
        assert not thread.is_alive()


def test_a_stream_that_ends(broadcast: bytes) -> None:
    with tcp_sender(broadcast) as url:
        source = open_live_source(url)
        items = source.items()
        frames, sounds = streaming.watch(items, 3 * FPS)
        with pytest.raises(SourceError, match=r"tcp://127.0.0.1:\d+ has ended; the sender has stopped"):
            streaming.watch(items, 1)
        source.close()
    assert frames[0].colour == streaming.HD
    streaming.check_sync(frames, sounds)


def test_a_stream_that_falls_silent(broadcast: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (demux, streams):
        monkeypatch.setattr(module, "SILENCE", 0.5)
    over = threading.Event()
    with tcp_sender(broadcast, then=lambda call: over.wait(streaming.PATIENCE)) as url:
        source = open_live_source(url)
        with pytest.raises(SourceError, match=r"was silent for 0 s; check the sender and the line"):
            streaming.watch(source.items(), 1000)
        source.close()
        over.set()


def test_sound_that_goes_on_without_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "SILENCE", 0.3)
    recorder = Recorder()
    with open_sink(recorder.url, like=streaming.like(), encoding=Encoding()) as sink:
        streaming.send(sink, range(FPS))
        for number in range(FPS, 20 * FPS):
            sink.hear(streaming.tone(number))
    data = recorder.recorded()
    recorder.close()
    with tcp_sender(data, then=lambda call: time.sleep(0.5)) as url:
        source = open_live_source(url)

        def slowly() -> Iterator[Frame | Sound]:
            for item in source.items():
                yield item
                if isinstance(item, Sound):
                    time.sleep(0.005)

        with pytest.raises(SourceError, match="brings no picture that can be decoded"):
            streaming.watch(slowly(), 1000)
        source.close()


def test_nobody_sends_by_udp(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demux, "ANSWER_SECONDS", 0.5)
    assert "did not answer within 0 s; check the address and that the sender is running" in told(
        f"udp://127.0.0.1:{servers.free_port(socket.SOCK_DGRAM)}"
    )


def test_addresses_that_lead_nowhere() -> None:
    port = servers.free_port()
    assert (
        told(f"rtsp://me:secret@127.0.0.1:{port}/cam")
        == f"rtsp://127.0.0.1:{port}/cam cannot be opened: Connection refused; check the address"
    )
    assert "no host has the name nosuch.invalid; check the address and the network" in told("rtmp://nosuch.invalid/live/a")
    text = told("srt://127.0.0.1:9000")
    assert text.startswith("srt://127.0.0.1:9000: this build of libav does not speak srt")
    assert text.endswith("ffmpeg -i 'srt://127.0.0.1:9000' -c copy -f nut - | livematte - …")


def test_what_an_rtsp_server_refuses() -> None:
    with servers.RtspRelay("me:other") as relay:
        text = told(relay.url("me:secret"))
        assert "Server returned 401 Unauthorized" in text
        assert "check user and password: rtsp://USER:PASSWORD@127.0.0.1/…" in text
        assert "Server returned 404 Not Found; check what follows the host's name" in told(relay.url("me:other"))


def test_a_stream_without_pictures() -> None:
    sounds = io.BytesIO()
    with av.open(sounds, "w", format="mpegts") as out:
        media._sing(out, media._audio(out, "aac", "eng"), 3.0)
    with tcp_sender(sounds.getvalue()) as url:
        assert "holds no video, only audio; wanted a clip with a picture" in told(url)


@contextmanager
def http_server(files: dict[str, bytes], *, length: bool = True) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            data = files.get(self.path, b"")
            self.send_response(200 if data else 404)
            if length:
                self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def test_a_clip_by_http_is_read_in_its_own_time(tmp_path: Path) -> None:
    data = media.clip(tmp_path / "a.mp4", audio=["eng"]).read_bytes()
    with http_server({"/a.mp4": data}) as address:
        source = open_live_source(f"{address}/a.mp4")
        assert not source.info.real_time
        frames, sounds = streaming.watch(source.items(), 1000)
        source.close()
    assert len(frames) == 10
    assert sounds


def test_a_url_of_a_file_is_the_file(tmp_path: Path) -> None:
    path = media.clip(tmp_path / "two words.mp4")
    source = open_live_source(path.as_uri(), cut=Cut(end=0.1))
    assert not source.info.real_time
    assert 0 < len(streaming.watch(source.items(), 1000)[0]) < 10
    source.close()


def test_a_part_of_a_clip_by_http(tmp_path: Path) -> None:
    data = media.clip(tmp_path / "a.mp4").read_bytes()
    with http_server({"/a.mp4": data}) as address:
        whole, part = (open_live_source(f"{address}/a.mp4", cut=cut) for cut in (Cut(), Cut(start=0.1, end=0.3)))
        times = [[frame.seconds for frame in streaming.watch(source.items(), 1000)[0]] for source in (whole, part)]
        whole.close()
        part.close()
    assert len(times[1]) == sum(0.0995 <= time < 0.2995 for time in times[0])
    assert 0 < len(times[1]) < len(times[0])
    assert times[1][0] == 0


@pytest.mark.parametrize("cut", [Cut(start=1.0), Cut(end=1.0)])
def test_a_part_of_a_stream_is_refused(broadcast: bytes, cut: Cut) -> None:
    with tcp_sender(broadcast) as url, pytest.raises(SourceError, match=rf"^--start and --end are for clips; {url} is a stream"):
        open_live_source(url, cut=cut)


def test_a_stream_by_http(broadcast: bytes) -> None:
    with http_server({"/live.ts": broadcast}, length=False) as address:
        source = open_live_source(f"{address}/live.ts")
        assert source.info.real_time
        frames, sounds = streaming.watch(source.items(), 2 * FPS)
        source.close()
    streaming.check_sync(frames, sounds)


def test_a_stream_in_segments_is_given_at_its_own_pace(broadcast: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr(streams.time, "sleep", waits.append)
    playlist = b"#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:3\n#EXT-X-MEDIA-SEQUENCE:0\n#EXTINF:3.0,\na.ts\n"
    with http_server({"/live.m3u8": playlist, "/a.ts": broadcast}) as address:
        source = open_live_source(f"{address}/live.m3u8")
        frames, _ = streaming.watch(source.items(), 2 * FPS)
        source.close()
    assert len(frames) == 2 * FPS
    assert waits[-1] == pytest.approx(frames[-1].seconds - frames[0].seconds, abs=1.0)  # nobody slept, so all came at once


def test_each_frame_is_given_when_its_packet_comes(broadcast: bytes) -> None:
    with av.open(io.BytesIO(broadcast)) as container:
        decoder = Decoder(container.streams.video[0], name="x", threads=2, picture=False, low_delay=True)
        given = [len(list(decoder.decode(packet))) for packet in container.demux(video=0) if packet.size]
    assert given == [1] * len(given)
    assert len(given) == 3 * FPS


def test_a_decoder_that_runs_for_days_keeps_no_list(broadcast: bytes) -> None:
    """A slide show's every frame comes after a pause."""
    with av.open(io.BytesIO(broadcast)) as container:
        decoder = Decoder(container.streams.video[0], name="x", threads=2, picture=False, low_delay=True)
        for packet in container.demux(video=0):
            if packet.pts is not None and packet.dts is not None:
                packet.pts, packet.dts = packet.pts * 30, packet.dts * 30
                list(decoder.decode(packet))
    assert decoder.pauses == 3 * FPS - 1
    assert decoder.pause is not None
