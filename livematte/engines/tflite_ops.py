"""MediaPipe's own operation in .tflite files, for OpenVINO, which knows TensorFlow's alone: a transposed convolution with its bias.

Its stride cannot be asked for here: kernels of 2x2 have a stride of 2, as in MediaPipe's networks, where they double even sizes.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

_NAME = "Convolution2DTransposeBias"
_TO_FIRST, _TO_LAST = (0, 3, 1, 2), (0, 2, 3, 1)


@cache
def add_operations(core: Any) -> None:
    """Lets an openvino.Core read such files; once."""
    from openvino.frontend import ConversionExtension

    core.add_extension(ConversionExtension(_NAME, _converted))


def _converted(context: Any) -> Any:
    """picture (1, h, w, I), kernel (O, 2, 2, I), bias (O) -> (1, 2h, 2w, O)."""
    import openvino.opset13 as op

    picture, kernel, bias = (context.get_input(index) for index in range(3))
    sides = tuple(kernel.get_partial_shape().to_shape())[1:3]
    if sides != (2, 2):
        raise RuntimeError(f"{_NAME} with a kernel of {sides}; wanted (2, 2)")
    first = op.transpose(picture, np.array(_TO_FIRST))
    by_input = op.transpose(kernel, np.array((3, 0, 1, 2)))
    doubled = op.convolution_backprop_data(first, by_input, strides=[2, 2], pads_begin=[0, 0], pads_end=[0, 0])
    return op.add(op.transpose(doubled, np.array(_TO_LAST)), bias).outputs()
