"""A network of the user's own: what its inputs and outputs are, told by their shapes and names, and by one picture to see what comes out.

What cannot be told stands in a file beside it (sidecar.py); for the rest there is an error with the names and shapes found.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, Literal, NamedTuple, NoReturn

import cv2
import numpy as np
from numpy.typing import NDArray

from livematte.engines.graphs import Graph, Port
from livematte.errors import EngineError, WeightsError
from livematte.matting.pictures.network import Array, Network, Ports, Read, Wish, alpha_of
from livematte.matting.pictures.segment import LEVELS, Activation, Scores, chosen_classes, sigmoid
from livematte.matting.pictures.sidecar import Sidecar

Kind = Literal["picture", "recurrent", "plate", "classes"]
_PICTURES = ("src", "input", "image", "img", "picture", "frame", "rgb", "x", "pixel_values")
_PLATES = ("bgr", "bg", "background", "plate", "trueb")
_ALPHAS = ("pha", "alpha", "matte")
_FOREGROUNDS = ("fgr", "fg", "foreground")
_VALUES = {"downsample_ratio": 1.0}  # RVM's: the picture comes at the size at which it is to be seen
_TRIED = 256  # sides of the picture that is shown to a network which takes any; and one multiple more, of
_MULTIPLES = (16, 32, 64, 128)  # what sides may have to be multiples of, tried in turn; pictures come in sixteens anyway (follow.py)
_BEYOND = 0.01  # of [0, 1]: what a network's last rounding may do
SURE = (0.01, 0.99)  # an alpha's levels, as of PictureEngine


class _Shape(NamedTuple):
    """Of an output. channels: how many, on which axis; 0 where it is no picture."""

    axis: int
    channels: int


class Recognised(NamedTuple):
    """kind: what it makes its matte of. levels: as of PictureEngine."""

    kind: Kind
    network: Network
    levels: tuple[float, float]


def recognise(graph: Graph, told: Sidecar, *, wanted: str | None = None) -> Recognised:
    """told: what the user says of it. wanted: the class, of a network that gives scores, as of segment.chosen_classes.

    WeightsError: an input or an output that cannot be told, with the names and shapes of all. SettingsError: no such class."""
    finder = _Finder(graph, told)
    wish, ports = finder.inputs()
    reasons: list[Exception] = []
    for multiple in (1,) if wish.size else (told.multiple,) if told.multiple else _MULTIPLES:
        wish = replace(wish, multiple=multiple)
        try:
            results = Network(graph, wish, ports).rehearse(_shown(wish))
        except (ValueError, EngineError) as error:
            reasons.append(error)
            continue
        return finder.outputs(wish, ports, results, wanted)
    raise WeightsError(f"the network does not run: {reasons[-1]}\nSay what it wants in {told.path}: size, multiple, layout") from reasons[
        -1
    ]


class _Finder:
    """For one graph."""

    def __init__(self, graph: Graph, told: Sidecar) -> None:
        self._graph, self._told = graph, told

    def inputs(self) -> tuple[Wish, Ports]:
        told, inputs = self._told, self._graph.inputs
        others = tuple((self._named(inputs, name), value) for name, value in {**self._known_values(), **told.values}.items())
        states = tuple((self._named(inputs, name), self._named(self._graph.outputs, after)) for name, after in told.states.items())
        states = states or tuple(_paired(inputs, self._graph.outputs))
        taken = {index for index, _ in (*others, *states)}
        src, plate = self._pictures([index for index in range(len(inputs)) if index not in taken])
        left = [index for index, port in enumerate(inputs) if index not in {*taken, src, plate}]
        rest = [index for index in left if inputs[index].dtype.startswith("float") and inputs[index].shape]
        states += self._last(rest, len(states))
        missing = [index for index in left if index not in rest and not inputs[index].optional]
        if missing:
            self._fail(f"what {inputs[missing[0]].name} is for")
        return self._wish(inputs[src]), Ports(src=src, bgr=plate, states=states, others=others)

    def _known_values(self) -> dict[str, float]:
        return {port.name: _VALUES[port.name] for port in self._graph.inputs if port.name in _VALUES and not port.optional}

    def _pictures(self, free: list[int]) -> tuple[int, int | None]:
        """The picture's input and the plate's."""
        inputs, told = self._graph.inputs, self._told
        src = None if told.input is None else self._named(inputs, told.input)
        plate = None if told.plate is None else self._named(inputs, told.plate)
        found = [index for index in free if _layout(inputs[index]) and index not in (src, plate)]
        if src is None:
            by_name = [index for index in found if _is_called(inputs[index], _PICTURES)]
            others = [index for index in found if not _is_called(inputs[index], _PLATES)]
            src = next(iter([*by_name, *others, *found]), None)
        if src is None:
            self._fail("which input is the picture")
        found = [index for index in found if index != src]
        if len(found) > 1 and plate is None:
            self._fail("which input is the plate")
        return src, plate if plate is not None else next(iter(found), None)

    def _last(self, rest: list[int], known: int) -> tuple[tuple[int, int], ...]:
        """Inputs that are left are states, whose next are the last outputs, in order, where those go together."""
        outputs = self._graph.outputs
        free = [index for index, port in enumerate(outputs) if not _is_called(port, (*_ALPHAS, *_FOREGROUNDS))]
        pairs = tuple(zip(rest, free[len(free) - len(rest) :], strict=False))
        fits = len(pairs) == len(rest) < len(outputs) and all(_go_together(self._graph.inputs[i], outputs[o]) for i, o in pairs)
        if rest and (known or not fits):
            self._fail(f"what {self._graph.inputs[rest[0]].name} is for")
        return pairs

    def _wish(self, port: Port) -> Wish:
        told = self._told
        layout = told.layout or _layout(port) or "nchw"
        sides = port.shape[2:] if layout == "nchw" else port.shape[1:3]
        fixed = (sides[1], sides[0]) if len(sides) == 2 and None not in sides else None
        wish = Wish(layout=layout, order=told.order, dtype=port.dtype, size=told.size or fixed)  # type: ignore[arg-type]
        return replace(wish, mean=told.mean or wish.mean, std=told.std or wish.std)

    def outputs(self, wish: Wish, ports: Ports, results: Sequence[NDArray[Any]], wanted: str | None) -> Recognised:
        """What comes out, by what came out."""
        nexts = {output for _, output in ports.states}
        free = [index for index in range(len(results)) if index not in nexts]
        shapes = [_shape(result, wish) for result in results]
        fgr = self._foreground(free, shapes)
        pha = self._alpha([index for index in free if index != fgr and results[index].dtype.kind in "fu"], shapes)
        ports, count = replace(ports, pha=pha, fgr=fgr), shapes[pha].channels
        if not count:
            self._fail(f"what {self._graph.outputs[pha].name} holds")
        kind: Kind = "plate" if ports.bgr is not None else "recurrent" if ports.states else "picture"
        if kind == "plate" and ports.states:
            self._fail("how a plate and a state go together")
        activation = self._told.activation or _activation(results[pha])
        if count == 1:
            return Recognised(kind, Network(self._graph, wish, ports, _READERS[activation]), self._told.levels or SURE)
        classes = chosen_classes(wanted, count, self._told.classes)
        network = Network(self._graph, wish, ports, Scores(classes, activation, shapes[pha].axis))
        return Recognised("classes" if kind == "picture" else kind, network, self._told.levels or LEVELS)

    def _alpha(self, free: list[int], shapes: Sequence[_Shape]) -> int:
        outputs = self._graph.outputs
        if self._told.output is not None:
            return self._named(outputs, self._told.output)
        pictures = [index for index in free if shapes[index].channels]
        by_name = [index for index in pictures if _is_called(outputs[index], _ALPHAS)]
        single = [index for index in pictures if shapes[index].channels == 1]
        found = next(iter([*by_name, *single, *pictures]), None)
        if found is None:
            self._fail("which output is alpha")
        return found

    def _foreground(self, free: list[int], shapes: Sequence[_Shape]) -> int | None:
        outputs = self._graph.outputs
        if self._told.foreground is not None:
            return self._named(outputs, self._told.foreground)
        colours = [index for index in free if shapes[index].channels == 3]
        numbered = len(free) > 1 and all(port.name.isdecimal() for port in outputs)  # TorchScript's outputs have no names
        return next((index for index in colours if numbered or _is_called(outputs[index], _FOREGROUNDS)), None)

    def _named(self, ports: Sequence[Port], name: str) -> int:
        for index, port in enumerate(ports):
            if port.name == name:
                return index
        self._fail(f"which is {name!r}, that the file beside it names")

    def _fail(self, what: str) -> NoReturn:
        found = f"its inputs are {_listed(self._graph.inputs)}; its outputs are {_listed(self._graph.outputs)}"
        raise WeightsError(f"cannot tell {what}: {found}\nSay it in {self._told.path}: input, plate, output, states, values, layout")


def _layout(port: Port) -> Literal["nchw", "nhwc"] | None:
    """How a picture lies in an input; None where it takes none."""
    if len(port.shape) != 4 or port.shape[0] not in (1, None) or port.dtype not in ("float32", "float16", "uint8"):
        return None
    if port.shape[1] == 3 or (port.shape[1] is None and port.shape[3] is None and _is_called(port, (*_PICTURES, *_PLATES))):
        return "nchw"
    return "nhwc" if port.shape[3] == 3 else None


def _is_called(port: Port, names: Sequence[str]) -> bool:
    """By one of the names, with or without what exporters add: input_1, serving_default_image:0, pha.1."""
    plain = port.name.lower().removeprefix("serving_default_").split(":")[0]
    return plain in names or plain.rstrip("0123456789._") in names


def _shape(output: NDArray[Any], wish: Wish) -> _Shape:
    """Of (1, C, h, w) or (1, h, w, C), whichever has the picture's proportions, else as the picture lies; (1, h, w) or (h, w)."""
    if output.ndim != 4:
        return _Shape(1, int(output.ndim in (2, 3) and min(output.shape[-2:]) > 1))
    width, height = wish.size or (1, 1)
    axes = (1, 3) if wish.layout == "nchw" else (3, 1)
    sides = {1: output.shape[2:], 3: output.shape[1:3]}
    axis = next((axis for axis in axes if sides[axis][0] * width == sides[axis][1] * height), axes[0])
    return _Shape(axis, output.shape[axis] if min(sides[axis]) > 1 else 0)


def _go_together(one: Port, other: Port) -> bool:
    """Whether an output may be the next of an input."""
    if len(one.shape) != len(other.shape) and one.shape and other.shape:
        return False
    return all(a == b or None in (a, b) for a, b in zip(one.shape, other.shape, strict=False))


def _paired(inputs: Sequence[Port], outputs: Sequence[Port]) -> Iterator[tuple[int, int]]:
    """Inputs and outputs whose names say that one is the next of the other: r1i and r1o, h_in and h_out, h and new_h."""
    places = {port.name.lower(): index for index, port in enumerate(outputs)}
    for index, port in enumerate(inputs):
        name = port.name.lower()
        if len(inputs) == 1 or _is_called(port, _PICTURES):
            continue
        nexts = [name[:-1] + "o"] if name.endswith("i") else []
        nexts += [name.replace("in", "out"), name.replace("prev", "next"), name.replace("past", "present")]
        nexts += [f"{name}o", f"{name}_o", f"{name}_out", f"{name}_next", f"{name}_new", f"next_{name}", f"new_{name}"]
        found = next((places[after] for after in nexts if after != name and after in places), None)
        if found is not None and _go_together(port, outputs[found]):
            yield index, found


def _shown(wish: Wish) -> Array:
    """A picture for a network to be tried with, always the same."""
    side = -(-_TRIED // wish.multiple) * wish.multiple + wish.multiple  # a multiple of no more than that
    picture = cv2.resize(np.random.default_rng(0).random((9, 9, 3), np.float32), wish.size or (side, side), interpolation=cv2.INTER_CUBIC)
    return np.clip(picture, 0, 1).transpose(2, 0, 1)


def _activation(output: NDArray[Any]) -> Activation:
    """What makes alpha or scores of such numbers."""
    if output.dtype == np.uint8:
        return "bytes"
    if output.min() >= -_BEYOND and output.max() <= 1 + _BEYOND:
        return "none"
    return "softmax" if output.ndim == 4 and 1 not in (output.shape[1], output.shape[3]) else "sigmoid"


def _alpha_of_logits(output: NDArray[Any]) -> Array:
    return alpha_of(sigmoid(output))


def _alpha_of_bytes(output: NDArray[Any]) -> Array:
    return alpha_of(np.asarray(output, np.float32) * np.float32(1 / 255))


_READERS: dict[str, Read] = {"none": alpha_of, "sigmoid": _alpha_of_logits, "softmax": _alpha_of_logits, "bytes": _alpha_of_bytes}


def _listed(ports: Sequence[Port]) -> str:
    return ", ".join(map(str, ports)) or "none"
