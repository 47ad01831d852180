"""The test picture is the same at every run, and moves."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from livematte.errors import SourceError
from livematte.sources import Cut, open_source


def test_the_pattern_is_a_clip_like_any_other() -> None:
    with open_source("pattern", cut=Cut(frames=2)) as source:
        assert (source.info.size, source.info.rate, source.info.frames, source.info.still) == ((1280, 720), 30, 2, False)
        frames = list(source)
    assert [(f.pts, f.time_base, f.duration) for f in frames] == [(0, Fraction(1, 30), 1), (1, Fraction(1, 30), 1)]
    assert (frames[0].format.name, frames[0].colour.matrix, frames[0].full_range) == ("yuv420p", 1, False)
    assert not np.array_equal(frames[0].planes[0], frames[1].planes[0])
    # bars of white, blue and black's neighbours: within the legal range, and using it
    assert 16 <= frames[0].planes[0].min() < 40
    assert 200 < frames[0].planes[0].max() <= 235


def test_it_is_deterministic_and_cut_exactly() -> None:
    whole = list(open_source("pattern:64x48"))
    assert len(whole) == 300
    part = list(open_source("pattern:64x48", cut=Cut(start=1.0, end=1.5)))
    assert [f.pts for f in part] == list(range(15))
    assert all(np.array_equal(p.planes[i], whole[30 + k].planes[i]) for k, p in enumerate(part) for i in range(3))


@pytest.mark.parametrize("size", [(33, 17), (64, 48)])
def test_odd_sizes(size: tuple[int, int]) -> None:
    with open_source(f"pattern:{size[0]}x{size[1]}", cut=Cut(frames=1)) as source:
        (frame,) = list(source)
    assert frame.size == size
    assert [p.shape for p in frame.planes[1:]] == [(-(-size[1] // 2), -(-size[0] // 2))] * 2


@pytest.mark.parametrize("spec", ["pattern:", "pattern:big", "pattern:8x8", "pattern:640", "pattern:99999x99999"])
def test_a_size_that_is_none(spec: str) -> None:
    with pytest.raises(SourceError, match=f"got {spec}, wanted pattern:WIDTHxHEIGHT from 16x16 to 16384x16384"):
        open_source(spec)


def test_a_source_is_read_once_and_a_late_start_is_told() -> None:
    source = open_source("pattern:64x48", cut=Cut(frames=1))
    list(source)
    with pytest.raises(SourceError, match="pattern:64x48 was read already; open it again"):
        list(source)
    with pytest.raises(SourceError, match="start 11 s lies beyond the end of the pattern, which is 10 s long"):
        open_source("pattern", cut=Cut(start=11))
