"""Laws of parting: a body goes by its own motion, colours tell bodies apart, and what is nobody's is rather a stranger's."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from livematte.frame import Frame
from livematte.motion import Moment
from livematte.parting import Mask, Track, carried_by_itself, colours, histogram, parted, parts
from tests.scenes import frame_of

SIZE = (128, 96)
LEFT, RIGHT = (slice(20, 96), slice(20, 60)), (slice(20, 96), slice(60, 100))


def area(*parts: tuple[slice, slice]) -> Mask:
    mask = np.zeros(SIZE[::-1], bool)
    for part in parts:
        mask[part] = True
    return mask


def moment(flow: NDArray[np.float32] | None = None) -> Moment:
    luma = np.random.default_rng(0).integers(80, 160, SIZE[::-1]).astype(np.uint8)
    still = np.zeros((*luma.shape, 2), np.float32)
    return Moment(1.0, 0.1, False, SIZE, luma, still if flow is None else flow, np.ones(luma.shape, np.float32))


def frame(left: float, right: float) -> Frame:
    """Of two colours, equally bright, so that no edge tells where they meet."""
    rgb = np.full((*SIZE[::-1], 3), 0.5, np.float32)
    rgb[:, :60] += np.float32([left, -0.299 / 0.587 * left, 0])
    rgb[:, 60:] += np.float32([right, -0.299 / 0.587 * right, 0])
    return frame_of(rgb)


def track(mask: Mask, index: NDArray[np.int32], *, kept: bool = False) -> Track:
    return Track(mask, mask.astype(np.float32), histogram(index, mask), mask.mean().item(), 0.9, kept=kept)


def test_each_moves_as_it_does_itself() -> None:
    """Two side by side, one of whom goes left by 4 pixels and one right: neither takes the other's motion."""
    flow = np.zeros((*SIZE[::-1], 2), np.float32)
    flow[:, :60, 0], flow[:, 60:, 0] = 4, -4
    now, index = moment(flow), colours(frame(0, 0), SIZE[::-1])
    assert now.sure is not None
    now.sure[:, 56:64] = 0  # what comes to light between them
    for part, by, other in ((LEFT, -4, RIGHT), (RIGHT, 4, LEFT)):
        came = carried_by_itself(track(area(part), index), now, area(other)) > 0.5
        assert (came != np.roll(area(part), by, axis=1)).mean() < 0.01


def test_what_is_hidden_goes_on_at_the_bodys_pace() -> None:
    flow = np.zeros((*SIZE[::-1], 2), np.float32)
    flow[..., 0] = -3
    body = track(area(LEFT), colours(frame(0, 0), SIZE[::-1]))
    for _ in range(10):  # it goes right, 3 pixels in 0.1 s
        body.shape = carried_by_itself(body, moment(flow), area())
    body.visible, body.shape = area(), area(LEFT).astype(np.float32)
    came = carried_by_itself(body, moment(), area()) > 0.5
    assert (came == np.roll(area(LEFT), 3, axis=1)).mean() > 0.99


@pytest.mark.parametrize("kept", [True, False])
def test_what_is_nobodys_is_a_strangers_where_there_is_one(kept: bool) -> None:
    """A group that goes further than both shapes, all of one colour."""
    index = colours(frame(0, 0), SIZE[::-1])
    tracks = [track(area(LEFT), index, kept=True), track(area(LEFT), index, kept=kept)]
    part = parted(area(LEFT, RIGHT), tracks, [each.shape for each in tracks], index, moment())
    assert (part[RIGHT][:, 4:] == (1 if kept else 2)).all()
    assert (part[LEFT][4:, 4:-4] == 1).all()  # its own corners are rounded
    assert (part[~area(LEFT, RIGHT)] == 0).all()


def test_colours_tell_where_outlines_are_off() -> None:
    """Both are said to be some pixels left of where they are."""
    index = colours(frame(0.2, -0.2), SIZE[::-1])
    tracks = [track(area(LEFT), index, kept=True), track(area(RIGHT), index)]
    came = [np.roll(each.shape, -6, axis=1) for each in tracks]
    part = parted(area(LEFT, RIGHT), tracks, came, index, moment())
    assert (part[LEFT][:, :-2] == 1).mean() > 0.98
    assert (part[RIGHT][:, 2:] == 2).mean() > 0.98


def test_who_is_behind_lives_on_there() -> None:
    """A smaller stranger stands before the kept one, in other colours: the shape stays whole, and comes back when they go on."""
    rgb = np.full((*SIZE[::-1], 3), 0.3, np.float32)
    inner = (slice(40, 96), slice(40, 60))
    index = colours(frame_of(rgb), SIZE[::-1])
    kept = track(area(LEFT, RIGHT), index, kept=True)
    rgb[inner] = 0.7
    index = colours(frame_of(rgb), SIZE[::-1])
    stranger = track(area(inner), index)
    came = [kept.shape, stranger.shape]
    (seen, shape), (other, _) = parts(area(LEFT, RIGHT), [kept, stranger], came, index, moment())
    assert (shape[area(LEFT, RIGHT)] > 0.99).all()
    assert other[inner][4:, 4:-4].all()  # its own corners are rounded
    assert not (seen & other).any()
    bare = colours(frame_of(np.full((*SIZE[::-1], 3), 0.3, np.float32)), SIZE[::-1])  # the stranger is gone, but said to be there
    (seen, shape), (other, waiting) = parts(area(LEFT, RIGHT), [kept, stranger], came, bare, moment())
    assert (seen == area(LEFT, RIGHT)).all()
    assert not other.any()
    assert (waiting[area(inner)] > 0.99).all()


def test_a_scrap_that_a_stranger_left_goes_back() -> None:
    """Skin of the kept one, that both have, and that the stranger took when passing."""
    rgb = np.full((*SIZE[::-1], 3), 0.3, np.float32)
    rgb[:, 60:] = 0.7
    skin = (slice(40, 50), slice(30, 40))
    rgb[skin] = rgb[20:30, 90:100] = (0.6, 0.4, 0.3)
    index = colours(frame_of(rgb), SIZE[::-1])
    kept, stranger = track(area(LEFT), index, kept=True), track(area(RIGHT), index)
    came = [kept.shape, area(RIGHT, skin).astype(np.float32)]
    (seen, _), (other, _) = parts(area(LEFT, RIGHT), [kept, stranger], came, index, moment())
    assert seen[skin].all()
    assert other[RIGHT][:, 3:].all()


def test_every_format_has_colours() -> None:
    rgb = np.random.default_rng(1).random((*SIZE[::-1], 3)).astype(np.float32)
    for name in ("yuv420p", "nv12", "yuv422p10le", "gbrp", "gray"):
        index = colours(frame_of(rgb, name) if name != "gray" else frame_of(rgb[..., :1].repeat(3, 2), name), SIZE[::-1])
        assert index.shape == SIZE[::-1]
        assert 0 <= index.min() < index.max() < 4096
        assert histogram(index, np.ones(SIZE[::-1], bool)).sum() == pytest.approx(1, abs=1e-5)
