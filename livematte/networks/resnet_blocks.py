"""The table that ResNets with bottlenecks are built from (He et al., arXiv 1512.03385), for whoever builds them: torch, OpenVINO."""

from collections.abc import Iterator
from typing import NamedTuple

DEPTHS = {"resnet50": (3, 4, 6, 3), "resnet101": (3, 4, 23, 3)}  # blocks of each stage
EXPANSION = 4  # a block's channels out, in its inner ones
STEM = 64  # channels of the first convolution, at 1/2


class Bottleneck(NamedTuple):
    """One block. channels: in; width: of the two inner convolutions; projected: its input is, to take part in the sum."""

    channels: int
    width: int
    stride: int
    dilation: int
    projected: bool

    @property
    def out(self) -> int:
        return self.width * EXPANSION


def stages(kind: str) -> Iterator[tuple[Bottleneck, ...]]:
    """The blocks of the four stages, at 1/4, 1/8, 1/16 and 1/16: the last one is dilated in place of a stride, from its second block on.
    kind: a key of DEPTHS."""
    channels = STEM
    for number, count in enumerate(DEPTHS[kind]):
        width, stride, dilation = 64 << number, 1 if number in (0, 3) else 2, 2 if number == 3 else 1
        first = Bottleneck(channels, width, stride, 1, True)
        channels = first.out
        yield first, *[Bottleneck(channels, width, 1, dilation, False)] * (count - 1)
