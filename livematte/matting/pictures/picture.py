"""A network that makes alpha of a picture as an Engine: its alpha becomes coefficients.

So people are followed, still pictures reused and full size made as for the recurrent network (recurrent.py).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from livematte.engines import check_picture
from livematte.frame import Size
from livematte.matting.coefficients import from_alpha
from livematte.matting.pictures.network import Network

Array = NDArray[np.float32]
_DETAIL = 512  # pixels on the longest side, where a network was made for no other


class PictureEngine:
    """An Engine. levels: alpha up to the first is 0 and from the second on 1; a network's last layer reaches neither, and what it is sure
    of would be see-through by a little. coarse: it was made to tell things apart, not to matte them, and flickers at their edges.

    With states it is recurrent, and always sees the whole picture: nobody knows which piece of a state belongs to a part of it."""

    channels_last = False

    def __init__(self, network: Network, *, levels: tuple[float, float] = (0.01, 0.99), coarse: bool = False) -> None:
        graph = network.graph
        self._network, self._levels, self.coarse = network, levels, coarse
        self.name, self.device, self.precision, self.threads = graph.name, graph.device, graph.precision, graph.threads
        self.recurrent = bool(network.ports.states)
        self.parts = not self.recurrent

    @property
    def describe(self) -> str:
        return self._network.graph.describe

    def usual_detail(self, size: Size) -> int:
        """Pixels on the longest side at which a picture of that size is best looked at."""
        wish = self._network.wish
        return max(wish.usual(size)) if wish.usual else max(_DETAIL, *(wish.size or (0,)))

    def run(self, src_sm: Array, rec: object | None) -> tuple[Array, object]:
        check_picture(src_sm)
        assert rec is None or isinstance(rec, tuple)
        seen = self._network.see(src_sm, states=rec)
        return from_alpha(src_sm, stretched(seen.pha, self._levels), seen.fgr), seen.states

    def ready(self, height: int, width: int) -> bool:
        return self._network.ready((width, height))

    @property
    def making(self) -> bool:
        return self._network.graph.making

    def close(self) -> None:
        self._network.graph.close()


class OwnPlateEngine:
    """A network of a picture and the plate behind it, called as PlateEngine is. levels: as of PictureEngine."""

    takes_plate = True

    def __init__(self, network: Network, *, levels: tuple[float, float] = (0.01, 0.99)) -> None:
        graph = network.graph
        self._network, self._levels = network, levels
        self.name, self.device, self.precision, self.threads = graph.name, graph.device, graph.precision, graph.threads

    @property
    def describe(self) -> str:
        return self._network.graph.describe

    def run(self, src: Array, bgr: Array) -> tuple[Array, Array]:
        """src, bgr: (3, H, W) float32 in [0, 1], RGB, of one size, whatever it is. Gives pha (H, W) and fgr (3, H, W), straight, float32 in
        [0, 1]; colour that the network does not give is the picture's own. ValueError: a wrong shape or dtype."""
        for picture in (src, bgr):
            check_picture(picture)
        if src.shape != bgr.shape:
            raise ValueError(f"got a picture of {src.shape} and a plate of {bgr.shape}, wanted one size")
        seen = self._network.see(src, bgr_sm=bgr)
        return stretched(seen.pha, self._levels), src if seen.fgr is None else seen.fgr

    def close(self) -> None:
        self._network.graph.close()


def stretched(pha: Array, levels: tuple[float, float]) -> Array:
    """Alpha with 0 and 1 at these levels."""
    low, high = levels
    return np.clip((pha - np.float32(low)) * np.float32(1 / (high - low)), 0, 1)
