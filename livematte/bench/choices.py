"""What a run can be asked for, as the command line says it, and the engines and matters that come of it."""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from livematte import weights
from livematte.engines import PRECISIONS, RUNTIMES, Engine, open_engine
from livematte.errors import EngineError, SettingsError
from livematte.settings import Settings, make_settings

_SAID = {"detail": "detail {}", "threads": "{} threads"}  # what is no word of its own
_FOLLOW = {"off": "whole frame", "auto": "following"}


@dataclass(frozen=True)
class Choice:
    """Options of the same names; None: as livematte does it unasked."""

    device: str | None = None
    runtime: str | None = None
    precision: str | None = None
    detail: str | None = None
    follow: str | None = None
    threads: str | None = None

    @property
    def values(self) -> dict[str, str]:
        """For make_settings."""
        return {name: value for name, value in asdict(self).items() if value is not None}

    def settings(self, **more: Any) -> Settings:
        return make_settings(**({"input": "-"} | self.values | more))

    @property
    def whole(self) -> Choice:
        """The same on the whole frame."""
        return replace(self, follow="off")


def choices(options: argparse.Namespace) -> list[Choice]:
    """Each combination of what the options list. SettingsError where a value is none, before anything is measured."""
    lists = {name: getattr(options, name) or (None,) for name in Choice.__dataclass_fields__}
    combined = [Choice(**dict(zip(lists, values, strict=True))) for values in itertools.product(*lists.values())]
    for choice in combined:
        choice.settings()
    return combined


def one_choice(options: argparse.Namespace) -> Choice:
    """SettingsError where the options list several."""
    combined = choices(options)
    if len(combined) > 1:
        raise SettingsError(f"bench {options.what} measures one choice at a time; got {len(combined)}, wanted no commas")
    return combined[0]


def label(choice: Choice, among: Sequence[Choice]) -> str:
    """What tells a choice from the others: "openvino bf16, following"; "" where there is only one."""
    words = []
    for name, value in asdict(choice).items():
        if len({getattr(other, name) for other in among}) > 1:
            words.append(_FOLLOW.get(value or "", value or "auto") if name == "follow" else _SAID.get(name, "{}").format(value or "auto"))
    return ", ".join(words)


def open_chosen(settings: Settings) -> Engine:
    """The engine that a job with these settings has."""
    return open_engine(
        weights.resolve(settings.method, weights=settings.weights),
        device=settings.device,
        precision=settings.precision,
        runtime=settings.runtime,
        threads=settings.threads,
    )


def engines_here(devices: Sequence[str] | None = None) -> list[Choice]:
    """Each runtime and precision that this machine can run the network by; on each device that it has, or on those named."""
    if devices is None:
        from livematte.engines.torch_engine import present_devices

        devices = present_devices()[::-1]  # the CPU first: it is what all machines have
    every = itertools.product(devices, RUNTIMES[1:], PRECISIONS[1:])
    return [choice for choice in (Choice(*words) for words in every) if is_here(choice)]


def is_here(choice: Choice) -> bool:
    """Whether this machine can run the network so."""
    try:
        open_chosen(choice.settings()).close()
    except (EngineError, SettingsError):
        return False
    return True


def weights_file() -> Path:
    return weights.resolve(Choice().settings().method)
