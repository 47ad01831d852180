"""Video files of every kind: what was written comes back, sample by sample, with its time, its tags and its tracks."""

from __future__ import annotations

import gc
import io
import os
import sys
import threading
from collections import Counter
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import media
import numpy as np
import pytest

from livematte.colour import Colour
from livematte.frame import Frame
from livematte.sources import Cut, open_source


def read(path: Path | str) -> tuple[list[Frame], list[Any]]:
    with open_source(path) as source:
        items = list(source.items())
    return [i for i in items if isinstance(i, Frame)], [i for i in items if not isinstance(i, Frame)]


def same(frame: Frame, planes: tuple[Any, ...]) -> bool:
    return len(frame.planes) == len(planes) and all(np.array_equal(a, b) for a, b in zip(frame.planes, planes, strict=True))


@pytest.mark.parametrize(
    ("name", "codec", "pixels"),
    [
        ("a.mp4", "libx264", "yuv420p"),
        ("a.mkv", "libx264", "yuv422p"),
        ("a.mov", "libx264", "yuv444p"),
        ("a.mp4", "libx264", "yuv420p10le"),
        ("a.mp4", "libx264", "yuv422p10le"),
        ("a.mkv", "ffv1", "yuv420p12le"),
        ("a.mkv", "ffv1", "yuv440p10le"),
        ("a.mkv", "ffv1", "gray"),
        ("a.mkv", "ffv1", "gray10le"),
        ("a.mkv", "ffv1", "gbrp10le"),
        ("a.webm", "libvpx-vp9", "yuv420p"),
        ("a.ts", "libx264", "yuv420p"),
        ("a.avi", "ffv1", "yuv420p"),
    ],
)
def test_samples_are_those_of_the_file(tmp_path: Path, name: str, codec: str, pixels: str) -> None:
    frames, _ = read(media.clip(tmp_path / name, codec=codec, pixels=pixels))
    assert len(frames) == 10
    assert {f.format.name for f in frames} == {pixels}
    assert all(same(f, media.planes(i, name=pixels)) for i, f in enumerate(frames))


@pytest.mark.parametrize(("pixels", "size"), [("yuv420p", (65, 49)), ("yuv422p10le", (63, 48)), ("yuv444p", (33, 47))])
def test_odd_sizes_keep_every_sample(tmp_path: Path, pixels: str, size: tuple[int, int]) -> None:
    path = media.clip(tmp_path / "odd.mkv", codec="ffv1", pixels=pixels, size=size, frames=2)
    with open_source(path) as source:
        assert source.info.size == size
        assert all(same(f, media.planes(i, size, pixels)) for i, f in enumerate(source))


def test_29_97_and_variable_rate_keep_their_pts(tmp_path: Path) -> None:
    frames, _ = read(media.clip(tmp_path / "ntsc.mp4", frames=40))
    assert [f.pts * f.time_base for f in frames if f.pts is not None] == [i / media.NTSC for i in range(40)]
    assert {f.duration * f.time_base for f in frames} == {1 / media.NTSC}
    times = [0, 100, 350, 400, 1500]
    frames, _ = read(media.clip(tmp_path / "vfr.mp4", times=times, time_base=Fraction(1, 1000)))
    assert [f.pts * f.time_base * 1000 for f in frames if f.pts is not None] == times


def test_frames_between_others_come_in_order_of_time(tmp_path: Path) -> None:
    frames, _ = read(media.clip(tmp_path / "b.mp4", frames=30, options={"bf": "3", "preset": "medium"}))
    assert [f.pts for f in frames] == [1001 * i for i in range(30)]
    assert all(same(f, media.planes(i)) for i, f in enumerate(frames))


def test_a_bare_codec_stream_gets_times_from_its_rate(tmp_path: Path) -> None:
    path = media.clip(tmp_path / "raw.h264", frames=5)
    with open_source(path) as source:
        assert source.info.rate == media.NTSC
        assert [round(float((f.pts or 0) * f.time_base * media.NTSC)) for f in source] == list(range(5))


def test_a_container_without_a_zero_begins_at_zero_and_sound_stays_beside(tmp_path: Path) -> None:
    path = media.clip(tmp_path / "a.ts", audio=["eng"], container_options={"output_ts_offset": "5000"})
    with av.open(str(path)) as container:
        assert container.start_time > 4_000_000_000
        stamps = [(p.stream.type, p.pts) for p in container.demux() if p.size]
    offset = min(pts for _, pts in stamps if pts is not None)
    frames, packets = read(path)
    assert [f.pts for f in frames] == sorted(pts - offset for kind, pts in stamps if kind == "video" and pts is not None)
    assert [p.pts for p in packets] == [pts - offset for kind, pts in stamps if kind == "audio" and pts is not None]


def test_colour_tags_aspect_and_range(tmp_path: Path) -> None:
    pq = Colour(primaries=9, transfer=16, matrix=9, full_range=False)
    frames, _ = read(media.clip(tmp_path / "pq.mp4", codec="libx265", pixels="yuv420p10le", colour=pq, aspect=Fraction(4, 3), frames=2))
    assert {(f.colour, f.sample_aspect) for f in frames} == {(pq, Fraction(4, 3))}
    frames, _ = read(media.clip(tmp_path / "full.mp4", pixels="yuvj420p", frames=2))
    assert {(f.format.name, f.colour.full_range) for f in frames} == {("yuv420p", True)}


@pytest.mark.parametrize("order", ["tff", "bff"])
def test_interlaced_is_kept_and_told(tmp_path: Path, order: str) -> None:
    with open_source(media.clip(tmp_path / "i.mp4", interlaced=order)) as source:
        assert source.info.notes == ("interlaced, kept as it is",)
        assert {f.field_order for f in source} == {order}


@pytest.mark.parametrize("codec", ["libvpx-vp9", "libvpx"])
def test_alpha_of_webm_is_read(tmp_path: Path, codec: str) -> None:
    path = media.clip(tmp_path / "a.webm", codec=codec, pixels="yuva420p", colour=Colour(1, 1, 1, False))
    frames, _ = read(path)
    assert len(frames) == 10
    # VP8 has one matrix and no tag for it
    assert frames[0].colour == Colour(1, 1, 1 if codec == "libvpx-vp9" else 2, False)
    for index, frame in enumerate(frames):
        assert frame.pha is not None
        # VP8 is lossy: a few levels at the edge of its blocks; without the right decoder there would be no alpha at all
        assert np.abs(frame.pha - media.alpha(index)).mean() < (0.001 if codec == "libvpx-vp9" else 0.03)


@pytest.mark.parametrize(("codec", "pixels", "levels"), [("prores_ks", "yuva444p10le", 0.004), ("qtrle", "argb", 0.0)])
def test_alpha_of_mov_is_read(tmp_path: Path, codec: str, pixels: str, levels: float) -> None:
    frames, _ = read(media.clip(tmp_path / "a.mov", codec=codec, pixels=pixels, frames=3))
    for index, frame in enumerate(frames):
        assert frame.pha is not None
        assert np.abs(frame.pha - media.alpha(index)).max() <= levels + 1e-6


def test_every_track_rides_along(tmp_path: Path) -> None:
    path = media.clip(
        tmp_path / "a.mp4", frames=30, audio=["deu", "eng"], subtitle="fra", chapters=True, cover=True, metadata={"title": "T"}
    )
    wanted: dict[int, list[Any]] = {}
    with av.open(str(path)) as container:
        for packet in container.demux():
            if packet.size:
                wanted.setdefault(packet.stream_index, []).append((packet.pts, bytes(packet)))
    came: dict[int, list[Any]] = {}
    with open_source(path) as source:
        info = source.info
        for item in source.items():
            if not isinstance(item, Frame):
                came.setdefault(item.stream_index, []).append((item.pts, bytes(item)))
        assert [(t.type, t.language) for t in info.tracks[:3]] == [("audio", "deu"), ("audio", "eng"), ("subtitle", "fra")]
        assert info.tracks[3].type == "video"  # the cover
        assert came == {t.index: wanted[t.index] for t in info.tracks}
    assert info.metadata["title"] == "T"
    assert [(c["metadata"]["title"], c["start"] * c["time_base"]) for c in info.chapters] == [("first", 0), ("second", Fraction(1, 10))]
    assert info.notes == ()  # the chapters' own data track goes without saying


def test_attachments_are_tracks_and_a_second_video_is_told(tmp_path: Path) -> None:
    with open_source(media.clip(tmp_path / "a.mkv", attachment=True, audio=["eng"])) as source:
        assert [t.type for t in source.info.tracks] == ["audio", "attachment"]
    path = tmp_path / "two.mkv"
    with av.open(str(media.clip(tmp_path / "one.mp4"))) as one, av.open(str(path), "w") as out:
        twice = [out.add_stream_from_template(one.streams.video[0]) for _ in range(2)]
        for packet in one.demux():
            for stream in twice if packet.size else ():
                packet.stream = stream
                out.mux(packet)
    with open_source(path) as source:
        assert source.info.notes == ("2 video streams; only the main one is read",)
        assert Counter(type(i) for i in source.items()) == {Frame: 10}


def test_what_is_known_before_the_first_frame(tmp_path: Path) -> None:
    with open_source(media.clip(tmp_path / "a.mp4", frames=30)) as source:
        info = source.info
    assert (info.size, info.rate, info.frames, info.still) == ((64, 48), media.NTSC, 30, False)
    assert info.seconds == pytest.approx(30 / float(media.NTSC), abs=1e-3)  # the header counts in milliseconds


def test_an_animation_is_a_clip_and_one_picture_is_still(tmp_path: Path) -> None:
    path = media.clip(tmp_path / "a.gif", codec="gif", pixels="rgb8", time_base=Fraction(1, 10), frames=3)
    with open_source(path) as source:
        assert not source.info.still
        assert [f.pts * f.time_base for f in source if f.pts is not None] == [0, Fraction(1, 10), Fraction(1, 5)]
    path = media.clip(tmp_path / "one.gif", codec="gif", pixels="rgb8", time_base=Fraction(1, 10), frames=1)
    with open_source(path) as source:
        assert source.info.still
        assert [f.label for f in source] == ["one"]


@pytest.mark.parametrize(("cut", "wanted"), [(Cut(), range(30)), (Cut(start=0.5, frames=5), range(15, 20))])
def test_standard_input_that_cannot_be_rewound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cut: Cut, wanted: range) -> None:
    data = media.clip(tmp_path / "a.mkv", frames=30, audio=["eng"]).read_bytes()
    end, begin = os.pipe()

    def write() -> None:
        with os.fdopen(begin, "wb") as pipe:
            pipe.write(data)

    thread = threading.Thread(target=write)
    thread.start()
    with io.TextIOWrapper(os.fdopen(end, "rb")) as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        with open_source("-", cut=cut) as source:
            assert source.info.piped
            items = list(source.items())
        stdin.buffer.read()  # the writer may still be at it
    thread.join()
    frames = [i for i in items if isinstance(i, Frame)]
    assert len(frames) == len(wanted) < len(items)
    assert all(same(f, media.planes(i)) for f, i in zip(frames, wanted, strict=True))


def test_leaving_early_releases_the_file(tmp_path: Path) -> None:
    path = media.clip(tmp_path / "a.mp4", frames=30)
    with open_source(path) as source:
        first = next(iter(source))
    gc.collect()
    open_files = [os.path.realpath(f"/proc/self/fd/{n}") for n in os.listdir("/proc/self/fd")] if os.path.isdir("/proc/self/fd") else []
    assert str(path) not in open_files
    assert same(first, media.planes(0))  # a frame outlives its source


def test_a_name_with_a_colon_is_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    media.clip(tmp_path / "a.mp4", frames=2).rename(tmp_path / "take 1:30.mp4")
    frames, _ = read("take 1:30.mp4")
    assert len(frames) == 2


def test_opening_and_importing_is_light() -> None:
    import subprocess

    done = subprocess.run(
        [sys.executable, "-c", "import sys, livematte.sources; print(sorted({'av', 'cv2', 'torch'} & set(sys.modules)))"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"


def test_a_stretch_without_frames_is_told(tmp_path: Path) -> None:
    """What Matroska lost to damage is only seen by its absence."""
    media.clip(tmp_path / "a.mkv", frames=6, times=[0, 1, 2, 30, 31, 60])
    with open_source(tmp_path / "a.mkv") as source:
        assert len(list(source)) == 6
        assert source.info.notes == ("no frames from 0.10 to 1.00 s: a pause, or damage, and 1 more such",)


def test_frames_that_are_held_are_no_pause(tmp_path: Path) -> None:
    media.clip(tmp_path / "a.mp4", frames=6, times=[0, 1, 2, 30, 31, 60])
    with open_source(tmp_path / "a.mp4") as source:
        assert len(list(source)) == 6
        assert source.info.notes == ()
