"""How the person is put before what stands behind, and backgrounds that outlast their files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import media
import numpy as np
import pytest
from live_world import PERSON, RED, ROOM, Keyer, room_with_person

from livematte.background import Blur, Clip, Picture, Solid
from livematte.composite import composite
from livematte.errors import SettingsError, SourceError
from livematte.frame import Frame, Matte
from livematte.live import stand_in
from livematte.look import Lasting, Look, close_background, open_background, parse_background

WHITE = 235


def matte_of(frame: Frame) -> Matte:
    return Keyer().step(frame)


@pytest.mark.parametrize(
    ("spec", "kind"), [("blur", Blur), ("blur:3", Blur), ("green", Solid), ("#0f0", Solid), ("#102030", Solid), ("none", type(None))]
)
def test_words_are_backgrounds_without_a_file(spec: str, kind: type) -> None:
    assert isinstance(parse_background(spec), kind)
    assert isinstance(open_background(spec), kind)


@pytest.mark.parametrize("spec", ["beach.jpg", "folder/clip", "rtsp://host/live", "./green"])
def test_names_of_files_and_addresses_are_left_to_be_opened(spec: str) -> None:
    assert parse_background(spec) == spec


def test_a_file_that_is_there_comes_before_a_colour(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "green").touch()
    assert parse_background("green") == "green"


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("greenish", r"--background: got colour 'greenish', wanted #rrggbb, #rgb or one of: .*; or none, blur, a picture, a video"),
        ("#12", r"--background: got colour '#12'"),
        ("blur:", r"--background: got 'blur:', wanted blur or blur:STRENGTH, percent of the picture's height"),
        ("blur:51", r"got blur 51, wanted more than 0 and at most 50"),
    ],
)
def test_words_that_are_no_background(spec: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        parse_background(spec)


def test_pictures_and_clips_are_told_apart(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "still.png"), np.zeros((24, 32, 3), np.uint8))
    media.clip(tmp_path / "clip.mp4", frames=3, size=(32, 24))
    assert isinstance(open_background(str(tmp_path / "still.png")), Picture)
    clip = open_background(str(tmp_path / "clip.mp4"))
    assert isinstance(clip, Clip)
    close_background(clip)


def test_files_without_a_picture(tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("no picture")
    for name in ("text.png", "nowhere.png"):
        with pytest.raises(SourceError, match=f"background: .*{name}"):
            open_background(str(tmp_path / name))


@pytest.mark.parametrize("name", ["yuv420p", "nv12", "yuv422p10le", "gray", "gbrp"])
def test_a_mirror_turns_the_person_and_not_the_background(make_frame: Callable[..., Frame], name: str) -> None:
    frame = make_frame(name, (32, 24))
    pha = np.zeros((24, 32), np.float32)
    pha[:, 4:12] = 1
    stripes = np.zeros((24, 32, 3), np.uint8)
    stripes[:, 16:] = 255
    plain, mirror = Look(Picture(stripes)), Look(Picture(stripes), mirror=True)
    turned = mirror.view("composite", *mirror.shaped(frame, Matte(pha, frame)))
    straight = plain.view("composite", *plain.shaped(frame, Matte(pha, frame)))
    np.testing.assert_array_equal(turned.planes[0][:, 20:28], frame.planes[0][:, 4:12][:, ::-1])
    np.testing.assert_array_equal(straight.planes[0][:, 4:12], frame.planes[0][:, 4:12])
    np.testing.assert_array_equal(turned.planes[0][:, :16], Look(Picture(stripes)).background.planes(frame, Matte(pha, frame))[0][:, :16])  # type: ignore[union-attr]


def test_mirrored_twice_is_as_before(make_frame: Callable[..., Frame]) -> None:
    frame = make_frame("yuv420p", (64, 48))
    look = Look(mirror=True)
    pha = np.random.default_rng(1).random((48, 64), np.float32)
    again = look.shaped(*look.shaped(frame, Matte(pha, frame)))
    np.testing.assert_array_equal(again[1].pha, pha)
    for plane, back, fgr in zip(frame.planes, again[0].planes, again[1].fgr.planes, strict=True):
        np.testing.assert_array_equal(plane, back)
        np.testing.assert_array_equal(plane, fgr)


def test_a_mirror_of_an_odd_width_shows_nothing_more_of_the_room() -> None:
    """Chroma samples that cover two columns of luma are not the same two in a mirror where the width is odd."""
    frame = room_with_person((37, 24), at=8)
    assert set(frame.planes[0][-1, 8:20]) == {PERSON}
    for mirror in (False, True):
        look = Look(Solid("#808080"), mirror=mirror)
        shown = look.view("composite", *look.shaped(frame, matte_of(frame)))
        red = float(shown.planes[2].max()) - 128
        assert red < 0.3 * (RED - 128), f"{mirror = }"


def test_without_a_mirror_and_edges_nothing_is_copied() -> None:
    frame = room_with_person()
    matte = matte_of(frame)
    assert Look().shaped(frame, matte) == (frame, matte)


def test_edges_are_shaped_as_the_look_wants() -> None:
    frame = room_with_person()
    matte = matte_of(frame)
    choked, feathered = Look(choke=1.0).shaped(frame, matte)[1], Look(feather=2.0).shaped(frame, matte)[1]
    assert choked.pha.sum() < matte.pha.sum()
    assert ((feathered.pha > 0.1) & (feathered.pha < 0.9)).any()


def test_premultiplied_is_for_cutouts() -> None:
    frame = room_with_person()
    straight, pre = (Look(premultiplied=pre) for pre in (False, True))
    assert straight.view("cutout", frame, matte_of(frame)).planes[0].min() > PERSON - 20
    assert pre.view("cutout", frame, matte_of(frame)).planes[0].min() == 16


def test_a_look_without_light_wrap_and_match_leaves_every_bit() -> None:
    frame = room_with_person((64, 48))
    matte, white = matte_of(frame), Solid("white")
    for one, other in zip(Look(white).view("auto", frame, matte).planes, composite(frame, matte, white).planes, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("view", ["composite", "auto"])
def test_light_wrap_and_match_are_seen_in_the_composite(view: str) -> None:
    frame = room_with_person((64, 48))
    matte = matte_of(frame)
    for look in (Look(Solid("black"), light_wrap=1), Look(Solid("black"), match=1)):
        shown = look.view(view, frame, matte).planes[0]
        assert (shown[matte.pha == 1] < PERSON).any()
        np.testing.assert_array_equal(shown[matte.pha == 0], 16)


@pytest.mark.parametrize("view", ["cutout", "alpha", "foreground", "triptych"])
def test_light_wrap_and_match_belong_to_a_background_only(view: str) -> None:
    frame = room_with_person((64, 48))
    plain, belongs = (Look(Solid("white"), **amounts) for amounts in ({"match": 0.0}, {"light_wrap": 1.0, "match": 1.0}))
    for one, other in zip(plain.view(view, frame, matte_of(frame)).planes, belongs.view(view, frame, matte_of(frame)).planes, strict=True):
        np.testing.assert_array_equal(one, other)


def test_several_outputs_of_a_frame_count_as_one() -> None:
    """What is asked for twice is the same twice: no time passes between."""
    look = Look(Solid("white"), match=1)
    for pts in range(0, 400, 40):
        frame = replace(room_with_person((64, 48)), pts=pts)
        one, other = (look.view("composite", frame, matte_of(frame)).planes[0] for _ in range(2))
        np.testing.assert_array_equal(one, other)


def test_a_scene_that_starts_is_matched_at_once() -> None:
    behind = iter([Solid("black"), *3 * [Solid("white")]])

    class Turns:
        def planes(self, frame: Frame, matte: Matte) -> Any:
            return next(behind).planes(frame, matte)

    look, frames = Look(Turns(), match=1), [replace(room_with_person((64, 48)), pts=pts) for pts in (0, 40, 80)]
    dark, drawn = (look.view("composite", frame, matte_of(frame)).planes[0] for frame in frames[:2])
    look.reset()
    bright = look.view("composite", frames[2], matte_of(frames[2])).planes[0]
    sure = matte_of(frames[0]).pha == 1
    assert dark[sure].mean() < PERSON - 10
    assert abs(drawn[sure].mean() - dark[sure].mean()) < 3
    np.testing.assert_array_equal(bright[sure], PERSON)


@pytest.mark.parametrize("amounts", [{"light_wrap": 2.0}, {"match": -1.0}])
def test_amounts_out_of_range_are_told(amounts: dict[str, float]) -> None:
    with pytest.raises(SettingsError, match=r"wanted 0 \(off\) to 1"):
        Look(Solid("white"), **amounts)


def test_looks_of_the_same_settings_are_equal() -> None:
    white = Solid("white")
    assert Look(white, match=0.5) == Look(white, match=0.5)
    assert Look(white, match=0.5) != Look(white)


class Breaks:
    """A background that gives planes of one level, and breaks at the n-th."""

    def __init__(self, at: int, error: Exception | None = None) -> None:
        self.at, self.asked, self.closed = at, 0, 0
        self.error = error or SourceError("the file is gone")

    def planes(self, frame: Frame, matte: Matte) -> Any:
        self.asked += 1
        if self.asked >= self.at:
            raise self.error
        return tuple(np.full_like(plane, 90) for plane in frame.planes)

    def close(self) -> None:
        self.closed += 1


def lasting(background: Any, monkeypatch: pytest.MonkeyPatch) -> tuple[Lasting, list[str]]:
    told: list[str] = []
    last = Lasting(background, told.append)
    monkeypatch.setattr(Lasting, "moves", True)
    return last, told


def test_of_a_background_that_broke_the_last_picture_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    breaks = Breaks(3)
    last, told = lasting(breaks, monkeypatch)
    frame = room_with_person()
    for _ in range(6):
        assert {int(p.min()) for p in last.planes(frame, matte_of(frame))} == {90}
    assert told == ["the background broke: the file is gone; its last picture stays"]
    assert breaks.asked == 3
    last.close()
    assert breaks.closed == 1


@pytest.mark.parametrize("name", ["yuv420p", "nv12", "yuv422p10le", "gbrp", "gray"])
@pytest.mark.parametrize("size", [(32, 24), (64, 48)])
def test_it_stays_also_for_frames_of_other_kinds(
    make_frame: Callable[..., Frame], monkeypatch: pytest.MonkeyPatch, name: str, size: tuple[int, int]
) -> None:
    last, _ = lasting(Breaks(2), monkeypatch)
    last.planes(room_with_person(), matte_of(room_with_person()))
    frame = make_frame(name, size)
    planes = last.planes(frame, Matte(np.zeros(size[::-1], np.float32), frame))
    assert [(p.shape, p.dtype) for p in planes] == [(p.shape, p.dtype) for p in frame.planes]


def test_a_background_that_broke_at_once_is_grey(monkeypatch: pytest.MonkeyPatch) -> None:
    last, told = lasting(Breaks(1), monkeypatch)
    frame = room_with_person()
    planes = last.planes(frame, matte_of(frame))
    grey = replace(frame, planes=planes).rgb()
    assert float(np.abs(grey - stand_in._NEUTRAL).max()) < 0.01
    assert len(told) == 1


def test_what_was_blurred_of_one_frame_is_never_shown_in_another(monkeypatch: pytest.MonkeyPatch) -> None:
    """A blur is made of the room: nothing of it may be kept."""
    last = Lasting(Blur(), lambda text: None)
    frame = room_with_person()
    last.planes(frame, matte_of(frame))
    assert last._last is None
    assert not last.moves


def test_a_clip_that_vanishes_stays(tmp_path: Path) -> None:
    told: list[str] = []
    path = media.clip(tmp_path / "clip.mp4", frames=4, size=(32, 24))
    background = open_background(str(path))
    assert background is not None
    last = Lasting(background, told.append)
    assert last.moves
    frame = replace(room_with_person(), time_base=Fraction(1, 10))
    shown = [last.planes(replace(frame, pts=0), matte_of(frame))]
    path.unlink()
    shown += [last.planes(replace(frame, pts=pts), matte_of(frame)) for pts in range(1, 40)]
    assert len(told) == 1
    assert told[0].startswith("the background broke: there is no ")
    np.testing.assert_array_equal(shown[-1][0], shown[-2][0])
    assert not any((planes[0] == ROOM).all() for planes in shown)
    last.close()


def test_a_clip_is_not_searched_when_time_jumps() -> None:
    """Stand-ins have the present time, frames that of their capture, some moments before; and for hours nobody may have watched. Neither
    is a reason to begin the clip anew, or to decode what nobody saw."""
    opened, read = [0], [0]

    def frames() -> Iterator[Frame]:
        opened[0] += 1
        for i in range(100_000):
            read[0] += 1
            yield replace(room_with_person(), pts=40 * i)

    last = Lasting(Clip(frames), lambda text: None)
    frame = replace(room_with_person(), time_base=Fraction(1, 1000))
    for pts in (*range(0, 2000, 40), 1900, 1940, 1980, 2020, 3_600_000, 3_600_040, 3_599_900, 3_600_080):
        last.planes(replace(frame, pts=pts), matte_of(frame))
    assert opened == [1]
    assert read[0] < 200
