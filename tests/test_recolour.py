"""A foreground colour in R'G'B' goes into a frame's planes where alpha is partial; all other samples keep their bits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import scenes

from livematte.colour import PQ, Colour
from livematte.frame import Frame
from livematte.matting.recolour import box_around, recoloured
from livematte.planes import pha_for

FORMATS = ["yuv420p", "yuv422p10le", "nv12", "p010le", "gbrp", "gray", "yuv411p", "yuv410p"]
SIZE = (63, 47)


def scene(name: str) -> tuple[Frame, np.ndarray, np.ndarray]:
    """(frame, the foreground's colour, alpha)."""
    drawn = scenes.room_scene(SIZE)
    return scenes.frame_of(np.clip(drawn.src, 0, 1), name), np.clip(drawn.fgr, 0, 1), drawn.pha


def samples_of(mask: np.ndarray, frame: Frame, index: int) -> np.ndarray:
    return pha_for(mask.astype(np.float32), frame.format, index if frame.format.family != "gbr" else 0) > 0


@pytest.mark.parametrize("name", FORMATS)
def test_what_is_not_partial_keeps_its_bits(name: str) -> None:
    frame, colour, pha = scene(name)
    fgr = recoloured(frame, colour, pha)
    partly = (pha > 0) & (pha < 1)
    assert fgr.format == frame.format
    changed = False
    for index, (before, after) in enumerate(zip(frame.planes, fgr.planes, strict=True)):
        untouched = ~samples_of(partly, frame, index)
        np.testing.assert_array_equal(after[untouched], before[untouched])
        changed |= bool((after != before).any())
    assert changed


@pytest.mark.parametrize("name", ["gbrp", "yuv444p10le"])
def test_the_colour_is_there_where_alpha_is_partial(name: str) -> None:
    frame, colour, pha = scene(name)
    partly = (pha > 0) & (pha < 1)
    shown = recoloured(frame, colour, pha).rgb()
    # Half a code in each channel, and what a clamp to the legal range costs.
    assert np.abs(shown - colour)[partly].max() < 2.5 / 255
    assert np.abs(frame.rgb() - colour)[partly].max() > 0.3


def test_its_own_colour_changes_nothing() -> None:
    frame, _, pha = scene("yuv420p")
    for before, after in zip(frame.planes, recoloured(frame, frame.rgb(), pha).planes, strict=True):
        # The chroma of a piece of an odd width is stretched a little otherwise than the whole's.
        np.testing.assert_allclose(after.astype(int), before, atol=1)


def test_nothing_partial_gives_the_planes_themselves() -> None:
    frame, colour, pha = scene("yuv420p")
    assert recoloured(frame, colour, np.round(pha)).planes is frame.planes


def test_a_pq_frame_stays_as_it_is() -> None:
    frame, colour, pha = scene("yuv420p10le")
    frame = replace(frame, colour=Colour(transfer=PQ))
    assert recoloured(frame, colour, pha).planes is frame.planes


def test_another_size_is_refused() -> None:
    frame, colour, pha = scene("yuv420p")
    with pytest.raises(ValueError, match=r"colour of \(47, 63, 3\) and alpha of \(46, 63\), wanted \(47, 63\)"):
        recoloured(frame, colour, pha[1:])


def test_a_box_is_on_whole_chroma_samples() -> None:
    frame, _, _ = scene("yuv420p")
    where = np.zeros((47, 63), bool)
    assert box_around(where, frame) is None
    where[20, 31] = True
    left, top, right, bottom = box_around(where, frame, margin=4) or (0, 0, 0, 0)
    assert (left, top, right, bottom) == (26, 16, 36, 25)
