"""Operations of an OpenVINO model, made from named numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import openvino.opset13 as op
from numpy.typing import NDArray

Array = NDArray[np.float32]
Numbers = dict[str, Array]  # weights.arrays


class Builder:
    """Operations from named numbers. exact: the names of those made within `exactly`, which are to be computed in fp32 at any precision.

    Measured on seven clips, alpha against fp32, worst clip: all in bf16, 99.9 % of the pixels within 0.062; with the first blocks and
    the refiner, whose differences of near-equal products cancel, in fp32, within 0.02, at 5 % more time."""

    def __init__(self, numbers: Numbers, *, ranges: Mapping[str, tuple[float, float]]) -> None:
        self._numbers, self._ranges = numbers, ranges
        self._exactly = False
        self.inputs: list[Any] = []
        self.exact: set[str] = set()

    def exactly(self, make: Any) -> Any:
        before, self._exactly = self._exactly, True
        made = make()
        self._exactly = before
        return made

    def numbers(self, name: str) -> Array:
        return self._numbers[name]

    def input(self, name: str, shape: tuple[int, ...]) -> Any:
        node = op.parameter(shape, np.float32, name=name)
        node.output(0).set_names({name})
        self.inputs.append(node)
        return node

    def output(self, name: str, node: Any) -> Any:
        last = op.transpose(node, np.array([0, 2, 3, 1]))
        last.output(0).set_names({name})
        return op.result(last)

    def note(self, node: Any) -> Any:
        """The node, which is remembered where it must be exact."""
        if self._exactly:
            self.exact.add(node.get_friendly_name())
        return node

    def conv(self, x: Any, name: str, *, stride: int = 1, dilation: int = 1, weight: Array | None = None, bias: Array | None = None) -> Any:
        """A convolution by the numbers `name`.weight and .bias, or by those given; its padding keeps the size."""
        weight = self._numbers[f"{name}.weight"] if weight is None else weight
        bias = self._numbers.get(f"{name}.bias") if bias is None else bias
        kernel = op.constant(weight)
        if name in self._ranges:
            x, kernel = _in_levels(x, *self._ranges[name]), _in_int8(weight)
        depthwise = weight.shape[1] == 1 and weight.shape[0] > 1
        pad = [(weight.shape[2] - 1) // 2 * dilation] * 2
        where = ([stride] * 2, pad, pad, [dilation] * 2)
        if depthwise:
            y = self.note(op.group_convolution(x, op.constant(weight[:, None]), *where))
        else:
            y = self.note(op.convolution(x, kernel, *where))
        return y if bias is None else self.note(op.add(y, op.constant(bias.reshape(1, -1, 1, 1))))

    def hard_swish(self, x: Any) -> Any:
        return self.note(op.hswish(x))

    def relu(self, x: Any) -> Any:
        return self.note(op.relu(x))


def _in_levels(x: Any, low: float, high: float) -> Any:
    """256 levels, which OpenVINO keeps as int8 on the way into a convolution."""
    ends = np.float32(low), np.float32(high)
    return op.fake_quantize(x, *ends, *ends, 256)


def _in_int8(weight: Array) -> Any:
    """Weights in 255 levels about 0, a scale for each channel out."""
    most = np.abs(weight).max(axis=(1, 2, 3), keepdims=True)
    return op.fake_quantize(op.constant(weight), -most, most, -most, most, 255)


def channels_first(b: Builder, x: Any) -> Any:
    return b.note(op.transpose(x, np.array([0, 3, 1, 2])))


def with_ones(weight: Array) -> Array:
    """Weights that take no notice of a last channel more."""
    return np.pad(weight, ((0, 0), (0, 1), (0, 0), (0, 0)))
