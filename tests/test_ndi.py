"""NDI to a receiver on this machine: what arrives of colour, alpha and sound."""

from __future__ import annotations

import json
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from required import required

from livematte.colour import BT601, BT709, PQ, Colour, rgb_to_yuv
from livematte.errors import SinkError
from livematte.frame import Frame, pixel_format
from livematte.sinks import open_sink
from livematte.sound import RATE, Sound
from livematte.sources.base import SourceInfo

SIZE = (64, 48)
LIKE = SourceInfo("cam", SIZE, Fraction(30), Fraction(1, 90_000), real_time=True)
# Who is there is asked of this machine alone: no network, no mDNS.
CONFIG = {"ndi": {"networks": {"ips": "127.0.0.1,"}, "adapters": {"allowed": ["127.0.0.1"]}}}


@pytest.fixture(scope="module")
def ndi(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """cyndilib, told to stay on this machine; NDI reads that once, when it is first used."""
    folder = tmp_path_factory.mktemp("ndi")
    (folder / "ndi-config.v1.json").write_text(json.dumps(CONFIG), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NDI_CONFIG_DIR", str(folder))
        try:
            import cyndilib
        except ImportError:
            reason = 'cyndilib is not installed; pip install "livematte[ndi]" brings it'
            pytest.fail(reason) if required("ndi") else pytest.skip(reason)
        yield cyndilib


@pytest.fixture
def name() -> str:
    """A name of its own for each test's sender."""
    return f"livematte-{uuid.uuid4().hex[:8]}"


class Watcher:
    """What a sender's receiver gets. pictures: (H, W, 3) Y, Cb, Cr or (H, W, 4) with alpha. kinds: UYVY or UYVA.

    times: when these were sent, in seconds. sound: (2, N). loud: when each piece was sent, and its first sample."""

    def __init__(self, ndi: Any, name: str) -> None:
        self._ndi, self._name = ndi, f"({name})"
        self.kinds: list[str] = []
        self.sound: NDArray[np.float32] = np.zeros((2, 0), np.float32)
        self.rate = Fraction(0)
        self.forget()
        self._finder = ndi.Finder()
        self._finder.open()
        self.receiver: Any = None

    def connect(self) -> bool:
        """Whether the sender is there."""
        if self.receiver is None:
            self._finder.update_sources()
            found = [n for n in self._finder.get_source_names() if self._name in n]
            if found:
                self._receive(self._finder.get_source(found[0]))
        return self.receiver is not None

    def _receive(self, source: Any) -> None:
        wrapper = self._ndi.wrapper.ndi_recv
        self.receiver = self._ndi.Receiver(color_format=wrapper.RecvColorFormat.fastest, bandwidth=wrapper.RecvBandwidth.highest)
        self._video = self._ndi.VideoFrameSync()
        self.receiver.frame_sync.set_video_frame(self._video)  # receive() gives no more than every third frame
        self.receiver.set_source(source)
        self._ear = self._ndi.Receiver(bandwidth=wrapper.RecvBandwidth.audio_only)
        self._audio = self._ndi.AudioRecvFrame()
        self._ear.set_audio_frame(self._audio)
        self._ear.set_source(source)

    def look(self) -> None:
        """Takes what is there."""
        self.receiver.frame_sync.capture_video()
        at = self._video.get_timestamp_posix()
        if self._video.get_resolution()[0] and at not in self.times[-1:]:
            self._keep(at, np.array(self._video, np.uint8))
        hears = self._ndi.receiver.ReceiveFrameType.recv_audio
        while self._ear.receive(hears, 2) & hears:
            samples, times = self._audio.get_all_read_data()
            self.sound = np.concatenate([self.sound, samples], axis=1)
            self.loud.append((float(times[0]) * 1e-7, float(samples[0, 0])))

    def _keep(self, at: float, data: NDArray[np.uint8]) -> None:
        width, height = self._video.get_resolution()
        self.times.append(at)
        self.kinds.append(self._video.get_fourcc().name)
        self.rate = self._video.get_frame_rate()
        codes, alpha = data[: 2 * width * height].reshape(height, width // 2, 4), data[2 * width * height :]
        luma, blue, red = codes[..., 1::2].reshape(height, width), codes[..., 0].repeat(2, axis=1), codes[..., 2].repeat(2, axis=1)
        self.pictures.append(np.dstack([luma, blue, red, *([alpha.reshape(height, width)] if alpha.size else [])]))

    def forget(self) -> None:
        """What came until now does not count."""
        self.pictures: list[NDArray[np.uint8]] = []
        self.times: list[float] = []
        self.loud: list[tuple[float, float]] = []

    def close(self) -> None:
        if self.receiver is not None:
            self.receiver.disconnect()
            self._ear.disconnect()
        self._finder.close()


@pytest.fixture
def watch(ndi: Any, name: str) -> Iterator[Watcher]:
    watcher = Watcher(ndi, name)
    yield watcher
    watcher.close()


def shown(sink: Any, watcher: Watcher, frame: Frame, enough: Callable[[], object], *, sound: Callable[[], Sound] | None = None) -> None:
    """Sends a frame over and over, as a live job paces it, until enough was seen."""
    end = time.monotonic() + 30
    while time.monotonic() < end and not (watcher.connect() and enough()):
        sink.send(frame)
        if sound:
            sink.hear(sound())
        look_for(1 / 30, watcher)
    assert enough(), "nothing came within 30 s"


def look_for(seconds: float, watcher: Watcher) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if watcher.connect():
            watcher.look()
        time.sleep(0.0005)


def flat(name: str, code: tuple[int, int, int], colour: Colour, pha: float | None = None) -> Frame:
    known = pixel_format(name)
    assert known is not None
    fmt = known[0]
    planes = []
    for i in range(fmt.plane_count):
        width, height = fmt.plane_size(i, SIZE)
        values = np.asarray(code[1:] if fmt.family == "semi" and i else code[i], fmt.dtype) << fmt.shift
        shape = (height, width, 2) if fmt.family == "semi" and i else (height, width)
        planes.append(np.broadcast_to(values, shape).astype(fmt.dtype))
    alpha = None if pha is None else np.full(SIZE[::-1], pha, np.float32)
    return Frame(tuple(planes), fmt, pts=0, time_base=Fraction(1, 90_000), colour=colour, pha=alpha)


FLAT = {
    "bt709": ("yuv420p", (100, 90, 180), Colour(matrix=BT709, full_range=False)),
    "bt601": ("nv12", (100, 90, 180), Colour(matrix=BT601, full_range=False)),
    "jpeg": ("yuv422p", (100, 90, 180), Colour(matrix=BT601, full_range=True)),
    "10 bits": ("yuv420p10le", (400, 360, 720), Colour(matrix=BT709, full_range=False)),
    "rgb": ("gbrp", (60, 30, 200), Colour()),
    "grey": ("gray", (100, 100, 100), Colour(full_range=False)),
    "hdr": ("p010le", (400, 500, 560), Colour(9, PQ, 9, False)),
}


def in_bt709(frame: Frame) -> NDArray[np.float32]:
    """(Y, Cb, Cr) of a flat frame as NDI has it: 8 bits, limited range."""
    matrix, offset = rgb_to_yuv(BT709, False, 8)
    return matrix @ frame.rgb()[0, 0] + offset


@pytest.mark.parametrize("kind", FLAT)
def test_colours_arrive(name: str, watch: Watcher, kind: str) -> None:
    frame = flat(*FLAT[kind])
    with open_sink(f"ndi:{name}", like=LIKE) as sink:
        assert (sink.paced, sink.alpha, sink.name) == (True, True, f"ndi:{name}")
        shown(sink, watch, frame, lambda: len(watch.pictures) > 3)
    got = watch.pictures[-1].astype(np.float32).mean(axis=(0, 1))
    np.testing.assert_allclose(got, in_bt709(frame), atol=2)  # libswscale changes the matrix by way of 8-bit R'G'B'
    assert watch.kinds[-1] == "UYVY"
    assert watch.rate == 30


def test_alpha_arrives_straight(name: str, watch: Watcher) -> None:
    frame = flat("yuv420p", (100, 90, 180), Colour(matrix=BT709, full_range=False), pha=0.5)
    assert frame.pha is not None
    frame.pha[:, :32] = 0.25
    with open_sink(f"ndi:{name}", like=LIKE) as sink:
        shown(sink, watch, frame, lambda: len(watch.pictures) > 3)
    picture = watch.pictures[-1].astype(np.float32)
    for columns, pha in ((slice(0, 28), 0.25), (slice(36, 64), 0.5)):  # not beside the step, which the codec rounds off
        np.testing.assert_allclose(picture[:, columns, 3], 255 * pha, atol=3)
        np.testing.assert_allclose(picture[:, columns, :3].mean(axis=(0, 1)), in_bt709(frame), atol=1.5)  # not darkened by alpha
    assert watch.kinds[-1] == "UYVA"


def test_alpha_may_come_later(name: str, watch: Watcher) -> None:
    opaque = flat("yuv420p", (100, 128, 128), Colour(full_range=False))
    with open_sink(f"ndi:{name}", like=LIKE) as sink:
        shown(sink, watch, opaque, lambda: len(watch.pictures) > 3)
        assert set(watch.kinds) == {"UYVY"}
        shown(sink, watch, replace(opaque, pha=np.full(SIZE[::-1], 0.5, np.float32)), lambda: "UYVA" in watch.kinds)
        seen = len(watch.kinds)
        shown(sink, watch, opaque, lambda: len(watch.kinds) > seen + 5)
    assert watch.kinds[-1] == "UYVA"  # opaque frames then go as such; a sender does not change for each
    assert watch.pictures[-1][..., 3].min() == 255


def test_sound_arrives(name: str, watch: Watcher) -> None:
    frame = flat("yuv420p", (100, 128, 128), Colour())
    heard = 0

    def tone() -> Sound:
        nonlocal heard
        seconds = (np.arange(960) + heard) / RATE
        heard += 960
        samples = 0.5 * np.sin(2 * np.pi * 1000 * seconds)
        both = np.stack([samples, samples / 4]).astype(np.float32)
        both.setflags(write=False)
        return Sound(both, heard - 960)

    with open_sink(f"ndi:{name}", like=replace(LIKE, sound=True)) as sink:
        sink.hear(tone())  # before the first frame there is nobody to hear it
        shown(sink, watch, frame, lambda: watch.sound.shape[1] >= RATE // 20, sound=tone)
    loudest = np.abs(watch.sound).max(axis=1)
    np.testing.assert_allclose(loudest, [0.5, 0.125], atol=0.02)  # as loud as it was, left and right
    spectrum = np.abs(np.fft.rfft(watch.sound[0, -RATE // 20 :]))
    assert int(spectrum.argmax()) * 20 == 1000  # whole periods in each piece: one that is lost on the way does not show


def test_sound_arrives_with_its_picture(name: str, watch: Watcher) -> None:
    """Pictures as bright, and sound as loud, as it is late: so each that arrives tells its time."""
    first = flat("yuv420p", (40, 128, 128), Colour(full_range=False))
    with open_sink(f"ndi:{name}", like=replace(LIKE, sound=True)) as sink:
        shown(sink, watch, first, lambda: watch.pictures)
        watch.forget()
        began, heard = time.monotonic(), 0
        for i in range(90):
            look_for(began + i / 30 - time.monotonic(), watch)
            sink.send(flat("yuv420p", (40 + 2 * i, 128, 128), Colour(full_range=False)))
            while heard / RATE <= i / 30:  # as a live job does: sound after the frame of its time
                sink.hear(Sound(np.full((2, 480), heard / RATE / 10, np.float32), heard))
                heard += 480
    pictures = [at - round(float(p[..., 0].mean() - 40) / 2) / 30 for at, p in zip(watch.times, watch.pictures, strict=True)]
    sounds = [at - 10 * loud for at, loud in watch.loud]
    assert min(len(pictures), len(sounds)) > 3
    assert abs(np.median(sounds) - np.median(pictures)) < 0.04  # what the eye forgives


def test_long_sound_and_odd_sizes_go_through(name: str, make_frame: Callable[..., Frame], watch: Watcher) -> None:
    with open_sink(f"ndi:{name}", like=replace(LIKE, sound=True)) as sink:
        sink.send(make_frame(size=(63, 47)))
        sink.hear(Sound(np.zeros((2, RATE + 7), np.float32), 0))
        shown(sink, watch, make_frame(size=(63, 47)), lambda: len(watch.pictures) > 1)
    assert watch.pictures[-1].shape == (48, 64, 3)


def test_it_is_gone_when_closed(name: str, watch: Watcher) -> None:
    sink = open_sink(f"ndi:{name}", like=LIKE)
    shown(sink, watch, flat("yuv420p", (100, 128, 128), Colour()), lambda: watch.pictures)
    began = time.monotonic()
    sink.close()
    sink.close()
    assert time.monotonic() - began < 2  # what a live job waits for
    while watch.receiver.is_connected() and time.monotonic() < began + 10:
        watch.look()
    assert not watch.receiver.is_connected()


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cyndilib", None)
    with pytest.raises(SinkError, match=r'^NDI needs the package cyndilib.*\ntry: pip install "livematte\[ndi\]"$'):
        open_sink("ndi:me", like=LIKE)
