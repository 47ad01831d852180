"""All eight orientations come upright, in every layout, and no sample is changed or moved against the others."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import media
import numpy as np
import pytest

from livematte.frame import Frame, Plane, pixel_format
from livematte.sources import open_source, orientation

EIGHT = list(media.ORIENTATIONS)


def shown(plane: Plane, name: str) -> Plane:
    """The plane as the matrix's definition has it: each sample (x, y) put at (a x + c y, b x + d y)."""
    a, b, c, d = media.ORIENTATIONS[name]
    y, x = np.indices(plane.shape[:2])
    across, down = a * x + c * y, b * x + d * y
    across, down = across - across.min(), down - down.min()
    out = np.empty((down.max() + 1, across.max() + 1, *plane.shape[2:]), plane.dtype)
    out[down, across] = plane
    return out


@pytest.mark.parametrize("name", EIGHT)
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_clips_come_upright(tmp_path: Path, name: str, suffix: str) -> None:
    with open_source(media.clip(tmp_path / f"a{suffix}", orientation=name, aspect=Fraction(4, 3), frames=2)) as source:
        frames = list(source)
        size = source.info.size
    turned = abs(media.ORIENTATIONS[name][1]) == 1
    assert size == ((48, 64) if turned else (64, 48))
    for index, frame in enumerate(frames):
        assert frame.size == size
        assert frame.sample_aspect == (Fraction(3, 4) if turned else Fraction(4, 3))
        assert all(np.array_equal(p, shown(q, name)) for p, q in zip(frame.planes, media.planes(index), strict=True))


@pytest.mark.parametrize("name", EIGHT)
@pytest.mark.parametrize(
    "pixels", ["nv12", "p010le", "yuv422p", "yuv422p10le", "yuv440p", "yuv444p12le", "yuv410p", "gray10le", "gbrp", "yuva420p"]
)
def test_layouts_keep_their_samples(name: str, pixels: str) -> None:
    frame = media.frame(0, (64, 48), pixels)
    turned = turn(frame, name)
    transposed = abs(media.ORIENTATIONS[name][1]) == 1
    assert turned.format.sub == (frame.format.sub[::-1] if transposed else frame.format.sub)
    assert all(np.array_equal(p, shown(q, name)) for p, q in zip(turned.planes, frame.planes, strict=True))
    assert frame.pha is None or np.array_equal(turned.pha, shown(frame.pha, name))  # type: ignore[arg-type]


def turn(frame: Frame, name: str) -> Frame:
    a, b, c, d = (65536 * v for v in media.ORIENTATIONS[name])
    return orientation.upright(frame, orientation.of_matrix(np.array([a, b, 0, c, d, 0, 0, 0, 1 << 30], np.int32).tobytes()))


@pytest.mark.parametrize("name", EIGHT)
@pytest.mark.parametrize("pixels", ["yuv420p", "nv12", "p010le", "yuv411p", "yuv422p14le"])
def test_chroma_stays_over_its_luma_at_odd_sizes(name: str, pixels: str) -> None:
    """Colour per luma sample, before and after, is the same colour: nothing shifted by a sample."""
    frame = media.frame(0, (65, 49), pixels)
    turned = turn(frame, name)
    for before, after in zip(full_size(frame), full_size(turned), strict=True):
        assert np.array_equal(after, shown(before, name))


def full_size(frame: Frame) -> list[Plane]:
    (width, height), fmt = frame.size, frame.format
    luma, *chroma = frame.planes
    if fmt.family == "semi":
        chroma = [chroma[0][..., 0], chroma[0][..., 1]]
    full = [np.repeat(np.repeat(p, fmt.sub[1], 0), fmt.sub[0], 1)[:height, :width] for p in chroma]
    return [p >> fmt.shift for p in (luma, *full)]


@pytest.mark.parametrize(
    ("name", "order"),
    [("upright", "tff"), ("mirrored", "tff"), ("flipped", "bff"), ("upside down", "bff"), ("clockwise", ""), ("transposed", "")],
)
def test_fields_follow_their_lines(name: str, order: str) -> None:
    from dataclasses import replace

    assert turn(replace(media.frame(0), field_order="tff"), name).field_order == order


@pytest.mark.parametrize(
    ("exif", "name"),
    list(enumerate(["upright", "mirrored", "upside down", "flipped"], 1))
    + list(zip(range(5, 9), ["transposed", "clockwise", "transverse", "counterclockwise"], strict=True)),
)
def test_photos_come_upright(tmp_path: Path, exif: int, name: str) -> None:
    (tmp_path / "plain.jpg").write_bytes(media.picture_file(".jpg"))
    (tmp_path / "turned.jpg").write_bytes(media.picture_file(".jpg", exif=exif))
    (plain,), (turned,) = (list(open_source(tmp_path / n)) for n in ("plain.jpg", "turned.jpg"))
    assert all(np.array_equal(p, shown(q, name)) for p, q in zip(turned.planes, plain.planes, strict=True))


def test_a_matrix_that_is_nearly_upright_is_upright() -> None:
    tilted = np.array([65000, 3000, 0, -3000, 65000, 0, 0, 0, 1 << 30], np.int32)
    assert orientation.of_matrix(tilted.tobytes()) == orientation.UPRIGHT
    assert orientation.of_matrix(np.zeros(9, np.int32).tobytes()) == orientation.UPRIGHT


def test_turned_frames_can_be_encoded() -> None:
    from livematte.pyav import to_av

    for pixels in ("yuv422p10le", "nv12", "yuv420p"):
        picture: Any = to_av(turn(media.frame(0, (64, 48), pixels), "clockwise"))
        assert isinstance(picture, av.VideoFrame)
        assert pixel_format(picture.format.name) is not None
        assert (picture.width, picture.height) == (48, 64)


def test_an_untagged_clip_keeps_the_matrix_of_its_height() -> None:
    """640x1280 would be taken for BT.709 by its height, 1280x640 is BT.601."""
    lying = media.frame(0, (1280, 640))
    assert turn(lying, "clockwise").colour.matrix == 6
    assert turn(lying, "upside down").colour == lying.colour
    assert turn(media.frame(0, (64, 48)), "clockwise").colour == lying.colour
    assert turn(media.frame(0, (1280, 640), "gbrp"), "clockwise").colour == lying.colour
