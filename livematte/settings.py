"""One validated settings model for the command line, the configuration file and the library. A bad value is a SettingsError."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from livematte.errors import SettingsError

Size = tuple[int, int]
DEFAULT_MODEL = "rvm-mobilenetv3"
# The method that a setting implies by being there.
IMPLIES = {"key": "key", "threshold": "threshold", "plate": "plate", "trimap": "closed-form", "strokes": "closed-form"}
_BEYOND = ("greater_than", "greater_than_equal", "less_than", "less_than_equal", "finite_number")
_SHOWN = 60  # characters of a value that is wrong
_UNITS = {"k": 1_000, "M": 1_000_000}


def _seconds(value: Any) -> Any:
    """ "90", "1:30", "0:01:30.5" -> seconds."""
    if not isinstance(value, str):
        return value
    match = re.fullmatch(r"(?:(?:(\d+):)?(\d+):)?(\d+(?:\.\d*)?|\.\d+)", value)
    if not match:
        raise ValueError("wanted seconds, or minutes:seconds")
    hours, minutes, seconds = match.groups()
    return int(hours or 0) * 3600 + int(minutes or 0) * 60 + float(seconds)


def _bits(value: Any) -> Any:
    """ "8M", "500k", "800000" -> bits per second."""
    if not isinstance(value, str):
        return value
    match = re.fullmatch(r"(\d+(?:\.\d*)?)([kM]?)", value)
    if not match:
        raise ValueError("wanted bits per second, such as 8M or 500k")
    return round(float(match[1]) * _UNITS.get(match[2], 1))


def _size(value: Any) -> Any:
    """ "1280x720" -> (1280, 720)."""
    if value is None:
        return None
    match = re.fullmatch(r"(\d{2,5})x(\d{2,5})", "x".join(map(str, value)) if isinstance(value, list | tuple) else str(value))
    if not match or not all(16 <= int(side) <= 16384 for side in match.groups()):
        raise ValueError("wanted WIDTHxHEIGHT, such as 1280x720; each from 16 to 16384")
    return int(match[1]), int(match[2])


def _rate(value: Any) -> Any:
    """ "30", "29.97", "30000/1001" -> frames per second."""
    if not isinstance(value, str | int | float | Fraction):
        return value
    try:
        rate = Fraction(str(value)).limit_denominator(1001)
    except (ValueError, ZeroDivisionError):
        raise ValueError("wanted frames per second, such as 30 or 30000/1001") from None
    if not 1 <= rate <= 240:
        raise ValueError("wanted 1 to 240 frames per second")
    return rate


def _detail(value: Any) -> Any:
    return None if value == "auto" else value


def _number_or_name(value: Any) -> Any:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _keep(value: Any) -> Any:
    """ "all", "nearest", or how many people."""
    if value in ("all", "nearest"):
        return value
    if isinstance(value, bool) or not re.fullmatch(r"[1-9]\d?", str(value)):
        raise ValueError("wanted all, nearest or how many people, from 1 to 99")
    return int(value)


def _threshold(value: Any) -> Any:
    """ "otsu", "adaptive", or a level from 0 to 1."""
    if value in (None, "otsu", "adaptive"):
        return value
    try:
        level = float(value)
    except (TypeError, ValueError):
        level = -1.0
    if not 0 <= level <= 1:
        raise ValueError("wanted otsu, adaptive or a level from 0 to 1")
    return level


Seconds = Annotated[float, BeforeValidator(_seconds), Field(ge=0, allow_inf_nan=False)]


class Settings(BaseModel):
    """What a job does. Fields are the command line's options by the same names; see `livematte --help`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    input: str = Field(min_length=1)
    outputs: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    background: str = "none"
    backgrounds: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    view: Literal["auto", "composite", "cutout", "alpha", "foreground", "triptych"] = "auto"
    model: str = "auto"
    weights: Path | None = None
    plate: Annotated[str | None, Field(min_length=1)] = None
    key: Annotated[str | None, Field(min_length=1)] = None
    tolerance: float | None = Field(None, ge=0, le=0.45, allow_inf_nan=False)
    softness: float | None = Field(None, ge=0, le=1, allow_inf_nan=False)
    despill: float | None = Field(None, ge=0, le=1, allow_inf_nan=False)
    garbage: Path | None = None
    holdout: Path | None = None
    threshold: Annotated[str | float | None, BeforeValidator(_threshold)] = None
    space: str | None = None
    invert: bool = False
    trimap: Annotated[str | None, Field(min_length=1)] = None
    strokes: Annotated[str | None, Field(min_length=1)] = None
    of_class: Annotated[Annotated[str, Field(min_length=1)] | None, BeforeValidator(_number_or_name)] = None
    device: str = "auto"
    precision: Literal["auto", "fp32", "fp16", "bf16", "int8"] = "auto"
    runtime: Literal["auto", "openvino", "onnxruntime", "torch"] = "auto"
    threads: int | None = Field(None, ge=1, le=256)
    detail: Annotated[int | None, BeforeValidator(_detail)] = Field(None, ge=64, le=4096)
    follow: Literal["auto", "off"] = "auto"
    choke: float = Field(0.0, ge=-100, le=100, allow_inf_nan=False)
    feather: float = Field(0.0, ge=0, le=100, allow_inf_nan=False)
    smooth: float | None = Field(None, ge=0, le=5, allow_inf_nan=False)
    ofd: bool = False
    tidy: Literal["auto", "off"] = "auto"
    keep: Annotated[Literal["all", "nearest"] | int, BeforeValidator(_keep)] = "all"
    props: Annotated[str | None, Field(min_length=1)] = None
    light_wrap: float = Field(0.0, ge=0, le=1, allow_inf_nan=False)
    match: float = Field(0.0, ge=0, le=1, allow_inf_nan=False)
    alpha: Literal["straight", "premultiplied"] = "straight"
    mirror: bool = False
    size: Annotated[Size | None, BeforeValidator(_size)] = None
    fps: Annotated[Fraction | None, BeforeValidator(_rate)] = None
    pixel_format: str | None = None
    on_demand: bool = False
    start: Seconds = 0.0
    end: Seconds | None = None
    frames: int | None = Field(None, ge=1)
    codec: str | None = None
    crf: int | None = Field(None, ge=0, le=63)
    preset: str | None = None
    bitrate: Annotated[int | None, BeforeValidator(_bits)] = Field(None, ge=1000)
    keyframes: float | None = Field(None, gt=0, le=60, allow_inf_nan=False)
    overwrite: bool = False
    report: Path | None = None

    @model_validator(mode="before")
    @classmethod
    def _several(cls, values: Any) -> Any:
        """Of several backgrounds the first is shown, the others are those to go on to; a single output is a list of one."""
        if isinstance(values, dict) and isinstance(several := values.get("background"), list | tuple) and several:
            values = {**values, "background": several[0], "backgrounds": tuple(several[1:])}
        if isinstance(values, dict) and isinstance(one := values.get("outputs"), str):
            values = {**values, "outputs": (one,)}
        return values

    @model_validator(mode="after")
    def _go_together(self) -> Self:
        if self.end is not None and self.end <= self.start:
            raise ValueError(f"end {self.end:g} is not after start {self.start:g}")
        if self.crf is not None and self.bitrate is not None:
            raise ValueError("crf and bitrate exclude each other; give one")
        given = [name for name in IMPLIES if getattr(self, name) is not None]
        if len(given) > 1:
            raise ValueError(f"--{given[0]} and --{given[1]} are different ways to a matte; give one")
        return self

    @property
    def method(self) -> str:
        """The way to a matte: the model by its name or file, or what the other settings imply."""
        if self.model != "auto":
            return self.model
        return next((IMPLIES[name] for name in IMPLIES if getattr(self, name) is not None), DEFAULT_MODEL)


_NAMES = tuple(name for name in Settings.model_fields if name != "backgrounds")  # that one is part of "background"
_WORDS = {"outputs": "output", "of_class": "class"}  # what people call a setting, where it is not the field's own name


def make_settings(config: Config | None = None, **values: Any) -> Settings:
    """Settings from values as a person gave them, over those of a configuration file. SettingsError names the option, or the file's line
    and key, what was got and what is valid."""
    try:
        return Settings(**{**(config.values if config else {}), **values})
    except ValidationError as error:
        raise SettingsError(_told(error, None if config is None else config.without(values))) from error


@dataclass(frozen=True)
class Config:
    """What a configuration file says. lines: the number of each key's line."""

    path: Path
    values: dict[str, Any]
    lines: dict[str, int]

    def without(self, names: Iterable[str]) -> Config:
        """What the command line left of it."""
        return replace(self, lines={key: line for key, line in self.lines.items() if key not in set(names)})

    def place(self, key: str) -> str:
        line = self.lines.get(key)
        word = _WORDS[key] if key == "of_class" else key  # `outputs` may be called so
        return f"{self.path}{f', line {line}' if line else ''}: {word.replace('_', '-')}"


def read_config(path: Path) -> Config:
    """A TOML file whose keys are the command line's options: `output` or `outputs`, one or a list; `background`, one or a list.

    SettingsError where it cannot be read, is no TOML, or has a key that is none."""
    try:
        text = path.read_text(encoding="utf-8")
        given = tomllib.loads(text)
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"--config: cannot read {path}: {getattr(error, 'strerror', None) or error}") from error
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path} is not TOML: {error}") from error
    values: dict[str, Any] = {}
    for key, value in given.items():
        name = {word: field for field, word in _WORDS.items()}.get(key, key.replace("-", "_"))
        if name in values:
            raise SettingsError(f"{path}: {key} is there twice, under two spellings; leave one of them out")
        values[name] = value
    lines = {key: _line_of(text, key) for key in values}
    config = Config(path, values, lines)
    for key in values:
        if key not in _NAMES:
            known = sorted(_WORDS.get(name, name.replace("_", "-")) for name in _NAMES)
            raise SettingsError(f"{config.place(key)}: there is no such setting; wanted one of {', '.join(known)}")
    return config


def _line_of(text: str, key: str) -> int:
    """The line on which a key stands, 0 where it is not found."""
    pattern = re.escape(key).replace("of_class", "(of_)?class").replace("_", "[-_]").replace("outputs", "outputs?")
    match = re.search(rf"""^\s*\[?["']?{pattern}["']?\s*[=\]]""", text, re.MULTILINE)
    return text.count("\n", 0, match.end()) + 1 if match else 0


def _limits(name: str) -> str:
    """The numbers that a setting may have, "" where it has no two limits."""
    limits = {type(limit).__name__: limit for limit in Settings.model_fields[name].metadata}
    if "Le" not in limits or not limits.keys() & {"Ge", "Gt"}:
        return ""
    high = f"{limits['Le'].le:g}"
    return f"{limits['Ge'].ge:g} to {high}" if "Ge" in limits else f"more than {limits['Gt'].gt:g}, up to {high}"


def _told(error: ValidationError, config: Config | None) -> str:
    first = error.errors()[0]
    reason = first["msg"].removeprefix("Value error, ")
    if not first["loc"]:
        return reason
    name = {"backgrounds": "background"}.get(str(first["loc"][0]), str(first["loc"][0]))
    if name not in Settings.model_fields:
        return f"unknown setting {name!r}; wanted one of {', '.join(_NAMES)}"
    if first["type"] == "missing":
        return "there is no INPUT; wanted a video, a picture, a folder, cam or a URL\nTry: livematte --help"
    if first["type"] in _BEYOND and (limits := _limits(name)):
        reason = f"wanted {limits}"
    wanted = re.sub("(Input|String) should (be|have)", "wanted", reason).replace("'", "").partition(", unable to parse")[0]
    option = "INPUT" if name == "input" else f"--{_WORDS.get(name, name).replace('_', '-')}"
    if config is not None and name in config.lines:
        option = config.place(name)
    got = str(first["input"])
    return f"{option}: got {got if len(got) <= _SHOWN else f'{got[:_SHOWN]}…'!r}, {wanted}"
