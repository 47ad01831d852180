"""ONNX files of a few operations, of each kind that a user's own network may be: what comes out can be worked out by hand."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FLOAT, UINT8 = TensorProto.FLOAT, TensorProto.UINT8
Side = int | str
NCHW: tuple[Side, ...] = (1, 3, "h", "w")
NHWC: tuple[Side, ...] = (1, "h", "w", 3)
Described = tuple[str, int, Sequence[Side] | None]


def save(path: Path, nodes: Sequence[Any], inputs: Sequence[Described], outputs: Sequence[Described], **tensors: Any) -> Path:
    """nodes: of helper.make_node. Writes the graph, and gives the path."""
    values = [helper.make_tensor_value_info(name, kind, shape) for name, kind, shape in (*inputs, *outputs)]
    initial = [numpy_helper.from_array(np.asarray(array), name) for name, array in tensors.items()]
    graph = helper.make_graph(list(nodes), "small", values[: len(inputs)], values[len(inputs) :], initial)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def node(kind: str, inputs: str, outputs: str, **attributes: Any) -> Any:
    """By names that stand in one string each."""
    return helper.make_node(kind, inputs.split(), outputs.split(), **attributes)


def brightness(path: Path, *, name: str = "input", out: str = "output", shape: Sequence[Side] = NCHW, logits: bool = False) -> Path:
    """Picture -> the mean of its channels, (1, 1, h, w); logits: ten times how much that is above a half."""
    axis = 1 if shape[1] == 3 else 3
    nodes = [node("ReduceMean", name, "mean" if logits else out, axes=[axis], keepdims=1)]
    tensors: dict[str, Any] = {}
    if logits:
        nodes += [node("Sub", "mean half", "above"), node("Mul", "above ten", out)]
        tensors = {"half": np.float32(0.5), "ten": np.float32(10)}
    small = [1 if side == 3 else side for side in shape]
    return save(path, nodes, [(name, FLOAT, shape)], [(out, FLOAT, small)], **tensors)


def coarse(path: Path, step: int) -> Path:
    """Picture -> its brightness less its own mean in squares of `step`, plus a half: sides must be multiples of that."""
    nodes = [
        node("ReduceMean", "input", "mean", axes=[1], keepdims=1),
        node("AveragePool", "mean", "squares", kernel_shape=[step, step], strides=[step, step]),
        helper.make_node("Resize", ["squares", "", "scales"], ["back"], mode="nearest"),
        node("Sub", "mean back", "off"),
        node("Add", "off half", "alpha"),
    ]
    tensors = {"scales": np.array([1, 1, step, step], np.float32), "half": np.float32(0.5)}
    return save(path, nodes, [("input", FLOAT, NCHW)], [("alpha", FLOAT, (1, 1, "h", "w"))], **tensors)


def of_bytes(path: Path) -> Path:
    """(1, h, w, 3) uint8 -> its first channel, (1, h, w, 1) float32 in [0, 1]."""
    nodes = [
        node("Slice", "image zero one last", "red"),
        node("Cast", "red", "floats", to=FLOAT),
        node("Div", "floats most", "mask"),
    ]
    tensors = {"zero": np.array([0]), "one": np.array([1]), "last": np.array([3]), "most": np.float32(255)}
    return save(path, nodes, [("image", UINT8, NHWC)], [("mask", FLOAT, (1, "h", "w", 1))], **tensors)


def averaging(path: Path, *, names: tuple[str, str] = ("r1i", "r1o"), known: bool = True) -> Path:
    """Recurrent: alpha is the mean of the picture's brightness and of the alpha before, its state. known: the state's sides are."""
    before, after = names
    nodes = [
        node("ReduceMean", "src", "mean", axes=[1], keepdims=1),
        node("Add", f"mean {before}", "sum"),
        node("Mul", "sum half", "pha"),
        node("Identity", "pha", after),
    ]
    state: tuple[Side, ...] = (1, 1, "h", "w") if known else ("a", "b", "c", "d")
    inputs = [("src", FLOAT, NCHW), (before, FLOAT, state)]
    return save(path, nodes, inputs, [("pha", FLOAT, (1, 1, "h", "w")), (after, FLOAT, state)], half=np.float32(0.5))


def difference(path: Path, *, names: tuple[str, str] = ("src", "bgr"), fgr: bool = True) -> Path:
    """Picture and plate -> how far they are apart, and the picture as the foreground's colour."""
    nodes = [
        node("Sub", " ".join(names), "off"),
        node("Abs", "off", "far"),
        node("ReduceMax", "far", "pha", axes=[1], keepdims=1),
        node("Identity", names[0], "fgr"),
    ]
    outputs: list[Described] = [("pha", FLOAT, (1, 1, "h", "w")), ("fgr", FLOAT, NCHW)]
    return save(path, nodes if fgr else nodes[:3], [(name, FLOAT, NCHW) for name in names], outputs if fgr else outputs[:1])


def classes(path: Path, count: int = 21, *, person: int = 15, probabilities: bool = False) -> Path:
    """Picture -> scores (1, count, h, w): of `person` 8 times the red channel, of class 0 a constant 4, of the others 0."""
    weight = np.zeros((count, 3, 1, 1), np.float32)
    bias = np.zeros(count, np.float32)
    weight[person, 0], bias[0] = 8, 4
    nodes = [node("Conv", "pixel_values weight bias", "logits")]
    if probabilities:
        nodes.append(node("Softmax", "logits", "scores", axis=1))
    out = "scores" if probabilities else "logits"
    return save(path, nodes, [("pixel_values", FLOAT, NCHW)], [(out, FLOAT, (1, count, "h", "w"))], weight=weight, bias=bias)
