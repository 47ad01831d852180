"""What stands behind: colours, pictures, clips, blur."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from livematte.background import Blur, Clip, Picture, Solid, fitted, parse_colour
from livematte.colour import Colour
from livematte.errors import SettingsError, SourceError
from livematte.frame import Frame, Matte

MakeFrame = Callable[..., Frame]
FORMATS = ["yuv420p", "yuv420p10le", "yuv422p", "nv12", "p010le", "gbrp", "gray", "yuv411p"]


def nobody(frame: Frame) -> Matte:
    return Matte(np.zeros(frame.planes[0].shape, np.float32), frame)


def like(planes: tuple[np.ndarray, ...], frame: Frame) -> bool:
    return [(p.shape, p.dtype) for p in planes] == [(p.shape, p.dtype) for p in frame.planes]


@pytest.mark.parametrize(
    ("text", "rgb"),
    [("green", (0, 1, 0)), ("GREY", (128 / 255,) * 3), ("#f00", (1, 0, 0)), ("#0a14FF", (10 / 255, 20 / 255, 1)), (" white ", (1, 1, 1))],
)
def test_colours_by_name_and_by_number(text: str, rgb: tuple[float, float, float]) -> None:
    assert parse_colour(text) == rgb


@pytest.mark.parametrize("text", ["greeen", "#12345", "00ff00", ""])
def test_unknown_colour_lists_the_known(text: str) -> None:
    with pytest.raises(SettingsError, match=rf"got colour '{text}', wanted #rrggbb, #rgb or one of: black, blue,"):
        Solid(text)


@pytest.mark.parametrize("rgb", [(0, 128, 255), (0, -0.1, 1), (0.5, 0.5), (float("nan"), 0, 0)])
def test_a_colour_out_of_range_is_an_error(rgb: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="wanted three numbers from 0 to 1"):
        Solid(rgb)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", FORMATS)
def test_solid_looks_like_its_colour(make_frame: MakeFrame, name: str) -> None:
    frame = make_frame(name, (63, 47))
    planes = Solid("#408060").planes(frame, nobody(frame))
    assert like(planes, frame)
    seen = frame.with_planes(planes).rgb()[20, 20]
    wanted = parse_colour("#408060")
    if name == "gray":
        wanted = (seen[0],) * 3
        assert abs(seen[0] - 0.299 * 64 / 255 - 0.587 * 128 / 255 - 0.114 * 96 / 255) < 0.004
    np.testing.assert_allclose(seen, wanted, atol=2.2 / 224)  # half a code in each of Y, Cb, Cr


def test_solid_makes_its_planes_once(make_frame: MakeFrame) -> None:
    solid, frame = Solid((0.2, 0.4, 0.6)), make_frame()
    first = solid.planes(frame, nobody(frame))
    assert solid.planes(make_frame(pts=5, seed=3), nobody(frame)) is first
    wide = make_frame(colour=Colour(full_range=True))
    assert solid.planes(wide, nobody(wide))[0][0, 0] != first[0][0, 0]


@pytest.mark.parametrize("name", FORMATS)
def test_picture_fits_every_format(make_frame: MakeFrame, name: str) -> None:
    rgb = np.full((30, 30, 3), (64, 128, 128), np.uint8)
    frame = make_frame(name, (63, 47))
    planes = Picture(rgb).planes(frame, nobody(frame))
    assert like(planes, frame)
    if name != "gray":
        seen = frame.with_planes(planes).rgb()
        np.testing.assert_allclose(seen, np.broadcast_to(np.array([64, 128, 128]) / 255, seen.shape), atol=2.2 / 224)


def test_picture_covers_and_is_cropped_at_its_centre(make_frame: MakeFrame) -> None:
    rgb = np.zeros((48, 128, 3), np.uint8)
    rgb[:, 32:96] = 255  # the middle 64 columns are what a 64x48 frame shows
    rgb[0] = rgb[-1] = 100
    frame = make_frame("gbrp")
    for plane in Picture(rgb).planes(frame, nobody(frame)):
        np.testing.assert_array_equal(plane[1:-1], 255)
        np.testing.assert_array_equal(plane[[0, -1]], 100)


def test_picture_minds_sample_aspects(make_frame: MakeFrame) -> None:
    rgb = np.zeros((48, 64, 3), np.uint8)
    rgb[:, 16:48] = 255
    frame = replace(make_frame("gbrp"), sample_aspect=Fraction(1, 2))  # shown as 32x48: the picture's middle half
    np.testing.assert_array_equal(Picture(rgb).planes(frame, nobody(frame))[0], 255)


def test_transparent_picture_stands_on_black(make_frame: MakeFrame) -> None:
    clear = np.zeros((48, 64), np.float32)
    clear[:24] = 1
    frame = make_frame("gbrp")
    picture = frame.with_planes(tuple(np.full_like(p, 200) for p in frame.planes), pha=clear)
    plane = Picture(picture).planes(frame, nobody(frame))[0]
    assert (plane[:24] == 200).all()
    assert (plane[24:] == 0).all()


def test_picture_of_another_kind_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"got a picture of \(4, 4\) float64, wanted \(height, width, 3\) uint8"):
        Picture(np.zeros((4, 4)))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", FORMATS)
def test_alike_pictures_of_one_size_are_taken_as_they_are(make_frame: MakeFrame, name: str) -> None:
    frame, other = make_frame(name, (63, 47)), make_frame(name, (63, 47), seed=1)
    for got, plane in zip(fitted(other, frame), other.planes, strict=True):
        np.testing.assert_array_equal(got, plane)


@pytest.mark.parametrize(
    "change",
    [Colour(matrix=1), Colour(matrix=6, full_range=True), Colour(1, 16, 6, False)],
    ids=["matrix", "range", "transfer"],
)
def test_pictures_of_other_colours_are_converted(make_frame: MakeFrame, change: Colour) -> None:
    frame = make_frame("yuv444p", colour=Colour(1, 1, 6, False))
    other = make_frame("yuv444p", colour=change)
    flat = other.with_planes(tuple(np.full_like(p, c) for p, c in zip(other.planes, (120, 110, 150), strict=True)))
    got = frame.with_planes(fitted(flat, frame))
    assert any((a != b).any() for a, b in zip(got.planes, flat.planes, strict=True))
    np.testing.assert_allclose(got.rgb(), flat.rgb(), atol=2.2 / 224)


def test_untagged_picture_keeps_the_matrix_of_its_whole_height(make_frame: MakeFrame) -> None:
    tall = make_frame("yuv444p", (64, 720))  # untagged and 720 rows: BT.709, though the part shown has 48
    flat = tall.with_planes(tuple(np.full_like(p, c) for p, c in zip(tall.planes, (120, 90, 160), strict=True)))
    frame = make_frame("yuv444p")
    np.testing.assert_allclose(frame.with_planes(fitted(flat, frame)).rgb()[0, 0], flat.rgb()[0, 0], atol=2.2 / 224)


@pytest.mark.parametrize("name", ["yuv420p", "nv12", "p010le", "yuv411p"])
def test_crops_begin_on_chroma_samples(make_frame: MakeFrame, name: str) -> None:
    wide = make_frame(name, (101, 48))
    planes = list(wide.planes)
    across = wide.format.sub[0]
    ramp = np.arange(101) + 60
    planes[0] = np.broadcast_to(ramp << (wide.format.bits - 8) << wide.format.shift, (48, 101)).astype(wide.format.dtype)
    frame = make_frame(name)
    luma = fitted(wide.with_planes(tuple(planes)), frame)[0] >> frame.format.shift >> (frame.format.bits - 8)
    assert (luma[0, 0] - 60) % across == 0
    assert abs(int(luma[0, 0]) - 60 - (101 - 64) // 2) < across
    assert like(fitted(wide, frame), frame)


class Reel:
    """A source that tells how often it was opened and closed."""

    def __init__(self, frames: list[Frame]) -> None:
        self.frames, self.opened, self.closed = frames, 0, 0

    def __call__(self) -> Reel:
        self.opened += 1
        return self

    def __iter__(self) -> Iterator[Frame]:
        return iter(self.frames)

    def close(self) -> None:
        self.closed += 1


def reel(make_frame: MakeFrame, pts: list[int], base: Fraction = Fraction(1, 30), duration: int = 1) -> Reel:
    """Frames whose luma tells which one they are."""
    plain = make_frame()
    frames = []
    for i, at in enumerate(pts):
        planes = (np.full_like(plain.planes[0], i), *plain.planes[1:])
        frames.append(replace(plain.with_planes(planes), pts=at, time_base=base, duration=duration))
    return Reel(frames)


def shown(clip: Clip, make_frame: MakeFrame, pts: list[int], base: Fraction = Fraction(1, 30)) -> list[int]:
    frames = [replace(make_frame(), pts=at, time_base=base) for at in pts]
    return [int(clip.planes(frame, nobody(frame))[0][0, 0]) for frame in frames]


def test_clip_of_the_same_rate_goes_along_frame_by_frame_and_loops(make_frame: MakeFrame) -> None:
    source = reel(make_frame, [0, 1, 2])
    clip = Clip(source)
    assert shown(clip, make_frame, list(range(8))) == [0, 1, 2, 0, 1, 2, 0, 1]
    assert (source.opened, source.closed) == (3, 2)
    clip.close()
    assert source.closed == 3


def test_clip_goes_by_time_not_by_count(make_frame: MakeFrame) -> None:
    assert (
        shown(Clip(reel(make_frame, [0, 1, 2], Fraction(1, 10))), make_frame, list(range(0, 12))) == [0] * 3 + [1] * 3 + [2] * 3 + [0] * 3
    )
    assert shown(Clip(reel(make_frame, [0, 1, 5], Fraction(1, 30))), make_frame, list(range(8))) == [0, 1, 1, 1, 1, 2, 0, 1]  # VFR
    assert shown(Clip(reel(make_frame, list(range(6)), Fraction(1, 60))), make_frame, [0, 1, 2, 3]) == [0, 2, 4, 0]


def test_clip_begins_with_the_first_frame_whatever_either_starts_at(make_frame: MakeFrame) -> None:
    assert shown(Clip(reel(make_frame, [100, 101, 102])), make_frame, [7000, 7001, 7002, 7003]) == [0, 1, 2, 0]


def test_clip_catches_up_after_a_gap_of_many_loops_and_a_jump_back(make_frame: MakeFrame) -> None:
    assert shown(Clip(reel(make_frame, [0, 1, 2])), make_frame, [0, 301, 1, 0, 5]) == [0, 1, 1, 0, 2]


def test_clip_stays_in_step_when_times_are_in_milliseconds(make_frame: MakeFrame) -> None:
    milliseconds = [round(i * 1001 / 30) for i in range(30)]
    clip = Clip(reel(make_frame, [i * 1001 for i in range(40)], Fraction(1, 30000), 1001))
    assert shown(clip, make_frame, milliseconds, Fraction(1, 1000)) == list(range(30))
    clip = Clip(reel(make_frame, milliseconds, Fraction(1, 1000), 33))
    assert shown(clip, make_frame, [i * 1001 for i in range(30)], Fraction(1, 30000)) == list(range(30))


def test_clip_converts_each_of_its_frames_once(make_frame: MakeFrame) -> None:
    clip, frame = Clip(reel(make_frame, [0, 1], Fraction(1, 10))), make_frame(size=(32, 24))
    first = clip.planes(replace(frame, pts=0), nobody(frame))
    assert clip.planes(replace(frame, pts=1), nobody(frame)) is first
    assert like(first, frame)


def test_clip_of_one_picture_stays(make_frame: MakeFrame) -> None:
    assert shown(Clip(reel(make_frame, [0], duration=0)), make_frame, [0, 1, 50, 500]) == [0] * 4


def test_clip_without_frames_is_an_error(make_frame: MakeFrame) -> None:
    with pytest.raises(SourceError, match="got a background video without frames"):
        shown(Clip(list), make_frame, [0])


def room(make_frame: MakeFrame, name: str, size: tuple[int, int], dark: int, bright: int) -> tuple[Frame, Matte]:
    """A bright person, with a soft edge, in a dark room."""
    frame = make_frame(name, size)
    y, x = np.mgrid[: size[1], : size[0]].astype(np.float32)
    pha = np.clip(size[1] / 4 - np.hypot(x - size[0] / 2, y - size[1] / 2) / 1.0, 0, 3) / 3
    fmt = frame.format
    luma = np.round(dark + (bright - dark) * pha).astype(int) << (fmt.bits - 8) << fmt.shift
    planes = tuple(
        luma.astype(fmt.dtype) if i == 0 else np.full_like(p, 128 << (fmt.bits - 8) << fmt.shift) for i, p in enumerate(frame.planes)
    )
    frame = frame.with_planes(planes)
    return frame, Matte(pha.astype(np.float32), frame)


@pytest.mark.parametrize("name", ["yuv420p", "yuv420p10le", "nv12", "p010le", "gray"])
@pytest.mark.parametrize("size", [(64, 48), (320, 241), (853, 480)])
def test_blur_has_no_halo(make_frame: MakeFrame, name: str, size: tuple[int, int]) -> None:
    frame, matte = room(make_frame, name, size, 40, 220)
    planes = Blur().planes(frame, matte)
    assert like(planes, frame)
    luma = planes[0] >> frame.format.shift >> (frame.format.bits - 8)
    # A sample counts up to alpha 0.1, where the person adds 18 levels, weighed by what is left of its weight: a few levels at the rim.
    assert luma.min() >= 39
    assert luma.max() <= 46


@pytest.mark.parametrize("strength", [0.5, 4, 50])
def test_blur_of_an_even_room_is_the_room(make_frame: MakeFrame, strength: float) -> None:
    frame = make_frame("yuv420p10le", (63, 47))
    flat = frame.with_planes(tuple(np.full_like(p, c) for p, c in zip(frame.planes, (300, 500, 520), strict=True)))
    pha = np.zeros((47, 63), np.float32)
    pha[10:40, 20:50] = 1
    for plane, code in zip(Blur(strength).planes(flat, Matte(pha, flat)), (300, 500, 520), strict=True):
        np.testing.assert_array_equal(plane, code)


def test_blur_hides_what_can_be_read(make_frame: MakeFrame) -> None:
    frame = make_frame(size=(320, 240))
    stripes = np.where(np.arange(320) // 4 % 2, 235, 16).astype(np.uint8)  # letters of some 24 rows' height
    frame = frame.with_planes((np.broadcast_to(stripes, (240, 320)), *frame.planes[1:]))
    luma = Blur().planes(frame, nobody(frame))[0].astype(int)
    assert luma[:, 40:-40].max() - luma[:, 40:-40].min() < 12  # of 219


def test_blur_looks_the_same_at_any_size(make_frame: MakeFrame) -> None:
    looks = []
    for size in ((160, 120), (640, 480)):
        frame = make_frame(size=size)
        step = np.where(np.arange(size[0]) < size[0] // 2, 40, 200).astype(np.uint8)
        frame = frame.with_planes((np.broadcast_to(step, size[::-1]), *frame.planes[1:]))
        luma = Blur().planes(frame, nobody(frame))[0]
        looks.append(luma[size[1] // 2, :: size[0] // 16].astype(int))
    assert np.abs(looks[0] - looks[1]).max() <= 8  # of a step of 160: the coarse grids lie half a cell apart


def test_blur_with_no_room_in_sight_is_black(make_frame: MakeFrame) -> None:
    frame = make_frame("gbrp")
    for plane in Blur().planes(frame, Matte(np.ones((48, 64), np.float32), frame)):
        assert not plane.any()


@pytest.mark.parametrize("strength", [0, -1, 51, float("nan")])
def test_blur_of_a_wrong_strength_is_an_error(strength: float) -> None:
    with pytest.raises(SettingsError, match="wanted more than 0 and at most 50"):
        Blur(strength)
