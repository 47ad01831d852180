"""A matter of a trimap: of stills, carried along a clip, and made from another matter's mattes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import cv2
import numpy as np
import pytest
import scenes
from trimap_scenes import BAND, frame, marks, scene

from livematte.errors import SettingsError, SourceError
from livematte.frame import Frame, Matte
from livematte.matting.trimaps.matter import TrimapMatter
from livematte.matting.trimaps.reduced import smaller
from livematte.matting.trimaps.trimap import alpha_from_trimap

pytest.importorskip("pymatting")

# a matter


def test_one_way_is_wanted() -> None:
    for given_ in ({}, {"trimap": marks(), "strokes": marks()}):
        with pytest.raises(ValueError, match="exactly one of trimap, strokes and auto"):
            TrimapMatter(**given_)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["yuv420p", "nv12", "gbrp", "yuv422p10le"])
def test_the_foreground_has_its_own_colour_and_the_rest_its_bits(name: str) -> None:
    drawn, picture = scene(), frame(name=name)
    matte = TrimapMatter(trimap=marks()).step(picture)
    sure = (matte.pha == 0) | (matte.pha == 1)
    np.testing.assert_array_equal(matte.fgr.planes[0][sure], picture.planes[0][sure])
    seen = (drawn.pha > 0.3) & (drawn.pha < 0.9)
    before, after = (np.abs(f.rgb() - drawn.fgr)[seen].mean() for f in (picture, matte.fgr))
    assert after < 0.5 * before


def test_a_frames_own_alpha_is_kept() -> None:
    own = np.ones((180, 320), np.float32)
    own[:, :160] = 0.5
    plain = TrimapMatter(trimap=marks()).step(frame())
    matte = TrimapMatter(trimap=marks()).step(replace(frame(), pha=own))
    np.testing.assert_array_equal(matte.pha, plain.pha * own)


def test_a_trimap_for_each_picture() -> None:
    asked: list[str] = []

    def trimap_for(picture: Frame) -> np.ndarray:
        asked.append(picture.label)
        return marks(int(picture.label))

    matter = TrimapMatter(trimap=trimap_for)
    for seed in (1, 2):
        picture = frame(seed=seed, label=str(seed))
        matter.prime([picture])
        alone = TrimapMatter(trimap=marks(seed)).step(picture)
        np.testing.assert_array_equal(matter.step(picture).pha, alone.pha)
    assert asked == ["1", "2"]


def test_one_trimap_is_of_one_still() -> None:
    matter = TrimapMatter(trimap=marks())
    matter.prime([frame(label="first")])
    matter.step(frame(label="first"))
    matter.prime([frame(label="other")])
    with pytest.raises(SettingsError, match="drawn for first, and other is another; try --trimap with a folder"):
        matter.step(frame(label="other"))


def test_a_trimap_of_another_size_names_both() -> None:
    matter = TrimapMatter(trimap=marks()[:, :-4])
    with pytest.raises(SettingsError, match=r"trimap: got a picture of 316x180, wanted 320x180, the size of photo as it is shown"):
        matter.step(frame(label="photo"))


# a clip


def phas(matter: TrimapMatter, steps: Sequence[int]) -> list[np.ndarray]:
    return [matter.step(frame(step)).pha for step in steps]


def test_alpha_is_carried_along_a_clip() -> None:
    """From one end of a sway to the other, 13 pixels: the first trimap is soon of nobody."""
    steps = range(4, 24, 2)
    first = scenes.trimap_of(scene(step=4).pha, BAND)
    carried = phas(TrimapMatter(trimap=first), steps)
    errors = [float(np.abs(pha - scene(step=step).pha).mean()) for step, pha in zip(steps, carried, strict=True)]
    last = scene(step=22)
    stale = float(np.abs(alpha_from_trimap(last.src, first) - last.pha).mean())
    assert max(errors) < 0.006
    assert errors[-1] < 0.2 * stale


def test_reset_is_as_fresh() -> None:
    used = TrimapMatter(trimap=marks())
    phas(used, range(3))
    used.reset()
    for ours, fresh in zip(phas(used, range(2)), phas(TrimapMatter(trimap=marks()), range(2)), strict=True):
        np.testing.assert_array_equal(ours, fresh)


def test_a_cut_ends_it_and_says_when() -> None:
    matter = TrimapMatter(trimap=marks())
    matter.prime([frame(0), frame(1)])
    phas(matter, range(2))
    other = replace(frame(), planes=tuple(255 - plane for plane in frame().planes), pts=45)
    with pytest.raises(SourceError, match=r"at 1\.50 s the clip cuts to another scene, which the trimap is not of; try --end 1\.50"):
        matter.step(other)


# trimaps from mattes


class Coarse:
    """A matter that knows the truth at an eighth of the size."""

    def __init__(self, scene_of: Callable[[Frame], np.ndarray]) -> None:
        self._true, self.primed, self.resets = scene_of, 0, 0

    def step(self, frame: Frame) -> Matte:
        assert frame.pha is None
        true = self._true(frame)
        return Matte(cv2.resize(smaller(true, (40, 22)), frame.size, interpolation=cv2.INTER_LINEAR), frame)

    def reset(self) -> None:
        self.resets += 1

    def prime(self, frames: Sequence[Frame]) -> None:
        self.primed += len(frames)


def test_a_coarse_matte_is_sharpened() -> None:
    drawn, coarse = scene(), Coarse(lambda picture: scene().pha)
    matter = TrimapMatter(auto=coarse)
    matter.prime([frame()])
    before, after = coarse.step(frame()).pha, matter.step(frame()).pha
    assert np.abs(after - drawn.pha).mean() < 0.5 * np.abs(before - drawn.pha).mean()
    matter.reset()
    assert (coarse.primed, coarse.resets) == (1, 1)


def test_auto_has_no_scenes_to_run_out_of() -> None:
    matter = TrimapMatter(auto=Coarse(lambda picture: scene().pha))
    for label in ("one", "two"):
        matter.prime([frame(label=label)])
        matter.step(frame(label=label))


def test_where_nobody_is_the_coarse_matte_stays() -> None:
    matte = TrimapMatter(auto=Coarse(lambda picture: np.zeros((180, 320), np.float32))).step(frame())
    assert not matte.pha.any()
    assert matte.fgr.planes[0] is not None
