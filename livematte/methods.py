"""Every way to a matte, by its name: what it needs, and how it is opened from a job's settings."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING

from livematte import weights
from livematte.engines import Engine, load_libraries, open_engine
from livematte.frame import Frame
from livematte.matting.base import Matter
from livematte.matting.recurrent import RecurrentMatter
from livematte.settings import Settings

if TYPE_CHECKING:
    from livematte.weights import Progress


@dataclass(frozen=True)
class Method:
    """does: what it is good for, in a line. needs: the options that it does nothing without. module: what must be there for it to run,
    wants: and how to get that."""

    name: str
    does: str
    needs: str = ""
    licence: str = "MIT"
    module: str = ""
    wants: str = ""

    @property
    def card(self) -> weights.ModelCard | None:
        """Of the released file that it runs; None for a method without weights."""
        return weights.MODELS.get(self.name)

    @property
    def state(self) -> str:
        """Whether it can be used here, for people."""
        if self.card is None:
            return "here" if not self.module or _has(self.module) else f"wants {self.wants}"
        path = weights.find(self.name)
        if path is not None:
            return f"here: {path}" if weights.is_intact(path, self.card) else f"damaged: {path}"
        return f"fetchable, of {self.card.origin}" if self.card.fetchable else f"bring {self.card.file} of {self.card.origin}"


def _has(module: str) -> bool:
    """Whether a module, or the attribute of one that is there, can be had."""
    package, _, name = module.partition(".")
    return find_spec(package) is not None and (not name or hasattr(import_module(package), name))


_TRIMAP = ("--trimap or --strokes", "MIT", "pymatting", "pip install 'livematte[trimap]'")
_FLOW = ("--trimap or --strokes", "Apache-2.0", "cv2.alphamat", "an opencv-contrib-python")


METHODS = {
    method.name: method
    for method in (
        Method("rvm-mobilenetv3", "people in clips and live; the default"),
        Method("rvm-resnet50", "people, somewhat better, at three times the cost"),
        Method("modnet", "portraits: stills, one frame at a time"),
        Method("modnet-webcam", "portraits before a webcam"),
        Method("bgm-mobilenetv2", "a camera that stands still", needs="--plate"),
        Method("bgm-resnet50", "a camera that stands still", needs="--plate"),
        Method("bgm-resnet101", "a camera that stands still", needs="--plate"),
        Method("plate", "a camera that stands still, without a network's weights", needs="--plate"),
        Method("key", "a green or blue screen", needs="--key"),
        Method("threshold", "something bright before something dark", needs="--threshold"),
        Method("closed-form", "stills: the best edges", *_TRIMAP),
        Method("knn", "stills", *_TRIMAP),
        Method("lbdm", "stills", *_TRIMAP),
        Method("random-walk", "stills: quick and coarse", *_TRIMAP),
        Method("large-kernel", "stills: quicker where much is unknown", *_TRIMAP),
        Method("information-flow", "stills", *_FLOW),
    )
}


@dataclass
class Opened:
    """A way to a matte, ready. name: of the method. describe: what computes it, for people. device: where.

    engine: what runs its network; None where it has none. notes: what there is to tell once."""

    name: str
    matter: Matter
    describe: str
    device: str = "cpu"
    engine: Engine | None = None
    notes: list[str] = field(default_factory=list)
    close: Callable[[], None] = lambda: None


@dataclass(frozen=True)
class Asked:
    """What a method is opened for. live: for a camera. tell: hears once what happens on the way. again: the clip's frames from the
    beginning; None where they come only once."""

    settings: Settings
    live: bool = False
    fetching: Progress | None = None
    tell: Callable[[str], None] = lambda text: None
    again: Callable[[], Iterable[Frame]] | None = None


Opener = Callable[[], Opened]


def check(settings: Settings) -> None:
    """SettingsError for a method that is none, or that lacks what it needs: what can be told before anything is opened."""
    weights.card_of(settings.method)


def prepare(asked: Asked) -> Opener:
    """Finds what can be wrong, fetches, reads and imports what is slow; what it gives opens the method, quickly, in any thread.

    SettingsError, SourceError, WeightsError or EngineError where it cannot be had."""
    return _network(asked)


def open_method(asked: Asked) -> Opened:
    """At once. Errors as of prepare."""
    return prepare(asked)()


def make_matter(engine: Engine, settings: Settings, *, live: bool = False, reuse: bool = True) -> RecurrentMatter:
    """The matter that a job with these settings makes of its engine. reuse: as of RecurrentMatter.

    live: it waits for nothing, and a part costs less than the whole, whatever detail is asked for, which the job sets by itself."""
    detail = None if live else settings.detail
    return RecurrentMatter(engine, detail=detail, follow=settings.follow == "auto", reuse=reuse, waits=not live)


def _network(asked: Asked) -> Opener:
    settings, name = asked.settings, asked.settings.method
    path = weights.resolve(name, weights=settings.weights, progress=asked.fetching)
    if asked.live:
        load_libraries(path, device=settings.device, precision=settings.precision, runtime=settings.runtime)

    def opened() -> Opened:
        engine = open_engine(path, device=settings.device, precision=settings.precision, runtime=settings.runtime, threads=settings.threads)
        return _by_engine(name, make_matter(engine, settings, live=asked.live), engine)

    return opened


def _by_engine(name: str, matter: Matter, engine: Engine) -> Opened:
    return Opened(name, matter, engine.describe, engine.device, engine, close=engine.close)
