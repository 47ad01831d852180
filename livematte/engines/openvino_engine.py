"""RVM in OpenVINO on the CPU: the fastest there is here, in fp32, where the processor multiplies it in bf16, and in int8."""

from __future__ import annotations

import logging
import sys
from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from livematte.engines import Floats, check_picture
from livematte.engines.kept import Kept
from livematte.errors import EngineError, WeightsError
from livematte.networks.rvm_variants import variant_of
from livematte.weights import arrays

_TELEMETRY = "openvino_telemetry"
_log = logging.getLogger(__name__)


class OpenVinoEngine:
    """An Engine. A size that is new costs 0.3 s; the last few are kept."""

    name = "openvino"
    recurrent = parts = True
    channels_last = True
    device = "cpu"

    def __init__(self, path: Path, *, precision: str, threads: int) -> None:
        load_library()
        self.threads = threads
        self.precision = _pick_precision(precision)
        self._numbers = arrays(path)
        self._variant = variant_of(self._numbers)
        if self.precision == "int8" and self._variant != "mobilenetv3":
            raise EngineError(f"got precision int8, which RVM {self._variant} does not have; wanted fp32 or bf16")
        self._requests: Kept[Any] = Kept(self._compile)
        try:
            self._build(32, 32)
        except (KeyError, ValueError, RuntimeError) as error:
            raise WeightsError(f"{path} holds another network, or is damaged; wanted RVM {self._variant}") from error

    @property
    def describe(self) -> str:
        return f"openvino on cpu, {self.precision}, {self.threads} threads"

    def run(self, src_sm: Floats, rec: object | None) -> tuple[Floats, object]:
        from livematte.engines.openvino_graph import STATES, state_shapes

        check_picture(src_sm)
        height, width = src_sm.shape[1:]
        request = self._requests.get((height, width))
        shapes = state_shapes(self._variant, height, width)
        rec = [np.zeros(shape, np.float32) for shape in shapes] if rec is None else rec
        assert isinstance(rec, list)
        if [state.shape for state in rec] != shapes:
            raise ValueError(f"got a picture of {(height, width)} with the state of another size; wanted rec None")
        # What the network is given lies in these until it is done: OpenVINO holds no reference to it.
        before = [np.ascontiguousarray(state) for state in rec]
        picture = cv2.cvtColor(np.ascontiguousarray(src_sm.transpose(1, 2, 0)), cv2.COLOR_RGB2RGBA)[None]  # the fourth channel is 1
        after = [np.empty(shape, np.float32) for shape in shapes]
        coef = np.empty((1, height, width, 8), np.float32)
        _share(request, "src_sm", picture)
        _share(request, "coef", coef)
        for name, old, new in zip(STATES, before, after, strict=True):
            _share(request, f"{name}i", old)
            _share(request, f"{name}o", new)
        request.infer()
        return coef[0].transpose(2, 0, 1), after

    def ready(self, height: int, width: int) -> bool:
        return self._requests.ready((height, width))

    @property
    def making(self) -> bool:
        return self._requests.making

    def close(self) -> None:
        self._requests.clear()
        self._numbers.clear()

    def _build(self, height: int, width: int) -> tuple[Any, set[str]]:
        from livematte.engines.openvino_graph import build

        return build(self._numbers, height, width, int8=self.precision == "int8")

    def _compile(self, size: tuple[int, int]) -> Any:
        """The network ready to run at that size, (height, width)."""
        model, exact = self._build(*size)
        if self.precision == "bf16":
            try:
                return _in_bf16(model, exact, self.threads).create_infer_request()
            except RuntimeError as error:
                _log.warning("openvino %s cannot mix bf16 and fp32 here, fp32 is used: %s", core_version(), last_line(error))
                self.precision = "fp32"
        try:
            return core().compile_model(model, "CPU", options("f32", self.threads)).create_infer_request()
        except RuntimeError as error:
            raise EngineError(
                f"openvino {core_version()} cannot open the network: {last_line(error)}\nTry --runtime onnxruntime"
            ) from error


def load_library() -> None:
    """Imports what runs the network, which may hold all other threads for a moment. Its telemetry stays out: where that cannot be imported,
    OpenVINO does without, and no file is made in the user's home."""
    import onnx  # noqa: F401

    if "openvino" in sys.modules:
        return
    before = sys.modules.get(_TELEMETRY)
    sys.modules[_TELEMETRY] = None  # type: ignore[assignment]  # which makes its import an ImportError
    try:
        import openvino  # noqa: F401
    finally:
        del sys.modules[_TELEMETRY]
        if before is not None:
            sys.modules[_TELEMETRY] = before


def multiplies_bf16() -> bool:
    """Whether this processor does (avx512_bf16, AMX): others only imitate it, slower than fp32."""
    return "BF16" in core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


@lru_cache(maxsize=1)
def core() -> Any:
    """The program's one openvino.Core."""
    load_library()
    import openvino

    return openvino.Core()


def core_version() -> str:
    from importlib.metadata import version

    return version("openvino")


def last_line(error: Exception) -> str:
    """What went wrong: the lines before it say where in OpenVINO's own source."""
    return next((line.strip() for line in reversed(str(error).splitlines()) if line.strip()), type(error).__name__)


def _pick_precision(wanted: str) -> str:
    if wanted == "auto":
        return "bf16" if multiplies_bf16() else "fp32"
    if wanted == "bf16" and not multiplies_bf16():
        raise EngineError("got precision bf16, which this processor does not multiply; wanted fp32")
    return wanted


def options(hint: str, threads: int) -> dict[str, Any]:
    """For compiling a network that runs one picture at a time. hint: "f32" or "bf16"."""
    return {"INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1, "PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": hint}


def _in_bf16(model: Any, exact: set[str], threads: int) -> Any:
    """Compiled in bf16, but for the operations named. RuntimeError where that is not what came of it."""
    import openvino

    from livematte.engines.openvino_ir import marked

    text, constants = marked(model, exact)
    compiled = core().compile_model(core().read_model(text, openvino.Tensor(constants)), "CPU", options("bf16", threads))
    _check_exact(compiled, exact)
    return compiled


def _check_exact(compiled: Any, exact: set[str]) -> None:
    """RuntimeError where a convolution that is to be exact is not: a mark that is not known is passed over in silence."""
    for node in compiled.get_runtime_model().get_ops():
        about = node.get_rt_info()
        names = _text(about, "originalLayersNames").split(",")
        if _text(about, "layerType") == "Convolution" and exact & set(names) and _text(about, "runtimePrecision") != "f32":
            raise RuntimeError(f"{names[0]} is {_text(about, 'runtimePrecision')}")


def _text(about: Any, key: str) -> str:
    return str(about[key].astype(str)) if key in about else ""


def _share(request: Any, name: str, array: Floats) -> None:
    """Lets the network read from, or write to, an array without a copy."""
    import openvino

    request.set_tensor(name, openvino.Tensor(array, shared_memory=True))
