"""What a network wants of a picture, and what it gives: a picture of ours in, alpha of the picture's own size out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from livematte.engines.graphs import Graph
from livematte.errors import EngineError, SettingsError
from livematte.frame import Size

Array = NDArray[np.float32]
Read = Callable[[NDArray[Any]], Array]  # an output to alpha (h, w)
States = tuple[NDArray[Any] | None, ...]


@dataclass(frozen=True)
class Wish:
    """What a network wants of a picture. mean, std: R, G, B in [0, 1] become (colour - mean) / std, and where dtype is uint8, code values.

    size: the only one that it takes; else multiple: what its sides are multiples of. usual: the size at which it sees a picture of a size,
    where that is not 512 on the longest side."""

    mean: tuple[float, ...] = (0.0, 0.0, 0.0)
    std: tuple[float, ...] = (1.0, 1.0, 1.0)
    layout: Literal["nchw", "nhwc"] = "nchw"
    order: Literal["rgb", "bgr"] = "rgb"
    dtype: str = "float32"
    size: Size | None = None
    multiple: int = 1
    usual: Callable[[Size], Size] | None = None

    def shape(self, size: Size) -> tuple[int, int, int, int]:
        """Of the input for a picture of that size."""
        width, height = self.inner(size)
        return (1, 3, height, width) if self.layout == "nchw" else (1, height, width, 3)

    def inner(self, size: Size) -> Size:
        """The size at which the network sees a picture of that size."""
        return self.size or (-(-size[0] // self.multiple) * self.multiple, -(-size[1] // self.multiple) * self.multiple)

    def fed(self, src_sm: Array) -> NDArray[Any]:
        """The input. src_sm: (3, h, w) float32 in [0, 1]. Sides that are no multiples are filled up with their last samples: a picture
        that is resampled loses its finest edges."""
        picture = np.ascontiguousarray(src_sm.transpose(1, 2, 0))
        height, width = picture.shape[:2]
        inner = self.inner((width, height))
        if self.size:
            shrinks = inner[0] < width and inner[1] < height
            picture = cv2.resize(picture, inner, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
        elif inner != (width, height):
            picture = cv2.copyMakeBorder(picture, 0, inner[1] - height, 0, inner[0] - width, cv2.BORDER_REPLICATE)
        return self._arranged(picture)[None]

    def _arranged(self, picture: Array) -> NDArray[Any]:
        if any(self.mean) or set(self.std) != {1.0}:
            picture = (picture - np.asarray(self.mean, np.float32)) * np.asarray(1 / np.asarray(self.std), np.float32)
        if self.dtype == "uint8":
            picture = np.rint(np.clip(picture, 0, 1) * np.float32(255))
        if self.order == "bgr":
            picture = picture[..., ::-1]
        return np.ascontiguousarray(picture.transpose(2, 0, 1) if self.layout == "nchw" else picture, self.dtype)


@dataclass(frozen=True)
class Ports:
    """Which of a graph's inputs and outputs is what, by number. states: an input and the output that is its next. others: inputs with
    their values, for what else a network wants told."""

    src: int = 0
    pha: int = 0
    fgr: int | None = None
    bgr: int | None = None
    states: tuple[tuple[int, int], ...] = ()
    others: tuple[tuple[int, float], ...] = ()


class Seen(NamedTuple):
    """What a network made of a picture. pha: (h, w) float32 in [0, 1]; fgr: (3, h, w) where it gives one."""

    pha: Array
    fgr: Array | None
    states: States


class Network:
    """A graph with what is known of it. read: what makes alpha of the output that holds it."""

    def __init__(self, graph: Graph, wish: Wish = Wish(), ports: Ports = Ports(), read: Read | None = None) -> None:
        self.graph, self.wish, self.ports = graph, wish, ports
        self._read = read or alpha_of
        self._zeros: dict[Size, States] = {}

    def see(self, src_sm: Array, *, bgr_sm: Array | None = None, states: States | None = None) -> Seen:
        """src_sm, bgr_sm: (3, h, w) float32 in [0, 1]. states: None starts, else those of the picture before, of the same size.

        SettingsError: the network does not take a picture of that size. EngineError: it gives no numbers."""
        size = (src_sm.shape[2], src_sm.shape[1])
        try:
            results = self.graph.run(self._given(src_sm, bgr_sm, states))
        except ValueError as error:  # a picture of ours is as it should be: the network is told wrong, or made for other sizes
            raise SettingsError(f"the network does not take a picture of {size[0]}x{size[1]}: {error}") from error
        pha = self._own_size(self._read(results[self.ports.pha]), size)
        if not np.isfinite(pha).all():
            raise EngineError("the network gives numbers that are none (NaN); a file in half precision may need one in fp32")
        fgr = None if self.ports.fgr is None else self._own_size(_colour_of(results[self.ports.fgr]), size).transpose(2, 0, 1)
        return Seen(pha, fgr, tuple(results[index] for _, index in self.ports.states))

    def rehearse(self, src_sm: Array) -> list[NDArray[Any]]:
        """All outputs for a picture, which is its own plate; nothing is concluded from it."""
        return self.graph.rehearse(self._given(src_sm, src_sm, None))

    def _given(self, src_sm: Array, bgr_sm: Array | None, states: States | None) -> list[NDArray[Any] | None]:
        """An array for each input."""
        given: list[NDArray[Any] | None] = [None] * len(self.graph.inputs)
        given[self.ports.src] = self.wish.fed(src_sm)
        if self.ports.bgr is not None and bgr_sm is not None:
            given[self.ports.bgr] = self.wish.fed(bgr_sm)
        for index, value in self.ports.others:
            port = self.graph.inputs[index]
            given[index] = np.full([side or 1 for side in port.shape], value, port.dtype)
        states = self._fresh((src_sm.shape[2], src_sm.shape[1])) if states is None else states
        for (index, _), state in zip(self.ports.states, states, strict=True):
            given[index] = state
        return given

    def ready(self, size: Size) -> bool:
        """Whether a picture of that size runs at once. If not, that is prepared in the background."""
        return self.graph.ready(self._shapes(size, [None if zero is None else zero.shape for zero in self._fresh(size)]))

    def _shapes(self, size: Size, states: list[Any]) -> list[Any]:
        """Of all inputs."""
        shapes: list[Any] = [None] * len(self.graph.inputs)
        for index in (self.ports.src, self.ports.bgr):
            if index is not None:
                shapes[index] = self.wish.shape(size)
        for index, _ in self.ports.others:
            shapes[index] = tuple(side or 1 for side in self.graph.inputs[index].shape)
        for (index, _), shape in zip(self.ports.states, states, strict=True):
            shapes[index] = shape
        return shapes

    def _fresh(self, size: Size) -> States:
        """Zeros for states, in the shape of the output that is their next; where a side is not known it is 1, as RVM's author has it."""
        if size not in self._zeros:
            self._zeros = {size: self._make_zeros(size) if self.ports.states else ()}
        return self._zeros[size]

    def _make_zeros(self, size: Size) -> States:
        found = self.graph.infer(self._shapes(size, [None] * len(self.ports.states)))
        zeros: list[NDArray[Any] | None] = []
        for index, output in self.ports.states:
            port = self.graph.inputs[index]
            sides = [own or made or 1 for own, made in zip(port.shape, found[output], strict=True)]
            zeros.append(None if port.optional else np.zeros(sides, port.dtype))
        return tuple(zeros)

    def _own_size(self, picture: Array, size: Size) -> Array:
        """(h, w) or (h, w, C) as the network saw it, at the picture's own size."""
        if self.wish.size:
            return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_LINEAR))
        inner = self.wish.inner(size)  # with what its sides were filled up with, which a smaller output has too
        if picture.shape[1::-1] != inner:
            picture = np.asarray(cv2.resize(picture, inner, interpolation=cv2.INTER_LINEAR))
        return picture[: size[1], : size[0]]


def alpha_of(output: NDArray[Any]) -> Array:
    """Alpha (h, w) of an output with one channel: (1, 1, h, w), (1, h, w, 1), (1, h, w) or (h, w)."""
    if output.ndim == 4:
        output = output[0, 0] if output.shape[1] == 1 else output[0, ..., 0]
    elif output.ndim == 3:
        output = output[0]
    return np.clip(np.asarray(output, np.float32), 0, 1)


def _colour_of(output: NDArray[Any]) -> Array:
    """(h, w, 3) of an output (1, 3, h, w) or (1, h, w, 3)."""
    picture = output[0].transpose(1, 2, 0) if output.shape[1] == 3 else output[0]
    return np.ascontiguousarray(np.clip(picture, 0, 1), np.float32)
