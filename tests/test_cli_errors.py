"""Bad input gets two lines at most, the right exit code, no stray file, and leaves everything that exists as it was."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import av
import media
import pytest
from commands import SMALL, files, run, start
from written import read

from livematte.engines.torch_engine import present_devices
from livematte.job import Job
from livematte.sources import demux

pytestmark = pytest.mark.usefixtures("rvm_path")
ABSENT = next(device for device in ("mps", "cuda") if device not in present_devices())  # no machine has both


@pytest.fixture(scope="session")
def _template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("place")
    talk = media.clip(folder / "talk.mp4", size=(128, 96), audio=["eng"])
    (folder / "text.mp4").write_text("This is not a video.\n" * 50)
    (folder / "zero.mp4").touch()
    (folder / "old.mov").write_text("precious")
    (folder / "empty").mkdir()
    (folder / "letters").mkdir()
    (folder / "letters" / "a.txt").write_text("dear")
    (folder / "damaged.onnx").write_bytes(b"\x08\x07 not the rest")
    (folder / "damaged.pth").write_text("not tensors")
    media.sound_only(folder / "song.m4a")
    _without_frames(folder / "bare.mkv", talk)
    whole = media.clip(folder / "indexed.mp4", frames=30)
    media.cut_off(whole, 0.5).rename(folder / "headless.mp4")
    whole.unlink()
    return folder


def _without_frames(path: Path, like: Path) -> None:
    """A file with a video track in which there is nothing, beside sound."""
    with av.open(str(like)) as source, av.open(str(path), "w") as out:
        tracks = [out.add_stream_from_template(stream) for stream in source.streams]
        for packet in source.demux(source.streams.audio[0]):
            packet.stream = tracks[1]
            out.mux(packet)


@pytest.fixture
def place(tmp_path: Path, _template: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder: a good clip, talk.mp4, among all kinds of bad ones."""
    folder = tmp_path / "place"
    shutil.copytree(_template, folder)
    monkeypatch.chdir(folder)
    return folder


# (arguments, exit code, what is told)
INPUTS = [
    ("", 2, "there is no INPUT; wanted a video"),
    ("talk.mp4 text.mp4", 2, "got several inputs, wanted one; give a folder, or quote the glob: 'photos/\\*.jpg'"),
    ("talk.mp4 gone.mp4", 2, "unrecognized arguments: gone.mp4"),
    ("missing.mp4", 1, "there is no missing.mp4; wanted a video, a picture or a folder"),
    ("nowhere/talk.mp4", 1, "there is no nowhere/talk.mp4; .*; nor is there a folder nowhere"),
    ("*.tif", 1, r"nothing is named \*\.tif"),
    ("empty", 1, "folder empty holds no pictures; wanted files such as .png"),
    ("letters", 1, "folder letters holds no pictures"),
    ("text.mp4", 1, r"text\.mp4 cannot be read .*; wanted a video or a picture"),
    ("zero.mp4", 1, r"zero\.mp4 cannot be read"),
    ("bare.mkv", 1, r"bare\.mkv holds no frame that can be decoded; wanted a clip with a picture"),
    ("song.m4a", 1, r"song\.m4a holds no video, only audio"),
    ("headless.mp4", 1, r"headless\.mp4 has no index \(moov\): its end is missing"),
    ("talk.mp4 --start 9", 1, r"start 9 s lies beyond the end of talk\.mp4, which is 0\.33 s long"),
    ("srt://127.0.0.1:9", 1, "does not speak srt; wanted http"),
]
OUTPUTS = [
    ("-o nowhere/x.mov", 1, "cannot write nowhere/x.mov: there is no folder nowhere; make it first"),
    ("-o text.mp4/x.mov", 1, r"cannot write text\.mp4/x\.mov: there is no folder text\.mp4"),
    ("-o old.mov", 1, r"old\.mov exists; -y overwrites it, or give the output another name"),
    ("-o new.mov -o old.mov", 1, r"old\.mov exists"),
    ("-o letters/", 1, "letters exists; -y overwrites it"),
    ("-o talk.mp4 -b green -y", 1, r"talk\.mp4 is what is read; give the output another name"),
    ("-o x.xyz", 2, r"got \.xyz, wanted one of \.mov \.webm \.mkv \.mp4"),
    ("-o x.mp4", 2, r"x\.mp4 cannot hold alpha; give it a background .*, or write a \.mov"),
    ("-o x.mp4 -b green --view cutout", 2, r"x\.mp4 cannot hold alpha"),
    ("-o x.mov -o ./x.mov", 2, "an output is named twice"),
    ("--report nowhere/r.json", 2, "--report: got 'nowhere/r.json', wanted a file in a folder that is there"),
    ("--report text.mp4", 1, r"text\.mp4 exists; -y overwrites it, or give the report another name"),
    ("-o whip://host/key", 2, "got whip://, wanted one of rtmp://"),
    ("-o", 2, "-o/--output: expected one argument"),
]
OPTIONS = [
    ("-m nobody", 2, "unknown model 'nobody'; wanted one of rvm-mobilenetv3"),
    ("--weights nowhere", 2, "weights 'nowhere' do not exist"),
    ("--weights damaged.onnx", 1, r"damaged\.onnx is damaged"),
    ("-m damaged.pth", 1, r"damaged\.pth is damaged"),
    ("--device warp", 2, "unknown device 'warp'; wanted auto, cpu, cuda"),
    (f"--device {ABSENT}", 1, f"got device {ABSENT}, but torch .* finds none here; wanted one of: .*cpu"),
    ("--precision int4", 2, "--precision: got 'int4', wanted auto, fp32, fp16, bf16 or int8"),
    ("--runtime tf", 2, "--runtime: got 'tf', wanted auto, openvino, onnxruntime or torch"),
    ("--threads 0", 2, "--threads: got '0', wanted 1 to 256"),
    ("--detail 7", 2, "--detail: got '7', wanted 64 to 4096"),
    ("-b greenish", 2, "--background: got colour 'greenish', wanted #rrggbb.* green"),
    ("-b #12", 2, "--background: got colour '#12'"),
    ("-b blur:x", 2, "--background: got 'blur:x', wanted blur or blur:STRENGTH"),
    ("-b blur:99", 2, "got blur 99, wanted more than 0 and at most 50"),
    ("-b missing.jpg", 1, r"background: there is no missing\.jpg"),
    ("-b song.m4a", 1, r"background: song\.m4a holds no video"),
    ("-b text.mp4", 1, r"background: text\.mp4 cannot be read"),
    ("--view sideways", 2, "--view: got 'sideways', wanted auto, composite, cutout, alpha, foreground or triptych"),
    ("--view composite", 2, "--view composite wants a background; try -b green"),
    ("--codec zip", 2, r"--codec zip cannot be in talk\.matte\.mov; wanted one of prores"),
    ("--codec vp9 -o x.mp4 -b green", 2, r"--codec vp9 cannot be in x\.mp4; wanted one of h264"),
    ("--feather x", 2, "--feather: got 'x', wanted a valid number"),
    ("--feather -1", 2, "--feather: got '-1', wanted 0 to 100"),
    ("--feather nan", 2, "--feather: got 'nan', wanted 0 to 100"),
    ("--smooth 9", 2, "--smooth: got '9', wanted 0 to 5"),
    ("--tidy maybe", 2, "--tidy: got 'maybe', wanted auto or off"),
    ("--keep 0", 2, "--keep: got '0', wanted all, nearest or how many people, from 1 to 99"),
    ("--keep me", 2, "--keep: got 'me', wanted all, nearest or how many people"),
    ("--props 5,60", 2, "--props: got '5,60', wanted X,Y,W,H in percent of the picture"),
    ("--props 90,60,30,10", 2, "--props: got 90,60,30,10, wanted X,Y,W,H in percent .* X\\+W and Y\\+H up to 100"),
    ("--props gone.png", 1, r"--props: there is no gone\.png; wanted a picture, or a place as X,Y,W,H"),
    ("--light-wrap 2 -b green -o x.mp4", 2, "--light-wrap: got '2', wanted 0 to 1"),
    ("--match -1 -b green -o x.mp4", 2, "--match: got '-1', wanted 0 to 1"),
    ("--light-wrap 0.5", 2, "--light-wrap wants a background; try -b blur, -b green or -b picture.jpg"),
    ("--match 0.5", 2, "--match wants a background"),
    ("--alpha maybe", 2, "--alpha: got 'maybe', wanted straight or premultiplied"),
    ("--start soon", 2, "--start: got 'soon', wanted seconds, or minutes:seconds"),
    ("--start 2 --end 1", 2, "end 1 is not after start 2"),
    ("--frames 0", 2, "--frames: got '0', wanted greater than or equal to 1"),
    ("--crf 99", 2, "--crf: got '99', wanted 0 to 63"),
    ("--bitrate 8Q", 2, "--bitrate: got '8Q', wanted bits per second, such as 8M or 500k"),
    ("--crf 20 --bitrate 8M", 2, "crf and bitrate exclude each other; give one"),
    ("--nonsense", 2, "unrecognized arguments: --nonsense"),
    ("--back green", 2, "unrecognized arguments: --back green"),
]
OTHERS = [
    ("models fetch", 2, "models fetch wants a name; one of rvm-mobilenetv3"),
    ("models fetch nobody", 2, "unknown model 'nobody'"),
    ("models burn", 2, "invalid choice: 'burn'"),
    ("doctor who", 2, "unrecognized arguments: who"),
]


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [*INPUTS, *((f"talk.mp4 {rest}", code, told) for rest, code, told in [*OUTPUTS, *OPTIONS]), *OTHERS],
)
def test_it_is_told_and_nothing_is_touched(place: Path, capsys: Any, arguments: str, code: int, told: str) -> None:
    before = files(place)
    result = run(capsys, *arguments.split())
    assert result.code == code
    assert not result.out
    assert re.match(f"livematte: .*{told}", result.err[0])
    assert len(result.err) <= 2
    assert files(place) == before


# (arguments, exit code, what is told)
SECRETS = [
    ("cam -b none -o rtmp://user:secret@h/app/secret", 2, "rtmp://h/app/… wants a background"),
    ("talk.mp4 -b none -o rtmp://h/secret", 2, "rtmp://h/… cannot hold alpha|rtmp://h/… wants a background"),
    ("cam -o rtmp://h/secret --view cutout", 2, "rtmp://h/… cannot hold alpha"),
    (
        "cam -b green -o whip+https://:secret@h/secret -o whip+https://:secret@h/secret",
        2,
        "an output is named twice: whip.https://h/…, whip",
    ),
    ("rtsp://user:secret@h/cam --on-demand -o vcam", 2, "--on-demand is for cameras; got rtsp://h/cam"),
    ("cam --on-demand -b green -o rtmp://user:secret@h/app/secret", 2, "wants virtual cameras only, got the output rtmp://h/app/…; leave"),
    ("https://user:secret@h/a.mp4?token=secret --size 64x48 -o x.mov", 2, "--size is for cameras .*; got https://h/a.mp4, which is a clip"),
    ("talk.mp4 -o ftp://user:secret@h/a.mp4?token=secret", 2, "output ftp://h/a.mp4: got ftp://"),
    ("talk.mp4 -b green -o udp://user:secret@[", 2, r"output udp://… is no address; wanted udp://HOST:PORT"),
    ("rtsp://user:secret@[::1", 1, "rtsp://… is no address; wanted rtsp://HOST:PORT/PATH"),
    ("rtsp://user:secret@[::1 -o x.mov", 1, "rtsp://… is no address"),
    ("https://user:sec/ret@h/a.mp4", 1, "https://… is no address; .* a / in a password written %2F"),
    ("file://user:secret@[/a.mp4", 1, "file://… is no address; wanted file:///PATH"),
    ("talk.mp4 -b rtsp://user:secret@[::1", 1, "background: rtsp://… is no address"),
    ("https://user:secret@127.0.0.1:1/a.mp4?token=secret", 1, "https://127.0.0.1:1/a.mp4 cannot be opened"),
    ("talk.mp4 -b rtmp://user:secret@127.0.0.1:1/secret", 1, "background: rtmp://127.0.0.1:1/… cannot be opened"),
]


@pytest.mark.parametrize(("arguments", "code", "told"), SECRETS)
def test_no_password_and_no_key_is_told(place: Path, capsys: Any, arguments: str, code: int, told: str) -> None:
    result = run(capsys, *arguments.split())
    assert result.code == code, result.err
    assert re.match(f"livematte: .*({told})", result.err[0])
    assert len(result.err) <= 2
    for word in ("secret", "sec/", "ret@", "user:"):
        assert word not in "".join(result.err)


@pytest.mark.parametrize("place_of_no_files", ["/proc"])
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="a folder into which not even root may write")
def test_an_output_folder_that_cannot_be_written(place: Path, capsys: Any, place_of_no_files: str) -> None:
    for name in ("x.mov", "x/", "x.zip"):
        result = run(capsys, "talk.mp4", "-o", f"{place_of_no_files}/{name}")
        assert result.code == 1
        (line,) = result.err
        assert re.match(f"livematte: cannot write into {place_of_no_files}: .*; give the output another name or folder", line)


@pytest.mark.parametrize("name", ["long.mkv", "long.mp4"])
def test_a_truncated_video(place: Path, capsys: Any, name: str) -> None:
    whole = media.clip(place / name, frames=60, size=(128, 96), container_options={"movflags": "faststart"} if name == "long.mp4" else {})
    short = media.cut_off(whole, 0.6)
    (place / "b.mov").write_text("precious")
    before = files(place)
    result = run(capsys, short.name, *SMALL, "-b", "green", "-o", "a.mp4", "-o", "b.mov", "-y")
    assert result.code == 1
    found = re.match(rf"livematte: {short.name} broke at 1\.\d\d s \(frame (\d+) of ~60\): ", result.err[0])
    assert found, result.err
    assert result.err[1:] == ["What is done so far: a.part.mp4", "What is done so far: b.part.mov"]
    after = files(place)
    assert after.keys() - before.keys() == {"a.part.mp4", "b.part.mov"}
    assert {name: after[name] for name in before} == before
    assert len(read(Path("a.part.mp4"))) == len(read(Path("b.part.mov"))) == int(found[1]) > 30


@pytest.mark.parametrize("outputs", [["x.mov"], ["x.mkv"], ["x.zip"], ["x/"], ["x.gif"], ["x.mov", "y.webm"]])
@pytest.mark.skipif(sys.platform == "win32", reason="Windows limits no file's size")
def test_a_full_disk(place: Path, outputs: list[str]) -> None:
    # A limit on a file's size fails a write as a full disk does, and needs no disk.
    limit = "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (500, 500))"
    before = files(place)
    with start("talk.mp4", *SMALL, "-y", *(f"-o{name}" for name in outputs), before=limit) as process:
        _, err = process.communicate()
    assert process.returncode == 1, err
    lines = err.splitlines()
    assert re.fullmatch(r"livematte: cannot write x\S*: File too large", lines[0])
    kept = [line.removeprefix("What is done so far: ") for line in lines[1:]]
    assert set(kept) <= {"y.part.webm"}
    assert files(place).keys() - before.keys() == set(kept)


def test_a_url_at_which_nobody_listens(place: Path, capsys: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    before = files(place)
    for arguments in ([f"http://127.0.0.1:{port}/clip.mp4"], ["talk.mp4", "-b", f"http://127.0.0.1:{port}/wall.mp4"]):
        result = run(capsys, *arguments)
        assert result.code == 1
        (line,) = result.err
        assert re.match(r"livematte: (background: )?http://127\S+ cannot be opened: Connection refused; check the address", line)
    assert files(place) == before


def test_a_url_that_does_not_answer(place: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert demux.ANSWER_SECONDS <= 15
    monkeypatch.setattr(demux, "ANSWER_SECONDS", 0.3)
    before = files(place)
    with socket.create_server(("127.0.0.1", 0)) as server:
        result = run(capsys, f"http://127.0.0.1:{server.getsockname()[1]}/clip.mp4")
    assert result.code == 1
    (line,) = result.err
    assert "clip.mp4 did not answer within" in line
    assert files(place) == before


def test_nothing_on_standard_input(place: Path) -> None:
    before = files(place)
    with start("-", stdin=subprocess.DEVNULL) as process:
        out, err = process.communicate()
    assert (process.returncode, out) == (1, "")
    assert re.fullmatch(r"livematte: standard input cannot be read .*; wanted a container .*\n", err)
    assert files(place) == before


def test_a_traceback_only_for_who_asks(place: Path, capsys: Any) -> None:
    for flags in (["-v"], ["--verbose"], ["-yv"]):
        assert "Traceback (most recent call last):" in "\n".join(run(capsys, "missing.mp4", *flags).err)
    assert "Traceback" not in "\n".join(run(capsys, "missing.mp4", "-y").err)


def test_a_bug_of_ours_is_told_in_two_lines(place: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Job, "run", lambda *_: 1 // 0)
    before = files(place)
    result = run(capsys, "talk.mp4", *SMALL)
    assert result.code == 1
    assert result.err[0] == "livematte: unforeseen ZeroDivisionError: integer division or modulo by zero"
    assert result.err[1:] == ["This is a bug in livematte; -v shows where."]
    assert files(place) == before
