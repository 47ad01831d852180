"""RVM resnet50 (arXiv 2108.11515) written out from its author's tensors: in torch, norms where they are, and as the ONNX file.

`network` says what is done, once; `InTorch` does it, `InOnnx` writes it down.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor
from torch.nn import functional as F

STAGES = ((3, 1, 1), (4, 2, 1), (6, 2, 1), (3, 1, 2))  # blocks, stride of the first, dilation of the others


def network(ops: Any, src_sm: Any, states: list[Any]) -> tuple[Any, Any, list[Any]]:
    """A, b and the next states."""
    f1, f2, f3, f4 = encoder(ops, src_sm)
    gate = ops.sigmoid(ops.conv(ops.average(f4), "aspp.aspp2.1"))
    x = ops.mul(ops.relu(ops.conv(f4, "aspp.aspp1.0", norm="aspp.aspp1.1")), gate)
    pictures = [src_sm]
    for _ in range(3):
        pictures.append(ops.halve(pictures[-1]))
    x, state = half_recurrent(ops, x, states[3], "decoder.decode4.gru")
    made = [state]
    for scale, skip in ((3, f3), (2, f2), (1, f1)):
        name = f"decoder.decode{scale}"
        merged = ops.concat([ops.double(x, pictures[scale]), skip, pictures[scale]])
        x = ops.relu(ops.conv(merged, f"{name}.conv.0", norm=f"{name}.conv.1"))
        x, state = half_recurrent(ops, x, states[scale - 1], f"{name}.gru")
        made.insert(0, state)
    x = ops.concat([ops.double(x, src_sm), src_sm])
    for conv, norm in ((0, 1), (3, 4)):
        x = ops.relu(ops.conv(x, f"decoder.decode0.conv.{conv}", norm=f"decoder.decode0.conv.{norm}"))
    return *refiner(ops, src_sm, x), made


def encoder(ops: Any, x: Any) -> list[Any]:
    x = ops.relu(ops.conv(x, "backbone.conv1", norm="backbone.bn1", stride=2))
    taps, x = [x], ops.max_pool(x)
    for stage, (blocks, first_stride, later_dilation) in enumerate(STAGES, 1):
        for index in range(blocks):
            name = f"backbone.layer{stage}.{index}"
            stride, dilation = (first_stride, 1) if index == 0 else (1, later_dilation)
            y = ops.relu(ops.conv(x, f"{name}.conv1", norm=f"{name}.bn1"))
            y = ops.relu(ops.conv(y, f"{name}.conv2", norm=f"{name}.bn2", stride=stride, dilation=dilation))
            y = ops.conv(y, f"{name}.conv3", norm=f"{name}.bn3")
            if index == 0:
                x = ops.conv(x, f"{name}.downsample.0", norm=f"{name}.downsample.1", stride=stride)
            x = ops.relu(ops.add(y, x))
        taps.append(x)
    return [taps[0], taps[1], taps[2], taps[4]]


def half_recurrent(ops: Any, x: Any, h: Any, name: str) -> tuple[Any, Any]:
    past, through = ops.halves(x)
    reset, update = ops.halves(ops.sigmoid(ops.conv(ops.concat([through, h]), f"{name}.ih.0")))
    candidate = ops.tanh(ops.conv(ops.concat([through, ops.mul(reset, h)]), f"{name}.hh.0"))
    h = ops.add(ops.mul(ops.sub(ops.one, update), h), ops.mul(update, candidate))
    return ops.concat([past, h]), h


def refiner(ops: Any, src_sm: Any, hid: Any) -> tuple[Any, Any]:
    def box(x: Any) -> Any:
        return ops.conv(x, "refiner.box_filter", groups=4)

    guide, mat = ops.concat([src_sm, ops.grey(src_sm)]), ops.conv(hid, "project_mat.conv")
    mean_x, mean_y = box(guide), box(mat)
    cov = ops.sub(box(ops.mul(guide, mat)), ops.mul(mean_x, mean_y))
    var = ops.sub(box(ops.mul(guide, guide)), ops.mul(mean_x, mean_x))
    x = ops.concat([cov, var, hid])
    for conv, norm in ((0, 1), (3, 4)):
        x = ops.relu(ops.conv(x, f"refiner.conv.{conv}", norm=f"refiner.conv.{norm}"))
    gain = ops.conv(x, "refiner.conv.6")
    return gain, ops.sub(mean_y, ops.mul(gain, mean_x))


class InTorch:
    """Operations on tensors (N, C, H, W)."""

    one = 1.0
    relu, sigmoid, tanh = staticmethod(torch.relu), staticmethod(torch.sigmoid), staticmethod(torch.tanh)
    add, sub, mul = staticmethod(torch.add), staticmethod(lambda a, b: a - b), staticmethod(torch.mul)

    def __init__(self, state: dict[str, Tensor]) -> None:
        self.state = state

    def conv(self, x: Tensor, name: str, *, norm: str = "", stride: int = 1, dilation: int = 1, groups: int = 1) -> Tensor:
        weight, bias = self.state[f"{name}.weight"], self.state.get(f"{name}.bias")
        y = F.conv2d(x, weight, bias, stride, weight.shape[-1] // 2 * dilation, dilation, groups)
        if not norm:
            return y
        mean, var, gain, offset = (self.state[f"{norm}.{part}"] for part in ("running_mean", "running_var", "weight", "bias"))
        return F.batch_norm(y, mean, var, gain, offset, eps=1e-5)

    def average(self, x: Tensor) -> Tensor:
        return x.mean((2, 3), keepdim=True)

    def grey(self, x: Tensor) -> Tensor:
        return x.mean(1, keepdim=True)

    def max_pool(self, x: Tensor) -> Tensor:
        return F.max_pool2d(x, 3, 2, 1)

    def halve(self, x: Tensor) -> Tensor:
        return F.avg_pool2d(x, 2, ceil_mode=True, count_include_pad=False)

    def double(self, x: Tensor, like: Tensor) -> Tensor:
        return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)[:, :, : like.shape[2], : like.shape[3]]

    def concat(self, parts: list[Tensor]) -> Tensor:
        return torch.cat(parts, 1)

    def halves(self, x: Tensor) -> Any:
        return x.chunk(2, 1)


class InOnnx:
    """Operations as nodes; tensors are names. Norms are folded by the exporter, which numbers what it makes of them."""

    def __init__(self, state: dict[str, Tensor]) -> None:
        self.state = state
        self.nodes: list[Any] = []
        self.tensors: dict[str, Any] = {}
        self.one = self.constant(np.float32(1))

    def node(self, kind: str, inputs: list[str], outputs: int = 1, **attributes: Any) -> Any:
        names = [f"{kind.lower()}_{len(self.nodes)}_{index}" for index in range(outputs)]
        self.nodes.append(helper.make_node(kind, inputs, names, **attributes))
        return names[0] if outputs == 1 else names

    def constant(self, array: Any, name: str = "") -> str:
        name = name or f"constant_{len(self.tensors)}"
        self.tensors[name] = numpy_helper.from_array(np.asarray(array), name)
        return name

    def conv(self, x: str, name: str, *, norm: str = "", stride: int = 1, dilation: int = 1, groups: int = 1) -> str:
        weight, bias = self.state[f"{name}.weight"], self.state.get(f"{name}.bias")
        names = [f"{name}.weight", f"{name}.bias"]
        if norm:
            gain = self.state[f"{norm}.weight"] / (self.state[f"{norm}.running_var"] + 1e-5).sqrt()
            weight, bias = weight * gain[:, None, None, None], self.state[f"{norm}.bias"] - self.state[f"{norm}.running_mean"] * gain
            names = [str(500 + len(self.tensors)), str(501 + len(self.tensors))]
        inputs = [self.constant(part.numpy(), key) for part, key in zip((weight, bias), names, strict=True) if part is not None]
        pads = [weight.shape[-1] // 2 * dilation] * 4
        return self.node("Conv", [x, *inputs], pads=pads, strides=[stride] * 2, dilations=[dilation] * 2, group=groups)

    def relu(self, x: str) -> str:
        return self.node("Relu", [x])

    def sigmoid(self, x: str) -> str:
        return self.node("Sigmoid", [x])

    def tanh(self, x: str) -> str:
        return self.node("Tanh", [x])

    def add(self, a: str, b: str) -> str:
        return self.node("Add", [a, b])

    def sub(self, a: str, b: str) -> str:
        return self.node("Sub", [a, b])

    def mul(self, a: str, b: str) -> str:
        return self.node("Mul", [a, b])

    def average(self, x: str) -> str:
        return self.node("GlobalAveragePool", [x])

    def grey(self, x: str) -> str:
        return self.node("ReduceMean", [x], axes=[1], keepdims=1)

    def max_pool(self, x: str) -> str:
        return self.node("MaxPool", [x], kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4)

    def halve(self, x: str) -> str:
        return self.node("AveragePool", [x], kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1, count_include_pad=0)

    def resize(self, x: str, *how: str) -> str:
        none = self.constant(np.zeros(0, np.float32))
        return self.node("Resize", [x, none, *how], coordinate_transformation_mode="pytorch_half_pixel", mode="linear")

    def double(self, x: str, like: str) -> str:
        doubled = self.resize(x, self.constant(np.array([1, 1, 2, 2], np.float32)))
        return self.node("Slice", [doubled, self.constant([0, 0]), self.sides(like, 2), self.constant([2, 3])])

    def sides(self, x: str, start: int, end: int = 4) -> str:
        return self.node("Slice", [self.node("Shape", [x]), self.constant([start]), self.constant([end]), self.constant([0])])

    def like(self, x: str, other: str) -> str:
        """x at the size of another."""
        size = self.node("Concat", [self.sides(x, 0, 2), self.sides(other, 2)], axis=0)
        return self.resize(x, self.constant(np.zeros(0, np.float32)), size)

    def concat(self, parts: list[str]) -> str:
        return self.node("Concat", parts, axis=1)

    def halves(self, x: str) -> Any:
        return self.node("Split", [x], 2, axis=1)

    def clipped(self, x: str, name: str) -> None:
        limits = [self.constant(np.float32(limit)) for limit in (0, 1)]
        self.nodes.append(helper.make_node("Clip", [x, *limits], [name]))


def write_onnx(state: dict[str, Tensor], path: Path) -> None:
    """The whole graph as released: any size, the ratio an input."""
    ops, names = InOnnx(state), ["r1", "r2", "r3", "r4"]
    ones = ops.constant(np.ones(2, np.float32))
    src_sm = ops.resize("src", ops.node("Concat", [ones, "downsample_ratio", "downsample_ratio"], axis=0))
    gain, offset, states = network(ops, src_sm, [f"{name}i" for name in names])
    guide = ops.concat(["src", ops.grey("src")])
    matte = ops.add(ops.mul(ops.like(gain, "src"), guide), ops.like(offset, "src"))
    residual, pha = ops.node("Split", [matte], 2, axis=1, split=[3, 1])
    ops.clipped(pha, "pha")
    ops.clipped(ops.add(residual, "src"), "fgr")
    ops.nodes += [helper.make_node("Identity", [made], [f"{name}o"]) for made, name in zip(states, names, strict=True)]
    rec_in = [(f"{name}i", [1, "c", "y", "x"]) for name in names]
    rec_out = [(f"{name}o", [1, channels, "y", "x"]) for name, channels in zip(names, (16, 32, 64, 128), strict=True)]
    inputs = [("src", [1, 3, "h", "w"]), *rec_in, ("downsample_ratio", [1])]
    outputs = [("fgr", [1, 3, "h", "w"]), ("pha", [1, 1, "h", "w"]), *rec_out]
    ports = [[helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in side] for side in (inputs, outputs)]
    graph = helper.make_graph(ops.nodes, "torch-jit-export", *ports, list(ops.tensors.values()))
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 12)], ir_version=7), path)
