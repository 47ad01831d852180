"""Clips written and read back: time, alpha, colour, size, and which codec a name means."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from media import NTSC, frame
from written import VFR, clip, like, read, stream_of, times, write

from livematte.colour import Colour
from livematte.errors import SettingsError, SinkError
from livematte.frame import pixel_format
from livematte.sinks import Encoding, open_sink, sink_holds_alpha

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


def _planar(frame: object) -> list[np.ndarray]:
    planes = list(frame.planes)  # type: ignore[attr-defined]
    fmt = frame.format  # type: ignore[attr-defined]
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


@pytest.mark.parametrize(
    ("name", "pixels", "want"),
    [
        ("a.mov", "yuv420p", ("prores", "yuv422p10le")),
        ("a.mov", "yuv444p", ("prores", "yuv444p12le")),
        ("a.mp4", "yuv422p", ("h264", "yuv420p")),
        ("a.mp4", "yuv420p10le", ("hevc", "yuv420p10le")),
        ("a.m4v", "nv12", ("h264", "yuv420p")),
        ("a.webm", "yuv444p", ("vp9", "yuv420p")),
        ("a.mkv", "p010le", ("ffv1", "yuv420p10le")),
    ],
)
def test_codec_by_name_and_depth(tmp_path: Path, name: str, pixels: str, want: tuple[str, str]) -> None:
    write(tmp_path / name, clip(pixels))
    said = stream_of(tmp_path / name)
    assert (said["codec"], said["pixels"]) == want
    assert len(read(tmp_path / name)) == 6


def test_hevc_in_mp4_is_tagged_as_players_want_it(tmp_path: Path) -> None:
    write(tmp_path / "a.mp4", clip("yuv420p10le"))
    assert stream_of(tmp_path / "a.mp4")["tag"] == "hvc1"


def test_codec_asked_for(tmp_path: Path) -> None:
    write(tmp_path / "a.mp4", clip(), encoding=Encoding(codec="av1", crf=40, preset="12"))
    assert stream_of(tmp_path / "a.mp4")["codec"] == "av1"


def test_crf_and_bitrate_set_the_size(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    noisy = [replace(f, planes=tuple(rng.integers(16, 235, p.shape).astype(np.uint8) for p in f.planes)) for f in clip(times=range(20))]
    sizes = {}
    for name, encoding in {"fine": Encoding(crf=5), "coarse": Encoding(crf=45), "bits": Encoding(bitrate=100_000)}.items():
        write(tmp_path / f"{name}.mp4", noisy, encoding=encoding)
        sizes[name] = (tmp_path / f"{name}.mp4").stat().st_size
    assert sizes["coarse"] * 3 < sizes["fine"]
    assert sizes["bits"] * 3 < sizes["fine"]


def test_what_an_encoder_does_not_have_is_told(tmp_path: Path) -> None:
    sink = write(tmp_path / "a.mov", clip(), encoding=Encoding(crf=20, preset="slow"))
    assert sink.notes == ["--crf does not apply to prores_aw", "--preset does not apply to prores_aw"]


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


def test_which_names_hold_alpha() -> None:
    holding = {"a.mov", "a.webm", "a.mkv", "a.gif", "a.webp", "a.png", "a.zip", "folder/"}
    names = [*holding, "a.mp4", "a.m4v", "A.MP4"]
    assert {name for name in names if sink_holds_alpha(name)} == holding
    assert not sink_holds_alpha("a.mov", Encoding(codec="h264"))
    assert sink_holds_alpha("a.mkv", Encoding(codec="vp9"))


def test_alpha_into_mp4_is_refused(tmp_path: Path) -> None:
    sink = open_sink(tmp_path / "a.mp4", like=like())
    with pytest.raises(SinkError, match=r"h264 in \.mp4 holds no alpha; write \.mov, \.webm or \.mkv, or choose a background"):
        sink.send(clip("yuva420p")[0])
    assert list(tmp_path.iterdir()) == []


def test_alpha_after_an_opaque_start_is_refused(tmp_path: Path) -> None:
    sink = open_sink(tmp_path / "a.mov", like=like())
    sink.send(clip()[0])
    with pytest.raises(SinkError, match="frame 2 has alpha, the output began without"):
        sink.send(clip("yuva420p")[1])
    assert list(tmp_path.iterdir()) == []


def test_another_size_is_refused(tmp_path: Path) -> None:
    sink = open_sink(tmp_path / "a.mp4", like=like())
    sink.send(clip()[0])
    with pytest.raises(SinkError, match="frame 2 is 32x32, the output began as 64x48"):
        sink.send(clip(size=(32, 32))[1])
    assert list(tmp_path.iterdir()) == []


def test_unknown_extension_lists_the_known_ones() -> None:
    with pytest.raises(
        SettingsError, match=r"got \.avi, wanted one of \.mov \.webm \.mkv \.mp4 \.m4v \.gif \.webp \.png \.zip, or a folder/"
    ):
        open_sink("a.avi", like=like())


@pytest.mark.parametrize("name", ["vcam", "vcam:/dev/video10", "window", "-", "rtmp://host/key"])
def test_outputs_that_are_no_files_do_not_become_folders(name: str) -> None:
    with pytest.raises(SettingsError, match="cannot be written yet; files can"):
        open_sink(name, like=like())


def test_a_codec_that_the_container_does_not_hold(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"--codec prores cannot be in .*a\.mp4; wanted one of h264, hevc, av1, libx264"):
        open_sink(tmp_path / "a.mp4", like=like(), encoding=Encoding(codec="prores"))
    assert list(tmp_path.iterdir()) == []


def test_an_encoder_that_is_not_here_names_those_that_are(tmp_path: Path) -> None:
    if "h264_videotoolbox" in av.codecs_available:
        pytest.skip("this libav has it")
    with pytest.raises(SinkError, match="there is no encoder h264_videotoolbox here; there are libx264, libx265"):
        open_sink(tmp_path / "a.mp4", like=like(), encoding=Encoding(codec="h264_videotoolbox"))


def test_settings_that_the_encoder_refuses(tmp_path: Path) -> None:
    sink = open_sink(tmp_path / "a.mp4", like=like(), encoding=Encoding(preset="warp"))
    with pytest.raises(SinkError, match="libx264 does not start with 64x48 yuv420p crf=18 preset=warp"):
        sink.send(clip()[0])
    assert list(tmp_path.iterdir()) == []


def test_importing_sinks_imports_nothing_heavy() -> None:
    code = "import sys, livematte.sinks; print(sorted({'av', 'cv2', 'torch'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
