"""The command line as a newcomer uses it: what is told, where things go. What is in the pictures is in test_cli_pictures.py, what goes
wrong in test_cli_errors.py."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import cv2
import media
import pytest
from commands import SMALL, files, person_clip, run, start, well
from written import read, stream_of

from livematte import cli, weights
from livematte.methods import METHODS
from livematte.options import parser
from livematte.settings import Settings

pytestmark = pytest.mark.usefixtures("rvm_path")
SIZE = (128, 96)


@pytest.fixture
def livematte(tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Runs a command that must go well, in a folder where person.mkv lies; gives what it told."""
    monkeypatch.chdir(tmp_path)
    person_clip(tmp_path / "person.mkv")
    return lambda *arguments: well(capsys, *arguments)


# -- help, version, models ------------------------------------------------------------------------------------------------------------


def test_options_are_the_settings(capsys: Any) -> None:
    options = {action.dest for action in parser(cli._Version)._actions} - {"help", "version", "quiet", "verbose"}
    assert options - {"config"} == set(Settings.model_fields) - {"backgrounds"}
    result = run(capsys, "--help")
    assert (result.code, result.err) == (0, [])
    told = "\n".join(result.out)
    for name in options - {"input", "outputs"}:
        assert f"--{ {'of_class': 'class'}.get(name, name).replace('_', '-') }" in told
    assert "INPUT" in told
    assert "--output OUTPUT" in told


def test_every_view_and_extension_is_in_the_help(capsys: Any) -> None:
    told = "\n".join(run(capsys, "--help").out)
    for word in (
        "composite",
        "cutout",
        "alpha",
        "foreground",
        "triptych",
        ".mov",
        ".webm",
        ".mkv",
        ".mp4",
        ".gif",
        ".webp",
        ".png",
        ".zip",
    ):
        assert word in told


def test_version(capsys: Any) -> None:
    assert run(capsys, "--version") == (0, [f"livematte {version('livematte')}"], [])


def test_models(capsys: Any, rvm_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code, lines, err = run(capsys, "models")
    assert (code, err, lines[0].split()) == (0, [], ["NAME", "NEEDS", "SIZE", "LICENCE", "STATE"])
    assert [line.split()[0] for line in lines[1:-1]] == list(METHODS)
    assert lines[1].split() == ["rvm-mobilenetv3", "15", "MB", "GPL-3.0", "here:", str(rvm_path)]
    assert re.fullmatch(r"key +--key +MIT +here", next(line for line in lines if line.startswith("key ")))
    monkeypatch.setattr(weights, "find", lambda name: None)
    assert run(capsys, "models").out[1].endswith("fetchable, of PeterL1n/RobustVideoMatting, release v1.0.0")
    listed = run(capsys, "models").out
    assert any(re.match(r"bgm-resnet50 +--plate +MIT +bring pytorch_resnet50.pth of github.com/PeterL1n/", line) for line in listed)
    damaged = tmp_path / rvm_path.name
    damaged.write_bytes(b"half")
    monkeypatch.setattr(weights, "find", lambda name: damaged)
    assert run(capsys, "models").out[1].endswith(f"damaged: {damaged}")


def test_models_fetch_what_is_here(capsys: Any, rvm_path: Path) -> None:
    assert run(capsys, "models", "fetch", "rvm-mobilenetv3") == (0, [f"rvm-mobilenetv3: {rvm_path}"], [])
    assert run(capsys, "models", "fetch", "rvm-mobilenetv3", "-q") == (0, [], [])


# -- where it goes --------------------------------------------------------------------------------------------------------------------


def test_a_clip_lies_beside_its_input(livematte: Callable[..., list[str]], tmp_path: Path) -> None:
    (tmp_path / "clips").mkdir()
    (tmp_path / "person.mkv").rename(tmp_path / "clips" / "me.mkv")
    (line,) = livematte("clips/me.mkv", *SMALL)
    assert line.startswith("6 frames in ")
    assert line.endswith(" fps): clips/me.matte.mov")
    assert files(tmp_path).keys() == {"clips/", "clips/me.mkv", "clips/me.matte.mov"}
    told = stream_of(tmp_path / "clips" / "me.matte.mov")
    assert (told["codec"], told["pixels"]) == ("prores", "yuva444p12le")


def test_standard_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    person_clip(tmp_path / "person.mkv")
    with (tmp_path / "person.mkv").open("rb") as clip, start("-", *SMALL, stdin=clip) as process:
        out, err = process.communicate()
    assert (process.returncode, out) == (0, ""), err
    assert len(read(tmp_path / "stdin.matte.mov")) == 6


def test_a_folder_of_pictures(livematte: Callable[..., list[str]], tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    for name, size in (("a.jpg", (96, 64)), ("b.png", (64, 96)), ("c.webp", (80, 80))):
        (tmp_path / "photos" / name).write_bytes(media.picture_file(name[1:], size=size))
    livematte("photos", *SMALL)
    assert {path.name for path in Path("photos.matte").iterdir()} == {"a.png", "b.png", "c.png"}
    assert cv2.imread("photos.matte/b.png", cv2.IMREAD_UNCHANGED).shape == (96, 64, 4)
    livematte("photos/*.jpg", *SMALL, "-o", "some/")
    assert {path.name for path in Path("some").iterdir()} == {"a.png"}
    livematte("photos/a.jpg", *SMALL)
    assert cv2.imread("photos/a.matte.png", cv2.IMREAD_UNCHANGED).shape == (64, 96, 4)


@pytest.mark.parametrize(
    ("name", "codec", "pixels"),
    [
        ("x.mov", "prores", "yuva444p12le"),
        ("x.webm", "vp9", "yuv420p"),  # its alpha is in packets of its own, which the common decoder leaves out
        ("x.mkv", "ffv1", "yuva444p"),
        ("x.gif", "gif", "bgra"),
        ("x.png", "apng", "rgba"),
    ],
)
def test_a_cutout_in_every_kind_of_file(livematte: Callable[..., list[str]], name: str, codec: str, pixels: str) -> None:
    (line,) = livematte("person.mkv", *SMALL, "-o", name)
    assert line.endswith(f": {name}")
    told = stream_of(Path(name))
    assert (told["codec"], told["pixels"], told["size"]) == (codec, pixels, SIZE)
    assert len(read(Path(name), "libvpx-vp9" if codec == "vp9" else None)) == 6


def test_a_cutout_as_animated_webp(livematte: Callable[..., list[str]]) -> None:
    livematte("person.mkv", *SMALL, "-o", "x.webp")
    done, animation = cv2.imreadanimation("x.webp")
    assert done
    assert [frame.shape for frame in animation.frames] == [(SIZE[1], SIZE[0], 4)] * 6


def test_a_cutout_as_pictures(livematte: Callable[..., list[str]], tmp_path: Path) -> None:
    livematte("person.mkv", *SMALL, "-o", "x/", "-o", "x.zip")
    names = [f"{number:08d}.png" for number in range(1, 7)]
    shutil.unpack_archive("x.zip", "unpacked")
    assert files(tmp_path / "x") == files(tmp_path / "unpacked")
    assert list(files(tmp_path / "x")) == names


def test_several_outputs_from_one_pass(livematte: Callable[..., list[str]], tmp_path: Path) -> None:
    (line,) = livematte("person.mkv", *SMALL, "-b", "blur", "-o", "a.mp4", "-o", "b.mkv", "-o", "c/", "--report", "r.json")
    assert line.endswith(": a.mp4, b.mkv, c/")
    assert len(read(Path("a.mp4"))) == len(read(Path("b.mkv"))) == len(list(Path("c").iterdir())) == 6
    report = json.loads(Path("r.json").read_text())
    assert {name: report[name] for name in ("frames_in", "frames_out", "input", "outputs", "model", "interrupted")} == {
        "frames_in": 6,
        "frames_out": 6,
        "input": "person.mkv",
        "outputs": ["a.mp4", "b.mkv", "c"],
        "model": "rvm-mobilenetv3",
        "interrupted": False,
    }
    assert report["versions"].keys() >= {"python", "livematte", "torch", "onnxruntime", "av"}
    assert set(report["stages"]) == {"read", "matte", "finish", "refine", "edges", "composite", "encode"}
    assert all(seconds > 0 for seconds in report["stages"].values())


def test_overwriting_when_asked(livematte: Callable[..., list[str]], tmp_path: Path) -> None:
    Path("x.mov").write_text("old")
    livematte("person.mkv", *SMALL, "-o", "x.mov", "-y")
    assert len(read(Path("x.mov"))) == 6
    assert files(tmp_path).keys() == {"person.mkv", "x.mov"}


# -- what is told ---------------------------------------------------------------------------------------------------------------------


def test_quiet(livematte: Callable[..., list[str]], tmp_path: Path) -> None:
    assert livematte("person.mkv", *SMALL, "-q") == []
    assert (tmp_path / "person.matte.mov").is_file()


def test_verbose_tells_what_is_used(livematte: Callable[..., list[str]]) -> None:
    first, second, last = livematte("person.mkv", *SMALL, "-v", "--runtime", "torch", "--threads", "1")
    assert first == "rvm-mobilenetv3 by torch on cpu, fp32, 1 threads; threads: decoder 2, encoder 2, OpenCV 1"
    assert second == "input person.mkv, 128x96, 25 frames a second"
    assert last.startswith("6 frames in ")


def test_notes_are_told(livematte: Callable[..., list[str]], tmp_path: Path) -> None:
    media.clip(tmp_path / "tv.mp4", size=SIZE, interlaced="tff")
    assert "note: interlaced, kept as it is" in livematte("tv.mp4", *SMALL)
