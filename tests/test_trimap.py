"""Trimaps: read from pictures of any kind, solved where they are large, and made from mattes."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from trimap_scenes import marks, off, scene

from livematte.errors import SettingsError
from livematte.frame import Frame, pixel_format
from livematte.matting.trimaps import solvers, trimap
from livematte.matting.trimaps.marks import parse_trimap
from livematte.matting.trimaps.reduced import enlarged, smaller, smaller_trimap
from livematte.matting.trimaps.solvers import METHODS, UNKNOWN
from livematte.matting.trimaps.trimap import alpha_from_trimap, auto_trimap, default_band

pymatting = pytest.importorskip("pymatting")

# pictures


def levels() -> np.ndarray:
    grey = np.zeros((8, 12), np.uint8)
    grey[:, 4:8], grey[:, 8:] = 128, 255
    return grey


def forms() -> list[np.ndarray | Frame]:
    grey = levels()
    clear = np.dstack([np.where(grey == 128, np.uint8(77), grey)] * 3 + [np.where(grey == 128, np.uint8(0), np.uint8(255))])
    known = pixel_format("gray")
    assert known is not None
    jpeg = np.where(grey == 0, np.uint8(20), np.where(grey == 255, np.uint8(236), np.uint8(110)))  # ringing beside an edge
    return [
        grey,
        np.dstack([grey] * 3),
        clear,
        grey.astype(np.uint16) * 257,
        grey.astype(np.float32) / np.float32(255),
        jpeg,
        replace(Frame((grey,), known[0]), colour=replace(Frame((grey,), known[0]).colour, full_range=True)),
    ]


@pytest.mark.parametrize("index", range(7))
def test_a_trimap_is_read_from_any_form(index: int) -> None:
    np.testing.assert_array_equal(parse_trimap(forms()[index]), levels())


def test_what_is_transparent_is_unknown() -> None:
    known = pixel_format("gbrp")
    assert known is not None
    grey = np.where(levels() == 128, np.uint8(0), levels())
    picture = Frame((grey,) * 3, known[0], pha=(levels() != 128).astype(np.float32))
    np.testing.assert_array_equal(parse_trimap(picture), levels())


@pytest.mark.parametrize(
    ("picture", "text"),
    [
        (np.minimum(levels(), 128), "none of the foreground, which is white"),
        (np.maximum(levels(), 128), "none of the background, which is black"),
        (np.where(levels() > 0, np.uint8(255), np.uint8(0)), "only black and white, wanted a grey band"),
        (np.dstack([levels(), levels() * 0, levels()]), "a picture in colour, 67% of it"),
    ],
)
def test_a_trimap_that_lacks_something_is_refused(picture: np.ndarray, text: str) -> None:
    with pytest.raises(SettingsError, match=text):
        parse_trimap(picture)


@pytest.mark.parametrize(
    ("array", "error", "text"),
    [
        (np.zeros((4, 4), np.int64), TypeError, "array of int64, wanted uint8, uint16 or float"),
        (np.full((4, 4), 2.0), ValueError, r"floats from 2 to 2, wanted \[0, 1\]"),
        (np.zeros((4, 4, 2), np.uint8), ValueError, r"an array \(4, 4, 2\), wanted"),
        (np.zeros((0, 4), np.uint8), ValueError, r"an array \(0, 4\), wanted"),
    ],
)
def test_what_is_no_picture_is_refused(array: np.ndarray, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        parse_trimap(array)


# large pictures


def test_too_much_is_found_at_a_smaller_size_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    drawn, known = scene(), marks()
    whole = alpha_from_trimap(drawn.src, known, tell=told.append)
    assert told == []
    monkeypatch.setitem(solvers.METHODS, "closed-form", METHODS["closed-form"]._replace(most=1500))
    pha = alpha_from_trimap(drawn.src, known, tell=told.append)
    assert len(told) == 1
    assert "% of the size" in told[0]
    unknown = known == UNKNOWN
    assert off(pha, drawn.pha, unknown) < 2 * off(whole, drawn.pha, unknown)
    assert set(np.unique(pha[~unknown])) == {0, 1}


def test_a_wide_unknown_part_is_solved_from_coarse_to_fine(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[tuple[int, bool]] = []
    solved = solvers.solved

    def counted(rgb: np.ndarray, known: np.ndarray, name: str, *, prior: np.ndarray | None = None) -> np.ndarray:
        sizes.append((known.shape[1], prior is None))
        return solved(rgb, known, name, prior=prior)

    drawn, known = scene(), marks()
    alone = alpha_from_trimap(drawn.src, known)
    monkeypatch.setattr(trimap, "solved", counted)
    monkeypatch.setattr(trimap, "_WIDE", 1000)
    pha = alpha_from_trimap(drawn.src, known)
    assert len(sizes) > 1
    assert sizes == sorted(sizes)
    assert [first for _, first in sizes] == [True] + [False] * (len(sizes) - 1)
    assert off(pha, drawn.pha, known == UNKNOWN) < 1.05 * off(alone, drawn.pha, known == UNKNOWN)


def test_alpha_is_enlarged_along_edges() -> None:
    """Against plain interpolation, on an alpha that is the picture's own edge."""
    rgb = np.zeros((64, 64, 3), np.float32)
    cv2.circle(rgb, (30, 33), 20, (0.9, 0.5, 0.2), cv2.FILLED, cv2.LINE_AA)
    true = rgb[..., 0] / np.float32(0.9)
    small = smaller(true, (16, 16))
    ours = enlarged(small, smaller(rgb, (16, 16)), rgb)
    plain = cv2.resize(small, (64, 64), interpolation=cv2.INTER_LINEAR)
    assert np.abs(ours - true).mean() < 0.2 * np.abs(plain - true).mean()


def test_a_smaller_trimap_loses_no_kind() -> None:
    known = np.full((64, 64), UNKNOWN, np.uint8)
    known[:, :16] = 0
    known[20, 40:60] = 255
    small = smaller_trimap(known, (16, 16))
    assert (small[:, :4] == 0).all()
    assert (small[5, 10:15] == 255).all()
    assert np.count_nonzero(small == 255) == 5


# from mattes


def test_an_auto_trimap_is_unknown_about_what_is_partial() -> None:
    pha = np.zeros((100, 100), np.float32)
    pha[:, 50:] = 1
    hard = auto_trimap(pha, band=10)
    assert (hard[:, :44] == 0).all()
    assert (hard[:, 56:] == 255).all()
    assert (hard[:, 46:54] == UNKNOWN).all()
    soft = cv2.blur(pha, (31, 1))  # partial over 30 pixels: as hair and motion blur are
    wide = auto_trimap(soft, band=10)
    assert (wide[:, 30:70] == UNKNOWN).all()
    assert (wide[:, :20] == 0).all()


def test_the_default_band_is_in_proportion() -> None:
    assert default_band((1280, 720)) == default_band((720, 1280)) == 20
    assert default_band((64, 48)) == 10
