"""Sound of a live job: one track without gaps, in files and streams."""

from __future__ import annotations

import io
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
import streaming
from streaming import BEGIN, FPS, picture, tone

from livematte.pyav import from_av
from livematte.sinks import Encoding, open_sink
from livematte.sinks.voice import Voice
from livematte.sound import RATE, Sound


class Tape:
    """A Voice, and what was recorded of it as 16-bit samples, which are exact."""

    def __init__(self) -> None:
        self._file = io.BytesIO()
        self._container = av.open(self._file, "w", format="nut")
        self.voice = Voice(self._container, "pcm_s16le", begin=Fraction(BEGIN))
        self._container.start_encoding()

    def hear(self, value: float, *, at: int, length: int) -> None:
        """`length` samples of `value`, the first one `at` samples after the beginning."""
        sound = Sound(np.full((2, length), value, np.float32), BEGIN * RATE + at)
        self._container.mux(list(self.voice.take(sound)))

    def keep_up(self, seconds: float) -> None:
        self._container.mux(list(self.voice.keep_up(Fraction(BEGIN) + Fraction(seconds))))

    def samples(self) -> list[tuple[float, int]]:
        """(value, how many) of the left channel."""
        self._container.close()
        with av.open(io.BytesIO(self._file.getvalue())) as container:
            left = np.concatenate([frame.to_ndarray().reshape(-1, 2)[:, 0] for frame in container.decode(audio=0)])
        edges = [0, *(np.flatnonzero(np.diff(left)) + 1).tolist(), len(left)]
        return [(round(left[a] / 32767, 3), b - a) for a, b in pairwise(edges)]


def test_sound_goes_where_it_belongs() -> None:
    tape = Tape()
    tape.hear(0.5, at=0, length=1000)
    tape.hear(0.25, at=1000, length=1000)
    assert tape.samples() == [(0.5, 1000), (0.25, 1000)]


def test_a_gap_is_silence_and_what_overlaps_is_left_out() -> None:
    tape = Tape()
    tape.hear(0.5, at=-5000, length=6000)
    tape.hear(0.25, at=9000, length=1000)
    tape.hear(0.75, at=8000, length=3000)
    assert tape.samples() == [(0.5, 1000), (0.0, 8000), (0.25, 1000), (0.75, 1000)]


def test_times_in_milliseconds_make_no_clicks() -> None:
    tape = Tape()
    for number, at in enumerate([0, 1030, 1990, 3017]):
        tape.hear(0.1 * (number + 1), at=at, length=1000)
    assert tape.samples() == [(0.1, 1000), (0.2, 1000), (0.3, 1000), (0.4, 1000)]


def test_drift_is_made_up_for() -> None:
    tape = Tape()
    for number in range(30):
        tape.hear(0.5, at=number * 1100, length=1000)
    length = sum(count for _, count in tape.samples())
    assert length == pytest.approx(29 * 1100 + 1000, abs=RATE // 50)


def test_sound_that_stays_away_is_silence() -> None:
    tape = Tape()
    tape.keep_up(0.4)
    tape.keep_up(3.0)
    tape.hear(0.5, at=1 * RATE, length=1000)  # too late
    tape.hear(0.5, at=3 * RATE, length=1000)
    assert tape.samples() == [(0.0, 3 * RATE), (0.5, 1000)]


@pytest.mark.parametrize(("name", "codec"), [("a.mp4", None), ("a.mov", "h264"), ("a.mov", None), ("a.webm", None), ("a.mkv", None)])
def test_files_of_a_live_job(name: str, codec: str | None, tmp_path: Path) -> None:
    """Frames at times of their own, a pause without sound, sound beside them; and the file begins at zero."""
    late = {number: 0.011 * (number % 3) + (1.0 if number >= 30 else 0.0) for number in range(60)}
    with open_sink(tmp_path / name, like=streaming.like(), encoding=Encoding(codec=codec)) as sink:
        for number, seconds in late.items():
            frame = picture(number)
            sink.send(streaming.shifted(frame, seconds))
            sound = tone(number)
            sink.hear(Sound(sound.samples, sound.pts + round(seconds // 1 * RATE)))
    frames, sounds = [], []
    with av.open(str(tmp_path / name)) as container:
        assert container.duration is not None
        assert container.duration / 1e6 == pytest.approx(60 / FPS + 1, abs=0.08)
        for item in container.decode():
            if isinstance(item, av.AudioFrame):
                assert item.pts is not None
                assert item.time_base is not None
                sounds.append(Sound(_planar(item), round(item.pts * item.time_base * RATE)))
            elif isinstance(item, av.VideoFrame):
                frames.append(from_av(item))
    times = [frame.seconds for frame in frames]
    assert times == pytest.approx([number / FPS + seconds for number, seconds in late.items()], abs=0.0011)  # Matroska counts milliseconds
    streaming.check_sync(frames, sounds)
    assert len(streaming.beep_times(sounds)) == 2


def _planar(item: av.AudioFrame) -> np.ndarray:  # type: ignore[type-arg]
    data = item.to_ndarray().astype(np.float32)
    return data if item.format.is_planar else data.reshape(-1, 2).T


def test_a_file_that_holds_no_sound(tmp_path: Path) -> None:
    with open_sink(tmp_path / "a.gif", like=streaming.like()) as sink:
        streaming.send(sink, range(5))
    with av.open(str(tmp_path / "a.gif")) as container:
        assert not container.streams.audio


def test_sound_before_the_first_frame_is_left_out(tmp_path: Path) -> None:
    with open_sink(tmp_path / "a.mkv", like=streaming.like()) as sink:
        sink.hear(tone(10))
        streaming.send(sink, range(5))
    with av.open(str(tmp_path / "a.mkv")) as container:
        assert all(np.abs(frame.to_ndarray()).max() < 0.01 for frame in container.decode(audio=0))
