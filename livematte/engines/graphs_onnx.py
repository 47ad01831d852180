"""Graphs in onnxruntime on the CPU: the second opinion, where OpenVINO does not read a file or is not believed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from livematte.engines.graphs import AnyShape, Array, Port
from livematte.engines.onnx_engine import load_library, open_session
from livematte.errors import WeightsError

_DTYPES = {"float": "float32", "double": "float64", "bool": "bool"}  # by onnxruntime's words, where these are not numpy's


class OnnxGraph(AnyShape):
    """A Graph. Shapes need no preparation."""

    name = "onnxruntime"
    device = "cpu"
    precision = "fp32"

    def __init__(self, path: Path, *, threads: int) -> None:
        load_library()
        self.threads = threads
        self._session: Any = _session(path, threads)
        self.inputs = tuple(map(_port, self._session.get_inputs()))
        self.outputs = tuple(map(_port, self._session.get_outputs()))

    @property
    def describe(self) -> str:
        return f"onnxruntime on cpu, fp32, {self.threads} threads"

    def run(self, arrays: Sequence[Array | None]) -> list[Array]:
        given = {port.name: np.ascontiguousarray(array) for port, array in zip(self.inputs, arrays, strict=True)}
        try:
            return list(self._session.run(None, given))
        except Exception as error:  # its exceptions share no base
            told = ", ".join(f"{array.dtype} {array.shape}" for array in given.values())
            wanted = ", ".join(map(str, self.inputs))
            raise ValueError(f"got {told}, which the network does not take ({str(error).splitlines()[0]}); wanted {wanted}") from error

    def close(self) -> None:
        self._session = None


def _session(path: Path, threads: int) -> Any:
    import onnxruntime

    try:
        return open_session(str(path), threads)
    except Exception as error:  # its exceptions share no base
        reason = f"onnxruntime {onnxruntime.__version__} cannot read it: {str(error).strip().splitlines()[0]}"
        raise WeightsError(f"{path} is damaged, or no ONNX network ({reason}); fetch or export it anew") from error


def _port(value: Any) -> Port:
    word = value.type.removeprefix("tensor(").removesuffix(")")
    shape = tuple(side if isinstance(side, int) else None for side in value.shape or ())
    return Port(value.name, shape, _DTYPES.get(word, word))
