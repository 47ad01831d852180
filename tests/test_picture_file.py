"""Picture files of every kind: upright, with their own depth, alpha and colours; and what is wrong with one that cannot be read."""

from __future__ import annotations

import builtins
import io
import warnings
from pathlib import Path
from typing import Any

import cv2
import heic
import icc
import media
import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms

from livematte.colour import PQ, Colour
from livematte.errors import SourceError
from livematte.frame import Frame, to_integers
from livematte.sources import open_source, picture_file
from livematte.sources.picture_file import is_animation, read_picture

SIZE = (40, 24)
_EXIF_ORIENTATION = 0x0112
# What a camera that was held so stores: undone by turning it as the tag says (Exif 2.32, 4.6.4).
_STORED = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def samples(channels: int = 3, *, size: tuple[int, int] = SIZE, bits: int = 8) -> np.ndarray:
    """(H, W, C), smooth, no two corners alike."""
    corners = np.random.default_rng(5).uniform(0.1, 0.9, (2, 3, channels)).astype(np.float32)
    values = np.atleast_3d(cv2.resize(corners, size, interpolation=cv2.INTER_LINEAR))
    return to_integers(values * np.float32((1 << bits) - 1), bits)


def picture(mode: str = "RGB") -> Image.Image:
    if mode in ("RGB", "RGBA", "CMYK"):
        return Image.fromarray(samples(len(mode)), mode) if mode == "CMYK" else Image.fromarray(samples(len(mode)))
    return Image.fromarray(samples()).convert(mode)


def stored(path: Path, image: Image.Image, **options: Any) -> Path:
    image.save(path, **options)
    return path


def read(path: Path) -> Frame:
    frame, notes = read_picture(path)
    assert notes == ()
    assert frame.label == path.stem
    return frame


def rgb(frame: Frame) -> np.ndarray:
    return to_integers(frame.rgb() * np.float32(255), 8).astype(int)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["jpg", "png", "tif", "webp", "avif"])
def test_photos_come_upright(tmp_path: Path, suffix: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[_EXIF_ORIENTATION] = orientation
    turn = _STORED[orientation]
    image = picture() if turn is None else picture().transpose(turn)
    frame = read(stored(tmp_path / f"a.{suffix}", image, exif=exif, quality=95))
    assert frame.size == SIZE
    assert np.abs(rgb(frame) - samples()).max() <= 15  # lossy, colour at half size; another orientation would be off by 60


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("alpha", [True, False])
def test_avif_turned_and_with_alpha(tmp_path: Path, turned: bool, alpha: bool) -> None:
    exif = Image.Exif()
    exif[_EXIF_ORIENTATION] = 6 if turned else 1
    image = picture("RGBA" if alpha else "RGB")
    frame = read(stored(tmp_path / "a.avif", image.transpose(Image.Transpose.ROTATE_90) if turned else image, exif=exif, quality=95))
    assert frame.size == SIZE
    assert np.abs(rgb(frame) - np.asarray(image)[..., :3]).max() <= 8
    assert (frame.pha is not None) == alpha
    if frame.pha is not None:
        assert np.abs(frame.pha * 255 - np.asarray(image)[..., 3]).max() <= 4


@pytest.mark.parametrize("suffix", ["png", "tif", "webp"])
def test_alpha_is_kept_and_the_colour_beside_it(tmp_path: Path, suffix: str) -> None:
    image = picture("RGBA")
    frame = read(stored(tmp_path / f"a.{suffix}", image, lossless=True, exact=True))
    assert frame.pha is not None
    assert np.array_equal(np.dstack([rgb(frame), np.rint(frame.pha * 255)]), np.asarray(image))


def test_grey_with_alpha(tmp_path: Path) -> None:
    image = Image.fromarray(samples(2))
    frame = read(stored(tmp_path / "a.png", image))
    assert frame.pha is not None
    assert np.array_equal(np.dstack([rgb(frame)[..., 1], np.rint(frame.pha * 255)]), samples(2))


@pytest.mark.parametrize("suffix", ["png", "gif"])
def test_a_palette_with_one_clear_colour(tmp_path: Path, suffix: str) -> None:
    image = picture().quantize(6)
    clear = np.asarray(image) == 2
    frame = read(stored(tmp_path / f"a.{suffix}", image, transparency=2))
    assert frame.pha is not None
    assert np.array_equal(frame.pha, np.where(clear, 0, 1))
    assert np.array_equal(rgb(frame)[~clear], np.asarray(image.convert("RGB"))[~clear])


def test_alpha_that_is_1_everywhere_is_none(tmp_path: Path) -> None:
    assert read(stored(tmp_path / "a.png", picture().quantize(6))).pha is None
    assert read(stored(tmp_path / "a.webp", picture(), lossless=True)).pha is None


def test_one_bit(tmp_path: Path) -> None:
    for suffix in ("png", "tif"):
        frame = read(stored(tmp_path / f"a.{suffix}", picture("1")))
        assert np.array_equal(rgb(frame)[..., 0], np.asarray(picture("1")) * 255)


@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("channels", [3, 4])
def test_deep_tiffs_are_exact(tmp_path: Path, channels: int, compression: str | None) -> None:
    values = samples(channels, bits=16)
    kind: dict[str, Any] = {"extrasamples": ["unassalpha"]} if channels == 4 else {}
    tifffile.imwrite(tmp_path / "a.tif", values, photometric="rgb", compression=compression, predictor=bool(compression), **kind)
    frame = read(tmp_path / "a.tif")
    assert frame.format.name == "gbrp16le"
    assert all(np.array_equal(plane, values[..., i]) for plane, i in zip(frame.planes, (1, 2, 0), strict=True))
    assert (frame.pha is None) == (channels == 3)
    if frame.pha is not None:
        assert np.array_equal(np.rint(frame.pha * 65535), values[..., 3])


def test_a_deep_tiff_by_lzw(tmp_path: Path) -> None:
    values = samples(bits=16)
    cv2.imwrite(str(tmp_path / "a.tif"), values[..., ::-1], [cv2.IMWRITE_TIFF_COMPRESSION, cv2.IMWRITE_TIFF_COMPRESSION_LZW])
    assert all(np.array_equal(plane, values[..., i]) for plane, i in zip(read(tmp_path / "a.tif").planes, (1, 2, 0), strict=True))


def test_a_float_tiff_is_taken_as_0_to_1(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", samples(bits=16).astype(np.float32) / 65535, photometric="rgb")
    # 14 measured: libswscale's way from floats to 16 bits; less than a tenth of a step of 8 bits
    assert np.abs(read(tmp_path / "a.tif").rgb() * 65535 - samples(bits=16)).max() < 25


def test_colours_that_alpha_was_multiplied_into(tmp_path: Path) -> None:
    values = samples(4, bits=16)
    values[..., 3] = np.linspace(0, 65535, SIZE[0], dtype=np.uint16)
    pre = np.dstack([np.rint(values[..., :3] * (values[..., 3:] / 65535)), values[..., 3]]).astype(np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", pre, photometric="rgb", extrasamples=["assocalpha"])
    frame = read(tmp_path / "a.tif")
    assert frame.pha is not None
    shown = np.dstack([frame.planes[i] for i in (2, 0, 1)])[:, 4:]  # the others have lost their colours
    assert np.abs(shown - values[:, 4:, :3].astype(int)).max() <= 8  # half a step, divided by an alpha of a tenth or more


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif", "webp", "avif"])
def test_profiles_stay_with_their_frames(tmp_path: Path, suffix: str) -> None:
    profile = icc.rgb_profile()
    frame = read(stored(tmp_path / f"a.{suffix}", picture(), icc_profile=profile))
    assert frame.profile == profile


def test_greys_of_a_profile_become_srgbs(tmp_path: Path) -> None:
    grey = np.asarray(picture("L"))
    frame = read(stored(tmp_path / "a.png", picture("L"), icc_profile=icc.grey_profile(icc.gamma(1.0))))
    assert frame.profile is None
    assert np.abs(rgb(frame)[..., 0] - 255 * (1.055 * (grey / 255) ** (1 / 2.4) - 0.055)).max() <= 0.51


def test_a_profile_of_other_channels_is_left_out(tmp_path: Path) -> None:
    assert read(stored(tmp_path / "a.png", picture("L"), icc_profile=icc.rgb_profile())).profile is None
    assert read(stored(tmp_path / "b.png", picture(), icc_profile=icc.printer_profile({}))).profile is None


@pytest.mark.parametrize("suffix", ["jpg", "tif"])
def test_printing_inks_are_shown_by_their_profile(tmp_path: Path, suffix: str) -> None:
    """A made-up first ink that is red: without its profile it would be cyan."""
    ink = Image.new("CMYK", SIZE, (255, 0, 0, 0))
    frame = read(stored(tmp_path / f"a.{suffix}", ink, icc_profile=icc.printer_profile({0b1000: (54, 80, 67)})))
    assert np.abs(rgb(frame) - (255, 0, 0)).max() <= 12
    assert frame.profile is None


def test_printing_inks_without_a_profile_are_told(tmp_path: Path) -> None:
    frame, notes = read_picture(stored(tmp_path / "a.jpg", picture("CMYK"), quality=98))
    assert notes == ("a.jpg is CMYK without a colour profile: its colours are guessed",)
    assert np.abs(rgb(frame) - np.asarray(picture("CMYK").convert("RGB"))).max() <= 8
    with open_source(tmp_path / "a.jpg") as source:
        assert source.info.notes == notes


def test_lab(tmp_path: Path) -> None:
    lab = ImageCms.profileToProfile(picture(), ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), outputMode="LAB")
    assert lab is not None
    frame = read(stored(tmp_path / "a.tif", lab))
    assert np.abs(rgb(frame) - samples()).max() <= 6  # 8 bits of Lab


def test_tiffs_that_libav_does_not_open(tmp_path: Path) -> None:
    grey = samples(1, bits=16)[..., 0]
    tifffile.imwrite(tmp_path / "deep.tif", grey, bigtiff=True, photometric="minisblack")
    assert np.array_equal(read(tmp_path / "deep.tif").planes[0], grey)
    tifffile.imwrite(tmp_path / "colour.tif", samples(), bigtiff=True, photometric="rgb")
    assert np.array_equal(rgb(read(tmp_path / "colour.tif")), samples())
    tifffile.imwrite(tmp_path / "float.tif", grey.astype(np.float32), bigtiff=True, photometric="minisblack")
    with pytest.raises(SourceError, match=r"float\.tif cannot be read: it has 32 bits a sample; save it with 16"):
        read_picture(tmp_path / "float.tif")


def test_what_a_file_is_follows_from_its_content(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    picture().save(buffer, "PNG")
    (tmp_path / "a.jpg").write_bytes(buffer.getvalue())
    assert np.array_equal(rgb(read(tmp_path / "a.jpg")), samples())


def test_animations_are_told_from_pictures(tmp_path: Path) -> None:
    frames = [picture(), picture().transpose(Image.Transpose.ROTATE_180)]
    for suffix in ("gif", "png", "avif"):
        assert not is_animation(stored(tmp_path / f"one.{suffix}", frames[0]))
        assert is_animation(stored(tmp_path / f"two.{suffix}", frames[0], save_all=True, append_images=frames[1:], duration=100))
    pages = stored(tmp_path / "two.tif", frames[0], save_all=True, append_images=frames[1:])
    assert not is_animation(pages)
    assert np.array_equal(rgb(read(pages)), samples())


def test_the_first_picture_of_an_animated_webp(tmp_path: Path) -> None:
    path = stored(tmp_path / "a.webp", picture(), save_all=True, append_images=[picture().rotate(90)], lossless=True, duration=100)
    assert np.array_equal(rgb(read(path)), samples())


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif", "webp", "avif", "gif"])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_a_picture_that_is_cut_off_is_an_error(tmp_path: Path, suffix: str, share: float) -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, (96, 128, 3), np.uint8))
    path = media.cut_off(stored(tmp_path / f"a.{suffix}", noise), share)
    with pytest.raises(SourceError, match=rf"a-cut\.{suffix} (is cut off|cannot be read)"):
        read_picture(path)


def test_a_thumbnails_end_is_not_the_pictures(tmp_path: Path) -> None:
    whole = media.picture_file(".jpg", size=(256, 192))
    thumbnail = media.picture_file(".jpg", size=(32, 24))
    segment = b"\xff\xe2" + (len(thumbnail) + 2).to_bytes(2, "big") + thumbnail
    (tmp_path / "a.jpg").write_bytes(whole[:2] + segment + whole[2:])
    read(tmp_path / "a.jpg")
    with pytest.raises(SourceError, match=r"a-cut\.jpg is cut off: its end is missing"):
        read_picture(media.cut_off(tmp_path / "a.jpg", 0.8))


def test_a_damaged_avif_is_an_error(tmp_path: Path) -> None:
    """Of its container Pillow raises a RuntimeError when it opens it, of its samples when it loads them."""
    whole = stored(tmp_path / "a.avif", picture("RGBA")).read_bytes()
    samples_at = whole.index(b"mdat") + 4
    loaded = whole[:samples_at] + bytes(len(whole) - samples_at)
    opened = loaded.replace(b"pitm", b"pitn")
    assert picture_file.header_of(loaded, "Avif") is not None
    assert picture_file.header_of(opened, "Avif") is None
    for name, damaged in (("opened.avif", opened), ("loaded.avif", loaded)):
        (tmp_path / name).write_bytes(damaged)
        with pytest.raises(SourceError, match=rf"{name} cannot be read: it is damaged"):
            read_picture(tmp_path / name)


def test_pillows_own_limit_is_not_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It refuses what is twice its limit, WebP when it opens it, TIFF when it loads it."""
    paths = [
        stored(tmp_path / "a.tif", picture("CMYK"), icc_profile=icc.printer_profile({0b1000: (54, 80, 67)})),
        stored(tmp_path / "a.webp", picture()),
    ]
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", SIZE[0] * SIZE[1] // 3)
    for path in paths:
        assert read(path).size == SIZE
    assert SIZE[0] * SIZE[1] // 3 == Image.MAX_IMAGE_PIXELS, "it is the whole process's"


def test_a_picture_that_pillow_takes_for_a_bomb(tmp_path: Path) -> None:
    """A GIF's picture may say that it is larger than all of the GIF, of which libav shows no more than that."""
    data = bytearray(stored(tmp_path / "a.gif", picture().convert("P")).read_bytes())
    at = data.index(b"\x2c\0\0\0\0" + SIZE[0].to_bytes(2, "little"))
    data[at + 5 : at + 9] = b"\xff" * 4
    assert picture_file.header_of(bytes(data), "Gif") is None
    (tmp_path / "a.gif").write_bytes(data)
    assert read(tmp_path / "a.gif").size == SIZE


def test_no_picture(tmp_path: Path) -> None:
    (tmp_path / "empty.png").touch()
    (tmp_path / "text.jpg").write_text("no picture")
    with pytest.raises(SourceError, match=r"empty\.png cannot be read: it is empty"):
        read_picture(tmp_path / "empty.png")
    with pytest.raises(SourceError, match=r"text\.jpg cannot be read"):
        read_picture(tmp_path / "text.jpg")
    with pytest.raises(SourceError, match=r"may not be read: No such file"):
        read_picture(tmp_path / "nothing.png")


def test_a_picture_of_giant_size_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    path = stored(tmp_path / "a.png", Image.new("1", (20000, 20000)))
    with pytest.raises(SourceError, match=r"a\.png is 20000x20000, wanted at most 250 megapixels; make it smaller"):
        read_picture(path)


@pytest.mark.parametrize("suffix", ["bmp", "jp2"])
def test_other_kinds(tmp_path: Path, suffix: str) -> None:
    path = stored(tmp_path / f"a.{suffix}", picture())
    assert picture_file.header_of(path.read_bytes(), picture_file.kind_of(path.read_bytes())) is not None
    assert np.array_equal(rgb(read(path)), samples())
    with pytest.raises(SourceError, match=rf"a-cut\.{suffix} cannot be read"):
        read_picture(media.cut_off(path, 0.5))


@pytest.mark.parametrize(("pixels", "name"), [("yuv444p", "gbrp"), ("yuv444p10le", "gbrp10le")])
@pytest.mark.parametrize("turns", [0, 1])
def test_heic(tmp_path: Path, pixels: str, name: str, turns: int) -> None:
    pytest.importorskip("pi_heif")
    frame = media.frame(0, SIZE, pixels, colour=Colour(1, 13, 6, True))
    path = tmp_path / "a.heic"
    path.write_bytes(heic.heic_file(frame, pixels, quarter_turns=turns, profile=icc.rgb_profile()))
    got = read(path)
    wanted = np.rot90(frame.rgb()) if turns else frame.rgb()
    assert (got.format.name, got.profile) == (name, icc.rgb_profile())
    assert np.abs(got.rgb() - wanted).max() <= 0.51 / ((1 << got.format.bits) - 1)


def test_a_heic_that_is_called_jpg_and_one_that_is_cut_off(tmp_path: Path) -> None:
    pytest.importorskip("pi_heif")
    data = heic.heic_file(media.frame(0, SIZE, "yuv444p", colour=Colour(1, 13, 6, True)))
    (tmp_path / "a.jpg").write_bytes(data)
    assert read(tmp_path / "a.jpg").size == SIZE
    with pytest.raises(SourceError, match=r"a-cut\.jpg cannot be read: "):
        read_picture(media.cut_off(tmp_path / "a.jpg", 0.7))


def test_heic_without_its_library_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.heic").write_bytes(heic.heic_file(media.frame(0, SIZE, "yuv444p")))
    real = builtins.__import__

    def without(name: str, *rest: Any, **named: Any) -> Any:
        if name == "pi_heif":
            raise ImportError(name)
        return real(name, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(SourceError, match=r"a\.heic is a HEIC picture, for which pi-heif is wanted; pip install 'livematte\[heif\]'"):
        read_picture(tmp_path / "a.heic")


def test_hdr_heic_keeps_its_tags() -> None:
    pytest.importorskip("pi_heif")
    from livematte.sources.heif import _frame

    tags = {"bit_depth": 10, "nclx_profile": {"transfer_characteristics": PQ, "color_primaries": 9}}
    frame = _frame(samples(bits=16), tags)
    assert (frame.colour.transfer, frame.colour.primaries, frame.format.bits) == (PQ, 9, 10)


def test_the_header_tells_the_size_without_pillows_warning() -> None:
    data = io.BytesIO()
    Image.new("1", (16000, 12500)).save(data, "PNG")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        header = picture_file.header_of(data.getvalue(), "Png")
    assert header is not None
    assert header.size == (16000, 12500)
