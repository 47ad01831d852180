"""The table that MobileNetV3-Large is built from (Howard et al., arXiv 1905.02244), for whoever builds it: torch, OpenVINO."""

from typing import NamedTuple


class Block(NamedTuple):
    """One inverted residual. expanded, out: channels; squeeze: with squeeze-excite; hard_swish: else ReLU."""

    kernel: int
    expanded: int
    out: int
    squeeze: bool
    hard_swish: bool
    stride: int
    dilation: int


# The last three are dilated in place of a stride, so the encoder ends at 1/16.
BLOCKS = (
    Block(3, 16, 16, False, False, 1, 1),
    Block(3, 64, 24, False, False, 2, 1),
    Block(3, 72, 24, False, False, 1, 1),
    Block(5, 72, 40, True, False, 2, 1),
    Block(5, 120, 40, True, False, 1, 1),
    Block(5, 120, 40, True, False, 1, 1),
    Block(3, 240, 80, False, True, 2, 1),
    Block(3, 200, 80, False, True, 1, 1),
    Block(3, 184, 80, False, True, 1, 1),
    Block(3, 184, 80, False, True, 1, 1),
    Block(3, 480, 112, True, True, 1, 1),
    Block(3, 672, 112, True, True, 1, 1),
    Block(5, 672, 160, True, True, 1, 2),
    Block(5, 960, 160, True, True, 1, 2),
    Block(5, 960, 160, True, True, 1, 2),
)
TAPS = (1, 3, 6, 16)  # the features handed on: 16, 24, 40 and 960 channels at 1/2, 1/4, 1/8 and 1/16

# What pictures in [0, 1] are shifted and scaled by, as in the pictures that the encoder learned from (R, G, B).
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)
