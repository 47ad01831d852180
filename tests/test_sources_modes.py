"""Which of a camera's settings to ask for, and what to tell of what it refuses: by tables of what cameras have."""

from __future__ import annotations

from fractions import Fraction

import pytest

from livematte.errors import SourceError
from livematte.frame import Size
from livematte.sources.base import ANYTHING, Wish
from livematte.sources.modes import Choice, Mode, choose, listed, refusal

VGA, HD, FULL = (640, 480), (1280, 720), (1920, 1080)


def mode(pixels: str, size: Size, *rates: float) -> Mode:
    return Mode(pixels, size, tuple(Fraction(str(rate)) for rate in rates))


WEBCAM = [
    mode("yuyv422", VGA, 15, 30),
    mode("yuyv422", HD, 5, 10),
    mode("yuyv422", FULL, 5),
    mode("mjpeg", VGA, 30, 60),
    mode("mjpeg", HD, 15, 30, 60),
    mode("mjpeg", FULL, 30),
]
OLD = [mode("yuyv422", VGA, 30), mode("yuyv422", HD, 10)]


@pytest.mark.parametrize(
    ("modes", "wish", "pixels", "size", "rate"),
    [
        (WEBCAM, ANYTHING, "mjpeg", HD, 30),
        (WEBCAM, Wish(FULL), "mjpeg", FULL, 30),  # the trap: raw, it has 5 there
        (WEBCAM, Wish(FULL, pixels="yuyv422"), "yuyv422", FULL, 5),
        (WEBCAM, Wish(VGA), "yuyv422", VGA, 30),  # native planes where they are fast enough
        (WEBCAM, Wish(VGA, Fraction(60)), "mjpeg", VGA, 60),
        (WEBCAM, Wish(rate=Fraction(10)), "yuyv422", HD, 10),
        (WEBCAM, Wish((1300, 700)), "mjpeg", HD, 30),
        (WEBCAM, Wish(pixels="MJPG"), "mjpeg", HD, 30),
        (OLD, ANYTHING, "yuyv422", VGA, 30),  # nobody asked for 720p: 30 frames a second matter more
        (OLD, Wish(HD), "yuyv422", HD, 10),  # somebody did
        ([mode("yuyv422", HD, 29.97), mode("mjpeg", HD, 60)], Wish(HD, Fraction(30)), "yuyv422", HD, 29.97),
        ([mode("nv12", HD, 25), mode("mjpeg", HD, 30)], ANYTHING, "nv12", HD, 25),
        ([mode("h264", HD, 30), mode("mjpeg", HD, 30)], ANYTHING, "mjpeg", HD, 30),
        ([mode("h264", HD, 30), mode("mjpeg", HD, 10)], ANYTHING, "h264", HD, 30),
        ([mode("gray", HD, 30), mode("mjpeg", VGA, 15)], ANYTHING, "mjpeg", VGA, 15),
        ([mode("gray", VGA, 30)], ANYTHING, "gray", VGA, 30),
    ],
)
def test_the_choice(modes: list[Mode], wish: Wish, pixels: str, size: Size, rate: float) -> None:
    assert choose(modes, wish, name="C") == Choice(pixels, size, Fraction(str(rate)))


def test_a_driver_that_tells_no_rate_is_left_alone() -> None:
    assert choose([mode("yuyv422", HD)], ANYTHING, name="C") == Choice("yuyv422", HD, None)


def test_a_pixel_format_that_is_not_there() -> None:
    with pytest.raises(SourceError, match="camera C has no nv12; wanted --pixel-format yuyv422 or mjpeg"):
        choose(WEBCAM, Wish(pixels="nv12"), name="C")


def test_a_camera_that_only_speaks_what_nobody_knows() -> None:
    with pytest.raises(SourceError, match="camera C has no format that can be read"):
        choose([], ANYTHING, name="C")


def told(modes: list[Mode], wish: Wish) -> str | None:
    return refusal(choose(modes, wish, name="C"), modes, wish)


@pytest.mark.parametrize(
    "wish", [ANYTHING, Wish(VGA), Wish(FULL, Fraction(30)), Wish(rate=Fraction("59.94")), Wish(FULL, Fraction(5), "yuyv422")]
)
def test_nothing_is_told_where_the_wish_is_met(wish: Wish) -> None:
    assert told(WEBCAM, wish) is None


def test_a_slow_format_is_told_with_the_fast_one() -> None:
    assert told(WEBCAM, Wish(FULL, pixels="yuyv422")) == (
        "the camera gives 1920x1080 at 5 frames a second as yuyv422 instead of 30 frames a second; "
        "it has 30 as mjpeg: try --pixel-format mjpeg"
    )


def test_a_slow_size_is_told_with_the_next_fast_one() -> None:
    assert told(OLD, Wish(HD)) == (
        "the camera gives 1280x720 at 10 frames a second as yuyv422 instead of 30 frames a second; it has 30 at 640x480: try --size 640x480"
    )


def test_a_size_it_has_not() -> None:
    assert told(WEBCAM, Wish((1300, 700))) == (
        "the camera gives 1280x720 at 30 frames a second as mjpeg instead of 1300x700; `livematte devices` lists its sizes"
    )


def test_size_and_rate_it_has_not() -> None:
    text = told(OLD, Wish(FULL, Fraction(60)))
    assert text == "the camera gives 1280x720 at 10 frames a second as yuyv422 instead of 1920x1080 at 60 frames a second"


def test_the_list_for_people() -> None:
    assert listed(WEBCAM) == [
        "yuyv422  1920x1080 @ 5, 1280x720 @ 10, 640x480 @ 30",
        "mjpeg    1920x1080 @ 30, 1280x720 @ 60, 640x480 @ 60",
    ]


def test_a_long_list_is_cut() -> None:
    (line,) = listed([mode("mjpeg", (16 * n, 9 * n), 30) for n in range(1, 12)])
    assert line.startswith("mjpeg    176x99 @ 30, ")
    assert line.endswith(", 64x36 @ 30, and 3 smaller")
