"""The two networks of Robust Video Matting (arXiv 2108.11515), as a table for whoever builds them: torch, OpenVINO."""

from collections.abc import Iterable
from typing import NamedTuple


class Variant(NamedTuple):
    """Channels. skips: of the encoder's features at 1/2, 1/4 and 1/8; deepest: of that at 1/16; merged: of what LR-ASPP makes of it;
    decoded: of what the decoder makes at 1/8, 1/4, 1/2 and 1/1."""

    skips: tuple[int, int, int]
    deepest: int
    merged: int
    decoded: tuple[int, int, int, int]

    @property
    def states(self) -> tuple[int, int, int, int]:
        """Of the recurrent states at 1/2, 1/4, 1/8 and 1/16: half of what is decoded there."""
        eighth, quarter, half, _ = self.decoded
        return half // 2, quarter // 2, eighth // 2, self.merged // 2


VARIANTS = {
    "mobilenetv3": Variant((16, 24, 40), 960, 128, (80, 40, 32, 16)),
    "resnet50": Variant((64, 256, 512), 2048, 256, (128, 64, 32, 16)),
}


def variant_of(names: Iterable[str]) -> str:
    """The one that tensors of these names are of, if they are of any."""
    return "resnet50" if any(name.startswith("backbone.layer") for name in names) else "mobilenetv3"
