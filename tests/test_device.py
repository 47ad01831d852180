"""Mattes on a device among everything that takes mattes. On torch's CPU, and on CUDA where that is there."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue

import numpy as np
import pytest
import torch
from drawn_person import drawn_person
from full_size import coefficients, on, same
from media import frame as drawn_frame

from livematte import edges
from livematte.background import Background, Blur, Picture, Solid
from livematte.composite import composite, view
from livematte.engines.torch_engine import TorchEngine
from livematte.engines.transfers import download
from livematte.frame import Frame, Matte, Plane
from livematte.look import Look
from livematte.matting import device
from livematte.matting.device import DeviceRefiner
from livematte.matting.refine import refine
from livematte.planes import blended

MakeFrame = Callable[..., Frame]


@pytest.mark.parametrize("background", [Solid("green"), Blur(), Picture(np.full((30, 40, 3), 70, np.uint8))])
def test_composites_are_all_that_comes_back(
    make_frame: MakeFrame, refiner: DeviceRefiner, background: Background, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame, coef = make_frame("nv12", (83, 71)), coefficients((40, 36), 2)
    matte = on(refiner, frame, coef)
    wanted = composite(frame, Matte(matte.pha, matte.fgr), background)
    back: list[tuple[int, ...]] = []
    download = device.download
    monkeypatch.setattr(device, "download", lambda tensors: (back.extend(tuple(t.shape) for t in tensors), download(tensors))[1])
    same(composite(frame, on(refiner, frame, coef), background).planes, wanted.planes)
    alpha = [matte.pha.shape] if isinstance(background, Blur) else []  # which is told where the person is
    assert back == [*alpha, *(plane.shape for plane in wanted.planes)]


@pytest.mark.parametrize("name", ["composite", "cutout", "alpha", "foreground", "triptych"])
def test_every_view_takes_it(make_frame: MakeFrame, refiner: DeviceRefiner, name: str) -> None:
    frame = make_frame("yuv420p", (64, 48))
    matte = on(refiner, frame, coefficients((40, 36), 2))
    here = Matte(matte.pha, matte.fgr)
    same(view(name, frame, matte, Solid("blue")).planes, view(name, frame, here, Solid("blue")).planes)


def test_edges_and_mirrors_take_it(make_frame: MakeFrame, refiner: DeviceRefiner) -> None:
    frame = make_frame("yuv420p", (64, 48))
    matte = on(refiner, frame, coefficients((40, 36), 2))
    here = Matte(matte.pha, matte.fgr)
    red = Solid("red")
    looks = (Look(red, choke=1.5), Look(red, feather=2), Look(red, mirror=True), Look(red, light_wrap=0.5), Look(red, match=0.5))
    for look in looks:
        pictures = [look.view("composite", *look.shaped(frame, one)) for one in (matte, here)]
        same(pictures[0].planes, pictures[1].planes)
    assert edges.shape(matte).blend is not None
    assert edges.shape(matte, choke=1).blend is None


def test_sizes_and_bounds_are_those_of_alpha(make_frame: MakeFrame, refiner: DeviceRefiner) -> None:
    matte = on(refiner, make_frame(size=(64, 48)), np.full((8, 24, 32), 0.25, np.float32))
    assert matte.sizes == ((64, 48), (64, 48))
    assert matte.bounds == (float(matte.pha.min()), float(matte.pha.max()))
    broken = on(refiner, make_frame(size=(64, 48)), np.full((8, 24, 32), np.nan, np.float32))
    assert all(bound != bound for bound in broken.bounds)  # noqa: PLR0124 - no number equals nothing


def test_alphas_lines_alone_can_be_fetched(refiner: DeviceRefiner) -> None:
    coef = coefficients((40, 36), 2)
    slope, offset = download(list(torch.from_numpy(coef[[3, 7]]).to(refiner.device)))
    np.testing.assert_array_equal(slope, coef[3])
    np.testing.assert_array_equal(offset, coef[7])


def test_a_background_that_stays_is_brought_once(make_frame: MakeFrame, refiner: DeviceRefiner, monkeypatch: pytest.MonkeyPatch) -> None:
    frame, green, coef = make_frame(), Solid("green"), coefficients((40, 36), 2)
    matte = on(refiner, frame, coef)
    first = composite(frame, matte, green)
    brought: list[Plane] = []
    upload = device.upload
    monkeypatch.setattr(device, "upload", lambda array, where: (brought.append(array), upload(array, where))[1])
    same(composite(frame, matte, green).planes, first.planes)
    assert not brought
    composite(frame, matte, Solid("red"))
    same(composite(frame, matte, green).planes, first.planes)
    assert len(brought) == 6


def test_spent_memory_makes_mattes_without_the_device(
    make_frame: MakeFrame, refiner: DeviceRefiner, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def spent(*ignored: object) -> torch.Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory.\nTried")

    frame, behind, coef = make_frame(size=(160, 120)), make_frame(size=(160, 120), seed=9).planes, coefficients((64, 48), 2)
    before = on(refiner, frame, coef)
    wanted = blended(before.fgr, behind, before.pha)
    monkeypatch.setattr(device, "upload", spent)
    with caplog.at_level(logging.WARNING):
        assert before.blend is not None
        same(before.blend(behind), wanted)
        for _ in range(2):
            matte = on(refiner, frame, coef)
            np.testing.assert_array_equal(matte.pha, refine(frame, coef).pha)
            assert matte.blend is None
    assert caplog.messages == ["the device's memory is spent, mattes are made without it: CUDA out of memory."]


def test_work_is_left_to_the_thread_that_asks(make_frame: MakeFrame, refiner: DeviceRefiner) -> None:
    """As in the pipeline: one thread hands on mattes while another makes them."""
    frames = [make_frame("yuv420p", (160, 120), seed=seed) for seed in range(12)]
    behind = make_frame("yuv420p", (160, 120), seed=99).planes
    queue: SimpleQueue[Matte | None] = SimpleQueue()
    made: list[tuple[Plane, ...]] = []

    def dress() -> None:
        while (matte := queue.get()) is not None:
            assert matte.blend is not None
            made.append(matte.blend(behind))

    thread = threading.Thread(target=dress)
    thread.start()
    for seed, frame in enumerate(frames):
        queue.put(on(refiner, frame, coefficients((64, 48), seed)))
    queue.put(None)
    thread.join()
    for seed, (frame, com) in enumerate(zip(frames, made, strict=True)):
        matte = on(refiner, frame, coefficients((64, 48), seed))
        same(com, blended(matte.fgr, behind, matte.pha))


@pytest.mark.parametrize("name", ["yuv420p", "p010le"])
def test_a_person_is_matted_as_in_memory(rvm_path: Path, refiner: DeviceRefiner, name: str) -> None:
    """The whole way, of a person who moves, past the frames after which the network runs as a graph."""
    engine = TorchEngine(rvm_path, device=str(refiner.device), precision="fp32", threads=1)
    green, blank, rec = Solid("green"), drawn_frame(0, (320, 180), name), None
    for step in range(8):
        frame = blank.with_planes(blank.from_rgb(drawn_person((320, 180), step).astype(np.float32) / 255))
        coef, rec = engine.run_on_device(frame.rgb((160, 96)).transpose(2, 0, 1), rec)
        there, here = refiner.refine(frame, coef), refine(frame, coef.cpu().numpy())
        assert 0.15 < here.pha.mean() < 0.6
        assert np.abs(there.pha - here.pha).max() < 0.03
        assert np.abs(there.pha - here.pha).mean() < 1e-4
        for one, other in zip(composite(frame, there, green).planes, composite(frame, here, green).planes, strict=True):
            assert (one == other).mean() > 0.99
            # Alpha's 0.03 of 200 codes; and where it just reaches 1 in one of them, there the colour's correction ends.
            far = np.abs(one.astype(int) - other.astype(int)) > 6 << (frame.depth - 8)
            assert far.mean() < 1e-4
