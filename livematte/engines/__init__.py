"""How a network is run: one picture and a state in, coefficients and the next state out, whatever computes them.

Nothing heavy is imported before an engine is opened.
"""

import os
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from livematte.errors import EngineError, SettingsError

Floats = NDArray[np.float32]

DEVICES = ("auto", "cpu", "cuda", "mps", "xpu")
PRECISIONS = ("auto", "fp32", "fp16", "bf16")
RUNTIMES = ("auto", "onnxruntime", "torch")


class Engine(Protocol):
    """A network ready to run. device: "cpu", "cuda:0", …; precision: "fp32", "fp16" or "bf16"; threads: of the CPU."""

    name: str
    device: str
    precision: str
    threads: int

    @property
    def describe(self) -> str:
        """For people: "onnxruntime on cpu, fp32, 2 threads"."""
        ...

    def run(self, src_sm: Floats, rec: object | None) -> tuple[Floats, object]:
        """src_sm: (3, h, w) float32 in [0, 1], RGB, C-contiguous. rec: None starts, else what came with the frame before, of the same
        size. Gives coef (8, h, w) float32 (see RVM.coefficients) and the next rec. ValueError: a wrong shape, dtype or size."""
        ...

    def close(self) -> None:
        """Frees the memory; the engine is of no use afterwards."""
        ...


def open_engine(path: Path, *, device: str = "auto", precision: str = "auto", runtime: str = "auto", threads: int | None = None) -> Engine:
    """The engine for a weights file (weights.resolve).

    device: "auto" is the first there of cuda, mps, xpu, cpu; "cuda:1" names one of several. precision: "auto" is fp16 on cuda and mps,
    else fp32. runtime: "auto" is onnxruntime for an .onnx file in fp32 on the CPU, else torch. threads: None is every core that
    this process may use. SettingsError: an unknown word. EngineError: not here. WeightsError: a file that cannot be read.
    """
    _check_words(device, precision, runtime)
    threads = threads or available_cores()
    if _suits_onnxruntime(path, device, precision, runtime):
        from livematte.engines.onnx_engine import OnnxEngine

        return OnnxEngine(path, threads=threads)
    from livematte.engines.torch_engine import TorchEngine

    return TorchEngine(path, device=device, precision=precision, threads=threads)


def load_libraries(path: Path, *, device: str = "auto", precision: str = "auto", runtime: str = "auto") -> None:
    """Imports what open_engine will need, at a moment when nothing waits: an import may hold all threads for a second. Errors as there."""
    _check_words(device, precision, runtime)
    if _suits_onnxruntime(path, device, precision, runtime):
        from livematte.engines.onnx_engine import load_library

        load_library()
    else:
        import torch  # noqa: F401


def available_cores() -> int:
    """Cores that this process may use, which in a container are fewer than the machine has."""
    affinity: Callable[[int], Any] | None = getattr(os, "sched_getaffinity", None)  # not on macOS and Windows
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def check_picture(src_sm: Floats) -> None:
    """ValueError unless src_sm is what Engine.run takes."""
    if src_sm.ndim != 3 or src_sm.shape[0] != 3 or src_sm.dtype != np.float32 or not src_sm.flags.c_contiguous:
        layout = "contiguous" if src_sm.flags.c_contiguous else "strided"
        raise ValueError(f"got {layout} {src_sm.dtype} {src_sm.shape}, wanted contiguous float32 (3, h, w)")


def _check_words(device: str, precision: str, runtime: str) -> None:
    base, _, index = device.partition(":")
    if base not in DEVICES or (index and not (index.isdecimal() and base in ("cuda", "xpu"))) or device.endswith(":"):
        raise SettingsError(f"unknown device {device!r}; wanted auto, cpu, cuda, cuda:1, mps or xpu")
    for what, word, words in (("precision", precision, PRECISIONS), ("runtime", runtime, RUNTIMES)):
        if word not in words:
            raise SettingsError(f"unknown {what} {word!r}; wanted one of {', '.join(words)}")


def _suits_onnxruntime(path: Path, device: str, precision: str, runtime: str) -> bool:
    """onnxruntime is the faster on a CPU: 61 ms a frame at 512x288 on two cores, where torch takes 107, and 73 in bf16."""
    fits = path.suffix == ".onnx" and device in ("auto", "cpu") and precision in ("auto", "fp32")
    if runtime == "onnxruntime" and not fits:
        raise EngineError(f"onnxruntime runs .onnx files on cpu in fp32; got {path.name} on {device} in {precision}\nTry --runtime torch")
    if runtime != "auto" or not fits:
        return runtime == "onnxruntime"
    return device == "cpu" or not _may_have_accelerator()


def _may_have_accelerator() -> bool:
    """Whether torch finds one. A CPU-only build is known by its version, which spares its import: 2 s and 200 MB."""
    if version("torch").endswith("+cpu"):
        return False
    from livematte.engines.torch_engine import present_devices

    return present_devices() != ["cpu"]
