"""The encoders of RVM in OpenVINO: each takes the picture (1, 4, h, w), R, G, B and 1, to features at 1/2, 1/4, 1/8 and 1/16."""

from __future__ import annotations

from typing import Any

import numpy as np
import openvino.opset1 as first_opset
import openvino.opset13 as op

from livematte.engines.openvino_builder import Array, Builder, with_ones
from livematte.networks import resnet_blocks
from livematte.networks.mobilenet_blocks import BLOCKS, MEAN, STD, TAPS, Block

_EXACT_BLOCKS = 6  # MobileNetV3's first blocks, down to 1/8, stay in fp32 where the rest is bf16; see Builder.exact


def mobilenetv3(b: Builder, src: Any) -> list[Any]:
    weight, bias = _normalised(b.numbers("backbone.features.0.0.weight")), b.numbers("backbone.features.0.0.bias")
    taps, x = [], b.exactly(lambda: b.hard_swish(b.conv(src, "", stride=2, weight=weight, bias=bias)))
    for index, block in enumerate(BLOCKS, 1):
        x = b.exactly(lambda: _block(b, x, index, block)) if index <= _EXACT_BLOCKS else _block(b, x, index, block)  # noqa: B023
        if index in TAPS:
            taps.append(x)
    return [*taps, b.hard_swish(b.conv(x, "backbone.features.16.0"))]


def _normalised(weight: Array) -> Array:
    """Weights that take (R, G, B, 1) for what those given take ((R, G, B) - mean) / std."""
    scaled = weight / np.asarray(STD, np.float32).reshape(1, 3, 1, 1)
    ones = -(scaled * np.asarray(MEAN, np.float32).reshape(1, 3, 1, 1)).sum(1, keepdims=True)
    return np.concatenate([scaled, ones], axis=1)


def _block(b: Builder, x: Any, index: int, block: Block) -> Any:
    name, act = f"backbone.features.{index}.block", b.hard_swish if block.hard_swish else b.relu
    channels, part, y = int(x.get_output_shape(0)[1]), 0, x
    if block.expanded != channels:
        y, part = act(b.conv(y, f"{name}.0.0")), 1
    y = act(b.conv(y, f"{name}.{part}.0", stride=block.stride, dilation=block.dilation))
    if block.squeeze:
        part += 1
        y = _squeeze_excite(b, y, f"{name}.{part}")
    y = b.conv(y, f"{name}.{part + 1}.0")
    return b.note(op.add(y, x)) if block.stride == 1 and channels == block.out else y


def _squeeze_excite(b: Builder, x: Any, name: str) -> Any:
    mean = b.note(op.reduce_mean(x, np.array([2, 3]), keep_dims=True))
    gate = b.note(op.hsigmoid(b.conv(b.relu(b.conv(mean, f"{name}.fc1")), f"{name}.fc2")))
    return b.note(op.multiply(x, gate))


def resnet50(b: Builder, src: Any) -> list[Any]:
    """Which takes the picture as it is, not normalised. The first convolution and the first stage stay in fp32, as above."""
    weight = with_ones(b.numbers("backbone.conv1.weight"))
    x = b.exactly(lambda: b.relu(b.conv(src, "backbone.conv1", stride=2, weight=weight)))
    taps = [x]
    x = b.exactly(lambda: b.note(first_opset.max_pool(x, [2, 2], [1, 1], [1, 1], [3, 3], "floor")))
    for number, blocks in enumerate(resnet_blocks.stages("resnet50"), 1):
        for index, block in enumerate(blocks):
            name = f"backbone.layer{number}.{index}"
            x = b.exactly(lambda: _bottleneck(b, x, name, block)) if number == 1 else _bottleneck(b, x, name, block)  # noqa: B023
        taps.append(x)
    half, quarter, eighth, _, sixteenth = taps
    return [half, quarter, eighth, sixteenth]


def _bottleneck(b: Builder, x: Any, name: str, block: resnet_blocks.Bottleneck) -> Any:
    y = b.relu(b.conv(x, f"{name}.conv1"))
    y = b.relu(b.conv(y, f"{name}.conv2", stride=block.stride, dilation=block.dilation))
    x = b.conv(x, f"{name}.downsample.0", stride=block.stride) if block.projected else x
    return b.relu(b.note(op.add(b.conv(y, f"{name}.conv3"), x)))


ENCODERS = {"mobilenetv3": mobilenetv3, "resnet50": resnet50}
