"""Props: a desk and a microphone stay beside people while the picture shows them, and are gone when it does not."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from props_scenes import RATE, SIZE, Shot, composed, cutout, desk, mask, microphone, shot
from scenes import frame_of, room

from livematte.errors import SettingsError
from livematte.frame import Frame, Matte
from livematte.props import Box, Boxes, Props, parse_props

Array = NDArray[np.float32]
BOXES = "0,77,100,23;68,43,18,40"
SMALL = (320, 180)


class Run:
    """Shots through Props. mattes, and what was told by then; off: the mean difference of alpha from what it should be, x 1e3."""

    def __init__(self, what: Frame | Boxes, shots: Iterable[Shot], *, live: bool = False) -> None:
        self.told: list[str] = []
        self.props = Props(what, live=live, tell=self.told.append)
        self.mattes, self.off, self.shots = [], [], []
        for each in shots:
            matte = self.props.step(each.frame, each.matte)
            self.shots.append(each)
            self.mattes.append(matte)
            self.off.append(1e3 * float(np.abs(matte.pha - each.both).mean()))

    def seen(self, index: int, props: Array) -> float:
        """The most alpha that is shown where nobody is, in the inner of these props."""
        inner = (cv2.erode(props, np.ones((7, 7))) > 0.99) & (self.shots[index].people == 0)
        return float(self.mattes[index].pha[inner].max())


# what is given


@pytest.mark.parametrize(
    ("spec", "boxes"),
    [
        ("5,60,30,40", (Box(5, 60, 30, 40),)),
        ("5,60,30,40;80,20.5,10,60", (Box(5, 60, 30, 40), Box(80, 20.5, 10, 60))),
        (" 0, 0, 100, 100 ", (Box(0, 0, 100, 100),)),
        ("chair.png", Path("chair.png")),
        ("2024/5,6.png", Path("2024/5,6.png")),
    ],
)
def test_boxes_and_pictures_are_told_apart(spec: str, boxes: Boxes | Path) -> None:
    assert parse_props(spec) == boxes


@pytest.mark.parametrize(
    "spec", ["5,60,30", "5,60,30,", "5,60,80,50", "-5,60,30,40", "101,0,1,1", "5,60,0,40", "5,60,30,40;", "1-2,3,4,5", "5,60,30,0.5"]
)
def test_boxes_that_are_none_are_told(spec: str) -> None:
    with pytest.raises(SettingsError, match=r"--props: got .*, wanted X,Y,W,H in percent of the picture: X and Y from 0, W and H from 1"):
        parse_props(spec)


def test_a_photograph_is_no_props_plate() -> None:
    with pytest.raises(SettingsError, match=r"--props: got a photograph, of which nothing is transparent; wanted a picture .* or a mask"):
        Props(frame_of(room(SMALL, seed=3), "gbrp"))


@pytest.mark.parametrize(
    ("pha", "value", "message"),
    [
        (0.0, 0.5, "the picture shows none, it is transparent all over"),
        (0.9, 0.5, "the picture is opaque all over"),
        (None, 0.0, "the picture shows none, it is black all over"),
        (None, 1.0, "the picture is white all over"),
    ],
)
def test_a_picture_that_shows_no_props_is_told(pha: float | None, value: float, message: str) -> None:
    picture = frame_of(np.full((18, 32, 3), value, np.float32), "gbrp")
    if pha is not None:
        picture = replace(picture, pha=np.full((18, 32), pha, np.float32))
    with pytest.raises(SettingsError, match=f"--props: {message}; wanted"):
        Props(picture)


def test_a_mask_may_be_soft_and_have_been_a_jpeg() -> None:
    rgb = mask(SMALL).rgb()
    done, data = cv2.imencode(".jpg", (rgb * 255).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, 85])
    assert done
    decoded = cv2.imdecode(data, cv2.IMREAD_COLOR)
    assert decoded is not None
    first = shot(0, size=SMALL)
    matte = Props(frame_of(decoded.astype(np.float32) / 255, "gbrp")).step(first.frame, first.matte)
    assert np.abs(matte.pha - first.both).mean() < 2e-3


def test_a_picture_of_another_shape_is_told_before_or_with_the_first_frame() -> None:
    props = Props(mask((200, 200)))
    first = shot(0, size=SMALL)
    message = r"--props: got a picture of 200x200, wanted the shape of the frames, 320x180\nTake it with"
    with pytest.raises(SettingsError, match=message):
        props.check(SMALL)
    with pytest.raises(SettingsError, match=message):
        props.step(first.frame, first.matte)
    props.check((400, 300), Fraction(3, 4))  # pixels that are narrower than high
    Props(parse_props(BOXES)).check(SMALL)


# what is kept


# A mask's grey steps are stretched by a little, which is 0.5; a box's outline is as sharp as GrabCut finds it, of a picture of 512 pixels.
@pytest.mark.parametrize(("what", "off"), [(cutout(), 0.2), (mask(), 0.7), (parse_props(BOXES), 3.0)], ids=["cutout", "mask", "boxes"])
def test_props_are_kept_while_a_person_moves_behind_and_before_them(what: Frame | Boxes, off: float) -> None:
    run = Run(what, (shot(i, shift=8 * i - 20) for i in range(16)))  # behind the desk, and at the end before the microphone
    without = [1e3 * float(np.abs(s.people - s.both).mean()) for s in run.shots]
    assert min(without) > 150
    assert max(run.off) < off
    assert not run.told


@pytest.mark.parametrize("size", [(320, 180), (321, 181), (960, 540)])
@pytest.mark.parametrize("name", ["nv12", "yuv420p10le", "gbrp", "gray", "yuv422p", "p010le"])
def test_every_format_and_size(name: str, size: tuple[int, int]) -> None:
    run = Run(cutout(size), (shot(i, size=size, name=name) for i in range(2)))
    assert max(run.off) < 1.0
    for each, matte in zip(run.shots, run.mattes, strict=True):
        assert matte.pha.dtype == np.float32
        assert matte.fgr.format == each.frame.format
        assert matte.sizes == (size, size)


def test_a_plate_of_another_size_is_resized() -> None:
    run = Run(cutout((960, 540)), (shot(i) for i in range(3)))
    assert max(run.off) < 1.5  # of which the plate's own edges, drawn anew, are the most


def test_props_show_the_frames_own_samples_and_people_keep_their_colour() -> None:
    each = shot(0, shift=40, behind=())  # before the desk: its soft edge lies on it
    wrong = each.frame.with_planes(tuple(np.full_like(plane, 77) for plane in each.frame.planes))
    matte = Props(cutout()).step(each.frame, Matte(each.people, wrong))
    inner = cv2.erode(desk().pha, np.ones((7, 7))) > 0.99
    mixed = inner & (each.people > 0) & (each.people < 1)
    assert mixed.sum() > 100
    assert (matte.fgr.planes[0][mixed] == each.frame.planes[0][mixed]).all()
    away = (each.props == 0) & (each.people > 0) & (each.people < 1)
    away[:, :] &= cv2.dilate(each.props, np.ones((9, 9))) == 0
    assert (matte.fgr.planes[0][away] == 77).all()
    assert all((plane == 77).all() for plane in wrong.planes), "the matte that came in is as it was"


def test_a_trace_of_a_persons_alpha_does_not_colour_props() -> None:
    """A network gives another colour wherever alpha is more than 0, by however little."""
    each = shot(0, behind=())
    wrong = each.frame.with_planes(tuple(np.full_like(plane, 77) for plane in each.frame.planes))
    matte = Props(cutout()).step(each.frame, Matte(np.maximum(each.people, np.float32(1e-9)), wrong))
    inner = (cv2.erode(desk().pha, np.ones((7, 7))) > 0.99) & (each.people < 1)
    assert (matte.fgr.planes[0][inner] == each.frame.planes[0][inner]).all()


def test_a_frame_with_its_own_alpha_keeps_its_matte() -> None:
    each = shot(0, size=SMALL)
    frame = replace(each.frame, pha=each.people)
    assert Props(cutout(SMALL)).step(frame, each.matte) is each.matte


@pytest.mark.parametrize("what", [cutout(), mask()], ids=["cutout", "mask"])
@pytest.mark.parametrize(
    "lights", [[1 + 0.25 * float(np.sin(i / 2)) for i in range(20)], [1.0] * 5 + [0.6] * 5], ids=["drift", "a lamp goes out"]
)
def test_exposure_does_not_matter(what: Frame, lights: list[float]) -> None:
    run = Run(what, (shot(i, light=light) for i, light in enumerate(lights)))
    assert max(run.off) < 0.7
    assert not run.told


@pytest.mark.parametrize("what", [cutout(), mask()], ids=["cutout", "mask"])
@pytest.mark.parametrize("moved", [(1.5, 1), (3, 2), (12, -5), (45, -25)])
def test_a_camera_that_is_touched_is_followed(what: Frame, moved: tuple[float, float]) -> None:
    run = Run(what, (shot(i, shift=-60, moved=moved if i >= 5 else (0, 0)) for i in range(15)))
    # Left where they were, the edges alone make 6 of (3, 2). A third of a pixel of 640 is what is left.
    assert max(run.off[8:]) < 2.0
    assert not run.told


def test_a_shadow_on_the_desk_leaves_no_hole() -> None:
    shade = np.ones(SIZE[::-1], np.float32)
    cv2.ellipse(shade, (150, 330), (80, 30), 0, 0, 360, 0.72, -1)
    shade = cv2.GaussianBlur(shade, (0, 0), 12)

    def shaded(index: int) -> Shot:
        each = shot(index, shift=60)
        rgb = each.frame.rgb() * (shade[..., None] if index > 2 else 1)
        return each._replace(frame=replace(frame_of(rgb, pts=index), time_base=Fraction(1, RATE)))

    run = Run(cutout(), (shaded(i) for i in range(8)))
    inner = (cv2.erode(desk().pha, np.ones((7, 7))) > 0.99) & (shade < 0.9)
    assert min(float(matte.pha[inner].min()) for matte in run.mattes) > 0.9


# what is not


def gone(index: int, *, first: int = 8, last: int = 20, beside: tuple[str, ...] = ("desk",)) -> Shot:
    """The microphone is away from the first of these to before the last."""
    away = first <= index < last
    return shot(index, things=beside if away else (*beside, "microphone"), shift=-60)


@pytest.mark.parametrize("what", [cutout(), mask()], ids=["cutout", "mask"])
def test_a_prop_that_is_taken_away_is_gone_with_that_frame_and_comes_back_in_its_time(what: Frame) -> None:
    run = Run(what, (gone(i) for i in range(30)))
    mic = np.where(desk().pha > 0, 0, microphone().pha).astype(np.float32)
    shown = [run.seen(i, mic) for i in range(30)]
    assert max(shown[8:20]) < 0.02, "the room is shown in its place"
    # Where the arm is as dark as the wall behind it, neither is shown; what is left lies where it stands on the desk.
    assert max(float(matte.pha[mic > 0.5].mean()) for matte in run.mattes[8:20]) < 0.01
    assert min(shown[:8]) == min(shown[22:]) == 1  # 0.2 s after it is there again
    assert 0.2 < shown[20] < 0.8, "it does not jump in"
    inner = cv2.erode(desk().pha, np.ones((7, 7))) > 0.99
    assert all((matte.pha[inner] > 0.99).all() for matte in run.mattes), "the desk stays"


@pytest.mark.parametrize("what", [cutout(), mask()], ids=["cutout", "mask"])
def test_a_prop_that_is_taken_away_behind_a_person_leaves_no_room(what: Frame) -> None:
    """The person steps before the microphone, takes it away, and stops beside where it was."""
    rights = [-60] * 6 + [150] * 4 + [120, 100] + [80] * 6
    run = Run(what, (shot(i, shift=right, things=("desk", "microphone") if i < 8 else ("desk",)) for i, right in enumerate(rights)))
    head = (cv2.erode(microphone().pha, np.ones((7, 7))) > 0.99) & (desk().pha == 0)
    head[240:] = False  # of the arm nothing is left at that
    assert all((each.people[head] > 0.98).all() for each in run.shots[7:9]), "nobody sees it go"
    away = [cv2.dilate(each.people, np.ones((33, 33))) < 0.02 for each in run.shots]  # five cells from people
    assert (head & away[-1]).any()
    assert not any((matte.pha[head & clear] > 0.02).any() for matte, clear in zip(run.mattes[10:], away[10:], strict=True))
    beside = head & (cv2.dilate(run.shots[-1].people, np.ones((7, 7))) < 0.02)  # a cell from people: nearer it is theirs
    assert beside.sum() > 300
    assert not any((matte.pha[beside] > 0.02).any() for matte in run.mattes[-3:]), "0.3 s after it can be seen"


# The outline of a box, found of a smaller picture, ends somewhere beneath the person's soft edge.
@pytest.mark.parametrize(
    ("what", "least"), [(cutout(), 0.99), (mask(), 0.99), (parse_props("0,77,100,23"), 0.7)], ids=["cutout", "mask", "box"]
)
def test_where_a_person_leans_on_a_prop_there_is_no_seam(what: Frame | Boxes, least: float) -> None:
    run = Run(what, (shot(i, behind=()) for i in range(4)))  # before the desk from the first frame on
    inner = cv2.erode(desk().pha, np.ones((9, 9))) > 0.99
    assert min(float(matte.pha[inner].min()) for matte in run.mattes) > least


def test_a_prop_that_is_away_is_told_once() -> None:
    plate = cutout(things=("microphone",))
    run = Run(plate, (gone(i, beside=()) for i in range(36)))
    assert run.told == ["the props no longer match the picture; left out until they do", "the props match the picture now"]
    assert max(run.off[27:]) < 0.5  # half a second of matching and the time to come in


@pytest.mark.parametrize("what", [cutout(), mask(), parse_props(BOXES)], ids=["cutout", "mask", "boxes"])
def test_another_scene_shows_nothing_of_its_room_and_the_first_one_comes_back(what: Frame | Boxes) -> None:
    there = frame_of(room(SIZE, seed=77), "yuv420p")

    def scene(index: int) -> Shot:
        if not 5 <= index < 15:
            return shot(index)
        nobody = np.zeros(SIZE[::-1], np.float32)
        frame = replace(there, pts=index, time_base=Fraction(1, RATE))
        return Shot(frame, Matte(nobody, frame), nobody, nobody, nobody)

    run = Run(what, (scene(i) for i in range(25)))
    assert all(matte.pha.mean() < 1e-3 for matte in run.mattes[5:15])  # few cells by chance, of soft edges
    assert run.told[0] == "the props no longer match the picture; left out until they do"
    assert run.told[1:] == ["the props match the picture now"]
    assert max(run.off[23:]) < 3.0


def test_props_of_another_room_are_never_shown() -> None:
    shots = [shot(i, things=()) for i in range(20)]
    for live in (False, True):
        run = Run(cutout(), shots, live=live)
        assert all(np.array_equal(matte.pha, each.people) for matte, each in zip(run.mattes, shots, strict=True))
        assert run.told == ["the props do not match the picture; left out until they do"]


@pytest.mark.parametrize("what", [cutout(), mask()], ids=["cutout", "mask"])
def test_live_nothing_is_shown_that_was_not_seen_for_a_while(what: Frame) -> None:
    run = Run(what, (shot(i, shift=-60) for i in range(26)), live=True)
    for matte, each in zip(run.mattes[:14], run.shots, strict=False):
        np.testing.assert_array_equal(matte.pha, each.people)  # a second for the camera, and half a second of matching
    assert max(run.off[20:]) < 0.7
    assert not run.told


def test_live_nothing_is_shown_at_once_after_a_reset() -> None:
    run = Run(cutout(), (shot(i) for i in range(20)), live=True)
    assert run.off[-1] < 0.5
    run.props.reset()
    later = [(each, run.props.step(each.frame, each.matte)) for each in (shot(i) for i in range(20, 30))]
    assert all(np.array_equal(matte.pha, each.people) for each, matte in later[:5])
    assert np.abs(later[-1][1].pha - later[-1][0].both).mean() < 1e-3
    assert not run.told


def test_a_speck_is_a_prop_too() -> None:
    rgb = np.zeros((1080, 1920, 3), np.float32)
    rgb[500, 900] = 1
    frame = replace(frame_of(np.full((1080, 1920, 3), 0.5, np.float32)), pts=0)
    matte = Props(frame_of(rgb, "gbrp")).step(frame, Matte(np.zeros((1080, 1920), np.float32), frame))
    assert np.argwhere(matte.pha > 0).tolist() == [[500, 900]]


def test_reset_looks_anew_and_keeps_what_is_known() -> None:
    run = Run(mask(), (shot(i) for i in range(5)))
    other = replace(frame_of(room(SIZE, seed=77)), pts=5, time_base=Fraction(1, RATE))
    run.props.reset()
    assert not run.props.step(other, Matte(np.zeros(SIZE[::-1], np.float32), other)).pha.any()
    back = shot(6)
    assert np.abs(run.props.step(back.frame, back.matte).pha - back.both).mean() > 0.1, "not before it has matched for a while"
    run.props.reset()
    back = shot(7)
    assert np.abs(run.props.step(back.frame, back.matte).pha - back.both).mean() < 1e-3


def test_of_pictures_each_is_by_itself() -> None:
    props = Props(mask(), stills=True)
    for index in range(2):
        each = shot(index, light=1 - 0.5 * index, seed=index + 1)
        props.reset()
        assert np.abs(props.step(each.frame, each.matte).pha - each.both).mean() < 1e-3


def test_a_stream_that_changes_its_size_goes_on_and_one_of_another_shape_is_without_props() -> None:
    told: list[str] = []
    props = Props(mask(), tell=told.append)
    for index in range(3):
        props.step(*shot(index)[:2])
    larger = shot(3, size=(960, 540))
    assert np.abs(props.step(larger.frame, larger.matte).pha - larger.both).mean() < 2e-3
    square = replace(frame_of(np.full((360, 360, 3), 0.5, np.float32)), pts=4, time_base=Fraction(1, RATE))
    matte = Matte(np.zeros((360, 360), np.float32), square)
    assert props.step(square, matte) is matte
    assert told == ["the picture has another shape now than the props; they are left out"]
    again = shot(5)
    assert np.abs(props.step(again.frame, again.matte).pha - again.both).mean() < 1e-3


def test_without_an_outline_the_box_itself_is_kept_and_that_is_told() -> None:
    flat = replace(frame_of(np.full((180, 320, 3), 0.5, np.float32)), pts=0)
    told: list[str] = []
    props = Props(parse_props("10,20,30,40"), tell=told.append)
    pha = props.step(flat, Matte(np.zeros((180, 320), np.float32), flat)).pha
    assert told == ["props: no outline was found in 10,20,30,40; the box itself is kept"]
    assert pha[70, 80] == 1
    assert pha[36, 32] == 0, "the corner is round"
    assert not pha[:, :30].any()
    assert ((pha > 0) & (pha < 1)).any(), "the edge is soft"


def test_halving_the_rate_leaves_the_times_as_they_are() -> None:
    def back_after(step: int) -> float:
        run = Run(cutout(things=("microphone",)), (gone(i, first=8, last=16, beside=()) for i in range(0, 32, step)))
        shown = [each.frame.seconds for each, off in zip(run.shots, run.off, strict=True) if off < 0.5 and each.frame.seconds > 1.6]
        return shown[0]

    assert back_after(1) == pytest.approx(back_after(2), abs=0.21)  # by frames of 0.1 and 0.2 s


def test_composed_pictures_are_as_in_truth() -> None:
    """The whole of it over another background: what a viewer sees."""
    each = shot(3, shift=20)
    matte = Props(cutout()).step(each.frame, each.matte)
    green = np.full((*SIZE[::-1], 3), (0.1, 0.8, 0.2), np.float32)
    seen, truth = composed(matte.fgr.rgb(), green, matte.pha), composed(each.frame.rgb(), green, each.both)
    assert np.abs(seen - truth).mean() < 1e-3


def test_a_picture_of_another_shape_among_others_is_told_and_left_without() -> None:
    heard: list[str] = []
    picture = np.zeros((90, 160, 3), np.float32)
    picture[60:, 40:80] = 1
    props = Props(frame_of(picture, "gbrp"), stills=True, tell=heard.append)
    for size in ((160, 90), (90, 160), (160, 90)):
        frame = replace(frame_of(room(size, seed=1)), label=f"{size[0]}.jpg")
        nobody = Matte(np.zeros(size[::-1], np.float32), frame)
        assert (props.step(frame, nobody).pha.max() > 0.9) == (size == (160, 90))
        props.reset()
    assert len(heard) == 1
    assert heard[0].startswith("90.jpg has no props: --props: got a picture of 160x90, wanted the shape of the frames, 90x160")
