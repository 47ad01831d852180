"""Clean plates that are made: of clips through which somebody walks, and from a camera after a countdown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import replace
from fractions import Fraction

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from scenes import composed, frame_of, room

from livematte.errors import SettingsError, SourceError
from livematte.frame import Frame, Matte
from livematte.matting.plates.plate import PlateCapture, check_plate, plate_of_clip

Array = NDArray[np.float32]
SIZE = (160, 96)
MakeFrame = Callable[..., Frame]


def body(left: float, *, width: int = 30) -> Array:
    """(H, W): somebody who stands there, as an oval."""
    pha = np.zeros((SIZE[1], SIZE[0]), np.float32)
    cv2.ellipse(pha, (round(left) + width // 2, 60), (width // 2, 45), 0, 0, 360, 1.0, -1)
    return cv2.GaussianBlur(pha, (0, 0), 0.8)


def filmed(pha: Array, index: int, *, bgr: Array | None = None, name: str = "yuv420p", light: float = 1.0) -> Frame:
    """The person before a room, with noise; alpha is told to the network below by its place in the list."""
    rng = np.random.default_rng(index)
    src = np.float32(light) * composed(
        np.full((*pha.shape, 3), (0.7, 0.2, 0.3), np.float32), room(SIZE, seed=3) if bgr is None else bgr, pha
    )
    return frame_of(np.clip(src + 0.008 * rng.standard_normal(src.shape, np.float32), 0, 1), name, pts=index)


class Network:
    """A Matter that knows each frame's alpha."""

    def __init__(self, phas: Sequence[Array]) -> None:
        self._phas = phas
        self.resets = 0

    def step(self, frame: Frame) -> Matte:
        assert frame.pts is not None
        return Matte(self._phas[frame.pts], frame)

    def reset(self) -> None:
        self.resets += 1

    def prime(self, frames: Sequence[Frame]) -> None:
        pass


def walk(count: int, first: float = -20, last: float = 150) -> list[Array]:
    return [body(left) for left in np.linspace(first, last, count)]


def off(plate: Frame, name: str = "yuv420p") -> Array:
    """(H, W): how far the plate is from the room without noise."""
    return np.abs(plate.rgb() - frame_of(room(SIZE, seed=3), name).rgb()).max(axis=2)


@pytest.mark.parametrize("name", ["yuv420p", "nv12", "p010le", "gbrp", "gray", "yuv422p10le"])
def test_a_clip_with_somebody_walking_through_it(name: str) -> None:
    phas = walk(24)
    frames = [filmed(pha, i, name=name) for i, pha in enumerate(phas)]
    network, told = Network(phas), []
    plate = plate_of_clip(lambda: frames, network, tell=told.append)
    assert plate.format == frames[0].format
    assert plate.pha is None
    assert not told
    assert network.resets == 1
    assert (
        off(plate, name).max() < 0.03
    )  # of the range: the noise, 0.008 of each of 24 frames, leaves 0.002; rounding 0.006 in limited range


def test_what_is_never_seen_is_told_and_marked() -> None:
    phas = walk(24, 60, 70)
    told: list[str] = []
    plate = plate_of_clip(lambda: [filmed(pha, i) for i, pha in enumerate(phas)], Network(phas), tell=told.append)
    assert plate.pha is not None
    never = np.min(phas, axis=0) > 0.05
    assert not plate.pha[never].any()
    assert plate.pha[np.max(cv2.dilate(np.stack(phas, 2), np.ones((17, 17))), axis=2) == 0].all()
    assert off(plate)[plate.pha == 1].max() < 0.03
    assert len(told) == 1
    assert "never shows what is behind the person at" in told[0]


def test_somebody_who_fills_the_picture_leaves_no_plate() -> None:
    phas = [np.ones((SIZE[1], SIZE[0]), np.float32)] * 8
    with pytest.raises(SourceError, match=r"never shows what is behind the person at 100% of the picture\nFilm the empty room"):
        plate_of_clip(lambda: [filmed(pha, i) for i, pha in enumerate(phas)], Network(phas))


def test_a_camera_that_moves_has_no_plate() -> None:
    phas = walk(16)
    wide = room((SIZE[0] + 200, SIZE[1]), seed=3)
    frames = [filmed(pha, i, bgr=wide[:, 12 * i : 12 * i + SIZE[0]]) for i, pha in enumerate(phas)]
    with pytest.raises(SourceError, match=r"the camera moves, or the room changes \(\d+% of it\)"):
        plate_of_clip(lambda: frames, Network(phas))


def test_exposure_may_drift() -> None:
    phas = walk(16)
    frames = [filmed(pha, i, light=0.8 + 0.025 * i) for i, pha in enumerate(phas)]
    assert plate_of_clip(lambda: frames, Network(phas)).pha is None


def test_a_clip_without_pictures() -> None:
    with pytest.raises(SourceError, match="the clip has no pictures"):
        plate_of_clip(lambda: [], Network([]))


@pytest.mark.parametrize("count", [16, 0])
def test_the_clip_is_closed_again(count: int) -> None:
    phas = walk(16)[:count]

    class Clip(list[Frame]):
        closed = False

        def close(self) -> None:
            self.closed = True

    clip = Clip(filmed(pha, i) for i, pha in enumerate(phas))
    with nullcontext() if count else pytest.raises(SourceError, match="no pictures"):
        plate_of_clip(lambda: clip, Network(phas))
    assert clip.closed


def test_a_long_clip_is_sampled_evenly() -> None:
    phas = [body(20 if i < 900 else 120) for i in range(1000)]
    frames = (filmed(phas[i], i) for i in range(1000))
    seen: list[int] = []

    class Counting(Network):
        def step(self, frame: Frame) -> Matte:
            assert frame.pts is not None
            seen.append(frame.pts)
            return super().step(frame)

    plate_of_clip(lambda: frames, Counting(phas))
    assert 20 <= len(seen) <= 40
    assert len(set(np.diff(seen))) == 1
    assert seen[-1] > 960


def test_a_plate_of_the_frames_size_is_taken_as_it_is(make_frame: MakeFrame) -> None:
    assert check_plate(make_frame(size=(64, 48)), (64, 48)) == ""
    assert check_plate(make_frame(size=(64, 48)), (64, 48), Fraction(4, 3)) == ""  # filmed by the same camera


def test_a_plate_of_another_size_is_resized_and_one_of_another_shape_refused(make_frame: MakeFrame) -> None:
    assert check_plate(make_frame(size=(64, 48)), (128, 96)) == "the clean plate is 64x48, and is resized to the frames' 128x96"
    assert "resized" in check_plate(make_frame(size=(1024, 576)), (720, 576), Fraction(64, 45))
    with pytest.raises(SettingsError, match=r"got a picture of 64x48, wanted the shape of the frames, 128x72\nFilm the plate"):
        check_plate(make_frame(size=(64, 48)), (128, 72))


class Camera:
    """Frames at 10 a second; somebody(t), shift(t): who is there, and where the camera looks."""

    def __init__(self, *, somebody: Callable[[float], bool], shift: Callable[[float], float] = lambda t: 0.0, seconds: float = 2.0) -> None:
        self.told: list[str] = []
        self.capture = PlateCapture(seconds, tell=self.told.append)
        self._somebody, self._shift = somebody, shift
        self._wide = room((SIZE[0] + 100, SIZE[1]), seed=3)

    def run(self, until: float, *, begin: float = 0.0) -> float:
        """Seconds at which it was done, or `until`."""
        for index in range(round(begin * 10), round(until * 10)):
            t = index / 10
            pha = body(60) if self._somebody(t) else np.zeros((SIZE[1], SIZE[0]), np.float32)
            left = round(self._shift(t))
            frame = replace(filmed(pha, index, bgr=self._wide[:, left : left + SIZE[0]]), time_base=Fraction(1, 10))
            self.capture.step(frame, pha)
            if self.capture.done:
                return t
        return until


def test_the_plate_is_taken_after_a_countdown() -> None:
    camera = Camera(somebody=lambda t: t < 1.5)
    assert camera.run(10) == pytest.approx(3.0)  # a countdown of 2 s, and a second of filming
    assert camera.told == [
        "step out of the picture, its clean plate is taken in 2 s",
        "step out of the picture, its clean plate is taken in 1 s",
        "the clean plate is taken; come back into the picture",
    ]
    plate = camera.capture.plate
    assert plate is not None
    assert np.abs(plate.rgb() - frame_of(room((SIZE[0] + 100, SIZE[1]), seed=3)[:, : SIZE[0]]).rgb()).max() < 0.03


def test_somebody_who_stays_gets_three_tries() -> None:
    camera = Camera(somebody=lambda t: True)
    assert camera.run(20) < 10
    assert camera.capture.plate is None
    assert camera.told.count("no clean plate: somebody is in the picture; once more") == 2
    assert camera.told[-1] == "no clean plate: somebody is in the picture; matting without it"


def test_somebody_who_leaves_late_is_not_in_the_plate() -> None:
    camera = Camera(somebody=lambda t: t < 2.5)
    assert camera.run(20) == pytest.approx(6.0)
    assert camera.told.count("no clean plate: somebody is in the picture; once more") == 1
    assert camera.capture.plate is not None


def test_a_camera_that_is_carried_about_gives_no_plate() -> None:
    camera = Camera(somebody=lambda t: False, shift=lambda t: 8 * t)
    camera.run(20)
    assert camera.capture.plate is None
    assert camera.told[-1] == "no clean plate: the camera moves; matting without it"


def test_a_camera_that_was_away_starts_over() -> None:
    camera = Camera(somebody=lambda t: False)
    camera.run(1.5)
    assert camera.run(30, begin=20) == pytest.approx(23.0)


def test_a_countdown_ends_below_a_frame_a_second(make_frame: MakeFrame) -> None:
    capture = PlateCapture(2.0, tell=lambda text: None)
    for index in range(4):  # 1.1 s apart
        assert not capture.done
        capture.step(make_frame(pts=33 * index), np.zeros((48, 64), np.float32))
    assert capture.done
    assert capture.plate is not None


def test_pictures_without_times_have_no_countdown(make_frame: MakeFrame) -> None:
    capture = PlateCapture(tell=lambda text: None)
    with pytest.raises(SettingsError, match="got pictures without times, wanted a camera or a clip; try --plate PICTURE"):
        capture.step(replace(make_frame(), pts=None), np.zeros((48, 64), np.float32))
