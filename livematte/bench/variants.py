"""What the gate judges: ways to a matte, each a name and what makes a Matter of that kind.

To judge another one is a line: `Variant("follow the person", chosen(follow="auto"), default=True)` in METHODS, with the settings that make
it, or any function that gives a context manager of a Matter in the place of `chosen`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from livematte.bench.choices import Choice, engines_here, open_chosen
from livematte.engines import Engine, Floats
from livematte.finish import Finish, Finished
from livematte.frame import Frame, Matte
from livematte.matting.base import Matter
from livematte.networks.rvm import apply_coefficients
from livematte.opening import SETTLED, make_matter
from livematte.settings import Settings

Make = Callable[[], AbstractContextManager[Matter]]


@dataclass(frozen=True)
class Variant:
    """make(): opens the matter; EngineError where this machine has none such. default: what livematte does unasked, which must pass."""

    name: str
    make: Make
    default: bool = False


def chosen(choice: Choice | None = None, *, reuse: bool = False, **values: Any) -> Make:
    """The matter of a choice and these settings, on the whole frame unless they say else. reuse: of what is known of still pictures."""
    return lambda: _opened((choice or Choice()).whole.settings(**values), reuse)


def finished_as_usual() -> Make:
    """The reference, with what a job does to its mattes."""

    @contextmanager
    def opened() -> Iterator[Matter]:
        with chosen()() as matter:
            yield Finished(matter, Finish(smooth=SETTLED, tidy=True))

    return opened


REFERENCE = Variant("whole frame, nothing reused", chosen())
METHODS = (
    Variant("follow the person", chosen(follow="auto"), default=True),
    Variant("finished as by default", finished_as_usual(), default=True),
)
REUSES = (  # judged on clips that pause
    Variant("reuse of still pictures", chosen(reuse=True), default=True),
    Variant("follow and reuse", chosen(follow="auto", reuse=True), default=True),
)

EXACTLY = Choice("cpu", "onnxruntime", "fp32")
EXACT = Variant("onnxruntime fp32", chosen(EXACTLY))


def engines() -> list[Variant]:
    """Every engine and precision of this machine but EXACT's."""
    unasked = _of_engine(open_chosen(Choice().settings()))
    here = [choice for choice in engines_here() if choice != EXACTLY]
    return [Variant(name := _name(choice), chosen(choice), default=name == unasked) for choice in here]


def _name(choice: Choice) -> str:
    return " ".join(filter(None, (choice.runtime, choice.precision, "" if choice.device == "cpu" else f"on {choice.device}")))


def _of_engine(engine: Engine) -> str:
    """Closes it."""
    engine.close()
    return _name(Choice(engine.device.partition(":")[0], engine.name, engine.precision))


@contextmanager
def _opened(settings: Settings, reuse: bool) -> Iterator[Matter]:
    engine = open_chosen(settings)
    try:
        matter = make_matter(engine, settings, reuse=reuse)
        yield matter
    finally:
        engine.close()


@contextmanager
def full_size() -> Iterator[Matter]:
    """EXACT's network, its coefficients applied to the whole frame's R'G'B' as the paper has it."""
    settings = EXACTLY.whole.settings()
    engine = open_chosen(settings)
    try:
        yield _FullSize(engine, settings)
    finally:
        engine.close()


class _FullSize:
    """A Matter by networks.rvm.apply_coefficients. The network is run by the usual one, whose coefficients are listened to."""

    def __init__(self, engine: Engine, settings: Settings) -> None:
        self._heard = _Heard(engine)
        self._matter = make_matter(self._heard, settings, reuse=False)

    def step(self, frame: Frame) -> Matte:
        self._matter.step(frame)
        src = torch.from_numpy(np.ascontiguousarray(frame.rgb().transpose(2, 0, 1)))[None]
        _, pha = apply_coefficients(src, torch.from_numpy(np.ascontiguousarray(self._heard.coef))[None])
        return Matte(pha[0, 0].numpy(), frame)

    def reset(self) -> None:
        self._matter.reset()

    def prime(self, frames: Sequence[Frame]) -> None:
        self._matter.prime(frames)


class _Heard:
    """An Engine, and what it last gave."""

    def __init__(self, engine: Engine) -> None:
        self.name, self.device, self.precision, self.threads = engine.name, engine.device, engine.precision, engine.threads
        self.recurrent, self.parts, self.channels_last = engine.recurrent, engine.parts, engine.channels_last
        self.coef = np.zeros((8, 1, 1), np.float32)
        self._engine = engine

    @property
    def describe(self) -> str:
        return self._engine.describe

    def run(self, src_sm: Floats, rec: object | None) -> tuple[Floats, object]:
        self.coef, rec = self._engine.run(src_sm, rec)
        return self.coef, rec

    def ready(self, height: int, width: int) -> bool:
        return self._engine.ready(height, width)

    @property
    def making(self) -> bool:
        return self._engine.making

    def close(self) -> None:
        self._engine.close()


FULL_SIZE = Variant("full-size formula", full_size)
IN_TILES = Variant("refined in tiles", EXACT.make, default=True)
