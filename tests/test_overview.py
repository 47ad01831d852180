"""Mattes on the luma's grid: in their place, and along the motion."""

from __future__ import annotations

import numpy as np

from livematte.matting.draft import Small
from livematte.overview import along, seen
from tests.test_tidy import SIZE, moment


def test_a_part_is_seen_in_its_place() -> None:
    whole = np.zeros(SIZE[::-1], np.float32)
    whole[40:100, 50:150] = 1
    part = seen(Small(np.ones((30, 50), np.float32), (50, 40, 150, 100)), moment(0))
    assert (part == whole).all()
    assert (seen(Small(np.ones((4, 4), np.float32), (0, 0, 0, 0)), moment(0)) == 0).all()


def test_what_comes_from_outside_is_nothing() -> None:
    came = along(np.ones(SIZE[::-1], np.float32), moment(0.1, flow=8))
    assert (came[:, :8] == 0).all()
    assert (came[:, 8:] == 1).all()
    assert (along(came, moment(0.1, starts=True)) == 0).all()
