"""What may be printed of an address, and what must not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livematte import urls


@pytest.mark.parametrize(
    ("spec", "name"),
    [
        ("clip.mp4", "clip.mp4"),
        ("cam:HD Webcam", "cam:HD Webcam"),
        ("films/me@home//x.mp4?y#z", "films/me@home//x.mp4?y#z"),
        ("#202020", "#202020"),
        ("rtsp://host/cam", "rtsp://host/cam"),
        ("rtsp://user:secret@host:554/cam", "rtsp://host:554/cam"),
        ("RTSP://me@home:secret@host/cam", "RTSP://host/cam"),
        ("cam:rtsp://user:secret@host/cam", "cam:rtsp://host/cam"),
        ("https://host/films/a.mp4?token=secret#secret", "https://host/films/a.mp4"),
        ("https://host?token=secret", "https://host"),
        ("srt://host:9000?passphrase=secret", "srt://host:9000"),
        ("udp://239.0.0.1:5000?ttl=4", "udp://239.0.0.1:5000"),
        ("udp://@:5000", "udp://:5000"),
        ("rtsp://user:secret@[::1]:554/cam", "rtsp://[::1]:554/cam"),
        ("rtmp://host", "rtmp://host"),
        ("rtmp://host/", "rtmp://host/"),
        ("rtmp://host/secret", "rtmp://host/…"),
        ("rtmp://host//secret/", "rtmp://host/…"),
        ("rtmp://host/live/secret", "rtmp://host/live/…"),
        ("RTMPS://user:secret@host:443/app/secret/secret?x=secret", "RTMPS://host:443/app/…"),
        ("whip+https://:secret@host/secret/webRTC/publish?key=secret", "whip+https://host/…"),
        # A password with what should be written %2F, %3F or %23; a host that is none; brackets without end.
        ("rtsp://user:sec/ret@host/cam", "rtsp://…"),
        ("rtsp://user:sec?ret@host/cam", "rtsp://…"),
        ("whip+https://sec/ret@host/cam", "whip+https://…"),
        ("rtsp://user:secret/cam", "rtsp://…"),
        ("rtsp://user:secret@[::1/cam", "rtsp://…"),
        ("udp://[", "udp://…"),
        ("rtsp://…", "rtsp://…"),
    ],
)
def test_names_hide_secrets(spec: str, name: str) -> None:
    assert urls.shown(spec) == name
    assert urls.shown(name) == name


@given(st.sampled_from(["", "rtsp://", "rtmp://", "whip+https://", "https://me:"]), st.text("[]:/?#@%1é \n…ax"))
def test_nothing_is_too_strange(begin: str, rest: str) -> None:
    spec = begin + rest
    assert not begin or "@" not in urls.shown(spec)
    assert urls.shown(urls.shown(spec)) == urls.shown(spec)


@given(st.text("abc:/?#@[]-", min_size=1))
def test_a_password_of_any_letters_is_hidden(rest: str) -> None:
    assert "SECRET" not in urls.shown(f"rtsp://user:{rest}SECRET{rest}@host/cam")


def test_addresses_are_taken_apart() -> None:
    assert urls.split("RTSP://me:pw@[::1]:554/cam/a?b#c") == ("rtsp", "[::1]:554", "::1", "/cam/a")
    assert urls.split("file:///tmp/a@b.mp4") == ("file", "", "", "/tmp/a@b.mp4")
    assert urls.split("udp://me:p[w@host:5000") == ("udp", "host:5000", "host", "")  # libav takes that password as it is
    assert urls.split("clip.mp4") is None
    assert urls.split("udp://[") is None
    assert urls.split("tcp://host:port") is None


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("Server error: secret-key is already publishing", "Server error: … is already publishing"),
        ("no app live with 'K1' (me, p/w)", "no app live with '…' (…, …)"),
        ("K12 of 1K1 kept 127.0.0.1", "K12 of 1K1 kept 127.0.0.1"),
        ("xsecret-keyx", "x…x"),
    ],
)
def test_what_others_say_is_masked(said: str, told: str) -> None:
    assert urls.masked(said, "rtmp://me:p%2Fw@127.0.0.1/live/K1/secret-key") == told
