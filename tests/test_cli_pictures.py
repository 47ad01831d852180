"""What comes out of the command line, opened and looked at: the person, what is behind, time and sound."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import cv2
import media
import numpy as np
import pytest
from commands import SMALL, person_clip, well
from written import VFR, packets, read, stream_of, times

from livematte.frame import Frame

pytestmark = pytest.mark.usefixtures("rvm_path")
SIZE = (128, 96)
SHARP = ("--detail", "128")  # the whole picture goes through the network
PERSON, WALL = (slice(80, 96), slice(58, 70)), (slice(0, 96), slice(0, 16))  # rows and columns: the shirt; nobody is there


@pytest.fixture
def livematte(tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Runs a command that must go well, in a folder where person.mkv lies; gives what it told."""
    monkeypatch.chdir(tmp_path)
    person_clip(tmp_path / "person.mkv")
    return lambda *arguments: well(capsys, *arguments)


def rgb(frame: Frame) -> np.ndarray[Any, np.dtype[np.int64]]:
    """(H, W, 3), 0 to 255, with room for differences."""
    return np.rint(frame.rgb() * 255).astype(np.int64)


def last(path: str) -> np.ndarray[Any, np.dtype[np.int64]]:
    """A file's last frame as `rgb`."""
    if path.endswith(".webp"):  # libav writes animated ones and reads none
        done, animation = cv2.imreadanimation(path)
        assert done
        return animation.frames[-1][..., 2::-1].astype(np.int64)
    return rgb(read(Path(path))[-1])


@pytest.mark.parametrize("name", ["x.mp4", "x.m4v", "x.mov", "x.webm", "x.mkv", "x.gif", "x.png", "x.webp"])
def test_a_composite_in_every_kind_of_file(livematte: Callable[..., list[str]], name: str) -> None:
    livematte("person.mkv", *SHARP, "-b", "#ff8800", "-o", name)
    assert np.abs(last(name)[WALL].mean((0, 1)) - (255, 136, 0)).max() < 8  # lossy codecs; a palette in .gif


def test_the_person_is_kept_and_the_wall_goes(livematte: Callable[..., list[str]]) -> None:
    livematte("person.mkv", *SHARP, "-o", "x.mkv")
    for frame, source in zip(read(Path("x.mkv")), read(Path("person.mkv")), strict=True):
        assert frame.pha is not None
        assert frame.pha[PERSON].min() > 0.98
        assert frame.pha[WALL].max() < 0.02
        # An alpha of 0.998 is stored as 1, and there the network's own colour may be seen a little.
        kept = [plane[frame.pha == 1] == own[frame.pha == 1] for plane, own in zip(frame.planes, source.planes, strict=True)]
        assert np.mean(kept) > 0.99


@pytest.mark.parametrize("view", ["composite", "cutout", "alpha", "foreground", "triptych"])
def test_views(livematte: Callable[..., list[str]], view: str) -> None:
    livematte("person.mkv", *SHARP, "--view", view, "-b", "none" if view == "cutout" else "green", "-o", "x.mkv", "-o", "c.mkv")
    frame, picture = read(Path("x.mkv"))[-1], last("x.mkv")
    source = last("person.mkv")
    assert frame.size == (SIZE if view != "triptych" else (3 * SIZE[0], SIZE[1]))
    assert (frame.pha is not None) == (view == "cutout")
    if view == "alpha":
        assert picture[PERSON].min() > 250
        assert picture[WALL].max() < 5
    elif view == "triptych":
        middle = (slice(40, 84), slice(0, SIZE[0]))  # above the labels
        np.testing.assert_allclose(picture[middle], source[middle], atol=2)
        assert picture[:, SIZE[0] : 2 * SIZE[0]][40:84, :16].min() > 250  # white
        assert picture[:, 2 * SIZE[0] :][40:84, :16].max() < 5
    else:
        np.testing.assert_allclose(picture[PERSON], source[PERSON], atol=2)
    if view == "composite":
        assert picture[WALL][..., 1].mean() > picture[WALL][..., (0, 2)].mean() + 50


def test_a_picture_behind(livematte: Callable[..., list[str]], tmp_path: Path) -> None:
    picture = np.zeros((96, 128, 3), np.uint8)
    picture[:48] = (200, 60, 20)
    cv2.imwrite("beach.png", picture[..., ::-1])
    livematte("person.mkv", *SHARP, "-b", "beach.png", "-o", "x.mkv")
    for rows, colour in ((slice(4, 40), (200, 60, 20)), (slice(56, 92), (0, 0, 0))):
        np.testing.assert_allclose(last("x.mkv")[rows, :16].mean((0, 1)), colour, atol=3)


def test_a_looped_video_behind(livematte: Callable[..., list[str]], tmp_path: Path) -> None:
    media.clip(tmp_path / "sea.mkv", frames=2, size=SIZE, codec="ffv1", pixels="yuv444p", times=[0, 1], time_base=Fraction(1, 25))
    livematte("person.mkv", *SHARP, "-b", "sea.mkv", "-o", "x.mkv")
    luma = [frame.planes[0][WALL].astype(int) for frame in read(Path("x.mkv"))]
    steps = [int((later - first).mean().round()) for first, later in pairwise(luma)]
    assert steps == [1, -1, 1, -1, 1]  # each of the test picture's frames is one brighter than the one before


def test_blur_behind(livematte: Callable[..., list[str]]) -> None:
    livematte("person.mkv", *SHARP, "-b", "blur:10", "-o", "x.mkv")
    before, after = last("person.mkv")[WALL], last("x.mkv")[WALL]
    assert np.abs(np.diff(after, axis=0)).mean() < 0.7 * np.abs(np.diff(before, axis=0)).mean()


def test_edges_and_premultiplied_alpha(livematte: Callable[..., list[str]]) -> None:
    areas = {}
    for choke in ("0", "3", "-3"):
        livematte("person.mkv", *SHARP, "--choke", choke, "-o", "x.mkv", "-y")
        pha = read(Path("x.mkv"))[-1].pha
        assert pha is not None
        areas[choke] = float(pha.mean())
    assert areas["3"] < areas["0"] < areas["-3"]
    livematte("person.mkv", *SHARP, "--alpha", "premultiplied", "--feather", "4", "-o", "p.mkv")
    frame = read(Path("p.mkv"))[-1]
    assert frame.pha is not None
    assert ((frame.pha > 0) & (frame.pha < 1)).mean() > 0.05
    assert rgb(frame)[frame.pha == 0].max() <= 2  # black where there is nobody


@pytest.mark.parametrize(
    ("options", "first", "count"),
    [
        (("--start", "0.08", "--end", "0.16"), 2, 2),
        (("--start", "0:00.12"), 3, 3),
        (("--frames", "4"), 0, 4),
        (("--start", "0.04", "--frames", "2"), 1, 2),
    ],
)
def test_a_part_of_a_clip(livematte: Callable[..., list[str]], options: tuple[str, ...], first: int, count: int) -> None:
    livematte("person.mkv", *SMALL, *options, "-b", "green", "--view", "triptych", "-o", "x.mkv")
    frames, source = read(Path("x.mkv")), read(Path("person.mkv"))
    assert times(frames) == [Fraction(index, 25) for index in range(count)]
    left = (slice(40, 84), slice(0, SIZE[0]))
    np.testing.assert_allclose(rgb(frames[0])[left], rgb(source[first])[left], atol=2)


def test_sound_and_its_time_go_along(livematte: Callable[..., list[str]], tmp_path: Path) -> None:
    talk = media.clip(tmp_path / "talk.mp4", size=SIZE, audio=["eng", "spa"], subtitle="eng", chapters=True)
    livematte("talk.mp4", *SMALL, "-o", "a.mov", "-o", "b.webm")
    for track in (0, 1):
        assert packets(Path("a.mov"), "audio", track) == packets(talk, "audio", track)
        assert packets(Path("b.webm"), "audio", track)
    with av.open("a.mov") as file, av.open("talk.mp4") as source:
        assert [stream.language for stream in file.streams.audio] == [stream.language for stream in source.streams.audio]
        assert [chapter["metadata"]["title"] for chapter in file.chapters()] == ["first", "second"]
    assert times(read(Path("a.mov"))) == times(read(talk))


def test_a_variable_rate_is_kept(livematte: Callable[..., list[str]], tmp_path: Path) -> None:
    clip = media.clip(tmp_path / "vfr.mp4", size=SIZE, times=VFR, time_base=Fraction(1, 30000))
    livematte("vfr.mp4", *SMALL, "-o", "a.mov", "-o", "b.mp4", "-b", "green")
    assert times(read(Path("a.mov"))) == times(read(Path("b.mp4"))) == times(read(clip))


def test_a_phone_clip_comes_upright(livematte: Callable[..., list[str]], tmp_path: Path) -> None:
    media.clip(tmp_path / "phone.mp4", size=SIZE, orientation="clockwise")
    livematte("phone.mp4", *SMALL, "-o", "a.mov", "-o", "b.webm")
    assert stream_of(Path("a.mov"))["size"] == stream_of(Path("b.webm"))["size"] == (96, 128)
    with av.open("a.mov") as file:
        assert next(file.decode(video=0)).rotation == 0
