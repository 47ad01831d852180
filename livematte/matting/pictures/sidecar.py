"""What a user says of a network of their own where it cannot be seen: NAME.toml beside NAME.onnx."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, cast

from livematte.errors import SettingsError
from livematte.frame import Size


@dataclass(frozen=True)
class Sidecar:
    """All of it may be missing. path: of the file, or where it would be.

    input, plate, output, foreground: names of the network's own. states: inputs by their names, each with the output that is its next.
    values: of other inputs. mean, std: as of Wish. size: the only one, (width, height); multiple: what sides are multiples of.
    activation: what makes the output alpha, or scores. levels: as of PictureEngine. classes: names of the scores' channels, in order."""

    path: Path
    input: str | None = None
    plate: str | None = None
    output: str | None = None
    foreground: str | None = None
    states: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, float] = field(default_factory=dict)
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    layout: Literal["nchw", "nhwc"] | None = None
    order: Literal["rgb", "bgr"] = "rgb"
    size: Size | None = None
    multiple: int | None = None
    activation: Literal["none", "sigmoid", "softmax", "bytes"] | None = None
    levels: tuple[float, float] | None = None
    classes: tuple[str, ...] = ()


def read_sidecar(network: Path) -> Sidecar:
    """The network's; an empty one where there is none. SettingsError: no TOML, an unknown key, or a value that its key does not take."""
    path = network.with_suffix(".toml")
    if not path.is_file():
        return Sidecar(path)
    try:
        given = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{path} is no TOML: {error}") from error
    values: dict[str, Any] = {}
    for key, value in given.items():
        if key not in _KEYS:
            raise SettingsError(f"{path}: there is no key {key!r}; wanted one of {', '.join(_KEYS)}")
        read, wanted = _KEYS[key]
        try:
            values |= cast(Mapping[str, Any], read(key, value))
        except (TypeError, ValueError) as error:
            raise SettingsError(f"{path}: {key} is {value!r}; wanted {wanted}") from error
    if "range" in given and {"mean", "std"} & set(given):
        raise SettingsError(f"{path}: range and mean or std exclude each other; leave one of them out")
    return Sidecar(path, **values)


def _name(key: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, str) or not value:
        raise TypeError
    return {key: value}


def _one_of(*words: str) -> Callable[[str, Any], dict[str, Any]]:
    def read(key: str, value: Any) -> dict[str, Any]:
        if value not in words:
            raise ValueError
        return {key: value}

    return read


def _pairs(kind: Any) -> Callable[[str, Any], dict[str, Any]]:
    def read(key: str, value: Any) -> dict[str, Any]:
        if not isinstance(value, dict) or not all(isinstance(one, kind) and not isinstance(one, bool) for one in value.values()):
            raise TypeError
        return {key: value}

    return read


def _colour(key: str, value: Any) -> dict[str, Any]:
    numbers = tuple(float(number) for number in value)
    if len(numbers) != 3 or (key == "std" and 0 in numbers):
        raise ValueError
    return {key: numbers}


def _range(key: str, value: Any) -> dict[str, Any]:
    low, high = {"0..1": (0.0, 1.0), "-1..1": (-1.0, 1.0), "0..255": (0.0, 255.0)}.get(value, (0.0, 0.0))
    if low == high:
        raise ValueError
    return {"mean": (-low / (high - low),) * 3, "std": (1 / (high - low),) * 3}


def _size(key: str, value: Any) -> dict[str, Any]:
    width, height = value
    if not all(isinstance(side, int) and 16 <= side <= 8192 for side in (width, height)):
        raise ValueError
    return {key: (width, height)}


def _levels(key: str, value: Any) -> dict[str, Any]:
    low, high = (float(level) for level in value)
    if not 0 <= low < high <= 1:
        raise ValueError
    return {key: (low, high)}


def _multiple(key: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, int) or not 1 <= value <= 512:
        raise ValueError
    return {key: value}


def _names(key: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, list) or not value or not all(isinstance(name, str) for name in value):
        raise TypeError
    return {key: tuple(value)}


# Each key's reader, and what it takes, for people.
_KEYS: dict[str, tuple[Callable[[str, Any], dict[str, Any]], str]] = {
    "input": (_name, "the name of the picture's input"),
    "plate": (_name, "the name of the plate's input"),
    "output": (_name, "the name of the output with alpha, or with scores"),
    "foreground": (_name, "the name of the output with the foreground colour"),
    "states": (_pairs(str), 'a table of inputs and their next, such as {r1i = "r1o"}'),
    "values": (_pairs(int | float), "a table of inputs and their numbers, such as {downsample_ratio = 1.0}"),
    "mean": (_colour, "three numbers, of R, G, B in 0 to 1"),
    "std": (_colour, "three numbers that are not 0, of R, G, B in 0 to 1"),
    "range": (_range, '"0..1", "-1..1" or "0..255"'),
    "layout": (_one_of("nchw", "nhwc"), '"nchw" or "nhwc"'),
    "order": (_one_of("rgb", "bgr"), '"rgb" or "bgr"'),
    "size": (_size, "[width, height], each from 16 to 8192"),
    "multiple": (_multiple, "a whole number from 1 to 512"),
    "activation": (_one_of("none", "sigmoid", "softmax", "bytes"), '"none", "sigmoid", "softmax" or "bytes"'),
    "levels": (_levels, "[low, high] in 0 to 1, such as [0.2, 0.8]: up to the first nobody, from the second on somebody"),
    "classes": (_names, "a list of names, one for each channel of the scores"),
}
