"""RVM as an OpenVINO model, for one size: networks/rvm.py again, in the form that runs fastest on a CPU.

What differs from the published text, each exactly the same arithmetic: pictures and states lie channels last; the picture has a fourth
channel of ones, so that the encoder's normalisation is part of its first convolution also where that reaches over the border, and the
decoder merges channels in fours; the refiner's two differences are part of the convolution that follows them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import openvino as ov
import openvino.opset13 as op

from livematte.engines.openvino_builder import Builder, Numbers, channels_first, with_ones
from livematte.engines.openvino_encoders import ENCODERS
from livematte.networks.rvm_variants import VARIANTS, variant_of

STATES = ("r1", "r2", "r3", "r4")  # at 1/2, 1/4, 1/8 and 1/16

# What each convolution of mobilenetv3's decoder takes, from the least to the most, of 99.98 % of the samples: on examples/portrait.mp4
# and the clips that the bench makes of it. In int8 these spans are cut into 256 levels.
RANGES = {
    "decoder.decode4.gru.ih.0": (-1.0, 6.66),
    "decoder.decode4.gru.hh.0": (-1.0, 6.66),
    "decoder.decode3.conv.0": (-5.9, 5.57),
    "decoder.decode3.gru.ih.0": (-1.0, 4.88),
    "decoder.decode3.gru.hh.0": (-1.0, 4.88),
    "decoder.decode2.conv.0": (-6.04, 5.97),
    "decoder.decode2.gru.ih.0": (-1.0, 4.85),
    "decoder.decode2.gru.hh.0": (-1.0, 4.85),
    "decoder.decode1.conv.0": (-6.22, 18.72),
    "decoder.decode1.gru.ih.0": (-1.0, 4.35),
    "decoder.decode1.gru.hh.0": (-0.79, 4.35),
    "decoder.decode0.conv.0": (-1.0, 2.44),
    "decoder.decode0.conv.3": (0.0, 2.37),
}


def state_shapes(variant: str, height: int, width: int) -> list[tuple[int, ...]]:
    """Of the four states, channels last. variant: a key of VARIANTS."""
    states = VARIANTS[variant].states
    return [(1, -(-height // 2**level), -(-width // 2**level), channels) for level, channels in enumerate(states, 1)]


def build(numbers: Numbers, height: int, width: int, *, int8: bool = False) -> tuple[Any, set[str]]:
    """(model, names of the operations that bf16 would spoil). int8: the decoder's convolutions, with mobilenetv3 two thirds of all
    products, in that; it alone has been measured for it.

    Inputs src_sm (1, h, w, 4): R, G, B in [0, 1] and 1; r1i … r4i (state_shapes). Outputs coef (1, h, w, 8), the refiner's A and then b
    for R, G, B, alpha; r1o … r4o. KeyError, ValueError: the numbers are another network's."""
    builder, variant = Builder(numbers, ranges=RANGES if int8 else {}), variant_of(numbers)
    src_in = builder.input("src_sm", (1, height, width, 4))
    states = [builder.input(f"{name}i", shape) for name, shape in zip(STATES, state_shapes(variant, height, width), strict=True)]
    src = builder.exactly(lambda: channels_first(builder, src_in))
    features = ENCODERS[variant](builder, src)
    features[3] = _aspp(builder, features[3])
    hid, states_out = _decoder(builder, src, features, [channels_first(builder, state) for state in states])
    coef = builder.exactly(lambda: _refiner(builder, src, hid))
    outputs = dict(zip(("coef", *(f"{name}o" for name in STATES)), (coef, *states_out), strict=True))
    results = [builder.output(name, node) for name, node in outputs.items()]
    return ov.Model(results, builder.inputs, "rvm"), builder.exact


def _aspp(b: Builder, x: Any) -> Any:
    gate = op.sigmoid(b.conv(op.reduce_mean(x, np.array([2, 3]), keep_dims=True), "aspp.aspp2.1"))
    return op.multiply(b.relu(b.conv(x, "aspp.aspp1.0")), gate)


def _decoder(b: Builder, src: Any, features: Sequence[Any], states: Sequence[Any]) -> tuple[Any, list[Any]]:
    pictures = [src]
    for _ in range(3):
        pictures.append(b.exactly(lambda: b.note(_halved(pictures[-1]))))
    x, r4 = _half_recurrent(b, features[3], states[3], "decoder.decode4.gru")
    made = [r4]
    for scale in (3, 2, 1):
        merged = op.concat([_doubled(x, pictures[scale]), features[scale - 1], pictures[scale]], 1)
        x = b.relu(b.conv(merged, f"decoder.decode{scale}.conv.0", weight=with_ones(b.numbers(f"decoder.decode{scale}.conv.0.weight"))))
        x, state = _half_recurrent(b, x, states[scale - 1], f"decoder.decode{scale}.gru")
        made.insert(0, state)
    merged = op.concat([_doubled(x, src), src], 1)
    x = b.relu(b.conv(merged, "decoder.decode0.conv.0", weight=with_ones(b.numbers("decoder.decode0.conv.0.weight"))))
    return b.relu(b.conv(x, "decoder.decode0.conv.3")), made


def _halved(x: Any) -> Any:
    """Mean over 2x2, sizes rounded up; a last row or column without a neighbour stays as it is."""
    window = [min(2, int(side)) for side in x.get_output_shape(0)[2:]]
    return op.avg_pool(x, window, [0, 0], [0, 0], window, True, rounding_type="ceil")


def _doubled(x: Any, like: Any) -> Any:
    """Twice the size, bilinear, cropped to `like` where that is odd."""
    doubled = op.interpolate(x, np.array([2, 2], np.float32), "linear_onnx", "scales", axes=np.array([2, 3]))
    height, width = (int(side) for side in like.get_output_shape(0)[2:])
    if tuple(doubled.get_output_shape(0)[2:]) == (height, width):
        return doubled
    return op.slice(doubled, np.array([0, 0]), np.array([height, width]), np.array([1, 1]), np.array([2, 3]))


def _half_recurrent(b: Builder, x: Any, h: Any, gru: str) -> tuple[Any, Any]:
    """The second half of the channels goes through the ConvGRU, the first half past it."""
    past, through = op.split(x, np.int64(1), 2).outputs()
    reset, update = op.split(op.sigmoid(b.conv(op.concat([through, h], 1), f"{gru}.ih.0")), np.int64(1), 2).outputs()
    candidate = op.tanh(b.conv(op.concat([through, op.multiply(reset, h)], 1), f"{gru}.hh.0"))
    new = op.add(op.multiply(op.subtract(np.float32(1), update), h), op.multiply(update, candidate))
    return op.concat([past, new], 1), new


def _refiner(b: Builder, src: Any, hid: Any) -> Any:
    """A and b for R, G, B, alpha."""
    guide = b.conv(src, "", weight=_GUIDE)
    mat = b.conv(hid, "project_mat.conv")
    products = [b.note(op.multiply(guide, mat)), b.note(op.multiply(guide, guide))]
    mean_x, mean_y, *moments = (b.conv(x, "refiner.box_filter") for x in (guide, mat, *products))
    means = [b.note(op.multiply(mean_x, mean_y)), b.note(op.multiply(mean_x, mean_x))]
    joined = b.note(op.concat([*moments, *means, hid], 1))
    weight = b.numbers("refiner.conv.0.weight")
    weight = np.concatenate([weight[:, :8], -weight[:, :8], weight[:, 8:]], axis=1)  # covariance and variance are moments less means
    x = b.relu(b.conv(joined, "refiner.conv.0", weight=weight))
    gain = b.conv(b.relu(b.conv(x, "refiner.conv.3")), "refiner.conv.6")
    return b.note(op.concat([gain, b.note(op.subtract(mean_y, b.note(op.multiply(gain, mean_x))))], 1))


# (R, G, B, 1) to (R, G, B, mean).
_GUIDE = np.array([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [1 / 3, 1 / 3, 1 / 3, 0]], np.float32).reshape(4, 4, 1, 1)
