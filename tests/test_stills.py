"""Photos in, cutouts out: what the command line makes of single pictures and of folders of them."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import icc
import numpy as np
import pytest
from commands import run, well
from drawn_person import drawn_person
from PIL import Image, ImageCms

from livematte.composite import cutout, view
from livematte.frame import Frame, Matte
from livematte.matting.scenes import mattes
from livematte.profiles import in_srgb
from livematte.sources import open_source
from livematte.sources.picture_file import full_range, read_picture

SIZE = (160, 120)
SHARP = ("--detail", "160")
PERSON, WALL = (slice(96, 116), slice(72, 88)), (slice(0, 120), slice(0, 12))  # rows and columns: the shirt; nobody is there
P3 = icc.rgb_profile(icc.DISPLAY_P3)


class Half:
    """A matter whose alpha is 1 to the left, 0 to the right and a half between, where the foreground is darker. seen: its frames."""

    def __init__(self) -> None:
        self.seen: list[Frame] = []

    def step(self, frame: Frame) -> Matte:
        width, height = frame.size
        pha = np.ones((height, width), np.float32)
        pha[:, width // 4 :], pha[:, width // 2 :] = 0.5, 0
        darker = frame.from_rgb(frame.rgb() - np.float32(0.1) * ((pha > 0) & (pha < 1))[..., None])
        return Matte(pha, frame.with_planes(darker))

    def reset(self) -> None: ...

    def prime(self, frames: Sequence[Frame]) -> None:
        self.seen += frames


def person(size: tuple[int, int] = SIZE) -> Image.Image:
    return Image.fromarray(drawn_person(size))


def in_p3(image: Image.Image) -> Image.Image:
    """The same colours, in other numbers."""
    target = ImageCms.ImageCmsProfile(io.BytesIO(P3))
    converted = ImageCms.profileToProfile(image, ImageCms.createProfile("sRGB"), target, ImageCms.Intent.RELATIVE_COLORIMETRIC)
    assert converted is not None
    return converted


def opened(path: Path | str) -> Image.Image:
    return Image.open(io.BytesIO(Path(path).read_bytes()))  # or its file would stay open


def numbers(path: Path | str) -> np.ndarray[Any, np.dtype[np.int64]]:
    return np.asarray(opened(path)).astype(np.int64)


def as_srgb(path: Path | str) -> np.ndarray[Any, np.dtype[np.int64]]:
    """R'G'B' as a viewer shows it."""
    image = opened(path)
    profile = image.info.get("icc_profile")
    if profile:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        image = ImageCms.profileToProfile(image.convert("RGB"), source, ImageCms.createProfile("sRGB"), outputMode="RGB") or image
    return np.asarray(image.convert("RGB")).astype(np.int64)


@pytest.fixture
def livematte(tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch, rvm_path: Path) -> Callable[..., list[str]]:
    """Runs a command that must go well, in an empty folder; gives what it told."""
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: well(capsys, *arguments)


# -- in their own colours


@pytest.mark.parametrize("bits", [8, 16])
def test_the_network_sees_srgb_and_the_picture_keeps_its_numbers(bits: int) -> None:
    rng = np.random.default_rng(0)
    planes = tuple(rng.integers(110 << bits - 8, 150 << bits - 8, (24, 32)).astype(np.uint8 if bits == 8 else np.uint16) for _ in range(3))
    frame = replace(full_range(planes, "gbrp" if bits == 8 else "gbrp16le"), profile=P3, pts=0)
    matter = Half()
    [(got, matte)] = mattes(matter, [frame], stills=True)  # type: ignore[misc]
    assert got is frame
    assert matter.seen[0].profile is None
    assert np.array_equal(matter.seen[0].rgb(), in_srgb(frame).rgb())
    assert matte.fgr.profile == P3
    changed = (matte.pha > 0) & (matte.pha < 1)
    for plane, own in zip(matte.fgr.planes, planes, strict=True):
        assert np.array_equal(plane[~changed], own[~changed])
        # as much as in sRGB: colours that both have
        assert np.abs(own.astype(int) - plane - 0.1 * ((1 << bits) - 1))[changed].max() <= 1 << (bits - 8)


def test_an_srgb_profile_stays() -> None:
    frame = replace(full_range((np.full((8, 16), 99, np.uint8),) * 3, "gbrp"), profile=icc.rgb_profile(icc.SRGB), pts=0)
    matter = Half()
    [(_, matte)] = mattes(matter, [frame], stills=True)  # type: ignore[misc]
    assert matter.seen[0].planes is frame.planes
    assert matte.fgr.profile == frame.profile
    assert cutout(matte).profile == frame.profile


def test_pictures_that_are_all_person_or_all_room_keep_their_numbers() -> None:
    class All(Half):
        def step(self, frame: Frame) -> Matte:
            return Matte(np.ones(frame.size[::-1], np.float32), frame)

    frame = replace(full_range((np.full((8, 16), 99, np.uint8),) * 3, "gbrp"), profile=P3, pts=0)
    [(_, matte)] = mattes(All(), [frame], stills=True)  # type: ignore[misc]
    assert matte.fgr.profile == P3
    assert all(np.array_equal(a, b) for a, b in zip(matte.fgr.planes, frame.planes, strict=True))


def test_alpha_is_no_colour() -> None:
    frame = replace(full_range((np.full((8, 16), 99, np.uint8),) * 3, "gbrp"), profile=P3)
    matte = Matte(np.full((8, 16), 0.5, np.float32), frame)
    assert view("alpha", frame, matte).profile is None
    assert view("foreground", frame, matte).profile == view("triptych", frame, matte).profile == P3


def test_pictures_are_handed_on_one_by_one() -> None:
    """None waits for the next: a photo is large."""
    asked: list[int] = []

    def pictures() -> Any:
        for index in range(3):
            asked.append(index)
            yield replace(full_range((np.full((8, 16), 99, np.uint8),) * 3, "gbrp"), pts=index)

    items = mattes(Half(), pictures(), stills=True)
    next(items)
    assert asked == [0]


# -- through the command line


def test_a_photo_and_its_default_output(livematte: Callable[..., list[str]]) -> None:
    person().save("photo.png")
    told = livematte("photo.png", *SHARP)
    assert told[-1].endswith("photo.matte.png")
    rgba, source = numbers("photo.matte.png"), numbers("photo.png")
    assert rgba[PERSON][..., 3].min() > 250
    assert rgba[WALL][..., 3].max() < 5
    assert np.abs(rgba[PERSON][..., :3] - source[PERSON]).max() <= 2


@pytest.mark.parametrize("name", ["x.png", "x.tif", "x.webp", "x.avif"])
def test_every_kind_with_alpha(livematte: Callable[..., list[str]], name: str) -> None:
    person().save("photo.png")
    livematte("photo.png", *SHARP, "-o", name)
    rgba = numbers(name)
    assert rgba[PERSON][..., 3].min() > 245
    assert rgba[WALL][..., 3].max() < 8
    assert np.abs(rgba[PERSON][..., :3] - numbers("photo.png")[PERSON]).max() < 16


def test_a_jpeg_over_a_background_or_of_a_view(livematte: Callable[..., list[str]], capsys: Any) -> None:
    person().save("photo.png")
    livematte("photo.png", *SHARP, "-b", "#ff8800", "-o", "x.jpg")
    assert np.abs(numbers("x.jpg")[WALL].mean((0, 1)) - (255, 136, 0)).max() < 4
    livematte("photo.png", *SHARP, "--view", "alpha", "-o", "alpha.jpeg")
    assert numbers("alpha.jpeg")[PERSON].min() > 245
    told = run(capsys, "photo.png", *SHARP, "-o", "y.jpg")
    assert told.code == 2
    assert "y.jpg cannot hold alpha" in told.err[0]


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_16_bits_stay_bit_for_bit_where_alpha_is_1(livematte: Callable[..., list[str]], suffix: str) -> None:
    noise = np.random.default_rng(0).integers(0, 257, (*SIZE[::-1], 3))
    deep = (drawn_person(SIZE).astype(int) * 256 + noise).clip(0, 65535).astype(np.uint16)
    cv2.imwrite(f"photo.{suffix}", deep[..., ::-1])
    livematte(f"photo.{suffix}", *SHARP, "-o", f"x.{suffix}")
    [frame], [source] = list(open_source(Path(f"x.{suffix}"))), list(open_source(Path(f"photo.{suffix}")))
    assert frame.format.name == source.format.name == "gbrp16le"
    assert frame.pha is not None
    whole = frame.pha[PERSON] == 1
    assert whole.mean() > 0.9
    for plane, own in zip(frame.planes, source.planes, strict=True):
        assert np.array_equal(plane[PERSON][whole], own[PERSON][whole])


def test_a_grey_photo_stands_before_colours(livematte: Callable[..., list[str]]) -> None:
    person().convert("L").save("photo.jpg", quality=95)
    livematte("photo.jpg", *SHARP, "-b", "#ff8800", "-o", "x.png")
    assert np.abs(numbers("x.png")[WALL] - (255, 136, 0)).max() <= 2
    assert np.ptp(numbers("x.png")[PERSON], axis=-1).max() <= 2


def test_transparency_is_kept(livematte: Callable[..., list[str]]) -> None:
    rgba = np.dstack([drawn_person(SIZE), np.full(SIZE[::-1], 255, np.uint8)])
    rgba[100:110, :, 3] = 128
    for name in ("photo.png", "photo.webp", "photo.tif"):
        Image.fromarray(rgba).save(name, lossless=True)
        livematte(name, *SHARP, "-o", "x.png", "-y")
        got = numbers("x.png")[..., 3]
        assert np.abs(got[PERSON][4:14] - 128).max() <= 3
        assert got[PERSON][:3].min() > 250


@pytest.mark.parametrize("view", ["triptych", "foreground", "composite"])
@pytest.mark.parametrize("suffix", ["jpg", "tif"])
@pytest.mark.parametrize("size", [(160, 120), (161, 121)])
def test_views_of_any_size_and_depth(livematte: Callable[..., list[str]], size: tuple[int, int], suffix: str, view: str) -> None:
    if suffix == "tif":
        cv2.imwrite("photo.tif", drawn_person(size)[..., ::-1].astype(np.uint16) * 257)
    else:
        person(size).save("photo.jpg", quality=95)
    livematte(f"photo.{suffix}", *SHARP, "--view", view, "-b", "#204060", "-o", "x.png")
    got, source = cv2.imread("x.png", cv2.IMREAD_UNCHANGED)[..., ::-1], drawn_person(size).astype(int)
    deep = suffix == "tif"
    assert got.dtype == (np.uint16 if deep else np.uint8)
    shown = got.astype(int) // (257 if deep else 1)
    if view == "triptych":
        panel = shown.shape[1] // 3
        assert panel - size[0] == (0 if deep or size[0] % 2 == 0 else 1)  # panels begin on whole chroma samples
        original, foreground, alpha = (shown[:, i * panel : i * panel + size[0]] for i in range(3))
        assert np.abs(original[:100] - source[:100]).mean() < 3
        assert np.abs(foreground[96:104, 72:88] - source[96:104, 72:88]).mean() < 4
        assert foreground[:100, 2:12].min() > 250  # beside it, colour at half size bleeds a little
        assert alpha[96:104, 72:88].min() > 250
        assert alpha[:100, :12].max() < 5
    else:
        behind = (255, 255, 255) if view == "foreground" else (0x20, 0x40, 0x60)
        assert shown.shape[1::-1] == size
        assert np.abs(shown[WALL] - behind).max() <= 4
        assert np.abs(shown[PERSON] - source[PERSON]).mean() < 4


def test_colours_stay_what_people_see(livematte: Callable[..., list[str]]) -> None:
    """A picture in Display P3: with its profile where its numbers are kept, in sRGB over a background and in a clip."""
    wide = in_p3(person())
    wide.save("wide.png", icc_profile=P3)
    for name in ("x.png", "x.tif", "x.webp"):
        livematte("wide.png", *SHARP, "-o", name)
        assert opened(name).info["icc_profile"] == P3
        assert np.abs(as_srgb(name)[PERSON] - as_srgb("wide.png")[PERSON]).max() <= (12 if name == "x.webp" else 2)
    assert np.array_equal(numbers("x.png")[PERSON][..., :3], numbers("wide.png")[PERSON])
    person().save("room.png")
    livematte("wide.png", *SHARP, "-b", "#ff8800", "-o", "over.png")
    assert "icc_profile" not in opened("over.png").info
    assert np.abs(numbers("over.png")[PERSON] - as_srgb("wide.png")[PERSON]).max() <= 2
    assert np.abs(numbers("over.png")[WALL] - (255, 136, 0)).max() <= 1
    livematte("room.png", *SHARP, "-b", "wide.png", "-o", "behind.png")
    assert np.abs(numbers("behind.png")[WALL] - as_srgb("wide.png")[WALL]).max() <= 2
    livematte("wide.png", *SHARP, "--view", "foreground", "-o", "x.mkv")
    [frame] = list(open_source(Path("x.mkv")))
    assert np.abs(np.rint(frame.rgb() * 255) - as_srgb("wide.png"))[PERSON].max() <= 2


def test_a_folder_with_broken_pictures_is_done_and_told(livematte: Callable[..., list[str]], capsys: Any, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    person().save("in/süß 1.jpg")
    person((96, 128)).save("in/süß 1.png")
    person().transpose(Image.Transpose.ROTATE_90).save("in/turned.jpg", exif=_orientation(6))
    Path("in/text.jpg").write_text("no picture")
    data = Path("in/süß 1.jpg").read_bytes()
    Path("in/half.jpg").write_bytes(data[: len(data) // 2])
    told = run(capsys, "in/", *SHARP, "-q", "-o", "out/", "-o", "out.zip")
    assert told.code == 1
    assert told.err[0] == "livematte: 2 of 5 pictures cannot be read:"
    assert [line.split()[0] for line in told.err[1:3]] == ["in/half.jpg", "in/text.jpg"]
    assert told.err[3:] == ["The others are done: out, out.zip"]
    names = {"süß 1.png", "süß 1-2.png", "turned.png"}
    assert {path.name for path in Path("out").iterdir()} == names
    with zipfile.ZipFile("out.zip") as file:
        assert set(file.namelist()) == names
        assert file.testzip() is None
    assert opened("out/turned.png").size == SIZE
    assert opened("out/süß 1-2.png").size == (96, 128)
    assert not [path for path in tmp_path.iterdir() if ".part" in path.name]


def test_nothing_but_broken_pictures(livematte: Callable[..., list[str]], capsys: Any, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for name in ("a.jpg", "b.png"):
        (tmp_path / "in" / name).touch()
    told = run(capsys, "in/", "-o", "out/")
    assert told.code == 1
    assert told.err[0] == "livematte: 2 of 2 pictures cannot be read:"
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("photo.png", "-o", ".zip"), 2, "has no name, only an extension"),
        (("photo.png", "-o", ".jpg"), 2, "has no name, only an extension"),
        (("photo.png", "-o", "x.heic"), 2, "got .heic, wanted one of"),
        (("in/", "-b", "green", "-o", "x.jpg"), 2, "holds one picture, got 2 pictures; write into a folder/"),
        (("in/", "-o", "x.tif"), 2, "holds one picture, got 2 pictures"),
        (("empty/",), 1, "holds no pictures; wanted files such as .png"),
        (("photo.png", "-o", "photo.png"), 1, "is what is read"),
    ],
)
@pytest.mark.usefixtures("livematte")
def test_wrong_usage(capsys: Any, arguments: tuple[str, ...], code: int, words: str) -> None:
    Path("in").mkdir()
    Path("empty").mkdir()
    for name in ("photo.png", "in/a.png", "in/b.png"):
        person().save(name)
    told = run(capsys, *arguments)
    assert (told.code, len(told.err)) == (code, 1)
    assert words in told.err[0]


def _orientation(value: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = value
    return exif


def test_notes_of_pictures_reach_the_user(livematte: Callable[..., list[str]]) -> None:
    person().convert("CMYK").save("ink.jpg")
    assert "note: ink.jpg is CMYK without a colour profile: its colours are guessed" in livematte("ink.jpg", *SHARP)
    frame, _ = read_picture(Path("ink.jpg"))
    assert frame.size == SIZE
