"""The released ONNX graph in onnxruntime on the CPU, cut before its full-size part and with fixed sizes.

The cut spares resizing, multiplying and clipping whole frames, which is done on the frame's own planes; fixed sizes let the runtime
fold the shape arithmetic and choose the convolutions' layout for good.
"""

import os
from pathlib import Path
from typing import Any

import numpy as np

from livematte.engines import Floats, check_picture
from livematte.engines.kept import Kept
from livematte.errors import EngineError, WeightsError
from livematte.weights import read_onnx

STATES = ("r1", "r2", "r3", "r4")  # at 1/2, 1/4, 1/8 and 1/16
# Off: waiting threads sleep rather than spin, for reader and encoder share these cores. Alone it is 61 ms a frame without, 62 with.
SPINNING = "0"


class OnnxEngine:
    """An Engine. A size that is new costs 0.1 s; the last few are kept."""

    name = "onnxruntime"
    recurrent = parts = True
    channels_last = False
    device = "cpu"
    precision = "fp32"

    def __init__(self, path: Path, *, threads: int) -> None:
        self.threads = threads
        self._graph, self._channels = _cut(path)
        self._sessions: Kept[Any] = Kept(lambda size: _session(self._graph, size, self._state_shapes(size), threads))

    @property
    def describe(self) -> str:
        return f"onnxruntime on cpu, fp32, {self.threads} threads"

    def run(self, src_sm: Floats, rec: object | None) -> tuple[Floats, object]:
        check_picture(src_sm)
        size = (src_sm.shape[1], src_sm.shape[2])
        shapes = self._state_shapes(size)
        rec = [np.zeros(shape, np.float32) for shape in shapes] if rec is None else rec
        assert isinstance(rec, list)
        if [state.shape for state in rec] != shapes:
            raise ValueError(f"got a picture of {size} with the state of another size; wanted rec None")
        inputs = {"src_sm": np.ascontiguousarray(src_sm)[None], **dict(zip(_names("i"), rec, strict=True))}
        coef, *rec = self._sessions.get(size).run(["coef", *_names("o")], inputs)
        return coef[0], rec

    def ready(self, height: int, width: int) -> bool:
        return self._sessions.ready((height, width))

    @property
    def making(self) -> bool:
        return self._sessions.making

    def close(self) -> None:
        self._sessions.clear()
        self._graph = None

    def _state_shapes(self, size: tuple[int, ...]) -> list[tuple[int, ...]]:
        return [(1, channels, *(-(-side // 2**level) for side in size)) for level, channels in enumerate(self._channels, 1)]


def _cut(path: Path) -> tuple[Any, list[int]]:
    """The graph from the small picture and the states to A and b, side by side as `coef`, and the next states; the states' channels."""
    import onnx
    from onnx import TensorProto, helper

    model = read_onnx(path)
    try:
        src_sm, gain, offset = _cut_points(model.graph)
        for name in (src_sm, gain, offset):
            model.graph.value_info.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, [None] * 4))
        cut = onnx.utils.Extractor(model).extract_model([src_sm, *_names("i")], [gain, offset, *_names("o")])
        _align_channels(cut.graph, src_sm)
        channels = [value.type.tensor_type.shape.dim[1].dim_value for value in cut.graph.output[2:]]
        if 0 in channels:
            raise ValueError("a state of unknown width")
    except (KeyError, StopIteration, ValueError, IndexError) as error:
        raise WeightsError(f"{path} holds another network, or is damaged; wanted the released RVM graph") from error
    if any(value.type.tensor_type.elem_type != TensorProto.FLOAT for value in cut.graph.input):
        raise WeightsError(f"{path} holds half-precision numbers, which a CPU does not run well; wanted the fp32 file")
    cut.graph.node.insert(0, helper.make_node("Identity", ["src_sm"], [src_sm]))
    cut.graph.input[0].name = "src_sm"
    cut.graph.node.append(helper.make_node("Concat", [gain, offset], ["coef"], axis=1))
    del cut.graph.output[:2]
    cut.graph.output.insert(0, helper.make_tensor_value_info("coef", TensorProto.FLOAT, None))
    return cut, channels


def _cut_points(graph: Any) -> tuple[str, str, str]:
    """Names of the small picture, A and b, found backwards from pha = clip(split(resize(A) · [src, mean] + resize(b)))."""
    makers = {output: node for node in graph.node for output in node.output}
    clip = makers["pha"]
    add = makers[makers[clip.input[0]].input[0]]
    product, offset = (makers[name] for name in add.input)
    src_sm = next(node.output[0] for node in graph.node if node.op_type == "Resize" and node.input[0] == "src")
    return src_sm, makers[product.input[0]].input[0], offset.input[0]


def _align_channels(graph: Any, src_sm: str) -> None:
    """Gives the picture that the decoder merges in a fourth channel, of zeros, and its convolutions weights of 0 for it.

    Their 35, 59, 107 and 171 channels, with mobilenetv3, are no multiple of 4, which shuts them out of the runtime's blocked layout: 10 %
    of all time."""
    from onnx import helper, numpy_helper

    makers = {output: node for node in graph.node for output in node.output}
    weights = {tensor.name: tensor for tensor in graph.initializer}
    pools = [node for node in graph.node if node.op_type == "AveragePool"]
    pictures = {src_sm, *(pool.output[0] for pool in pools)}
    pools[0].input[0] = "src_sm_4"
    for conv in (node for node in graph.node if node.op_type == "Conv"):
        merge = makers.get(conv.input[0])
        if merge is None or merge.op_type != "Concat" or merge.input[-1] not in pictures:
            continue
        if merge.input[-1] == src_sm:
            merge.input[-1] = "src_sm_4"
        weight = weights[conv.input[1]]
        wider = np.pad(numpy_helper.to_array(weight), ((0, 0), (0, 1), (0, 0), (0, 0)))
        weight.CopyFrom(numpy_helper.from_array(wider, weight.name))
    graph.initializer.append(numpy_helper.from_array(np.array([0, 0, 0, 0, 0, 1, 0, 0]), "one_channel"))
    graph.node.insert(0, helper.make_node("Pad", [src_sm, "one_channel"], ["src_sm_4"]))


def load_library() -> None:
    """Imports what runs the network, which may hold all other threads for a second. Its telemetry stays off."""
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnx  # noqa: F401
    import onnxruntime  # noqa: F401


def _session(graph: Any, size: tuple[int, ...], shapes: list[tuple[int, ...]], threads: int) -> Any:
    load_library()
    import onnxruntime

    graph, shared = type(graph)(), graph
    graph.CopyFrom(shared)  # another thread may be making a session of it, for another size
    for value, shape in zip(graph.graph.input, [(1, 3, *size), *shapes], strict=True):
        dims = value.type.tensor_type.shape.dim
        del dims[:]
        for length in shape:
            dims.add().dim_value = length
    del graph.graph.value_info[:]
    for value in graph.graph.output:
        value.type.tensor_type.ClearField("shape")
    try:
        return open_session(graph.SerializeToString(), threads)
    except Exception as error:  # its exceptions share no base
        raise EngineError(f"onnxruntime {onnxruntime.__version__} cannot open the network: {error}") from error


def open_session(model: str | bytes, threads: int) -> Any:
    """model: a file's path, or what is in it. What onnxruntime raises shares no base but Exception."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", SPINNING)
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def _names(suffix: str) -> list[str]:
    return [state + suffix for state in STATES]
