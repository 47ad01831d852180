"""Graphs in OpenVINO on the CPU, compiled for each set of shapes, in bf16 where that is as good."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from livematte.engines.graphs import Array, Port, Shape
from livematte.engines.kept import Kept
from livematte.engines.openvino_engine import core, core_version, last_line, load_library, multiplies_bf16, options
from livematte.errors import EngineError, WeightsError

_MEAN_OFF, _MOST_OFF = 2e-3, 0.03  # of an output's range: what bf16 may change on average, and in 999 of 1000 numbers
_log = logging.getLogger(__name__)


class OpenVinoGraph:
    """A Graph. Shapes that are new cost some 0.3 s; the last few are kept."""

    name = "openvino"
    device = "cpu"

    def __init__(self, model: Any, *, precision: str, threads: int) -> None:
        """model: an openvino.Model, by read_graph or from torch. precision: auto, fp32 or bf16."""
        if precision == "bf16" and not multiplies_bf16():
            raise EngineError("got precision bf16, which this processor does not multiply; wanted fp32")
        self._model = model
        self.inputs, self.outputs = (tuple(map(_port, ports)) for ports in (model.inputs, model.outputs))
        self._undecided = precision == "auto" and multiplies_bf16()
        self.precision = "fp32" if precision == "auto" else precision
        self.threads = threads
        self._requests: Kept[Any] = Kept(lambda shapes: self._compile(shapes, self.precision))

    @property
    def describe(self) -> str:
        return f"openvino on cpu, {self.precision}, {self.threads} threads"

    def run(self, arrays: Sequence[Array | None]) -> list[Array]:
        given = _checked(arrays, self.inputs)
        if self._undecided:
            return self._decide(given)
        return _run(self._requests.get(tuple(array.shape for array in given)), given)

    def rehearse(self, arrays: Sequence[Array | None]) -> list[Array]:
        given = _checked(arrays, self.inputs)
        return _run(self._requests.get(tuple(array.shape for array in given)), given)

    def infer(self, shapes: Sequence[tuple[int | None, ...] | None]) -> list[tuple[int | None, ...]]:
        return [port.shape for port in map(_port, self._reshaped(shapes).outputs)]

    def ready(self, shapes: Sequence[Shape | None]) -> bool:
        return self._requests.ready(tuple(shapes))

    @property
    def making(self) -> bool:
        return self._requests.making

    def close(self) -> None:
        self._requests.clear()
        self._model = None

    def _decide(self, given: list[Array]) -> list[Array]:
        """The first picture in fp32 and in bf16; from then on in bf16, where it made no difference that counts."""
        self._undecided = False
        shapes = tuple(array.shape for array in given)
        exact = _run(self._requests.get(shapes), given)
        coarse = self._compile(shapes, "bf16")
        if all(_near(a, b) for a, b in zip(exact, _run(coarse, given), strict=True)):
            self._requests.clear()
            self.precision = "bf16"
            self._requests.put(shapes, coarse)
        return exact

    def _compile(self, shapes: tuple[Shape, ...], precision: str) -> Any:
        hint = {"fp32": "f32", "bf16": "bf16"}[precision]
        try:
            return core().compile_model(self._reshaped(shapes), "CPU", options(hint, self.threads)).create_infer_request()
        except RuntimeError as error:
            told = ", ".join(map(str, shapes))
            raise EngineError(f"openvino {core_version()} cannot run the network with inputs {told}: {last_line(error)}") from error

    def _reshaped(self, shapes: Sequence[tuple[int | None, ...] | None]) -> Any:
        """The model for inputs of these shapes. ValueError where it takes none such."""
        import openvino

        model = self._model.clone()
        known = {
            port: openvino.PartialShape([openvino.Dimension() if side is None else side for side in shape])
            for port, shape in zip(model.inputs, shapes, strict=True)
            if shape is not None
        }
        try:
            model.reshape(known)
        except RuntimeError as error:
            wanted = ", ".join(map(str, self.inputs))
            raise ValueError(f"got inputs of {', '.join(map(str, shapes))}, which the network does not take; wanted {wanted}") from error
        return model


def read_graph(path: Path) -> Any:
    """An .onnx or .tflite file as an openvino.Model. WeightsError: damaged, or with operations that are not known here."""
    load_library()
    if path.suffix.lower() == ".tflite":
        from livematte.engines.tflite_ops import add_operations

        add_operations(core())
    try:
        return core().read_model(path)
    except RuntimeError as error:
        reason = f"openvino {core_version()} cannot read it: {last_line(error)}"
        raise WeightsError(f"{path} is damaged, or no {path.suffix} network ({reason}); fetch or export it anew") from error


def _port(port: Any) -> Port:
    names = sorted(port.get_names(), key=len)
    sides = () if port.get_partial_shape().rank.is_dynamic else port.get_partial_shape()
    shape = tuple(side.get_length() if side.is_static else None for side in sides)
    return Port(names[0] if names else f"{port.get_index()}", shape, np.dtype(port.get_element_type().to_dtype()).name)


def _checked(arrays: Sequence[Array | None], inputs: tuple[Port, ...]) -> list[Array]:
    """In one piece each. ValueError for one too few, of another dtype, or of a shape that its input does not take."""
    given = [np.ascontiguousarray(array) for array in arrays if array is not None]
    if len(given) != len(inputs) or not all(map(_fits, given, inputs)):
        told = ", ".join(f"{array.dtype} {array.shape}" for array in given)
        raise ValueError(f"got {told}, which the network does not take; wanted {', '.join(map(str, inputs))}")
    return given


def _fits(array: Array, port: Port) -> bool:
    sides = port.shape or array.shape  # of some inputs nothing is known
    return (
        array.dtype == port.dtype
        and array.ndim == len(sides)
        and all(side in (length, None) for length, side in zip(array.shape, sides, strict=True))
    )


def _run(request: Any, given: list[Array]) -> list[Array]:
    import openvino

    for index, array in enumerate(given):
        # Shared, not copied: OpenVINO holds no reference to it, `given` does until the run is over.
        request.set_input_tensor(index, openvino.Tensor(array, shared_memory=True))
    try:
        request.infer()
    except RuntimeError as error:  # sides that vary meet each other only now
        told = ", ".join(str(array.shape) for array in given)
        raise ValueError(f"the network fails with inputs of {told}: {last_line(error)}") from error
    return [np.array(tensor.data) for tensor in request.output_tensors]


def _near(exact: Array, coarse: Array) -> bool:
    """Whether what bf16 gave will do."""
    if exact.dtype.kind != "f" or not exact.size:
        return bool(np.array_equal(exact, coarse))
    off = np.abs(exact - coarse) * np.float32(1 / max(1.0, float(np.abs(exact).max())))
    return bool(off.mean() <= _MEAN_OFF and np.quantile(off, 0.999) <= _MOST_OFF)
