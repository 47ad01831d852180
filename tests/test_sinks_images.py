"""Folders, zips and single pictures of every kind, and animated pictures."""

from __future__ import annotations

import threading
import zipfile
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import cv2
import icc
import numpy as np
import pytest
import tifffile
from media import SIZE, alpha
from PIL import Image
from written import clip, like, read, times, write

from livematte.colour import RGB_MATRIX, Colour
from livematte.errors import SettingsError, SinkError
from livematte.frame import Frame
from livematte.profiles import in_srgb
from livematte.sinks import open_sink, sink_holds_alpha
from livematte.sources import open_source
from livematte.sources.picture_file import read_picture

_DEPTH = {8: (np.uint8, 255), 10: (np.uint16, 65535), 16: (np.uint16, 65535)}


def loaded(data: bytes) -> np.ndarray:
    """A PNG's samples: R'G'B'A or R'G'B'."""
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    return picture[..., [2, 1, 0, 3][: picture.shape[2]]]


def expected(frame: Frame) -> np.ndarray:
    dtype, top = _DEPTH[frame.format.bits]
    rgb = frame.rgb()
    return np.round((rgb if frame.pha is None else np.dstack([rgb, frame.pha])) * top).astype(dtype)


@pytest.mark.parametrize("pixels", ["yuva420p", "yuv420p", "yuva420p10le", "gbrap", "gray", "yuv444p16le"])
def test_pngs_hold_the_frames_colours_and_alpha_at_its_depth(tmp_path: Path, pixels: str) -> None:
    frames = clip(pixels, times=range(3))
    write(tmp_path / "out", frames)
    files = sorted((tmp_path / "out").iterdir())
    assert [f.name for f in files] == ["00000001.png", "00000002.png", "00000003.png"]
    for file, frame in zip(files, frames, strict=True):
        got = loaded(file.read_bytes())
        assert (got.dtype, got.shape[2]) == (_DEPTH[frame.format.bits][0], 3 if frame.pha is None else 4)
        # one step: the nearest is not the same after cvtColor's float32 as after NumPy's
        np.testing.assert_allclose(got.astype(int), expected(frame).astype(int), atol=1)


def test_a_zip_holds_what_a_folder_would(tmp_path: Path) -> None:
    frames = clip("yuva420p", times=range(3))
    write(tmp_path / "out", frames)
    write(tmp_path / "out.zip", frames)
    with zipfile.ZipFile(tmp_path / "out.zip") as file:
        assert file.testzip() is None
        assert {i.compress_type for i in file.infolist()} == {zipfile.ZIP_STORED}
        held = {name: file.read(name) for name in file.namelist()}
    assert held == {f.name: f.read_bytes() for f in (tmp_path / "out").iterdir()}


def test_pictures_keep_their_names_and_sizes(tmp_path: Path) -> None:
    small, large = clip("yuva420p")[0], clip("yuva420p", size=(80, 60))[1]
    frames = [replace(small, label="beach"), replace(large, label="street"), replace(large, label="beach")]
    write(tmp_path / "out", frames, still=True, frames=3)
    sizes = {f.name: loaded(f.read_bytes()).shape[:2] for f in (tmp_path / "out").iterdir()}
    assert sizes == {"beach.png": (48, 64), "street.png": (60, 80), "beach-2.png": (60, 80)}


def test_pictures_of_one_name_never_overwrite_each_other(tmp_path: Path) -> None:
    labels = ["a-2", "a", "a", "a"]
    write(tmp_path / "out", [replace(clip()[0], label=label) for label in labels], still=True)
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"a-2.png", "a.png", "a-3.png", "a-4.png"}


def test_a_label_cannot_leave_the_folder(tmp_path: Path) -> None:
    write(tmp_path / "out", [replace(clip()[0], label="../escaped")], still=True)
    assert [f.name for f in (tmp_path / "out").iterdir()] == ["escaped.png"]
    assert [f.name for f in tmp_path.iterdir()] == ["out"]


def test_a_still_becomes_one_png(tmp_path: Path) -> None:
    [frame] = clip("yuva420p", times=[0])
    write(tmp_path / "a.png", [frame], still=True, frames=1)
    got = loaded((tmp_path / "a.png").read_bytes())
    np.testing.assert_allclose(got.astype(int), expected(frame).astype(int), atol=1)
    assert b"acTL" not in (tmp_path / "a.png").read_bytes()


def test_one_png_holds_one_picture(tmp_path: Path) -> None:
    sink = open_sink(tmp_path / "a.png", like=like(still=True, frames=1))
    sink.send(clip()[0])
    with pytest.raises(SinkError, match=r"holds one picture, got more; write into a folder/ or a \.zip"):
        sink.send(clip()[1])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", [".tif", ".tiff", ".TIF"])
@pytest.mark.parametrize("pixels", ["yuva420p", "gbrp", "gbrap", "yuv444p16le", "gbrap16le", "gray"])
def test_a_tiff_holds_what_a_png_would(tmp_path: Path, pixels: str, suffix: str) -> None:
    [frame] = clip(pixels, times=[0])
    write(tmp_path / f"a{suffix}", [frame], still=True, frames=1)
    with tifffile.TiffFile(tmp_path / f"a{suffix}") as file:
        page = file.pages[0]
        got, extra = page.asarray(), page.tags.get("ExtraSamples")
    assert got.dtype == _DEPTH[frame.format.bits][0]
    np.testing.assert_allclose(got.astype(int), expected(frame).astype(int), atol=1)
    assert (extra and extra.value) == (None if frame.pha is None else (2,))  # straight


@pytest.mark.parametrize("pixels", ["gbrp", "gbrap", "gbrp16le", "gbrap16le"])
@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_rgb_is_written_bit_for_bit(tmp_path: Path, name: str, pixels: str) -> None:
    [frame] = clip(pixels, times=[0])
    frame = replace(frame, colour=Colour(matrix=RGB_MATRIX, full_range=True))
    write(tmp_path / name, [frame], still=True, frames=1)
    [got] = list(open_source(tmp_path / name))
    assert all(np.array_equal(a, b) for a, b in zip(got.planes, frame.planes, strict=True))


@pytest.mark.parametrize("name", ["a.jpg", "a.jpeg", "a.webp", "a.avif"])
@pytest.mark.parametrize("pixels", ["yuv420p", "yuv444p10le", "gbrp16le"])
def test_lossy_pictures_have_eight_bits(tmp_path: Path, name: str, pixels: str) -> None:
    [frame] = clip(pixels, times=[0])
    write(tmp_path / name, [frame], still=True, frames=1)
    picture = np.asarray(Image.open(tmp_path / name))
    assert (picture.dtype, picture.shape) == (np.uint8, (48, 64, 3))
    assert np.abs(picture.astype(int) - np.rint(frame.rgb() * 255)).mean() < 3  # lossy; WebP halves the colour


@pytest.mark.parametrize("name", ["a.webp", "a.avif"])
def test_lossy_pictures_with_alpha(tmp_path: Path, name: str) -> None:
    [frame] = clip("yuva420p", times=[0])
    write(tmp_path / name, [frame], still=True, frames=1)
    picture = np.asarray(Image.open(tmp_path / name))
    assert frame.pha is not None
    assert np.abs(picture[..., 3] - frame.pha * 255).max() < 5
    assert b"ANMF" not in (tmp_path / name).read_bytes()


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.jpg", "a.webp", "a.avif"])
def test_a_profile_goes_along(tmp_path: Path, name: str) -> None:
    profile = icc.rgb_profile()
    frame = replace(clip("gbrp", times=[0])[0], profile=profile)
    write(tmp_path / name, [frame], still=True, frames=1)
    image = Image.open(tmp_path / name)
    assert image.info["icc_profile"] == profile
    assert np.abs(np.asarray(image).astype(int) - np.rint(frame.rgb() * 255)).mean() < 3  # its own numbers


def test_a_clip_is_in_srgb(tmp_path: Path) -> None:
    frames = [replace(frame, profile=icc.rgb_profile()) for frame in clip("gbrp")]
    write(tmp_path / "a.mkv", frames)
    for got, frame in zip(read(tmp_path / "a.mkv"), frames, strict=True):
        assert np.abs(got.rgb() - in_srgb(frame).rgb()).max() < 0.51 / 255


@pytest.mark.parametrize("name", ["a.jpg", "a.jpeg", "a.tif", "a.tiff", "a.avif"])
def test_one_picture_is_no_clip_and_no_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(SettingsError, match=rf"{name} holds one picture, got a clip; write into a folder/ or a \.zip, or a clip"):
        open_sink(tmp_path / name, like=like(frames=None))
    with pytest.raises(SettingsError, match=rf"{name} holds one picture, got 3 pictures; write into a folder/"):
        open_sink(tmp_path / name, like=like(still=True, frames=3))
    assert list(tmp_path.iterdir()) == []


def test_a_jpeg_takes_no_alpha(tmp_path: Path) -> None:
    assert not sink_holds_alpha("a.jpg")
    sink = open_sink(tmp_path / "a.jpg", like=like(still=True, frames=1))
    sink.send(clip("yuva420p", times=[0])[0])
    with pytest.raises(SinkError, match=r"JPEG holds no alpha; write \.png, \.webp or \.tif, or choose a background"):
        sink.close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("suffix", "kind", "largest"), [("webp", "WebP", 16383), ("jpg", "JPEG", 65500), ("JPEG", "JPEG", 65500), ("avif", "AVIF", 32768)]
)
def test_kinds_have_their_limits(tmp_path: Path, suffix: str, kind: str, largest: int) -> None:
    sink = open_sink(tmp_path / f"a.{suffix}", like=like(still=True, frames=1))
    sink.send(clip("gray", times=[0], size=(largest + 1, 2))[0])
    with pytest.raises(SinkError, match=rf"{kind} holds {largest} pixels a side, got {largest + 1}x2; write \.png or \.tif"):
        sink.close()
    assert list(tmp_path.iterdir()) == []
    write(tmp_path / f"a.{suffix}", clip("gray", times=[0], size=(largest, 2)), still=True, frames=1)
    assert read_picture(tmp_path / f"a.{suffix}")[0].size == (largest, 2)


def test_what_the_encoder_refuses_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **options: object) -> None:
        raise RuntimeError("Failed to encode image: Invalid argument")

    monkeypatch.setattr(Image.Image, "save", refuse)
    sink = open_sink(tmp_path / "a.avif", like=like(still=True, frames=1))
    sink.send(clip("gray", times=[0])[0])
    with pytest.raises(SinkError, match=r"AVIF does not hold a picture of \d+x\d+ \(Failed to encode image"):
        sink.close()
    assert list(tmp_path.iterdir()) == []


def test_pictures_are_written_in_order_while_others_are_encoded(tmp_path: Path) -> None:
    frames = [replace(clip("gbrp", times=[0], size=(600 - 20 * i, 400))[0], label=f"{i}") for i in range(12)]
    write(tmp_path / "a.zip", frames, still=True)
    with zipfile.ZipFile(tmp_path / "a.zip") as file:
        assert file.namelist() == [f"{i}.png" for i in range(12)]
        assert [loaded(file.read(f"{i}.png")).shape[1] for i in range(12)] == [600 - 20 * i for i in range(12)]


def test_an_abandoned_folder_keeps_what_was_sent(tmp_path: Path) -> None:
    sink = open_sink(tmp_path / "a", like=like(still=True))
    for frame in clip(times=range(5)):
        sink.send(frame)
    part = sink.abandon(keep=True)
    assert part is not None
    assert len(list(part.iterdir())) == 5
    with pytest.raises(SinkError, match=r"is closed"):
        sink.send(clip()[0])


def test_no_thread_is_left(tmp_path: Path) -> None:
    before = threading.active_count()
    write(tmp_path / "a.zip", clip(times=range(8)))
    open_sink(tmp_path / "b.zip", like=like()).abandon(keep=False)
    assert threading.active_count() == before


def test_samples_that_are_not_square_are_told(tmp_path: Path) -> None:
    sink = write(tmp_path / "out", clip(sample_aspect=Fraction(4, 3)))
    assert sink.notes == ["samples of 4/3 are written as they are: set that aspect where the pictures are used"]


def test_an_animated_png_keeps_every_sample(tmp_path: Path) -> None:
    frames = clip("yuva420p", times=[0, 1, 5])
    write(tmp_path / "a.png", frames)
    assert b"acTL" in (tmp_path / "a.png").read_bytes()
    with av.open(str(tmp_path / "a.png")) as file:
        got = [f.to_ndarray(format="rgba") for f in file.decode(video=0)]
    for a, b in zip(got, frames, strict=True):
        np.testing.assert_allclose(a.astype(int), expected(b).astype(int), atol=1)
    assert times(read(tmp_path / "a.png")) == [Fraction(round(t * 1000), 1000) for t in times(frames)]


def test_an_animated_png_has_16_bits_for_deep_frames(tmp_path: Path) -> None:
    write(tmp_path / "a.png", clip("yuva420p10le"))
    assert read(tmp_path / "a.png")[0].format.bits == 16


@pytest.mark.parametrize("pixels", ["yuva420p", "yuv420p"])
def test_an_animated_webp_holds_alpha_and_times(tmp_path: Path, pixels: str) -> None:
    frames = clip(pixels, times=[0, 1, 2, 6])
    write(tmp_path / "a.webp", frames)
    done, animation = cv2.imreadanimation(str(tmp_path / "a.webp"))
    assert done
    assert list(animation.durations)[:3] == [33, 34, 133]  # milliseconds
    for number, picture in enumerate(animation.frames):
        want = alpha(number) * 255 if frames[number].pha is not None else np.full(SIZE[::-1], 255)
        np.testing.assert_allclose(picture[..., 3], want, atol=1)


def test_a_gif_is_clear_where_alpha_is_below_a_half(tmp_path: Path) -> None:
    frames = clip("yuva420p")
    write(tmp_path / "a.gif", frames)
    with av.open(str(tmp_path / "a.gif")) as file:
        got = [f.to_ndarray(format="rgba") for f in file.decode(video=0)]
    for a, b in zip(got, frames, strict=True):
        clear = np.round(b.pha * 255) < 128
        np.testing.assert_array_equal(a[..., 3], np.where(clear, 0, 255))
        error = np.abs(a[..., :3].astype(int) - expected(b)[..., :3])[~clear]
        assert error.mean() < 6  # 255 colours


def test_a_gifs_times_are_the_sources_to_its_hundredths(tmp_path: Path) -> None:
    frames = clip(times=[0, 1, 2, 3, 9])
    write(tmp_path / "a.gif", frames)
    assert times(read(tmp_path / "a.gif")) == [Fraction(round(t * 100), 100) for t in times(frames)]


@pytest.mark.parametrize(("rate", "step"), [(30, 1), (50, 1), (60, 2), (120, 3)])
def test_a_gif_has_no_more_frames_than_viewers_show(tmp_path: Path, rate: int, step: int) -> None:
    frames = [replace(f, time_base=Fraction(1, rate), duration=1) for f in clip(times=range(24))]
    sink = write(tmp_path / "a.gif", frames, rate=Fraction(rate))
    got = times(read(tmp_path / "a.gif"))
    assert len(got) == 24 // step
    assert min(b - a for a, b in pairwise(got)) >= Fraction(2, 100)
    assert bool(sink.notes) == (step > 1)
    data = (tmp_path / "a.gif").read_bytes()
    at = data.rfind(b"\x21\xf9\x04")  # the last picture's control block; its delay is in 1/100 s
    assert abs(got[-1] + Fraction(data[at + 4], 100) - Fraction(24, rate)) <= Fraction(1, 100)


@pytest.mark.parametrize("name", ["a.gif", "a.webp", "a.png"])
def test_animations_run_for_ever(tmp_path: Path, name: str) -> None:
    write(tmp_path / name, clip())
    data = (tmp_path / name).read_bytes()
    loops = {"a.gif": b"NETSCAPE2.0\x03\x01\x00\x00", "a.webp": b"ANIM\x06\x00\x00\x00", "a.png": b"acTL\x00\x00\x00\x06\x00\x00\x00\x00"}
    at = data.index(loops[name])
    if name == "a.webp":
        assert data[at + 12 : at + 14] == b"\x00\x00"  # after the background colour


@pytest.mark.parametrize("name", ["a.gif", "a.webp", "a.png"])
def test_animations_have_square_samples(tmp_path: Path, name: str) -> None:
    write(tmp_path / name, clip("yuva420p", sample_aspect=Fraction(3, 4)))
    assert cv2.imreadanimation(str(tmp_path / name))[1].frames[0].shape[:2] == (64, 64)
