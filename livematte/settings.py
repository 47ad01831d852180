"""One validated settings model for the command line and the library. Nothing is silently repaired: a bad value is a SettingsError."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from livematte.errors import SettingsError

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


def _detail(value: Any) -> Any:
    return None if value == "auto" else value


Seconds = Annotated[float, BeforeValidator(_seconds), Field(ge=0, allow_inf_nan=False)]


class Settings(BaseModel):
    """What a job does. Fields are the command line's options by the same names; see `livematte --help`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    input: str = Field(min_length=1)
    outputs: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    background: str = "none"
    view: Literal["auto", "composite", "cutout", "alpha", "foreground", "triptych"] = "auto"
    model: str = "rvm-mobilenetv3"
    weights: Path | None = None
    device: str = "auto"
    precision: Literal["auto", "fp32", "fp16", "bf16"] = "auto"
    runtime: Literal["auto", "onnxruntime", "torch"] = "auto"
    threads: int | None = Field(None, ge=1, le=256)
    detail: Annotated[int | None, BeforeValidator(_detail)] = Field(None, ge=64, le=4096)
    choke: float = Field(0.0, ge=-100, le=100, allow_inf_nan=False)
    feather: float = Field(0.0, ge=0, le=100, allow_inf_nan=False)
    alpha: Literal["straight", "premultiplied"] = "straight"
    start: Seconds = 0.0
    end: Seconds | None = None
    frames: int | None = Field(None, ge=1)
    codec: str | None = None
    crf: int | None = Field(None, ge=0, le=63)
    preset: str | None = None
    bitrate: Annotated[int | None, BeforeValidator(_bits)] = Field(None, ge=1000)
    overwrite: bool = False
    report: Path | None = None

    @model_validator(mode="after")
    def _go_together(self) -> Self:
        if self.end is not None and self.end <= self.start:
            raise ValueError(f"end {self.end:g} is not after start {self.start:g}")
        if self.crf is not None and self.bitrate is not None:
            raise ValueError("crf and bitrate exclude each other; give one")
        return self


def make_settings(**values: Any) -> Settings:
    """Settings from values as a person gave them. SettingsError names the option, what was got and what is valid."""
    try:
        return Settings(**values)
    except ValidationError as error:
        raise SettingsError(_told(error)) from error


def _told(error: ValidationError) -> str:
    first = error.errors()[0]
    reason = first["msg"].removeprefix("Value error, ")
    if not first["loc"]:
        return reason
    name = str(first["loc"][0])
    if name not in Settings.model_fields:
        return f"unknown setting {name!r}; wanted one of {', '.join(Settings.model_fields)}"
    wanted = re.sub("(Input|String) should (be|have)", "wanted", reason).replace("'", "").partition(", unable to parse")[0]
    option = {"input": "INPUT", "outputs": "--output"}.get(name, f"--{name}")
    return f"{option}: got {str(first['input'])!r}, {wanted}"
