"""What goes to a device comes back as it was, whatever its layout, and pinned memory is a help, never a condition."""

from __future__ import annotations

import logging

import numpy as np
import pytest
import torch
from required import need_cuda

from livematte.engines import transfers
from livematte.engines.transfers import download, host_memory, upload

CPU = torch.device("cpu")


def array(dtype: type[np.generic], shape: tuple[int, ...] = (6, 8)) -> np.ndarray:
    return (np.arange(np.prod(shape)).reshape(shape) * 1301 % 65521).astype(dtype)


LAYOUTS = {
    "as it lies": lambda a: a,
    "every second": lambda a: a[::2, 1::3],
    "mirrored": lambda a: a[:, ::-1],
    "turned": lambda a: a.T,
    "one value": lambda a: np.broadcast_to(a[:1, :1], a.shape),
    "one row": lambda a: np.broadcast_to(a[:1], a.shape),
}


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_there_and_back(dtype: type[np.generic], layout: str) -> None:
    there = LAYOUTS[layout](array(dtype))
    there.setflags(write=False)
    (back,) = download([upload(there, CPU)])
    assert back.dtype == there.dtype
    np.testing.assert_array_equal(back, there)


@pytest.mark.cuda
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_there_and_back_on_cuda(dtype: type[np.generic], layout: str) -> None:
    need_cuda()
    there = LAYOUTS[layout](array(dtype))
    tensors = [upload(there, torch.device("cuda")) for _ in range(3)]
    assert tensors[0].is_cuda
    for back in download(tensors):
        np.testing.assert_array_equal(back, there)


def test_a_copy_is_no_view() -> None:
    source = array(np.uint8)
    there = upload(source, CPU)
    (back,) = download([there])
    source[:] = 0
    there[:] = 1
    np.testing.assert_array_equal(back, array(np.uint8))


def test_what_repeats_travels_once() -> None:
    tensor = upload(np.broadcast_to(np.array([[[7, 9]]], np.uint16), (40, 60, 2)), CPU)
    assert tensor.shape == (40, 60, 2)
    assert tensor.untyped_storage().nbytes() == 4


def test_several_come_in_their_order() -> None:
    one, other = array(np.uint8), array(np.float32, (2, 3))
    back = download([upload(one, CPU), upload(other, CPU)])
    np.testing.assert_array_equal(back[0], one)
    np.testing.assert_array_equal(back[1], other)


def test_without_pinned_memory_there_is_other(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system grants none; told once, not with each frame."""
    empty = torch.empty

    def refusing(*shape: object, pin_memory: bool = False, **how: object) -> torch.Tensor:
        if pin_memory:
            raise RuntimeError("cannot lock 12 MiB\nat some line of C++")
        return empty(*shape, **how)

    monkeypatch.setattr(torch, "empty", refusing)
    transfers._tell_once.cache_clear()
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            assert host_memory((3, 4), torch.uint8, torch.device("cuda")).shape == (3, 4)
    assert caplog.messages == ["no pinned memory is to be had, copies to and from the device are slower: cannot lock 12 MiB"]


@pytest.mark.cuda
def test_memory_is_pinned_on_cuda() -> None:
    need_cuda()
    assert host_memory((3, 4), torch.uint8, torch.device("cuda")).is_pinned()
