"""Ctrl-C once finishes what is done as a playable part, twice stops at once; SIGTERM is the same, and so is a terminal that closes."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import media
import pytest
from commands import SMALL, files, read_until, start
from written import read

pytestmark = [
    pytest.mark.usefixtures("rvm_path"),
    pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals"),
]


@pytest.fixture(autouse=True)
def _there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def _opened(line: str) -> bool:
    return line.startswith("input ")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_interrupted_once_leaves_a_playable_part(tmp_path: Path, number: int) -> None:
    with start("pattern:320x240", "-v", "-o", "x.mov", "-o", "y/") as process:
        read_until(process, _opened)
        while not list(tmp_path.glob("y.part/*.png")):
            assert process.poll() is None
        process.send_signal(number)
        _, err = process.communicate()
    assert process.returncode == 130
    assert "finishing what is done; once more to stop at once" in err
    assert err.splitlines()[-1].startswith("interrupted after ")
    assert err.splitlines()[-1].endswith("; what is done so far: x.part.mov, y.part")
    assert files(tmp_path).keys() >= {"x.part.mov", "y.part/"}
    assert not (tmp_path / "x.mov").exists()
    assert not (tmp_path / "y").exists()
    count = len(list(tmp_path.glob("y.part/*.png")))
    assert 0 < count < 300  # the test pattern is longer
    assert len(read(tmp_path / "x.part.mov")) == count


def test_interrupted_once_does_not_wait_for_a_silent_pipe(tmp_path: Path) -> None:
    data = media.clip(tmp_path / "long.mkv", frames=120, size=(128, 96), audio=["eng"]).read_bytes()
    with start("-", *SMALL, "-v", "-o", "y/", stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        process.stdin.buffer.write(data[: len(data) * 3 // 4])  # and then nothing
        process.stdin.flush()
        read_until(process, _opened)
        _wait_until_idle(tmp_path / "y.part")
        process.send_signal(signal.SIGINT)
        assert process.wait() == 130
        assert process.stderr is not None
        assert process.stderr.read().splitlines()[-1].endswith("; what is done so far: y.part")
    assert list(tmp_path.glob("y.part/*.png"))


_STUCK = "import time\nfrom livematte.matting.recurrent import RecurrentMatter\nRecurrentMatter._run = lambda *_: time.sleep(600)"


def test_interrupted_twice_stops_at_once() -> None:
    with start("pattern:320x240", "-v", "-o", "y/", before=_STUCK) as process:
        read_until(process, _opened)
        process.send_signal(signal.SIGINT)
        assert "finishing" in read_until(process, lambda line: "finishing" in line)
        process.send_signal(signal.SIGINT)
        assert process.wait() == 130
        assert process.stderr is not None
        assert process.stderr.read() == "stopped\n"


def _wait_until_idle(folder: Path) -> None:
    """Until pictures have come into `folder`, and then none for a second."""
    before = -1
    while (count := len(list(folder.glob("*.png")))) == 0 or count != before:
        before = count
        time.sleep(1)


def test_interrupted_while_opening_leaves_nothing(tmp_path: Path) -> None:
    before = files(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}/clip.mp4"
        with start(url, before="from livematte.sources import demux\ndemux.ANSWER_SECONDS = 1.0") as process, server.accept()[0]:
            process.send_signal(signal.SIGINT)
            _, err = process.communicate()
    assert process.returncode == 130
    assert err == "interrupted\n"
    assert files(tmp_path) == before


LIVE = ("pattern:160x120", "-b", "green", "-o", "take.mkv", "-o", "y/", "-o")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 0), (signal.SIGHUP, 0)])
def test_a_live_job_that_is_ended_leaves_a_whole_recording(tmp_path: Path, number: int, code: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver, start(*LIVE, _udp(receiver)) as process:
        _wait_for_pictures(tmp_path / "y.part", process)
        process.send_signal(number)
        _, err = process.communicate()
    assert process.returncode == code
    assert "Traceback" not in err
    assert len(read(tmp_path / "take.mkv")) > 0
    assert not (tmp_path / "take.part.mkv").exists()


def test_a_service_that_is_ended_before_it_began_has_not_failed(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        with start("udp://@127.0.0.1:1", "-b", "green", "-o", "take.mkv", "-o", f"udp://127.0.0.1:{silent.getsockname()[1]}") as process:
            time.sleep(1.5)  # it waits for a stream that nobody sends
            process.send_signal(signal.SIGTERM)
            _, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    assert files(tmp_path) == {}


def test_a_terminal_that_closes_does_not_end_what_nohup_began(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        ignoring = "import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN)"
        with start(*LIVE, _udp(receiver), "--frames", "40", before=ignoring) as process:
            _wait_for_pictures(tmp_path / "y.part", process)
            process.send_signal(signal.SIGHUP)
            process.communicate()
    assert process.returncode == 0
    assert (tmp_path / "take.mkv").exists()


def _udp(receiver: socket.socket) -> str:
    receiver.bind(("127.0.0.1", 0))
    return f"udp://127.0.0.1:{receiver.getsockname()[1]}"


def _wait_for_pictures(folder: Path, process: subprocess.Popen[str]) -> None:
    while len(list(folder.glob("*.png"))) < 5:
        assert process.poll() is None
        time.sleep(0.02)
