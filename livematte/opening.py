"""A way to a matte opened from a job's settings: what it needs is read, fetched and imported first, so that mistakes come early."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from livematte import given, methods, weights
from livematte.engines import Engine, load_libraries, open_engine
from livematte.engines.graphs import SUFFIXES
from livematte.errors import SettingsError, SourceError
from livematte.finish import Finish
from livematte.frame import Frame, Size
from livematte.matting.base import Matter
from livematte.matting.recurrent import RecurrentMatter
from livematte.props import Props, parse_props
from livematte.settings import DEFAULT_MODEL, Settings
from livematte.weights.published import STATE_SUFFIXES

if TYPE_CHECKING:
    from livematte.weights import Progress


@dataclass
class Opened:
    """A way to a matte, ready. name: of the method. describe: what computes it, for people. device: where."""

    name: str
    matter: Matter
    describe: str
    device: str = "cpu"


@dataclass(frozen=True)
class Asked:
    """What a method is opened for. live: for a camera. tell: hears what happens on the way. again: the clip's frames from the beginning;
    None where they come only once. still: they are pictures, each by itself. closing: takes what is to be closed, as it is opened."""

    settings: Settings
    live: bool = False
    fetching: Progress | None = None
    tell: Callable[[str], None] = lambda text: None
    again: Callable[[], Iterable[Frame]] | None = None
    still: bool = False
    closing: ExitStack = field(default_factory=ExitStack)

    @property
    def running(self) -> dict[str, Any]:
        """How networks are run: what open_engine and its kind take by these names."""
        return {name: getattr(self.settings, name) for name in ("device", "precision", "runtime", "threads")}


@dataclass(frozen=True)
class Prepared:
    """open: gives the method, in any thread. smooth: seconds over which its alpha is smoothed where nobody asks for another figure;
    coarse: as of Smoother. tidy: whether small holes and specks are mended, where nobody says not to. check_size: raises SettingsError for
    frames of a size that it cannot have."""

    open: Callable[[], Opened]
    smooth: float = 0.0
    tidy: bool = False
    coarse: bool = False
    check_size: Callable[[Size], object] = lambda size: None


Plate = Frame | Literal["live"] | None
# Seconds over which alpha is smoothed, by eight real clips. RVM: dtSSD 3.47 becomes 3.28, MAD 3.58 3.48, Grad 1.81 1.73, warping 2.45 2.28;
# shown one picture at a time 3.93 becomes 3.75, 4.25 4.15, 2.19 2.12, 2.93 2.72. 0.1 or 0.4 change none of it by more than 0.3 %.
SETTLED = 0.2
# A segmentation: dtSSD 9.14 becomes 8.32, MAD 24.9 23.5, Grad 7.87 7.78, warping 12.3 9.8; over 0.2 s Grad is worse than unsmoothed.
COARSE = 0.1


def prepare(asked: Asked) -> Prepared:
    """Finds what can be wrong, fetches, reads and imports what is slow, so that opening is quick.

    SettingsError, SourceError, WeightsError or EngineError where it cannot be had."""
    settings = asked.settings
    methods.check(settings)
    if settings.trimap or settings.strokes:
        if asked.live:
            raise SettingsError("trimaps and strokes take seconds a frame, and are for files; a live job wants a network, --plate or --key")
        return _by_trimap(asked)
    if settings.plate:
        return _by_plate(asked)
    if settings.method == "key":
        return _by_key(asked)
    if settings.method == "threshold":
        return _by_threshold(asked)
    return _by_network(asked, settings.method)


def make_finish(asked: Asked, prepared: Prepared) -> Finish:
    """What a job with these settings does to the method's mattes. SettingsError or SourceError for props that are none."""
    settings = asked.settings
    return Finish(
        smooth=prepared.smooth if settings.smooth is None else settings.smooth,
        coarse=prepared.coarse,
        tidy=prepared.tidy and settings.tidy == "auto",
        keep=settings.keep,
        props=_props(asked),
        watches=asked.live or settings.match > 0,  # live, match may be set later
    )


def _props(asked: Asked) -> Props | None:
    if asked.settings.props is None:
        return None
    named = parse_props(asked.settings.props)
    if isinstance(named, Path) and not named.exists():
        raise SourceError(f"--props: there is no {named}; wanted a picture, or a place as X,Y,W,H in percent")
    what = given.picture(named, "--props", asked.tell) if isinstance(named, Path) else named
    return Props(what, live=asked.live, stills=asked.still, tell=asked.tell)


def make_matter(engine: Engine, settings: Settings, *, live: bool = False, reuse: bool = True) -> RecurrentMatter:
    """The matter that a job with these settings makes of its engine. reuse: as of RecurrentMatter.

    live: it waits for nothing, and a part costs less than the whole, whatever detail is asked for, which the job sets by itself."""
    detail = None if live else settings.detail
    return RecurrentMatter(engine, detail=detail, follow=settings.follow == "auto", reuse=reuse, waits=not live)


def _by_network(asked: Asked, name: str) -> Prepared:
    engine = _engine(asked, name)

    def opened() -> Opened:
        ready = engine()
        return Opened(name, make_matter(ready, asked.settings, live=asked.live), ready.describe, ready.device)

    if engine.takes_plate:
        raise SettingsError(f"{name} looks at a picture and the plate behind it; give --plate PICTURE or --plate auto")
    return Prepared(opened, COARSE if engine.coarse else SETTLED, tidy=True, coarse=engine.coarse)


class _Engine:
    """An engine that is opened when it is called, or was before; closed with what else was asked for."""

    def __init__(self, asked: Asked, opening: Callable[[], Any], *, at_once: bool = True) -> None:
        self._asked, self._opening = asked, opening
        self._made = self._open() if at_once else None
        self.takes_plate: bool = getattr(self._made, "takes_plate", False)
        self.coarse: bool = getattr(self._made, "coarse", False)

    def __call__(self) -> Any:
        return self._open() if self._made is None else self._made

    def _open(self) -> Any:
        engine = self._opening()
        self._asked.closing.callback(engine.close)
        return engine


def _engine(asked: Asked, name: str) -> _Engine:
    """Of a network by its name or its file. All but RVM's are opened at once: what they are shows only then."""
    if methods.is_installed_kind(name):
        from livematte.matting.pictures.opened import open_installed

        assert asked.settings.weights is not None
        return _Engine(asked, partial(open_installed, name, asked.settings.weights, wanted=asked.settings.of_class, **asked.running))
    path = weights.resolve(name, weights=asked.settings.weights, progress=asked.fetching)
    family = name if name in weights.MODELS else _family_of(path)
    if family.startswith("rvm-"):
        if asked.live:
            load_libraries(path, device=asked.settings.device, precision=asked.settings.precision, runtime=asked.settings.runtime)
        return _Engine(asked, partial(open_engine, path, **asked.running), at_once=False)
    from livematte.matting.pictures import opened

    if family.startswith("modnet"):
        return _Engine(asked, partial(opened.open_modnet, path, **asked.running))
    if family.startswith("bgm-"):
        from livematte.engines.plate_engine import PlateEngine

        settings = asked.settings
        return _Engine(asked, partial(PlateEngine, path, device=settings.device, precision=settings.precision, threads=settings.threads))
    return _Engine(asked, partial(opened.open_own, path, wanted=asked.settings.of_class, **asked.running))


def _family_of(path: Path) -> str:
    """As of weights.family_of; "own" for what can only be a network of somebody's own."""
    known = path.suffix.lower() in (".onnx", *STATE_SUFFIXES)
    return weights.family_of(path) if known or path.suffix.lower() not in SUFFIXES else "own"


def _by_key(asked: Asked) -> Prepared:
    from livematte.matting.keying.colour import parse_key
    from livematte.matting.keying.keyer import KeyMatter

    settings = asked.settings
    assert settings.key is not None
    told: dict[str, Any] = {name: getattr(settings, name) for name in ("tolerance", "softness", "despill")}
    told["spill"] = "all" if settings.despill else None  # unasked, what is opaque stays as it was filmed
    for name in ("garbage", "holdout"):
        path = getattr(settings, name)
        told[name] = None if path is None else given.mask(given.picture(path, f"--{name}", asked.tell))
    told = {name: value for name, value in told.items() if value is not None}
    matter = KeyMatter(parse_key(settings.key), strict=asked.live or asked.still, **told)
    return Prepared(lambda: Opened("key", matter, f"livematte on cpu, {settings.key}"))


def _by_threshold(asked: Asked) -> Prepared:
    from livematte.matting.threshold import ThresholdMatter

    how, space = asked.settings.threshold, asked.settings.space or "luma"
    level = {} if isinstance(how, str) else {"level": how}
    matter = ThresholdMatter("global" if level else how, space=space, invert=asked.settings.invert, **level)  # type: ignore[arg-type]
    return Prepared(lambda: Opened("threshold", matter, f"livematte on cpu, {how} of {space}"))


def _by_trimap(asked: Asked) -> Prepared:
    from livematte.matting.trimaps.matter import TrimapMatter
    from livematte.matting.trimaps.solvers import check_available

    settings = asked.settings
    solver = settings.method if settings.method in methods.SOLVERS else "closed-form"
    check_available(solver)
    if settings.trimap == "auto":
        coarse = _by_network(asked, DEFAULT_MODEL if settings.method in methods.SOLVERS else settings.method)
        return Prepared(lambda: _sharpened(solver, coarse.open(), asked))
    option = "trimap" if settings.trimap else "strokes"
    marks = given.marks(Path(getattr(settings, option)), f"--{option}", asked.tell)
    matter = TrimapMatter(solver, **{option: marks}, tell=asked.tell)  # type: ignore[arg-type]
    by = "OpenCV" if solver == "information-flow" else "PyMatting"
    return Prepared(lambda: Opened(solver, matter, f"{by} on cpu, from {option}"))


def _sharpened(solver: str, coarse: Opened, asked: Asked) -> Opened:
    from livematte.matting.trimaps.matter import TrimapMatter

    matter = TrimapMatter(solver, auto=coarse.matter, tell=asked.tell)
    return replace(coarse, name=f"{solver} of {coarse.name}", matter=matter)


def _by_plate(asked: Asked) -> Prepared:
    from livematte.matting.plates.clean_plate import PlateMatter
    from livematte.matting.plates.plate import check_plate, plate_of_clip

    settings = asked.settings
    network = None if settings.method == "plate" else _engine(asked, settings.method)
    if network is not None and not network.takes_plate:
        raise SettingsError(f"{settings.method} looks at one picture alone, and has no use for --plate; leave one of them out")
    fallback = _by_network(replace(asked, settings=_without_weights(settings)), DEFAULT_MODEL)
    plate: Plate = None if settings.plate == "auto" else given.picture(Path(settings.plate or ""), "--plate", asked.tell)
    if plate is None and asked.live:
        plate = "live"
    if plate is None and asked.still:
        raise SettingsError("--plate auto takes the plate from a clip's frames; for stills give --plate PICTURE")
    if plate is None and asked.again is None:
        raise SettingsError("--plate auto looks at the clip first, which this input allows only once; give --plate PICTURE")

    def opened() -> Opened:
        engine, below = network() if network else None, fallback.open()
        taken = plate
        if taken is None and asked.again is not None:
            taken = plate_of_clip(asked.again, below.matter, tell=asked.tell)
        matter = PlateMatter(taken, fallback=below.matter, engine=engine, tell=asked.tell)
        if engine is None:
            return replace(below, name="plate", matter=matter)
        return Opened(settings.method, matter, engine.describe, engine.device)

    if not isinstance(plate, Frame):
        return Prepared(opened)
    return Prepared(opened, check_size=partial(check_plate, plate))


def _without_weights(settings: Settings) -> Settings:
    """For a second network beside the one that --weights is of."""
    return settings if settings.method == "plate" else settings.model_copy(update={"weights": None})
