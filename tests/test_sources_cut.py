"""--start, --end and --frames are exact to the frame, and everything moves together; a clip that broke off says where."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import media
import numpy as np
import pytest

from livematte.errors import SourceError
from livematte.frame import Frame
from livematte.sources import Cut, open_source
from livematte.sources.damage import is_short


def parts(path: Path, cut: Cut) -> tuple[list[Frame], list[Any]]:
    with open_source(path, cut=cut) as source:
        items = list(source.items())
    return [i for i in items if isinstance(i, Frame)], [i for i in items if not isinstance(i, Frame)]


def numbers(frames: list[Frame], clip: list[Frame]) -> list[int]:
    """Which frames of the whole clip these are, by their samples."""
    known = {f.planes[0].tobytes(): i for i, f in enumerate(clip)}
    return [known[f.planes[0].tobytes()] for f in frames]


@pytest.fixture(scope="module")
def long_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip with few key frames and with frames between others, whose every frame is another."""
    path = tmp_path_factory.mktemp("cut") / "long.mp4"
    return media.clip(path, frames=90, audio=["eng"], chapters=True, options={"g": "25", "bf": "2", "preset": "medium", "qp": "10"})


@pytest.mark.parametrize(
    ("cut", "wanted"),
    [
        (Cut(), range(90)),
        (Cut(end=1.0), range(30)),
        (Cut(frames=7), range(7)),
        (Cut(start=0.5), range(15, 90)),
        (Cut(start=2.0, end=2.5), range(60, 75)),
        (Cut(start=1.234, frames=3), range(37, 40)),
        (Cut(start=2.97), range(89, 90)),
        (Cut(start=float(40 / media.NTSC), end=float(50 / media.NTSC)), range(40, 50)),
        (Cut(start=1.335, frames=1), range(40, 41)),  # frame 40 is at 1.33467 s: the millisecond above means it too
        (Cut(end=0.02), range(1)),
    ],
)
def test_a_cut_has_just_its_frames(long_clip: Path, cut: Cut, wanted: range) -> None:
    whole, _ = parts(long_clip, Cut())
    frames, _ = parts(long_clip, cut)
    assert numbers(frames, whole) == list(wanted)
    origin = wanted[0] if cut.start else 0
    assert [f.pts for f in frames] == [1001 * (i - origin) for i in wanted]


@pytest.mark.parametrize("suffix", [".mkv", ".ts", ".flv"])
@pytest.mark.parametrize("cut", [Cut(start=0.7, end=1.3), Cut(start=2.8), Cut(start=1.9, frames=4)])
def test_every_container_is_cut_by_its_own_times(long_clip: Path, tmp_path: Path, cut: Cut, suffix: str) -> None:
    path = remux(long_clip, tmp_path / f"clip{suffix}")
    whole, _ = parts(path, Cut())
    frames, _ = parts(path, cut)
    wanted = [i for i, f in enumerate(whole) if cut.start - 0.0005 <= f.seconds < (cut.end or 99) - 0.0005][: cut.frames]
    assert len(whole) == 90
    assert numbers(frames, whole) == wanted
    assert [f.pts for f in frames] == [(whole[i].pts or 0) - (whole[wanted[0]].pts or 0) for i in wanted]


def test_a_cut_between_two_frames(long_clip: Path) -> None:
    with pytest.raises(SourceError, match=r"long\.mp4 has no frame between 1\.005 s and 1\.015 s; try a longer part"):
        open_source(long_clip, cut=Cut(start=1.005, end=1.015))


def remux(path: Path, target: Path) -> Path:
    with av.open(str(path)) as source, av.open(str(target), "w") as out:
        streams = {s.index: out.add_stream_from_template(s) for s in source.streams if s.type in ("video", "audio")}
        for packet in source.demux():
            if packet.size and packet.stream_index in streams:
                packet.stream = streams[packet.stream_index]
                out.mux(packet)
    return target


def test_sound_moves_with_the_picture(long_clip: Path) -> None:
    whole, sound = parts(long_clip, Cut())
    _, cut = parts(long_clip, Cut(start=1.0, end=2.0))
    origin = next(f.seconds for f in whole if f.seconds >= 0.9995)
    inside = {bytes(p): float(p.pts * p.time_base) for p in sound if origin <= p.pts * p.time_base < 1.9995}
    assert [bytes(p) for p in cut] == list(inside)
    for packet in cut:
        assert float(packet.pts * packet.time_base) == pytest.approx(inside[bytes(packet)] - origin, abs=1 / 48000)


def test_sound_reaches_the_end_of_a_cut_by_frames(long_clip: Path) -> None:
    frames, packets = parts(long_clip, Cut(start=1.0, frames=10))
    end = (frames[-1].pts or 0) * frames[-1].time_base + frames[-1].duration * frames[-1].time_base
    last = packets[-1].pts * packets[-1].time_base
    assert end - Fraction(1024, 48000) <= last < end


def test_what_is_known_of_a_cut(long_clip: Path) -> None:
    with open_source(long_clip, cut=Cut(start=0.2, end=1.2)) as source:
        info = source.info
        assert (info.frames, info.seconds) == (30, pytest.approx(1.0))
        assert [(c["metadata"]["title"], c["start"]) for c in info.chapters] == [("second", 0)]
        assert info.chapters[0]["end"] * info.chapters[0]["time_base"] == pytest.approx(0.133, abs=0.04)  # moved by the first frame
    with open_source(long_clip, cut=Cut(start=1.0, frames=5)) as source:
        assert source.info.frames == 5


def test_a_start_beyond_the_end_tells_the_length(long_clip: Path) -> None:
    with pytest.raises(SourceError, match=r"start 12 s lies beyond the end of .*long.mp4, which is 3\.00 s long"):
        open_source(long_clip, cut=Cut(start=12))


@pytest.mark.parametrize("cut", [Cut(start=-1), Cut(start=2, end=2), Cut(frames=0)])
def test_a_cut_that_is_none(long_clip: Path, cut: Cut) -> None:
    with pytest.raises(ValueError, match="wanted 0 <= start < end and frames >= 1"):
        open_source(long_clip, cut=cut)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.mp4", {"movflags": "faststart"}),
        ("f.mp4", {"movflags": "frag_keyframe+empty_moov"}),
        ("a.mkv", {}),
        ("a.avi", {}),
        ("a.flv", {}),
    ],
)
def test_a_truncated_clip_gives_its_frames_and_then_says_where_it_broke(tmp_path: Path, name: str, options: dict[str, str]) -> None:
    codec = "mpeg4" if name == "a.avi" else "libx264"
    path = media.clip(
        tmp_path / name, frames=90, size=(160, 120), codec=codec, audio=["eng"] * (name != "a.flv"), container_options=options
    )
    whole, _ = parts(path, Cut())
    frames: list[Frame] = []
    with (
        open_source(media.cut_off(path, 0.6)) as source,
        pytest.raises(
            SourceError, match=r"-cut\.\w+ broke at \d\.\d\d s \(frame \d+( of ~\d+)?\): the file (is shorter|ends within)"
        ) as told,
    ):
        frames.extend(source)
    assert 10 < len(frames) < 90
    assert f"broke at {float((frames[-1].pts + frames[-1].duration) * frames[-1].time_base):.2f} s (frame {len(frames)}" in str(told.value)  # type: ignore[operator]
    # the last one may be half a picture
    assert all(np.array_equal(a.planes[0], b.planes[0]) for a, b in zip(frames[:-1], whole, strict=False))


def test_a_whole_clip_is_not_taken_for_a_broken_one(tmp_path: Path) -> None:
    held = [0, 33, 66, 5000]  # the last frame stands for seconds, as in a recording of slides
    for name in ("a.mp4", "a.mkv", "a.mov", "a.flv", "a.avi"):
        base = 1 / media.NTSC if name == "a.avi" else Fraction(1, 1000)
        path = media.clip(
            tmp_path / name, times=None if name == "a.avi" else held, time_base=base, codec="mpeg4" if name == "a.avi" else "libx264"
        )
        frames, _ = parts(path, Cut())
        assert len(frames) in (4, 10)
        assert not is_short(path)


def test_a_file_without_its_index_is_told_apart(tmp_path: Path) -> None:
    path = media.cut_off(media.clip(tmp_path / "a.mp4"), 0.5)
    with pytest.raises(SourceError, match=r"a-cut\.mp4 has no index \(moov\): its end is missing.*mend it with untrunc"):
        open_source(path)


def test_damage_in_the_middle_is_skipped_and_told(tmp_path: Path) -> None:
    path = media.clip(tmp_path / "a.mp4", frames=60, size=(160, 120))
    with av.open(str(path)) as container:
        packets = [(p.pos, p.size) for p in container.demux() if p.size]
    data = bytearray(path.read_bytes())
    for at, size in packets[25:28]:
        data[at : at + size] = bytes(size)
    path.write_bytes(data)
    with open_source(path) as source:
        count = sum(1 for _ in source)
        notes = source.info.notes
    assert 50 <= count < 60
    assert "3 damaged packets were skipped" in notes


def test_an_end_that_cannot_be_decoded_is_a_break(tmp_path: Path) -> None:
    path = media.clip(tmp_path / "a.mp4", frames=60, size=(160, 120))
    with av.open(str(path)) as container:
        packets = [(p.pos, p.size) for p in container.demux() if p.size]
    data = bytearray(path.read_bytes())
    for at, size in packets[30:]:
        data[at : at + size] = bytes(size)
    path.write_bytes(data)
    with (
        open_source(path) as source,
        pytest.raises(SourceError, match=r"broke at 1\.00 s \(frame 30 of ~60\): what follows cannot be decoded"),
    ):
        list(source)
