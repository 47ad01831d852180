"""What is told of a stream that cannot go out; and no secret is."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import media
import pytest
import servers
import streaming
from streaming import Recorder, picture, send

from livematte.errors import SettingsError, SinkError
from livematte.sinks import Encoding, Sink, open_sink, stream
from livematte.sinks.courier import Courier


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    made = Recorder()
    yield made
    made.close()


def told(url: str, *, encoding: Encoding | None = None) -> str:
    sink = open_sink(url, like=streaming.like(), encoding=encoding or Encoding())
    try:
        with pytest.raises(SinkError) as caught:
            send(sink, range(100))
    finally:
        sink.close()
        sink.close()
    text = str(caught.value)
    assert "secret" not in text
    assert len(text.splitlines()) <= 2
    return text


def test_nobody_there() -> None:
    port = servers.free_port()
    text = told(f"rtmp://127.0.0.1:{port}/live/secret-key")
    assert text == (
        f"rtmp://127.0.0.1:{port}/live/… cannot be reached: Connection refused; check the address and that the server is running"
    )


def test_nobody_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "_ANSWER", 1.0)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert "did not answer within 1 s; check the address" in told(f"rtmp://127.0.0.1:{silent.getsockname()[1]}/live/secret-key")


def test_wrong_password() -> None:
    with servers.RtspRelay("me:other") as relay:
        assert "refuses user, password or key: Server returned 401 Unauthorized" in told(relay.url("me:secret"))


def test_srt_says_how_without() -> None:
    text = told("srt://127.0.0.1:9000?passphrase=secret-words")
    assert text.startswith(
        "srt://127.0.0.1:9000: this build of libav does not speak srt; an ffmpeg that does can pass it on:\nlivematte … -o - |"
    )


def test_a_server_that_hangs_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        sink = open_sink(f"tcp://127.0.0.1:{server.getsockname()[1]}", like=streaming.like(), encoding=Encoding())
        sink.send(picture(0))
        server.accept()[0].close()
        with pytest.raises(SinkError, match=r"broke off: (Broken pipe|Connection reset by peer)"):
            _send_until_told(sink)
        sink.close()


def _send_until_told(sink: Sink) -> None:
    with streaming.patience() as waiting:
        for number in waiting:
            sink.send(picture(number + 1))


def test_a_process_that_dies(recorder: Recorder) -> None:
    sink = open_sink(recorder.url, like=streaming.like(), encoding=Encoding())
    sink.send(picture(0))
    courier: Courier = sink._courier  # type: ignore[attr-defined]
    courier._process.kill()
    with pytest.raises(SinkError, match="broke off: its process ended with -9"):
        _send_until_told(sink)
    sink.close()


def test_a_url_is_not_among_a_processes_arguments(recorder: Recorder) -> None:
    with open_sink(recorder.url, like=streaming.like(), encoding=Encoding()) as sink:
        sink.send(picture(0))
        courier: Courier = sink._courier  # type: ignore[attr-defined]
        assert recorder.url not in str(courier._process.args)


def test_modules_in_the_current_folder_are_left_alone(recorder: Recorder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("av", "livematte", "json"):
        (tmp_path / f"{name}.py").write_text("open('ran', 'w').close()")
    monkeypatch.chdir(tmp_path)
    with open_sink(recorder.url, like=streaming.like(), encoding=Encoding()) as sink:
        send(sink, range(3))
    assert recorder.recorded()
    assert not (tmp_path / "ran").exists()


def test_ctrl_c_passes_the_process_by_on_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """No other system takes flags, and Python says so."""
    monkeypatch.setattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0x200, raising=False)
    with pytest.raises(ValueError, match="creationflags is only supported on Windows"):
        Courier("tcp://127.0.0.1:9", container="mpegts", options={}, header=b"")


def test_alpha_and_unknown_codecs(recorder: Recorder) -> None:
    with (
        open_sink(recorder.url, like=streaming.like(), encoding=Encoding()) as sink,
        pytest.raises(SinkError, match="a stream holds no alpha; choose a background"),
    ):
        sink.send(media.frame(0, name="yuva420p"))
    with pytest.raises(SettingsError, match=r"--codec vp9 cannot be in a stream to tcp://.*; wanted one of h264, hevc, libx264"):
        open_sink(recorder.url, like=streaming.like(), encoding=Encoding(codec="vp9"))


def test_a_line_that_takes_nothing(recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_sink(recorder.url, like=streaming.like(), encoding=Encoding()) as sink:
        sink.send(picture(0))
        monkeypatch.setattr(Courier, "stalled", 6.0)
        with pytest.raises(SinkError, match="has taken nothing for 5 s; is the line too slow"):
            sink.send(picture(1))


def test_a_key_in_the_servers_own_words_is_hidden(recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    failure = {"error": "OSError", "reason": "Input/output error", "said": "Server error: secret is publishing already (code 403)"}
    sink = open_sink("rtmp://127.0.0.1/live/secret", like=streaming.like(), encoding=Encoding())
    monkeypatch.setattr(sink, "_courier", SimpleNamespace(failure=failure, connected=False, close=lambda: None))
    with pytest.raises(SinkError) as caught:
        send(sink, range(1))
    assert str(caught.value) == (
        "rtmp://127.0.0.1/live/… refuses user, password or key: Input/output error (Server error: … is publishing already (code 403)); "
        "check the address"
    )


def test_addresses_that_are_none() -> None:
    for url in ("udp://[", "rtmp://user:secret@[::1/live/secret", "rtsp://user:sec/ret@host/secret"):
        with pytest.raises(SettingsError, match=r"^output \w+://… is no address; wanted \w+://HOST:PORT/PATH"):
            open_sink(url, like=streaming.like(), encoding=Encoding())


@pytest.fixture(autouse=True)
def _no_process_is_left() -> Iterator[None]:
    before = set(streaming.children())
    yield
    assert set(streaming.children()) <= before, "a courier outlives its stream"
