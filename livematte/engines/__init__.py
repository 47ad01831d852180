"""How a network is run: one picture and a state in, coefficients and the next state out, whatever computes them.

Nothing heavy is imported before an engine is opened.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from livematte.errors import EngineError, SettingsError

if TYPE_CHECKING:
    import torch

Floats = NDArray[np.float32]

DEVICES = ("auto", "cpu", "cuda", "mps", "xpu")
PRECISIONS = ("auto", "fp32", "fp16", "bf16", "int8")
RUNTIMES = ("auto", "openvino", "onnxruntime", "torch")


class Engine(Protocol):
    """A network ready to run. device: "cpu", "cuda:0", …; precision: "fp32", "fp16", "bf16" or "int8"; threads: of the CPU.

    recurrent: whether what it gives depends on the frames before. parts: whether it may be shown a part of the picture alone, a state's
    part with it. channels_last: how the states in `rec` lie, (1, h, w, C) rather than (1, C, h, w)."""

    name: str
    recurrent: bool
    parts: bool
    channels_last: bool
    device: str
    precision: str
    threads: int

    @property
    def describe(self) -> str:
        """For people: "onnxruntime on cpu, fp32, 2 threads"."""
        ...

    def run(self, src_sm: Floats, rec: object | None) -> tuple[Floats, object]:
        """src_sm: (3, h, w) float32 in [0, 1], RGB. rec: None starts, else what came with the frame before, of the same size. Both lie in
        memory as suits who makes them: channels first or last. Gives coef (8, h, w) float32 (see RVM.coefficients) and the next rec.
        ValueError: a wrong shape, dtype or size."""
        ...

    def ready(self, height: int, width: int) -> bool:
        """Whether a picture of that size runs at once. If not, the network is made for it in the background, and some 0.3 s later is."""
        ...

    @property
    def making(self) -> bool:
        """Whether a network is being made in the background, which slows the one that runs."""
        ...

    def close(self) -> None:
        """Frees the memory; the engine is of no use afterwards."""
        ...


class DeviceEngine(Engine, Protocol):
    """An Engine whose coefficients may stay on its device."""

    def run_on_device(self, src_sm: Floats, rec: object | None) -> tuple[torch.Tensor, object]:
        """As run, without the way back; the device may still be computing."""
        ...


def open_engine(path: Path, *, device: str = "auto", precision: str = "auto", runtime: str = "auto", threads: int | None = None) -> Engine:
    """The engine for a weights file (weights.resolve).

    device: "auto" is the first there of cuda, mps, xpu, cpu; "cuda:1" names one of several. precision: "auto" is fp16 on cuda and mps,
    bf16 on a CPU that multiplies it, else fp32; "int8" is quicker than either and off by more (docs/performance.md). runtime: "auto" is
    openvino on a CPU, else torch. threads: None is every core that this process may use. SettingsError: an unknown word. EngineError:
    not here. WeightsError: a file that cannot be read.
    """
    check_words(device, precision, runtime)
    threads = threads or available_cores()
    runtime = _pick_runtime(path, device, precision, runtime)
    if runtime == "openvino":
        from livematte.engines.openvino_engine import OpenVinoEngine

        return OpenVinoEngine(path, precision=precision, threads=threads)
    if runtime == "onnxruntime":
        from livematte.engines.onnx_engine import OnnxEngine

        return OnnxEngine(path, threads=threads)
    from livematte.engines.torch_engine import TorchEngine

    return TorchEngine(path, device=device, precision=precision, threads=threads)


def load_libraries(path: Path, *, device: str = "auto", precision: str = "auto", runtime: str = "auto") -> None:
    """Imports what open_engine will need, at a moment when nothing waits: an import may hold all threads for a second. Errors as there."""
    check_words(device, precision, runtime)
    runtime = _pick_runtime(path, device, precision, runtime)
    if runtime == "torch":
        import torch  # noqa: F401
    elif runtime == "onnxruntime":
        from livematte.engines.onnx_engine import load_library

        load_library()
    else:
        from livematte.engines.openvino_engine import load_library

        load_library()


def available_cores() -> int:
    """Cores that this process may use, which in a container are fewer than the machine has."""
    affinity: Callable[[int], Any] | None = getattr(os, "sched_getaffinity", None)  # not on macOS and Windows
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def check_picture(src_sm: Floats) -> None:
    """ValueError unless src_sm is what Engine.run takes."""
    if src_sm.ndim != 3 or src_sm.shape[0] != 3 or src_sm.dtype != np.float32:
        raise ValueError(f"got {src_sm.dtype} {src_sm.shape}, wanted float32 (3, h, w)")


def check_words(device: str, precision: str, runtime: str) -> None:
    """SettingsError for a word that none of the engines knows."""
    base, _, index = device.partition(":")
    if base not in DEVICES or (index and not (index.isdecimal() and base in ("cuda", "xpu"))) or device.endswith(":"):
        raise SettingsError(f"unknown device {device!r}; wanted auto, cpu, cuda, cuda:1, mps or xpu")
    for what, word, words in (("precision", precision, PRECISIONS), ("runtime", runtime, RUNTIMES)):
        if word not in words:
            raise SettingsError(f"unknown {what} {word!r}; wanted one of {', '.join(words)}")


def _pick_runtime(path: Path, device: str, precision: str, runtime: str) -> str:
    """openvino is the fastest on a CPU. At 512x288 on two cores, ms a frame: 24 in bf16, 34 in fp32; onnxruntime 53, torch 107."""
    if runtime == "onnxruntime" and not (path.suffix.lower() == ".onnx" and device in ("auto", "cpu") and precision in ("auto", "fp32")):
        raise EngineError(f"onnxruntime runs .onnx files on cpu in fp32; got {path.name} on {device} in {precision}\nTry --runtime torch")
    if runtime == "auto":
        # Nothing else has int8, so who asks for it means the CPU.
        on_cpu = device == "cpu" or (device == "auto" and (precision == "int8" or not may_have_accelerator()))
        runtime = "openvino" if on_cpu else "torch"
    if runtime == "openvino" and not (device in ("auto", "cpu") and precision != "fp16"):
        hint = "--precision bf16 or fp32" if device in ("auto", "cpu") else "--runtime torch"
        raise EngineError(f"openvino runs on cpu in fp32, bf16 or int8; got {device} in {precision}\nTry {hint}")
    return runtime


def may_have_accelerator() -> bool:
    """Whether torch finds one. A CPU-only build is known by its version, which spares its import: 2 s and 200 MB."""
    if version("torch").endswith("+cpu"):
        return False
    from livematte.engines.torch_engine import present_devices

    return present_devices() != ["cpu"]
