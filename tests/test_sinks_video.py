"""Clips written and read back: time, alpha, colour, size, and which codec a name means."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from media import NTSC, frame
from written import VFR, clip, read, stream_of, times, write

from livematte.colour import Colour
from livematte.frame import Frame, pixel_format
from livematte.sinks import Encoding

ALPHA_FILES = ("a.mov", "a.webm", "a.mkv")
HDR = Colour(9, 16, 9, False)


@pytest.mark.parametrize("name", ["a.mov", "a.mp4"])
@pytest.mark.parametrize("pts", [range(0, 6006, 1001), VFR, [5005, 6006, 8008]], ids=["29.97", "variable", "late start"])
def test_times_are_kept_exactly(tmp_path: Path, name: str, pts: list[int]) -> None:
    frames = clip(times=pts, time_base=Fraction(1, 30000))
    write(tmp_path / name, frames)
    assert times(read(tmp_path / name)) == times(frames)


@pytest.mark.parametrize("name", ["a.mkv", "a.webm"])
def test_matroska_rounds_times_to_its_milliseconds(tmp_path: Path, name: str) -> None:
    pts = [p for p in VFR if p != 3004]  # 33 us after the one before: the same millisecond
    frames = clip(times=pts, time_base=Fraction(1, 30000))
    write(tmp_path / name, frames)
    assert times(read(tmp_path / name)) == [Fraction(round(t * 1000), 1000) for t in times(frames)]


@pytest.mark.parametrize("name", ["a.mov", "a.mp4"])
def test_the_last_frame_stays_as_long_as_it_did(tmp_path: Path, name: str) -> None:
    *frames, last = clip()
    write(tmp_path / name, [*frames, replace(last, duration=30)])
    with av.open(str(tmp_path / name)) as file:
        stream = file.streams.video[0]
        assert (stream.duration or 0) * stream.time_base == Fraction(35) / NTSC


def test_a_frame_that_is_not_later_is_left_out_and_told(tmp_path: Path) -> None:
    frames = clip(times=[0, 1, 1, 2])
    sink = write(tmp_path / "a.mp4", frames)
    assert times(read(tmp_path / "a.mp4")) == times(clip(times=[0, 1, 2]))
    assert "1 frames that were not later" in sink.notes[-1]


def test_pictures_without_a_time_follow_each_other_at_the_sources_rate(tmp_path: Path) -> None:
    write(tmp_path / "a.mov", [replace(f, pts=None, time_base=Fraction(1, 1000), duration=0) for f in clip()])
    assert times(read(tmp_path / "a.mov")) == times(clip())


@pytest.mark.parametrize(
    "pixels",
    [
        "yuva420p",
        "yuva422p",
        "yuva444p",
        "yuva420p10le",
        "yuva422p10le",
        "yuva444p12le",
        "yuva420p16le",
        "gbrap",
        "gbrap12le",
        "yuv420p",
        "yuv422p10le",
        "yuv444p12le",
        "gbrp",
        "gbrp10le",
        "gray",
        "gray10le",
        "yuv440p",
        "yuv411p",
        "nv12",
        "p010le",
    ],
)
def test_ffv1_keeps_every_sample(tmp_path: Path, pixels: str) -> None:
    frames = clip(pixels)
    write(tmp_path / "a.mkv", frames)
    got = read(tmp_path / "a.mkv")
    assert got[0].format.bits == frames[0].format.bits
    for a, b in zip(got, frames, strict=True):
        for p, q in zip(_planar(a), _planar(b), strict=True):
            np.testing.assert_array_equal(p, q)
        assert (a.pha is None) == (b.pha is None)
        if b.pha is not None:
            step = 1 / ((1 << b.format.bits) - 1)
            np.testing.assert_allclose(a.pha, b.pha, atol=0.51 * step)  # the nearest step of that depth


def _planar(frame: Frame) -> list[np.ndarray]:
    planes = list(frame.planes)
    fmt = frame.format
    if fmt.family == "semi":
        planes = [planes[0] >> fmt.shift, planes[1][..., 0] >> fmt.shift, planes[1][..., 1] >> fmt.shift]
    return planes


def test_grey_with_alpha_is_ffv1_without_colour(tmp_path: Path) -> None:
    grey = [replace(f, pha=frame(0, name="yuva420p").pha) for f in clip("gray")]
    write(tmp_path / "a.mkv", grey)
    got = read(tmp_path / "a.mkv")[0]
    np.testing.assert_array_equal(got.planes[0], grey[0].planes[0])
    assert got.format.name == "yuv420p"
    assert set(np.unique(got.planes[1])) == {128}


def test_prores_keeps_alpha_within_a_level_and_the_picture_within_a_few(tmp_path: Path) -> None:
    frames = clip("yuva444p10le")
    write(tmp_path / "a.mov", frames)
    got = read(tmp_path / "a.mov")
    assert stream_of(tmp_path / "a.mov")["tag"] == "ap4h"
    for a, b in zip(got, frames, strict=True):
        np.testing.assert_allclose(a.pha, b.pha, atol=1 / 255)
        luma = a.planes[0] / 4 if a.format.bits == 12 else a.planes[0]  # libav decodes 4444 to 12 bits
        assert np.abs(luma - b.planes[0].astype(float)).mean() < 4  # of 1023


def test_vp9_alpha_is_there_for_players_and_near(tmp_path: Path) -> None:
    frames = clip("yuva420p")
    write(tmp_path / "a.webm", frames)
    assert stream_of(tmp_path / "a.webm")["metadata"]["alpha_mode"] == "1"
    got = read(tmp_path / "a.webm", decoder="libvpx-vp9")
    for a, b in zip(got, frames, strict=True):
        assert np.abs(a.pha - b.pha).mean() < 3 / 255  # lossy


def test_qtrle_keeps_alpha_exactly(tmp_path: Path) -> None:
    frames = clip("gbrap")
    write(tmp_path / "a.mov", frames, encoding=Encoding(codec="qtrle"))
    for a, b in zip(read(tmp_path / "a.mov"), frames, strict=True):
        np.testing.assert_allclose(a.pha, b.pha, atol=1e-6)
        for p, q in zip(a.planes, b.planes, strict=True):
            np.testing.assert_array_equal(p, q)


@pytest.mark.parametrize("name", ALPHA_FILES)
def test_an_opaque_frame_among_frames_with_alpha_is_opaque(tmp_path: Path, name: str) -> None:
    first, second, *_ = clip("yuva420p")
    write(tmp_path / name, [first, replace(second, pha=None)])
    got = read(tmp_path / name, decoder="libvpx-vp9" if name == "a.webm" else None)[1]
    assert got.pha is not None
    assert got.pha.min() > 0.99


def test_each_field_keeps_its_own_chroma(tmp_path: Path) -> None:
    """4:2:0 to 4:4:4 of a frame whose one field is red and whose other is blue: no purple rows."""
    luma, u, v = (np.full(p.shape, 128, np.uint8) for p in clip()[0].planes)
    u[0::2], u[1::2], v[0::2], v[1::2] = 90, 200, 200, 90
    write(tmp_path / "a.mov", [replace(clip()[0], planes=(luma, u, v), field_order="tff", pha=np.ones(luma.shape, np.float32))])
    rows = read(tmp_path / "a.mov")[0].planes[1].mean(axis=1) / 16  # libav decodes 4444 to 12 bits
    np.testing.assert_allclose(rows[0::2], 90, atol=2)
    np.testing.assert_allclose(rows[1::2], 200, atol=2)


@pytest.mark.parametrize(
    ("name", "pixels", "colour"),
    [
        ("a.mov", "yuv420p", Colour(1, 1, 1, False)),
        ("a.mp4", "yuv420p", Colour(1, 1, 1, False)),
        ("a.mp4", "yuv420p", Colour(5, 6, 5, True)),
        ("a.mp4", "yuv420p10le", HDR),
        ("a.webm", "yuv420p", Colour(1, 1, 1, False)),
        ("a.mkv", "yuv420p", Colour(6, 6, 6, False)),
        ("a.mkv", "yuv420p10le", HDR),
        ("a.mov", "yuv422p10le", HDR),
    ],
)
def test_colour_tags_are_kept(tmp_path: Path, name: str, pixels: str, colour: Colour) -> None:
    write(tmp_path / name, clip(pixels, colour=colour))
    assert read(tmp_path / name)[0].colour == colour


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_untagged_stays_untagged(tmp_path: Path, name: str) -> None:
    write(tmp_path / name, clip())
    got = read(tmp_path / name)[0].colour
    assert (got.primaries, got.transfer, got.matrix) == (2, 2, 2)
    assert not got.full_range


def test_full_range_becomes_limited_where_the_codec_cannot_say_it(tmp_path: Path) -> None:
    frames = clip(colour=Colour(1, 1, 1, True))
    white = replace(frames[0], planes=tuple(np.full_like(p, 255 if i == 0 else 128) for i, p in enumerate(frames[0].planes)))
    write(tmp_path / "a.mov", [white])
    got = read(tmp_path / "a.mov")[0]
    assert not got.full_range
    assert abs(float(np.median(got.planes[0])) - 940) <= 4  # white in 10 bits; libswscale is off by one level of 8


def test_rgb_is_written_as_limited_ycbcr_with_its_matrix_named(tmp_path: Path) -> None:
    fmt = pixel_format("gbrp")
    assert fmt is not None
    white = replace(clip("gbrp")[0], planes=(np.full((48, 64), 255, np.uint8),) * 3, colour=Colour(1, 13, 0))
    write(tmp_path / "a.mp4", [white])
    got = read(tmp_path / "a.mp4")[0]
    assert (got.colour.matrix, got.full_range) == (6, False)
    assert abs(float(np.median(got.planes[0])) - 235) <= 2


@pytest.mark.parametrize("name", ["a.mov", "a.mp4"])
def test_sample_aspect_is_kept(tmp_path: Path, name: str) -> None:
    write(tmp_path / name, clip(sample_aspect=Fraction(16, 15)))
    assert stream_of(tmp_path / name)["aspect"] == Fraction(16, 15)


def test_sample_aspect_becomes_size_where_it_cannot_be_marked(tmp_path: Path) -> None:
    sink = write(tmp_path / "a.webm", clip("yuva420p", sample_aspect=Fraction(4, 3)))
    assert stream_of(tmp_path / "a.webm")["size"] == (85, 48)
    assert sink.notes == ["64x48 with samples of 4/3 becomes 85x48: .webm holds square samples only"]


def test_sample_aspect_that_ffv1_cannot_mark_is_told(tmp_path: Path) -> None:
    sink = write(tmp_path / "a.mkv", clip(sample_aspect=Fraction(4, 3)))
    assert stream_of(tmp_path / "a.mkv")["size"] == (64, 48)
    assert sink.notes == ["samples of 4/3 cannot be marked in .mkv with ffv1: set that aspect in the player"]


@pytest.mark.parametrize("name", ALPHA_FILES)
def test_odd_sizes_are_kept(tmp_path: Path, name: str) -> None:
    frames = clip("yuva420p", size=(65, 49))
    write(tmp_path / name, frames)
    assert {f.size for f in read(tmp_path / name)} == {(65, 49)}


@pytest.mark.parametrize(("codec", "pixels"), [("h264", "yuv420p"), ("hevc", "yuv420p10le"), ("h264", "nv12"), ("h264", "yuv444p")])
def test_odd_sizes_are_made_even_for_h264_and_told(tmp_path: Path, codec: str, pixels: str) -> None:
    frames = clip(pixels, size=(65, 49))
    sink = write(tmp_path / "a.mp4", frames, encoding=Encoding(codec=codec, crf=1))
    got = read(tmp_path / "a.mp4")[0]
    assert sink.notes == [f"65x49 is odd, {codec} holds 66x50: the last column or row is doubled"]
    assert got.size == (66, 50)
    shift = frames[0].format.shift
    want = np.pad(frames[0].planes[0] >> shift, ((0, 1), (0, 1)), mode="edge").astype(float)
    assert np.abs(got.planes[0] - want).mean() < 2 << (got.format.bits - 8)


def test_alpha_is_made_even_with_the_rest(tmp_path: Path) -> None:
    frames = clip("yuva420p", size=(65, 49))
    write(tmp_path / "a.mov", frames, encoding=Encoding(codec="prores_aw"))
    got, pha = read(tmp_path / "a.mov")[0], frames[0].pha
    assert got.pha is not None
    assert pha is not None
    assert np.abs(got.pha - np.pad(pha, ((0, 1), (0, 1)), mode="edge")).mean() < 2 / 255  # ProRes is not lossless


@pytest.mark.parametrize("name", ["a.mov", "a.mp4", "a.mkv"])
@pytest.mark.parametrize("order", ["tff", "bff"])
def test_interlaced_frames_are_marked(tmp_path: Path, name: str, order: str) -> None:
    write(tmp_path / name, clip(field_order=order))
    with av.open(str(tmp_path / name)) as file:
        assert all(f.interlaced_frame for f in file.decode(video=0))
    assert stream_of(tmp_path / name)["field_order"] in ({"tff": 2, "bff": 3}[order], {"tff": 4, "bff": 5}[order])
    assert times(read(tmp_path / name))[:2] == [0, 1 / NTSC if name != "a.mkv" else Fraction(33, 1000)]


def test_interlaced_frames_that_cannot_be_marked_are_told(tmp_path: Path) -> None:
    sink = write(tmp_path / "a.webm", clip(field_order="tff"))
    assert sink.notes == ["interlaced frames are written as whole pictures: vp9 cannot mark fields"]


def test_depth_that_is_lost_is_told(tmp_path: Path) -> None:
    sink = write(tmp_path / "a.webm", clip("yuva420p10le"))
    assert sink.notes == ["10 bits become 8: libvpx-vp9 takes no more"]


def test_mp4_begins_with_its_index(tmp_path: Path) -> None:
    write(tmp_path / "a.mp4", clip())
    data = (tmp_path / "a.mp4").read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")
