"""ICC profiles: the arithmetic is LittleCMS's, 16 bits stay 16, and what is sRGB already is left alone."""

from __future__ import annotations

import io
from dataclasses import replace

import icc
import media
import numpy as np
import pytest
from PIL import Image, ImageCms

from livematte import profiles
from livematte.frame import Frame, to_integers
from livematte.profiles import in_srgb
from livematte.sources.picture_file import full_range

PROPHOTO = [(0.79767, 0.28804, 0), (0.13519, 0.71188, 0), (0.03134, 0.00009, 0.82491)]
CURVES = {
    "sRGB's": icc.SRGB_CURVE,
    "a gamma": icc.gamma(2.2),
    "light itself": b"curv" + bytes(8),
    "a table": icc.table(icc.srgb_light(np.linspace(0, 1, 1024))),
    "a power": icc.parametric(0, 1.8),
    "a power of a line": icc.parametric(1, 2.0, 0.9, 0.1),
    "a power of a line, lifted": icc.parametric(2, 2.0, 0.9, 0.05, 0.0975),
    "with all seven numbers": icc.parametric(4, 2.4, 0.94, 0.05, 0.07, 0.04, 0.003, 0.001),
}


def colours(*, bits: int = 8, profile: bytes | None = None) -> Frame:
    """All kinds of colours, as R'G'B' planes."""
    levels = np.linspace(0, 1, 12, dtype=np.float32)
    rgb = to_integers(np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(36, 48, 3) * np.float32((1 << bits) - 1), bits)
    planes = tuple(np.ascontiguousarray(rgb[..., i]) for i in (1, 2, 0))
    return replace(full_range(planes, "gbrp" if bits == 8 else "gbrp16le"), profile=profile)


def bytes_of(frame: Frame) -> np.ndarray:
    return to_integers(frame.rgb() * np.float32(255), 8)


def littlecms(frame: Frame, profile: bytes) -> np.ndarray:
    """Without black point compensation: some of the curves have light at 0."""
    source, target = ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile("sRGB")
    return np.asarray(ImageCms.profileToProfile(Image.fromarray(bytes_of(frame)), source, target, ImageCms.Intent.RELATIVE_COLORIMETRIC))


@pytest.mark.parametrize("curve", CURVES.values(), ids=CURVES)
@pytest.mark.parametrize("colorants", [icc.DISPLAY_P3, icc.ADOBE_RGB, PROPHOTO], ids=["P3", "Adobe", "ProPhoto"])
def test_matrix_profiles_are_worked_out_as_littlecms_does(colorants: list[icc.XYZ], curve: bytes) -> None:
    profile = icc.rgb_profile(colorants, curve)
    frame = colours(profile=profile)
    got = in_srgb(frame)
    assert (got.profile, got.format.name, got.full_range, got.size) == (None, "gbrp", True, frame.size)
    wanted = littlecms(frame, profile)
    difference = np.abs(bytes_of(got).astype(int) - wanted)
    # LittleCMS computes at 8 bits in fixed point, which in dark colours of a wide space is a step or two
    assert difference.max() <= 2
    assert difference.mean() < 0.06


def test_16_bits_stay_16() -> None:
    ramp = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    profile = icc.rgb_profile(icc.SRGB, icc.gamma(2.2))
    got = in_srgb(replace(full_range((ramp, ramp, ramp), "gbrp16le"), profile=profile))
    light = (ramp / 65535) ** (563 / 256)
    wanted = 65535 * np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    assert got.format.name == "gbrp16le"
    for plane in got.planes:
        # the steps of the two tables, and the colorants, which are given to five digits
        assert np.abs(plane.astype(float) - wanted).max() < 16


@pytest.mark.parametrize("curve", [icc.SRGB_CURVE, CURVES["a table"]], ids=["parametric", "table"])
def test_a_profile_that_is_srgb_changes_nothing(curve: bytes) -> None:
    frame = colours(profile=icc.rgb_profile(icc.SRGB, curve))
    got = in_srgb(frame)
    assert got.profile is None
    assert got.planes is frame.planes


def test_littlecms_own_srgb_is_srgb() -> None:
    frame = colours(profile=ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    assert in_srgb(frame).planes is frame.planes


def test_a_frame_without_a_profile_is_itself() -> None:
    frame = colours()
    assert in_srgb(frame) is frame


def test_tables_are_littlecms_work() -> None:
    corners = {0: (0, 0, 0), 0b100: (54, 80, 67), 0b111: (100, 0, 0)}  # black, red, white; the others white too
    frame = colours(profile=icc.printer_profile(corners, channels=3, space=b"RGB "))
    got = bytes_of(in_srgb(frame))
    source = bytes_of(frame)
    assert np.abs(got[(source == (255, 0, 0)).all(2)].astype(int) - (255, 0, 0)).max() <= 12
    assert np.abs(got[(source == (0, 255, 0)).all(2)].astype(int) - 255).max() <= 2


@pytest.mark.parametrize("damaged", [b"", b"no profile", icc.rgb_profile()[:150], icc.rgb_profile(curve=b"what" + bytes(8))])
def test_a_profile_that_cannot_be_read_is_taken_for_srgb(damaged: bytes) -> None:
    frame = colours(profile=damaged)
    assert np.array_equal(bytes_of(in_srgb(frame)), bytes_of(frame))


def test_pieces_do_not_show() -> None:
    """A frame higher than a piece, whose chroma is interpolated."""
    frame = media.frame(0, (64, 600), "yuv420p")
    got = in_srgb(replace(frame, profile=icc.rgb_profile()))
    whole = profiles._shown(frame.rgb(), profiles._shaper(icc.rgb_profile()))  # type: ignore[arg-type]
    assert np.abs(got.rgb() - whole).max() <= 0.51 / 255


def test_grey() -> None:
    ramp = np.arange(256, dtype=np.uint8)[None].repeat(4, 0)
    frame = replace(full_range((ramp,), "gray"), profile=icc.grey_profile(icc.gamma(1.0)))
    wanted = 255 * (1.055 * (ramp / 255) ** (1 / 2.4) - 0.055)
    assert np.abs(in_srgb(frame).planes[0].astype(float) - wanted)[:, 2:].max() <= 0.51


def test_what_a_profile_is_of() -> None:
    assert profiles.kind_of(icc.rgb_profile()) == "RGB"
    assert profiles.kind_of(icc.grey_profile(icc.SRGB_CURVE)) == "GRAY"
    assert profiles.kind_of(icc.printer_profile({})) == "CMYK"
    assert profiles.kind_of(b"no profile") == ""
