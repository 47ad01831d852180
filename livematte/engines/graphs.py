"""Any network as a graph: arrays in, arrays out, whatever computes them. What they mean is known to matting/pictures/own.py.

A file is an .onnx or .tflite graph, or a TorchScript program, which is a language of its own without Python in it (graphs_torch.py
says what is refused); a pickle is never read.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from numpy.typing import NDArray

from livematte.engines import available_cores, check_words, may_have_accelerator
from livematte.errors import EngineError, SettingsError, WeightsError

if TYPE_CHECKING:
    from torch.nn import Module

Array = NDArray[Any]
Shape = tuple[int, ...]
TORCHSCRIPT = (".pt", ".pth", ".ts", ".jit", ".torchscript")
_GRAPHS = (".onnx", ".tflite")
SUFFIXES = (*_GRAPHS, *TORCHSCRIPT)


class Port(NamedTuple):
    """An input or an output. shape: None for a side that varies; dtype: numpy's word.

    optional: an input of TorchScript that may be left out. One that is no tensor has Python's word for its type, and no sides."""

    name: str
    shape: tuple[int | None, ...]
    dtype: str
    optional: bool = False

    def __str__(self) -> str:
        return f"{self.name} {self.dtype} ({', '.join('?' if side is None else str(side) for side in self.shape)})"


PICTURE = (Port("src", (None, 3, None, None), "float32"),)


class Graph(Protocol):
    """A network ready to run. device, precision, threads: as of Engine. ValueError: arrays that do not fit the inputs."""

    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    name: str
    device: str
    precision: str
    threads: int

    @property
    def describe(self) -> str:
        """For people: "openvino on cpu, bf16, 2 threads"."""
        ...

    def run(self, arrays: Sequence[Array | None]) -> list[Array]:
        """arrays: one for each input, of its dtype; None for one that is optional. Gives one for each output, the caller's to keep."""
        ...

    def rehearse(self, arrays: Sequence[Array | None]) -> list[Array]:
        """run(), of a picture from which nothing is to be concluded."""
        ...

    def infer(self, shapes: Sequence[tuple[int | None, ...] | None]) -> list[tuple[int | None, ...]]:
        """The outputs' shapes where the inputs have these; None for a side, or all of a shape, that is not known, before and after."""
        ...

    def ready(self, shapes: Sequence[Shape | None]) -> bool:
        """Whether inputs of these shapes run at once. If not, that is prepared in the background."""
        ...

    @property
    def making(self) -> bool:
        """Whether something is being prepared in the background, which slows what runs."""
        ...

    def close(self) -> None:
        """Frees the memory; the graph is of no use afterwards."""
        ...


class AnyShape:
    """Of a Graph that takes whatever shape comes, and knows no more of it than its ports say."""

    outputs: tuple[Port, ...]

    def run(self, arrays: Sequence[Array | None]) -> list[Array]:
        raise NotImplementedError

    def rehearse(self, arrays: Sequence[Array | None]) -> list[Array]:
        return self.run(arrays)

    def infer(self, shapes: Sequence[tuple[int | None, ...] | None]) -> list[tuple[int | None, ...]]:
        return [port.shape for port in self.outputs]

    def ready(self, shapes: Sequence[Shape | None]) -> bool:
        return True

    @property
    def making(self) -> bool:
        return False


def open_graph(
    net: Path | Module,
    *,
    device: str = "auto",
    precision: str = "auto",
    runtime: str = "auto",
    threads: int | None = None,
    inputs: Sequence[Port] = PICTURE,
) -> Graph:
    """The graph of a file (SUFFIXES) or of a torch module.

    device: .onnx and .tflite run on the CPU; TorchScript and modules where torch does, "auto" being the best there is. precision: "auto" is
    bf16 on a CPU that multiplies it, where the first picture comes out almost as in fp32. runtime: "auto" on a CPU is openvino, which at
    512x288 is eight times as quick as torch. inputs: of a module, which does not tell; a file does. SettingsError: an unknown word or kind
    of file. EngineError: not here. WeightsError: damaged, refused, no network."""
    check_words(device, precision, runtime)
    threads = threads or available_cores()
    kind = net.suffix.lower() if isinstance(net, Path) else ""
    _check_file(net, kind)
    chosen = _pick_runtime(kind, device, precision, runtime)
    if chosen == "onnxruntime":
        from livematte.engines.graphs_onnx import OnnxGraph

        return OnnxGraph(_path(net), threads=threads)
    if kind in _GRAPHS:
        from livematte.engines.graphs_openvino import OpenVinoGraph, read_graph

        return OpenVinoGraph(read_graph(_path(net)), precision=precision, threads=threads)
    from livematte.engines.graphs_torch import TorchGraph, open_converted

    if chosen == "openvino":
        return open_converted(net, inputs=tuple(inputs), precision=precision, threads=threads, or_torch=runtime == "auto")
    return TorchGraph(net, inputs=tuple(inputs), device=device, precision=precision, threads=threads)


def _path(net: Path | Module) -> Path:
    assert isinstance(net, Path)
    return net


def _check_file(net: Path | Module, kind: str) -> None:
    if not isinstance(net, Path):
        return
    if kind not in SUFFIXES:
        raise SettingsError(f"cannot run {net.name}; wanted a network as one of {', '.join(SUFFIXES)}")
    if not net.is_file():
        raise WeightsError(f"there is no network at {net}")


def _pick_runtime(kind: str, device: str, precision: str, runtime: str) -> str:
    """The one asked for, where it runs that kind of network in that way; "auto" is openvino on a CPU, else torch."""
    on_cpu = device in ("auto", "cpu")
    has = {".onnx": ("openvino", "onnxruntime"), ".tflite": ("openvino",)}.get(kind, ("openvino", "torch"))
    if runtime not in ("auto", *has):
        raise EngineError(f"{runtime} does not run {kind or 'torch'} networks; wanted --runtime {' or '.join(has)}")
    if kind in _GRAPHS and not on_cpu:
        raise EngineError(f"{kind} networks run on the cpu, got device {device}; try --device cpu, or a TorchScript export of it")
    if runtime == "onnxruntime" and precision not in ("auto", "fp32"):
        raise EngineError(f"onnxruntime runs networks in fp32, got {precision}; try --runtime openvino")
    if runtime == "auto":
        elsewhere = kind not in _GRAPHS and (not on_cpu or (device == "auto" and may_have_accelerator()))
        runtime = "torch" if elsewhere else "openvino"
    if runtime == "openvino" and not (on_cpu and precision in ("auto", "fp32", "bf16")):
        raise EngineError(f"openvino runs networks on the cpu in fp32 or bf16; got {device} in {precision}; try --precision auto")
    return runtime
