"""The arithmetic of refine() and of composites on tensors, as mattes have it. On torch's CPU, and on CUDA where that is there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from full_size import FEW, FORMATS, SIZES, assert_near, coefficients, on, plain, same
from hypothesis import given, settings
from hypothesis import strategies as st
from media import frame as drawn_frame
from required import need_cuda

from livematte.background import Solid
from livematte.colour import BT2020_PRIMARIES, HLG, PQ, Colour
from livematte.composite import composite
from livematte.frame import Frame, Size
from livematte.matting import device_planes
from livematte.matting.device import DeviceRefiner, Region
from livematte.matting.refine import refine
from livematte.planes import blended, pha_for

MakeFrame = Callable[..., Frame]


@pytest.fixture
def short_strips(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many strips even in small pictures."""
    monkeypatch.setattr(device_planes, "STRIP_PIXELS", 1000)


# laws


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("size", [(160, 120), (83, 71)])
@pytest.mark.parametrize("at", [1.5, 1, 0, -0.5])
def test_where_alpha_is_decided_samples_are_whose_they_are(
    make_frame: MakeFrame, refiner: DeviceRefiner, name: str, size: Size, at: float
) -> None:
    frame, behind = make_frame(name, size, seed=1), make_frame(name, size, seed=2)
    coef = np.full((8, 36, 40), 0.3, np.float32)
    coef[3], coef[7] = 0, at
    matte = on(refiner, frame, coef)
    assert (matte.pha == np.clip(at, 0, 1)).all()
    same(matte.fgr.planes, frame.planes)
    assert matte.blend is not None
    same(matte.blend(behind.planes), frame.planes if at >= 1 else behind.planes)


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("size", [(160, 120), (83, 71)])
def test_planes_are_the_frames_own_where_alpha_is_decided(make_frame: MakeFrame, refiner: DeviceRefiner, name: str, size: Size) -> None:
    frame = make_frame(name, size, seed=3)
    matte = on(refiner, frame, coefficients((40, 36), 4))
    undecided = ((matte.pha > 0) & (matte.pha < 1)).astype(np.float32)
    for i, (plane, fgr) in enumerate(zip(frame.planes, matte.fgr.planes, strict=True)):
        decided = pha_for(undecided, frame.format, i) == 0
        np.testing.assert_array_equal(fgr[decided], plane[decided])
        assert (fgr != plane).any()


@pytest.mark.parametrize("name", FORMATS)
def test_equal_planes_give_themselves(make_frame: MakeFrame, refiner: DeviceRefiner, name: str) -> None:
    matte = on(refiner, make_frame(name, (83, 71)), coefficients((40, 36), 4))
    assert matte.blend is not None
    same(matte.blend(matte.fgr.planes), matte.fgr.planes)


def test_the_frame_is_left_alone(make_frame: MakeFrame, refiner: DeviceRefiner) -> None:
    frame = make_frame(size=(160, 120))
    before = [p.copy() for p in frame.planes]
    matte = on(refiner, frame, coefficients((64, 48), 2))
    assert replace(matte.fgr, planes=frame.planes) == frame
    same(frame.planes, tuple(before))


# the same as elsewhere


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize(("size", "small"), SIZES)
def test_equals_the_full_size_formula(make_frame: MakeFrame, refiner: DeviceRefiner, name: str, size: Size, small: Size) -> None:
    frame, coef = make_frame(name, size, seed=1), coefficients(small, 2)
    pha, planes = plain(frame, coef)
    assert 0.05 < ((pha > 0) & (pha < 1)).mean() < 0.9  # the test's own: there is something to refine, and something not to
    assert_near(on(refiner, frame, coef), pha, planes, frame)


@given(width=st.integers(17, 90), height=st.integers(17, 90), across=st.floats(1, 4), down=st.floats(1, 4), seed=st.integers(0, 999))
@settings(max_examples=60, deadline=None)
def test_equals_the_formula_at_any_size(width: int, height: int, across: float, down: float, seed: int) -> None:
    frame = drawn_frame(seed % 7, (width, height))
    coef = coefficients((max(16, int(width / across)), max(16, int(height / down))), seed, cells=6)
    np.testing.assert_allclose(on(DeviceRefiner("cpu"), frame, coef).pha, plain(frame, coef)[0], atol=1e-5)


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize(("size", "small"), SIZES)
def test_equals_the_matte_made_in_memory(make_frame: MakeFrame, refiner: DeviceRefiner, name: str, size: Size, small: Size) -> None:
    frame, coef = make_frame(name, size, seed=1), coefficients(small, 2)
    there, here = on(refiner, frame, coef), refine(frame, coef)
    # OpenCV enlarges 8-bit chroma in fixed point, off by up to one code: 0.0048 of a mean colour, at gains up to 1.86.
    coarse = frame.format.bits == 8 and frame.format.sub != (1, 1)
    np.testing.assert_allclose(there.pha, here.pha, atol=9e-3 if coarse else 1e-5)
    assert np.abs(there.pha - here.pha).mean() < (1e-4 if coarse else 1e-6)
    for one, other in zip(there.fgr.planes, here.fgr.planes, strict=True):
        assert (one != other).mean() < 0.01


def test_alpha_that_was_changed_counts_in_the_place_of_the_networks(make_frame: MakeFrame, refiner: DeviceRefiner) -> None:
    frame, coef = make_frame("yuv420p", (160, 120)), coefficients((64, 48), 5)
    alpha = coefficients((64, 48), 6)[3::4]
    there = torch.from_numpy(coef).to(refiner.device)
    other = coef.copy()
    other[3::4] = alpha
    found, wanted = refiner.later(frame, there)(alpha), on(refiner, frame, other)
    np.testing.assert_array_equal(found.pha, wanted.pha)
    same(found.fgr.planes, wanted.fgr.planes)
    np.testing.assert_array_equal(there.cpu().numpy(), coef)  # which may be asked for again


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("size", [(160, 120), (83, 71)])
def test_composites_are_those_of_planes_over(make_frame: MakeFrame, refiner: DeviceRefiner, name: str, size: Size) -> None:
    matte = on(refiner, make_frame(name, size, seed=1), coefficients((40, 36), 2))
    behind = make_frame(name, size, seed=9).planes
    assert matte.blend is not None
    same(matte.blend(behind), blended(matte.fgr, behind, matte.pha))


@pytest.mark.usefixtures("short_strips")
@pytest.mark.parametrize("name", FEW)
@pytest.mark.parametrize("region", [None, (8, 4, 83, 71), (12, 20, 64, 56)])
def test_strips_meet_without_a_seam(make_frame: MakeFrame, refiner: DeviceRefiner, name: str, region: Region | None) -> None:
    frame, behind, coef = make_frame(name, (83, 71), seed=1), make_frame(name, (83, 71), seed=9).planes, coefficients((40, 36), 2)
    assert len(list(device_planes.strips(71, 83, 4))) > 5
    pha, planes = plain(frame, coef, region)
    matte = on(refiner, frame, coef, region)
    assert_near(matte, pha, planes, frame)
    assert matte.blend is not None
    same(matte.blend(behind), blended(matte.fgr, behind, matte.pha))


@pytest.mark.parametrize("name", FEW)
@pytest.mark.parametrize("region", [(0, 0, 40, 40), (24, 16, 64, 71), (40, 8, 83, 32)])
def test_outside_a_region_alpha_is_zero(make_frame: MakeFrame, refiner: DeviceRefiner, name: str, region: Region) -> None:
    frame, coef = make_frame(name, (83, 71), seed=1), coefficients((40, 36), 2)
    matte = on(refiner, frame, coef, region)
    assert_near(matte, *plain(frame, coef, region), frame)
    outside = np.ones((71, 83), bool)
    outside[region[1] : region[3], region[0] : region[2]] = False
    assert not matte.pha[outside].any()
    np.testing.assert_array_equal(matte.fgr.planes[0][outside], frame.planes[0][outside])
    np.testing.assert_allclose(matte.pha, refine(frame, coef, region=region).pha, atol=9e-3)  # as below


def test_frames_own_alpha_multiplies(make_frame: MakeFrame, refiner: DeviceRefiner) -> None:
    frame, coef = make_frame(size=(160, 120)), coefficients((64, 48), 2)
    own = np.random.default_rng(5).random((120, 160), np.float32)
    matte = on(refiner, replace(frame, pha=own), coef)
    np.testing.assert_array_equal(matte.pha, on(refiner, frame, coef).pha * own)
    assert matte.fgr.pha is None


@pytest.mark.parametrize("transfer", [PQ, HLG])
def test_hdr_is_seen_as_the_network_saw_it(make_frame: MakeFrame, refiner: DeviceRefiner, transfer: int) -> None:
    frame, coef = make_frame("yuv420p10le", (160, 120), colour=Colour(BT2020_PRIMARIES, transfer, 9, False)), coefficients((64, 48), 2)
    matte = on(refiner, frame, coef)
    assert_near(matte, *plain(frame, coef), frame)
    changed = any((plane != fgr).any() for plane, fgr in zip(frame.planes, matte.fgr.planes, strict=True))
    assert changed == (transfer == HLG)


@pytest.mark.parametrize("colour", [Colour(1, 1, 1, True), Colour(5, 6, 5, False), Colour(), Colour(9, 1, 9, True)])
@pytest.mark.parametrize("name", ["yuv420p", "gray", "gbrp"])
def test_matrices_and_ranges_are_the_frames(make_frame: MakeFrame, refiner: DeviceRefiner, colour: Colour, name: str) -> None:
    frame, coef = make_frame(name, (64, 48), colour=colour), coefficients((32, 24), 2)
    assert_near(on(refiner, frame, coef), *plain(frame, coef), frame)


def test_one_refiner_takes_all_kinds_of_frames_in_any_order(make_frame: MakeFrame, refiner: DeviceRefiner) -> None:
    for turn in range(2):
        for name in FEW:
            for size, small in SIZES[2:4]:
                frame, coef = make_frame(name, size, seed=turn), coefficients(small, turn)
                assert_near(on(refiner, frame, coef), *plain(frame, coef), frame)


# memory


def peak(work: Callable[[], object]) -> int:
    """The most bytes that torch holds at once for what `work` makes, on its CPU."""
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True) as profile:
        work()
    assert profile.profiler is not None
    now = most = 0
    for event in sorted(profile.profiler.kineto_results.events(), key=lambda event: event.start_ns()):
        if event.name() == "[memory]":
            now += event.nbytes()
            most = max(most, now)
    return most


@pytest.mark.parametrize("name", ["yuv420p", "nv12", "p010le", "yuv444p"])
def test_memory_is_what_the_module_says(make_frame: MakeFrame, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    size, strip = (640, 480), 1 << 16
    monkeypatch.setattr(device_planes, "STRIP_PIXELS", strip)
    frame, behind, coef = make_frame(name, size), make_frame(name, size, seed=2), coefficients((64, 48), 2)
    refiner = DeviceRefiner("cpu")
    pixels, planes = size[0] * size[1], sum(plane.nbytes for plane in frame.planes)
    chroma = 4 * sum(plane.size for plane in frame.planes[1:]) if frame.format.sub != (1, 1) else 0
    matte = on(refiner, frame, coef)
    assert 50 * strip < peak(matte.work_out) <= planes + chroma + 4 * pixels + 90 * strip + (1 << 16)
    assert matte.blend is not None
    blend = matte.blend
    # A background, a composite on either side, alpha for chroma and its sums.
    assert peak(lambda: blend(behind.planes)) <= 3 * planes + 4 * pixels + 90 * strip


@pytest.mark.cuda
@pytest.mark.parametrize("name", ["yuv420p", "yuv444p16le"])
def test_4k_on_cuda_takes_less_than_half_a_gigabyte(make_frame: MakeFrame, name: str) -> None:
    need_cuda()
    frame, behind, coef = make_frame(name, (3840, 2160)), Solid("green"), coefficients((512, 288), 2)
    refiner = DeviceRefiner("cuda")
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    for _ in range(5):
        composite(frame, on(refiner, frame, coef), behind)
    assert torch.cuda.max_memory_allocated() - before < 1 << 29
