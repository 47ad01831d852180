"""Bad input gets one or two lines: what was got, what was wanted, what to try."""

from __future__ import annotations

import io
import os
import socket
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import av
import media
import pytest

from livematte.errors import SourceError
from livematte.frame import Frame
from livematte.sources import demux, open_source


def told(spec: Path | str) -> str:
    with pytest.raises(SourceError) as error:
        open_source(spec)
    text = str(error.value)
    assert text.count("\n") <= 1
    assert len(text) < 400
    return text


def test_missing(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    assert told(path) == f"there is no {path}; wanted a video, a picture or a folder"
    assert told(tmp_path / "no" / "clip.mp4").endswith(f"; nor is there a folder {tmp_path / 'no'}")
    assert f"for numbered pictures use a glob: '{tmp_path / '*.png'}'" in told(tmp_path / "frame%04d.png")
    assert told("") == "got an empty name, wanted a video, a picture, a folder or a URL"


@pytest.mark.parametrize("name", ["text.mp4", "text.mov", "text.txt", "text", "text.mkv"])
def test_text_is_no_video(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text("This is not a video.\n" * 50)
    assert told(path).startswith(f"{path} ")
    assert "wanted a video or a picture, such as .mp4, .mov, .webm or .png" in told(path)


def test_an_empty_file(tmp_path: Path) -> None:
    (tmp_path / "clip.mp4").touch()
    assert "cannot be read" in told(tmp_path / "clip.mp4")


def test_sound_only(tmp_path: Path) -> None:
    path = media.sound_only(tmp_path / "song.m4a")
    assert told(path) == f"{path} holds no video, only audio; wanted a clip with a picture"


def test_no_frames(tmp_path: Path) -> None:
    path, bare = tmp_path / "none.mkv", tmp_path / "bare.mkv"
    with av.open(str(media.clip(tmp_path / "a.mkv", audio=["eng"]))) as source, av.open(str(path), "w") as out:
        streams = [out.add_stream_from_template(s) for s in source.streams]
        for packet in source.demux(source.streams.audio[0]):
            packet.stream = streams[1]
            out.mux(packet)
        with av.open(str(bare), "w") as nothing:
            nothing.add_stream_from_template(source.streams.video[0])
            nothing.start_encoding()
    assert told(path) == f"{path} holds no frame that can be decoded; wanted a clip with a picture"
    assert told(bare).startswith(f"{bare} cannot be read (End of file)")


def test_an_unknown_codec(tmp_path: Path) -> None:
    path = media.clip(tmp_path / "a.mp4")
    path.write_bytes(path.read_bytes().replace(b"avc1", b"zzzz"))
    assert told(path) == f"{path} has video in a codec that this build of libav cannot decode; convert it to H.264 first"


def test_an_unknown_sound_is_left_out_and_told(tmp_path: Path) -> None:
    path = media.clip(tmp_path / "a.mkv", audio=["eng"])
    path.write_bytes(path.read_bytes().replace(b"A_AAC", b"A_XYZ"))
    with open_source(path) as source:
        assert source.info.tracks == ()
        assert source.info.notes == ("1 tracks in an unknown codec are left out",)
        assert {type(i) for i in source.items()} == {Frame}


def test_encrypted(tmp_path: Path) -> None:
    key = {"encryption_scheme": "cenc-aes-ctr", "encryption_key": "00" * 16, "encryption_kid": "11" * 16}
    path = media.clip(tmp_path / "a.mp4", container_options=key)
    assert told(path) == f"{path} is encrypted; wanted a clip without copy protection"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_not_readable(tmp_path: Path) -> None:
    path = media.clip(tmp_path / "a.mp4")
    path.chmod(0)
    assert told(path) == f"{path} may not be read: Permission denied; check its permissions"


def test_nothing_on_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"")))
    assert told("-").startswith("standard input cannot be read")
    assert "wanted a container that can be read from front to back, such as .mkv" in told("-")


@pytest.fixture
def silent() -> Iterator[str]:
    """The address of a server that takes a call and never speaks."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://user:secret@127.0.0.1:{server.getsockname()[1]}/clip.mp4"


def test_a_url_that_does_not_answer(silent: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demux, "ANSWER_SECONDS", 0.3)
    text = told(silent)
    assert "did not answer within 0 s; check the address and that the sender is running" in text
    assert "secret" not in text


def test_urls_that_lead_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert "cannot be opened: Connection refused; check the address" in told(f"http://127.0.0.1:{port}/clip.mp4")
    assert told("gopher3://there/clip").startswith("gopher3://there/clip: this build of libav does not speak gopher3; wanted http(s)")


def test_a_url_that_serves_a_clip_and_one_that_does_not(tmp_path: Path) -> None:
    data = media.clip(tmp_path / "a.mp4").read_bytes()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = self.path == "/a.mp4"
            self.send_response(200 if found else 404)
            self.send_header("Content-Length", str(len(data) if found else 0))
            self.end_headers()
            if found:
                self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        address = f"http://127.0.0.1:{server.server_port}"
        with open_source(f"{address}/a.mp4") as source:
            assert len(list(source)) == 10
        assert "404" in told(f"{address}/b.mp4")
        server.shutdown()
        thread.join()


def test_a_file_url_is_the_file(tmp_path: Path) -> None:
    path = media.clip(tmp_path / "a b.mp4", frames=2)
    with open_source(path.as_uri()) as source:
        assert len(list(source)) == 2
