"""Graphs of torch: modules built here, and TorchScript programs from a file; run by torch, or by OpenVINO as it reads them.

A TorchScript file is a program, in a language that cannot call Python. It has operators for files, though, which a network has no use
for: a program that names one, or that hides what it names, is refused before it is loaded, for loading runs parts of it. Tensors in it
are read without Python's pickle. No more is promised: TorchScript files are for people who know where they are from.
"""

from __future__ import annotations

import logging
import re
import warnings
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import Module

from livematte.engines.graphs import PICTURE, AnyShape, Array, Graph, Port, Shape
from livematte.engines.torch_engine import DTYPES, pick_device, pick_precision
from livematte.errors import EngineError, WeightsError

# The word alone tells: before it may stand spaces, comments, ends of lines, and whatever name a program gives to `torch`. getattr takes
# a name in pieces, too, or with letters as numbers, as no exported program has it.
_FILE_OPERATORS = re.compile(rb"\b(save|from_file|load_tensor)\b")
_PLAIN_GETATTR = re.compile(rb"\bgetattr\([\w.()]{1,999}, \"[^\"\\\n]{1,999}\"\)")
_DEEPEST = 50  # of layers in layers, each got out of the one before
_MOST_CODE = 64 << 20  # bytes; that of a large network has one
_TRIED = (256, 512)  # sides of the pictures with which a network is tried, to see what comes out
_log = logging.getLogger(__name__)


class TorchGraph(AnyShape):
    """A Graph. On the CPU its numbers lie channels last, which halves the time of convolutions."""

    name = "torch"

    def __init__(self, net: Path | Module, *, inputs: tuple[Port, ...], device: str, precision: str, threads: int) -> None:
        self._device = pick_device(device)
        self.device = str(self._device)
        module = net if isinstance(net, Module) else load_torchscript(net)
        # What a program holds as constants stays in fp32, and would not go with halves.
        self._scripted = scripted = isinstance(module, torch.jit.ScriptModule)
        self.precision = "fp32" if precision == "auto" and scripted else pick_precision(self._device.type, precision)
        self.threads = threads
        torch.set_num_threads(threads)
        self._dtype = DTYPES[self.precision]
        self._module: Module | None = module.eval().to(self._device, self._dtype)
        if not scripted:
            self._module = self._module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stub lacks it
        self.inputs = _ports(module) if scripted else inputs
        self.outputs = _tried(self, net)

    @property
    def describe(self) -> str:
        return f"torch on {self.device}, {self.precision}, {self.threads} threads"

    def run(self, arrays: Sequence[Array | None]) -> list[Array]:
        return [result.float().cpu().numpy() for result in self._results(arrays)]

    @torch.inference_mode()
    def _results(self, arrays: Sequence[Array | None]) -> list[Tensor]:
        assert self._module is not None, "run after close"
        given = {port.name: self._tensor(array) for port, array in zip(self.inputs, arrays, strict=True) if array is not None}
        try:
            # A program's inputs have names, and what is left out has a value there; a module's are told by their places.
            return list(_flat(self._module(**given) if self._scripted else self._module(*given.values())))
        except RuntimeError as error:
            if "out of memory" in str(error):
                raise EngineError(f"out of memory on {self.device}; try a smaller --detail") from error
            told = ", ".join(f"{name} {tuple(tensor.shape)}" for name, tensor in given.items())
            raise ValueError(f"the network fails with {told} ({_reason(error)})") from error

    def _tensor(self, array: Array) -> Tensor:
        tensor = torch.from_numpy(np.ascontiguousarray(array)).to(self._device)
        if not tensor.is_floating_point():
            return tensor
        return tensor.to(self._dtype, memory_format=torch.channels_last if tensor.ndim == 4 else torch.contiguous_format)

    def close(self) -> None:
        self._module = None


def open_converted(net: Path | Module, *, inputs: tuple[Port, ...], precision: str, threads: int, or_torch: bool) -> Graph:
    """In OpenVINO. EngineError where it cannot read the network; with or_torch it is then run by torch, which is logged."""
    from livematte.engines.graphs_openvino import OpenVinoGraph

    module = net.eval() if isinstance(net, Module) else load_torchscript(net)
    try:
        return OpenVinoGraph(_converted(module, inputs), precision=precision, threads=threads)
    except EngineError as error:
        if not or_torch:
            raise
        _log.warning("%s; torch runs it, which is slower", error)
    return TorchGraph(module, inputs=inputs, device="cpu", precision=precision, threads=threads)


def _converted(module: Module, inputs: tuple[Port, ...]) -> Any:
    """The module as an openvino.Model whose pictures may be of any size."""
    from livematte.engines.openvino_engine import core_version, load_library

    ports = _ports(module) if isinstance(module, torch.jit.ScriptModule) else inputs
    load_library()
    import openvino

    examples = tuple(torch.from_numpy(array) for array in _examples(ports, _TRIED[0]) if array is not None)
    try:
        with _undisturbed():
            model = openvino.convert_model(module, example_input=examples)
    except Exception as error:  # whatever the reading of a foreign program raises
        raise EngineError(f"openvino {core_version()} cannot read the network ({_reason(error)})") from error
    return _named(model, ports)


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Around OpenVINO's reading of a network: it traces, of which torch warns, and leaves Python's root logger silent when it fails."""
    root = logging.getLogger()
    level, filters, handlers = root.level, root.filters[:], root.handlers[:]
    try:
        with warnings.catch_warnings(action="ignore"):
            yield
    finally:
        root.filters, root.handlers = filters, handlers
        root.setLevel(level)  # which also clears what loggers remember of it


def _examples(ports: Sequence[Port], side: int) -> list[Array | None]:
    """Black pictures, None for what can be left out. EngineError where something else is wanted."""
    if any(port.dtype not in ("float32", "uint8") for port in ports if not port.optional):
        raise EngineError(f"its inputs are {', '.join(map(str, ports))}; wanted pictures, and the rest optional")
    shapes = [[side if length is None else length for length in (1, *port.shape[1:])] for port in ports]
    return [None if port.optional else np.zeros(shape, port.dtype) for shape, port in zip(shapes, ports, strict=True)]


def _named(model: Any, ports: Sequence[Port]) -> Any:
    """The inputs by their own names, and of the shapes that are known of them."""
    import openvino

    if len(model.inputs) != len(ports):
        raise EngineError(f"openvino sees {len(model.inputs)} of its {len(ports)} inputs")
    for found, port in zip(model.inputs, ports, strict=True):
        found.get_tensor().set_names({port.name})
    model.reshape(
        {found: openvino.PartialShape([side or -1 for side in port.shape]) for found, port in zip(model.inputs, ports, strict=True)}
    )
    return model


def load_torchscript(path: Path) -> Module:
    """WeightsError: damaged, no TorchScript, or a program that would open files."""
    _check_program(path)
    try:
        with warnings.catch_warnings(action="ignore"):  # torch wants other formats in time, which matting networks do not come in
            module: Module = torch.jit.load(str(path), map_location="cpu")  # type: ignore[no-untyped-call]
    except RuntimeError as error:
        raise WeightsError(f"{path} is damaged ({_reason(error)}); export it anew") from error
    return module.eval()


def _check_program(path: Path) -> None:
    """Reads the program's text, and runs nothing."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            fault = _fault_of(members)
            # Names are compared as torch does, for which .PY is .py.
            program = [] if fault else [archive.read(member) for member in members if member.filename.lower().endswith(".py")]
    except Exception as error:  # whatever a damaged zip makes Python raise
        raise WeightsError(f"{path} is damaged, or no TorchScript ({error}); wanted a network saved by torch.jit.save, or .onnx") from error
    if fault:
        raise WeightsError(f"{path} {fault}; wanted a network saved by torch.jit.save, or .onnx")
    for text in program:
        if found := _FILE_OPERATORS.search(text):
            raise WeightsError(f"{path} is refused: its program opens files ({found[1].decode()}), for which a network has no use")
        if b"getattr" in _without_plain_getattr(text):
            raise WeightsError(f"{path} is refused: its program hides what it calls (getattr), for which a network has no use")


def _without_plain_getattr(text: bytes) -> bytes:
    """One may stand in another."""
    for _ in range(_DEEPEST):
        text, found = _PLAIN_GETATTR.subn(b"_", text)
        if not found:
            break
    return text


def _fault_of(members: Sequence[zipfile.ZipInfo]) -> str:
    """What is wrong with a zip of a program, before any of it is unpacked; "" for nothing."""
    names = [member.filename.lower() for member in members]
    if not any(name.endswith("/constants.pkl") for name in names):
        return "holds no program, at the most tensors"
    if any(name.endswith("/model.json") for name in names):
        return "is TorchScript of an old format, whose program may lie anywhere in it"
    if len(set(names)) < len(names):
        return "is refused: it holds two files of one name"
    if sum(member.file_size for name, member in zip(names, members, strict=True) if name.endswith(".py")) > _MOST_CODE:
        return f"is refused: its program is larger than {_MOST_CODE >> 20} MB"
    return ""


def _ports(module: Any) -> tuple[Port, ...]:
    """A TorchScript program's inputs. The first tensor is taken for a picture; what can be left out is."""
    ports = []
    for argument in list(module.forward.schema.arguments)[1:]:
        kind = str(argument.type)
        optional = argument.has_default_value() or kind.startswith("Optional")
        if "Tensor" in kind:
            picture = PICTURE[0].shape if not optional else (None,) * 4
            ports.append(Port(argument.name, picture, "float32", optional))
        else:
            ports.append(Port(argument.name, (), kind, optional))
    return tuple(ports)


def _tried(graph: TorchGraph, net: Path | Module) -> tuple[Port, ...]:
    """The outputs, as they come of black pictures."""
    errors = []
    for side in _TRIED:
        try:
            results = graph._results(_examples(graph.inputs, side))
        except ValueError as error:
            errors.append(error)
            continue
        return tuple(Port(str(i), _varying(result.shape), "float32") for i, result in enumerate(results))
    what = net.name if isinstance(net, Path) else type(net).__name__
    raise EngineError(f"{what}: {errors[0]}; its inputs are {', '.join(map(str, graph.inputs))}")


def _varying(shape: Shape) -> tuple[int | None, ...]:
    """(1, C, h, w) with sides that follow the picture's."""
    return (*shape[:-2], None, None) if len(shape) > 2 else tuple(shape)


def _flat(result: Any) -> Iterator[Tensor]:
    """The tensors of whatever a network gives."""
    if isinstance(result, Tensor):
        yield result
    elif isinstance(result, dict):
        yield from _flat(list(result.values()))
    elif isinstance(result, list | tuple):
        for part in result:
            yield from _flat(part)


def _reason(error: Exception) -> str:
    """The last line of what torch says, which is what happened; those before it say where."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
