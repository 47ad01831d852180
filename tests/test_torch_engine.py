"""The torch engine: results on its device, what it says when memory is spent, and its pace."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from drawn_person import drawn_source
from required import need_cuda

from livematte.engines import open_engine
from livematte.engines.torch_engine import TorchEngine
from livematte.errors import EngineError
from livematte.networks.rvm import RVM, Recurrent

SIZE = (128, 96)


@pytest.fixture
def cpu(rvm_path: Path) -> TorchEngine:
    return TorchEngine(rvm_path, device="cpu", precision="auto", threads=1)


@pytest.fixture
def cuda(rvm_path: Path) -> TorchEngine:
    need_cuda()
    return TorchEngine(rvm_path, device="cuda", precision="fp32", threads=1)


def coefficients(engine: TorchEngine, frames: int, size: tuple[int, int] = SIZE) -> np.ndarray:
    rec, results = None, []
    for step in range(frames):
        coef, rec = engine.run(drawn_source(size, step), rec)
        results.append(coef)
    return np.stack(results)


def test_run_is_run_on_device_and_the_way_back(cpu: TorchEngine) -> None:
    rec = there_rec = None
    for step in range(3):
        coef, rec = cpu.run(drawn_source(SIZE, step), rec)
        there, there_rec = cpu.run_on_device(drawn_source(SIZE, step), there_rec)
        assert isinstance(there, torch.Tensor)
        assert there.dtype == torch.float32
        assert there.shape == (8, 96, 128)
        assert there.is_contiguous()
        np.testing.assert_array_equal(there.numpy(), coef)


def test_pictures_may_lie_in_memory_as_they_like(cpu: TorchEngine) -> None:
    """Read-only, channels last, and the caller's again at once."""
    source = np.array(drawn_source(SIZE).transpose(1, 2, 0)).transpose(2, 0, 1)
    source.setflags(write=False)
    wanted, _ = cpu.run(drawn_source(SIZE), None)
    np.testing.assert_array_equal(cpu.run(source, None)[0], wanted)


def test_states_may_be_written_to(cpu: TorchEngine) -> None:
    """As one does who carries a part of the picture on."""
    _, rec = cpu.run(drawn_source(SIZE), None)
    assert isinstance(rec, Recurrent)
    rec.r1[:, :, :8] = 0
    changed, _ = cpu.run(drawn_source(SIZE), rec)
    assert np.isfinite(changed).all()


@pytest.mark.parametrize("text", ["CUDA out of memory. Tried to allocate 20 MiB", "cuDNN error: CUDNN_STATUS_ALLOC_FAILED"])
def test_spent_memory_is_an_error_that_says_what_to_try(rvm_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    def spent(*ignored: object) -> None:
        raise torch.OutOfMemoryError(text) if "Tried" in text else RuntimeError(text)

    freed: list[bool] = []
    monkeypatch.setattr(RVM, "coefficients", spent)
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: freed.append(True))
    engine = TorchEngine(rvm_path, device="cpu", precision="auto", threads=1)
    with pytest.raises(EngineError, match=r"^out of memory on cpu at a picture of 128x96; try a smaller --detail$"):
        engine.run(drawn_source(SIZE), None)
    assert freed


def test_other_errors_of_torch_stay_what_they_are(rvm_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*ignored: object) -> None:
        raise RuntimeError("an illegal memory access was encountered")

    monkeypatch.setattr(RVM, "coefficients", broken)
    with pytest.raises(RuntimeError, match="illegal memory access"):
        TorchEngine(rvm_path, device="cpu", precision="auto", threads=1).run(drawn_source(SIZE), None)


@pytest.mark.cuda
def test_long_clips_are_the_same_on_cuda(cpu: TorchEngine, cuda: TorchEngine) -> None:
    """Past the frames after which a graph runs."""
    # fp32 in another order; TF32, which torch lets convolutions use on CUDA, has ten bits of mantissa
    assert np.abs(coefficients(cuda, 12) - coefficients(cpu, 12)).mean() < 2e-3


@pytest.mark.cuda
def test_earlier_states_stay_good_on_cuda(cuda: TorchEngine) -> None:
    coefficients(cuda, 6)  # a graph runs from here on
    first, rec = cuda.run(drawn_source(SIZE, 0), None)
    kept = first.copy()
    second, _ = cuda.run(drawn_source(SIZE, 1), rec)
    np.testing.assert_array_equal(cuda.run(drawn_source(SIZE, 1), rec)[0], second)
    assert not np.allclose(cuda.run(drawn_source(SIZE, 1), None)[0], second)
    np.testing.assert_array_equal(first, kept)


@pytest.mark.cuda
def test_results_on_the_device_are_kept_apart(cuda: TorchEngine) -> None:
    """Many runs are asked for before any of them is looked at."""
    coefficients(cuda, 6)  # a graph runs from here on
    wanted = coefficients(cuda, 12)
    rec, there = None, []
    for step in range(12):
        coef, rec = cuda.run_on_device(drawn_source(SIZE, step), rec)
        there.append(coef)
    np.testing.assert_array_equal(np.stack([coef.cpu().numpy() for coef in there]), wanted)


@pytest.mark.cuda
def test_spent_memory_on_cuda(cuda: TorchEngine) -> None:
    """And the engine works again once there is some."""
    total = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.set_per_process_memory_fraction((torch.cuda.memory_reserved() + (200 << 20)) / total)
    try:
        with pytest.raises(EngineError, match=r"out of memory on cuda:0 at a picture of 4096x2304; try a smaller --detail"):
            cuda.run(np.zeros((3, 2304, 4096), np.float32), None)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert np.isfinite(coefficients(cuda, 6)).all()


@pytest.mark.cuda
@pytest.mark.parametrize("size", [(512, 288), (1024, 576)])
def test_device_memory_is_flat(cuda: TorchEngine, size: tuple[int, int]) -> None:
    coefficients(cuda, 8, size)
    before = torch.cuda.memory_allocated()
    coefficients(cuda, 30, size)
    assert torch.cuda.memory_allocated() <= before + (1 << 20)
    assert torch.cuda.max_memory_allocated() < 1 << 30


@pytest.mark.cuda
def test_auto_on_cuda_is_fp16(rvm_path: Path) -> None:
    need_cuda()
    assert open_engine(rvm_path, device="cuda").precision == "fp16"
