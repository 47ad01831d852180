"""Which camera a name means, and the loop that reads one: real pictures and a real decoder, fed as a device feeds them.

What only a device can show is in tests/devices.
"""

from __future__ import annotations

import errno
import os
import sys
import time
from collections.abc import Iterable
from fractions import Fraction
from typing import Any

import av
import media
import numpy as np
import pytest

from livematte.colour import Colour
from livematte.errors import BusyError, SourceError
from livematte.frame import Frame
from livematte.pyav import to_av
from livematte.sources import camera as cameras
from livematte.sources import v4l2_camera
from livematte.sources.base import ANYTHING, SourceInfo, Wish
from livematte.sources.camera import Camera, find
from livematte.sources.modes import Choice, Mode
from livematte.sources.v4l2_camera import TIME_BASE, V4l2Camera

WEBCAM, OTHER = Camera("HD Webcam: HD Webcam", "/dev/video0"), Camera("Document Camera", "/dev/video2")
LOCKED = Camera("Locked", "/dev/video4", problem=os.strerror(errno.EACCES))
OURS = Camera("livematte", "/dev/video10", virtual=True)
ALL = [WEBCAM, OTHER, LOCKED, OURS]
INFO = SourceInfo("HD Webcam", media.SIZE, Fraction(30), TIME_BASE, real_time=True)


@pytest.mark.parametrize(
    ("spec", "camera"),
    [
        ("cam", WEBCAM),
        ("cam:", WEBCAM),
        ("cam:0", WEBCAM),
        ("cam:1", OTHER),
        ("cam:/dev/video2", OTHER),
        ("cam:/dev/video10", OURS),
        ("cam:document camera", OTHER),
        ("cam:webcam", WEBCAM),
        ("cam:HD Webcam: HD Webcam", WEBCAM),
        ("cam:livematte", OURS),
    ],
)
def test_names(spec: str, camera: Camera) -> None:
    assert find(spec, ALL) == camera


def test_our_own_camera_is_never_meant_by_cam() -> None:
    with pytest.raises(SourceError, match="cam: no camera is connected; check its cable"):
        find("cam", [OURS])


def test_a_link_to_a_device(tmp_path: Any) -> None:
    device, link = tmp_path / "video7", tmp_path / "usb-cam-index0"
    device.touch()
    link.symlink_to(device)
    assert find(f"cam:{link}", [Camera("C", str(device))]).place == str(device)


@pytest.mark.parametrize(
    ("spec", "present", "message"),
    [
        ("cam", [], "cam: no camera is connected; check its cable"),
        ("cam:2", [WEBCAM, OTHER], "there is no camera cam:2; there is 'HD Webcam: HD Webcam' at /dev/video0, 'Document Camera' at /dev"),
        ("cam:phone", [WEBCAM], "there is no camera cam:phone; there is 'HD Webcam"),
        ("cam:/dev/video99", [WEBCAM], "there is no camera cam:/dev/video99; there is 'HD Webcam"),
        ("cam:/dev/null", [WEBCAM], "cam:/dev/null: /dev/null gives no pictures: it is no camera, .* there is 'HD Webcam"),
        ("cam:cam", [WEBCAM, OTHER], "cam:cam fits 2 cameras; name one by its place: 'HD Webcam: HD Webcam' at /dev/video0, 'Doc"),
        ("cam", [LOCKED], r"'Locked' at /dev/video4 \(Permission denied\); to be let in: sudo usermod -aG video"),
        ("cam:locked", [LOCKED], "cam:locked: /dev/video4 cannot be opened: Permission denied; to be let in"),
    ],
)
def test_names_of_nothing(spec: str, present: list[Camera], message: str) -> None:
    with pytest.raises(SourceError, match=message):
        find(spec, present)


# -- reading ----------------------------------------------------------------------------------------------------------------------


def jpegs(count: int) -> list[bytes]:
    """The test picture as a webcam's MJPEG."""
    context: Any = av.CodecContext.create("mjpeg", "w")
    context.width, context.height = media.SIZE
    context.pix_fmt, context.time_base = "yuvj422p", Fraction(1, 30)
    context.options = {"qmin": "1", "qmax": "1"}
    made = []
    for index in range(count):
        picture = to_av(media.frame(index, name="yuv422p", colour=Colour(matrix=6, full_range=True)))
        picture.pts = index
        made += [bytes(packet) for packet in context.encode(picture.reformat(format="yuvj422p"))]
    return made


class Feed:
    """A device that gives what a list holds: packets, None for nothing yet, an OSError; and then nothing more."""

    independent = True

    def __init__(self, items: Iterable[av.Packet[Any] | OSError | None], context: Any, *, raw: bool = False) -> None:
        self._items = iter(items)
        self.context, self.raw = context, raw
        self.closed = 0

    def take(self) -> av.Packet[Any] | None:
        item = next(self._items, None)
        if isinstance(item, OSError):
            raise item
        return item

    def close(self) -> None:
        self.closed += 1


def packet(data: bytes, *, age: float = 0.03) -> av.Packet[Any]:
    made: av.Packet[Any] = av.Packet(data)
    made.pts = round((time.monotonic() - age) * 1_000_000)
    made.time_base = TIME_BASE
    return made


def spaced(items: Iterable[Any]) -> list[Any]:
    """With a moment of nothing after each, as a camera gives them to a reader that keeps up."""
    return [thing for item in items for thing in (item, None)]


def mjpeg(items: Iterable[Any]) -> V4l2Camera:
    return V4l2Camera(Feed(items, av.CodecContext.create("mjpeg", "r")), INFO)


def raw(items: Iterable[Any], *, pixels: str = "yuv420p", tags: Colour | None = None) -> V4l2Camera:
    context: Any = av.CodecContext.create("rawvideo", "r")
    context.width, context.height = media.SIZE
    context.pix_fmt = pixels
    return V4l2Camera(Feed(items, context, raw=True), INFO, raw=tags or Colour(matrix=6, full_range=False))


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(v4l2_camera, "SILENCE", 0.05)


def test_jpegs_are_full_range_bt601_in_their_own_planes() -> None:
    frames = []
    for frame in mjpeg(spaced(packet(data) for data in jpegs(3))):
        frames.append(frame)
        if len(frames) == 3:
            break
    assert {(f.format.name, f.size, f.full_range, f.sample_aspect) for f in frames} == {("yuv422p", media.SIZE, True, 1)}
    assert {f.colour.matrix_for(48) for f in frames} <= {5, 6}  # two names of BT.601
    for index, frame in enumerate(frames):
        error = np.abs(frame.planes[0].astype(int) - media.planes(index, name="yuv422p")[0])
        assert error.mean() < 1  # the finest JPEG there is rounds to a level or two


@pytest.mark.parametrize("pixels", ["yuv420p", "nv12", "yuv422p"])
def test_raw_planes_come_bit_for_bit_and_are_not_the_device_s_memory(pixels: str) -> None:
    data = [b"".join(plane.tobytes() for plane in media.planes(index, name=pixels)) for index in range(2)]
    source = raw(spaced(packet(d) for d in data), pixels=pixels)
    frames: list[Frame] = [frame for _, frame in zip(range(2), source, strict=False)]
    for index, frame in enumerate(frames):
        assert frame.format.name == pixels
        assert frame.colour == Colour(matrix=6, full_range=False)
        assert all(np.array_equal(a, b) for a, b in zip(frame.planes, media.planes(index, name=pixels), strict=True))
        assert all(plane.flags.owndata for plane in frame.planes)


def test_packed_pictures_become_planes_without_loss() -> None:
    y, u, v = media.planes(0, name="yuv422p")
    packed = np.empty((48, 128), np.uint8)
    packed[:, ::2], packed[:, 1::4], packed[:, 3::4] = y, u, v
    frame = next(iter(raw([packet(packed.tobytes())], pixels="yuyv422")))
    assert frame.format.name == "yuv422p"
    assert all(np.array_equal(a, b) for a, b in zip(frame.planes, (y, u, v), strict=True))


def test_a_picture_is_of_when_the_kernel_took_it() -> None:
    data = jpegs(1)[0]
    stamps = [0.4, 0.1, 100.0, -5.0]  # seconds ago; the last two are of another clock
    sent = [packet(data, age=age) for age in stamps]
    pts = [p.pts for p in sent]
    before = time.monotonic()
    frames = [frame for _, frame in zip(stamps, mjpeg(spaced(sent)), strict=False)]
    assert [frame.captured for frame in frames[:2]] == pytest.approx([(p or 0) * 1e-6 for p in pts[:2]])
    assert all(before <= (frame.captured or 0) <= time.monotonic() for frame in frames[2:])
    assert [frame.time_base for frame in frames] == [TIME_BASE] * 4
    assert [(frame.pts or 0) * 1e-6 for frame in frames] == pytest.approx([frame.captured or 0 for frame in frames])


def test_times_grow_even_where_the_kernel_s_do_not() -> None:
    data, ages = jpegs(1)[0], [0.1, 0.1, 0.2, 0.05]
    now = time.monotonic()
    sent = [packet(data) for _ in ages]
    for one, age in zip(sent, ages, strict=True):
        one.pts = round((now - age) * 1_000_000)
    times = [frame.pts or 0 for _, frame in zip(ages, mjpeg(spaced(sent)), strict=False)]
    assert times == sorted(set(times))


def test_a_slow_reader_gets_the_newest_picture() -> None:
    """All but the last of those that lie ready are left out, or the reader would stay late for ever."""
    items = [packet(data) for data in jpegs(4)]
    frame = next(iter(mjpeg([*items, None])))
    error = np.abs(frame.planes[0].astype(int) - media.planes(3, name="yuv422p")[0])
    assert error.mean() < 1


@pytest.mark.parametrize("damage", [b"", b"junk"])
def test_what_is_damaged_does_not_replace_an_older_picture(damage: bytes) -> None:
    good = jpegs(2)
    source = mjpeg([*(packet(data) for data in (*good, damage, damage)), None])
    frame = next(iter(source))
    assert np.abs(frame.planes[0].astype(int) - media.planes(1, name="yuv422p")[0]).mean() < 1
    assert source.info.notes == ("damaged pictures of the camera, left out: 2",)


def test_pictures_that_need_each_other_are_all_decoded() -> None:
    source = mjpeg([*(packet(data) for data in jpegs(4)), None])
    source._feed.independent = False
    assert len([frame for _, frame in zip(range(4), source, strict=False)]) == 4


@pytest.mark.parametrize("damage", [lambda data: data[: len(data) // 2], lambda data: bytes(len(data)), lambda data: b""])
def test_damaged_jpegs_are_left_out_and_counted(damage: Any) -> None:
    good = jpegs(6)
    sent = [packet(damage(data) if index in (1, 2, 4) else data) for index, data in enumerate(good)]
    source = mjpeg(spaced(sent))
    frames = [frame for _, frame in zip(range(3), source, strict=False)]
    for index, frame in zip((0, 3, 5), frames, strict=True):
        assert np.abs(frame.planes[0].astype(int) - media.planes(index, name="yuv422p")[0]).mean() < 1
    assert source.info.notes == ("damaged pictures of the camera, left out: 3",)


def test_a_camera_whose_jpegs_are_all_a_little_wrong_is_taken_as_it_is() -> None:
    cut = jpegs(1)[0][:-200]
    tries = v4l2_camera._STRICT_TRIES
    source = mjpeg(spaced(packet(cut) for _ in range(tries + 1)))
    assert next(iter(source)).size == media.SIZE
    assert source.info.notes == (f"damaged pictures of the camera, left out: {tries}",)


@pytest.mark.usefixtures("impatient")
def test_a_frozen_camera_is_an_error_and_lets_the_device_go() -> None:
    source = mjpeg(spaced(packet(data) for data in jpegs(2)))
    got = []
    with pytest.raises(SourceError, match="camera HD Webcam gave no picture for 0 s; unplug it"):
        got.extend(source)
    assert source._feed.closed == 1
    source.close()
    assert source._feed.closed == 1


@pytest.mark.usefixtures("impatient")
def test_a_camera_that_sends_only_junk_is_frozen_too() -> None:
    def junk() -> Iterable[Any]:
        while True:
            yield packet(b"junk")
            yield None

    with pytest.raises(SourceError, match="gave no picture"):
        list(mjpeg(junk()))


def test_a_camera_that_is_pulled_out() -> None:
    source = mjpeg([packet(jpegs(1)[0]), None, OSError(errno.ENODEV, "No such device")])
    frames = iter(source)
    next(frames)
    with pytest.raises(SourceError, match=r"camera HD Webcam is gone \(No such device\); plug it in again"):
        next(frames)
    assert source._feed.closed == 1


def test_a_device_that_comes_to_its_end_is_gone(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """libav then gives empty packets, as often as it is asked."""
    path, opener = tmp_path / "a.mjpeg", av.open
    path.write_bytes(b"".join(jpegs(2)))
    monkeypatch.setattr(av, "open", lambda path, **_: opener(path))
    feed = v4l2_camera.DeviceFeed(str(path), Choice("mjpeg", media.SIZE, None))
    with pytest.raises(SourceError, match=r"camera HD Webcam is gone \(it gives no more\)"):
        list(V4l2Camera(feed, INFO))


def test_packets_are_let_go_before_the_device() -> None:
    """Those of a device that is closed lie in memory that is no more; an error holds what its functions held."""
    last = packet(jpegs(1)[0])
    before = sys.getrefcount(last)
    source = mjpeg(iter([last, OSError(errno.ENODEV, "No such device")]))
    with pytest.raises(SourceError) as caught:
        list(source)
    source._feed._items = iter(())
    assert caught.traceback
    assert sys.getrefcount(last) == before


def test_a_closed_camera_ends() -> None:
    source = mjpeg(spaced(packet(data) for data in jpegs(3)))
    frames = iter(source)
    next(frames)
    source.close()
    assert list(frames) == []


def test_a_size_that_changes_is_passed_on() -> None:
    small = media.picture_file(".jpg", size=(32, 24))
    sizes = [frame.size for _, frame in zip(range(2), mjpeg(spaced([packet(jpegs(1)[0]), packet(small)])), strict=False)]
    assert sizes == [media.SIZE, (32, 24)]


# -- opening ----------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def webcam(monkeypatch: pytest.MonkeyPatch) -> None:
    """A camera whose driver lists one mode; what opens it is each test's own."""
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr(cameras, "cameras", lambda: [WEBCAM])
    monkeypatch.setattr("livematte.sources.v4l2.modes", lambda path, wish: [Mode("mjpeg", media.SIZE, (Fraction(30),))])


class MadeFeed(Feed):
    def __init__(self, path: str, choice: Choice) -> None:
        super().__init__(spaced(packet(data) for data in jpegs(2)), av.CodecContext.create("mjpeg", "r"))
        self.asked, self.got, self.rate = (path, choice), Choice(choice.pixels, choice.size, Fraction(15)), Fraction(15)


@pytest.mark.usefixtures("webcam")
def test_what_the_driver_gives_is_read_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(v4l2_camera, "DeviceFeed", MadeFeed)
    with cameras.open_camera("cam", wish=Wish(media.SIZE, Fraction(30))) as source:
        assert source.info.real_time
        assert (source.info.name, source.info.size, source.info.rate) == (WEBCAM.name, media.SIZE, 15)
        assert source.info.notes == ("the camera gives 64x48 at 15 frames a second as mjpeg instead of 30 frames a second",)
        assert next(iter(source)).size == media.SIZE


@pytest.mark.usefixtures("webcam")
@pytest.mark.parametrize(
    ("number", "kind", "message"),
    [
        (errno.EBUSY, BusyError, r"camera HD Webcam: HD Webcam \(/dev/video0\) is in use by zoom \(process 7\); close it there"),
        (errno.ENOSPC, SourceError, "gets no room on its USB cable; try --pixel-format mjpeg"),
        (errno.ENODEV, SourceError, "is gone; plug it in again"),
        (errno.EACCES, SourceError, "may not be opened; to be let in: sudo usermod -aG video"),
        (errno.EIO, SourceError, "cannot be opened: Input/output error; unplug it"),
    ],
)
def test_why_a_camera_does_not_open(monkeypatch: pytest.MonkeyPatch, number: int, kind: type[SourceError], message: str) -> None:
    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(v4l2_camera, "DeviceFeed", refuse)
    monkeypatch.setattr("livematte.sources.v4l2.users", lambda path: ["zoom (process 7)"])
    with pytest.raises(kind, match=message):
        cameras.open_camera("cam", wish=ANYTHING)
