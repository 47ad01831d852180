"""Shared fixtures: tiny seeded frames, the released weights where they are present."""

from __future__ import annotations

import os
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from required import need_cuda, required

from livematte.colour import Colour
from livematte.frame import Frame, pixel_format

if TYPE_CHECKING:
    from livematte.matting.device import DeviceRefiner


@pytest.fixture
def make_frame() -> Callable[..., Frame]:
    """make_frame("yuv420p10le", (64, 48), seed=0, pts=0) -> a Frame of seeded noise within the legal range."""

    def make(
        name: str = "yuv420p", size: tuple[int, int] = (64, 48), *, seed: int = 0, pts: int = 0, colour: Colour | None = None
    ) -> Frame:
        known = pixel_format(name)
        assert known is not None
        fmt = known[0]
        rng = np.random.default_rng(seed)
        planes = []
        for i in range(fmt.plane_count):
            width, height = fmt.plane_size(i, size)
            shape = (height, width, 2) if fmt.family == "semi" and i == 1 else (height, width)
            low, high = 16 << (fmt.bits - 8), 235 << (fmt.bits - 8)
            planes.append((rng.integers(low, high, shape) << fmt.shift).astype(fmt.dtype))
        return Frame(tuple(planes), fmt, pts=pts, time_base=Fraction(1, 30), duration=1, colour=colour or Colour())

    return make


@pytest.fixture(scope="session")
def rvm_path() -> Path:
    """The released rvm-mobilenetv3 weights, which set-up fetched; the test is skipped without them, or fails where they are required."""
    from livematte import weights

    path = weights.find("rvm-mobilenetv3")
    if path is None:
        reason = "rvm-mobilenetv3 weights are not here; `livematte models fetch rvm-mobilenetv3` brings them"
        pytest.fail(reason) if required("weights") else pytest.skip(reason)
    return path


@pytest.fixture(params=["cpu", pytest.param("cuda", marks=pytest.mark.cuda)])
def refiner(request: pytest.FixtureRequest) -> DeviceRefiner:
    """Full-size mattes on a device: on torch's CPU, and on CUDA."""
    from livematte.matting.device import DeviceRefiner

    if request.param == "cuda":
        need_cuda()
    return DeviceRefiner(request.param)


@pytest.fixture(scope="session")
def clips() -> Path:
    """A folder of real clips named by LIVEMATTE_CLIPS, or beside the checkout; tests that want it are skipped without it."""
    folder = Path(os.environ.get("LIVEMATTE_CLIPS", Path(__file__).parents[2] / "shared" / "clips"))
    if not folder.is_dir():
        pytest.skip(f"no real clips in {folder}")
    return folder
