"""Every way to a matte, by its name: what it is for, what it needs, whether it is here. opening.py opens them."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from livematte import weights
from livematte.errors import SettingsError
from livematte.settings import IMPLIES, Settings

INSTALLED = ("torchvision", "smp")  # packages whose segmentation networks are called PACKAGE:NAME


@dataclass(frozen=True)
class Method:
    """does: what it is good for, in a line. needs: the options of which it takes one. module: what must be there for it to run, wants:
    and how to get that."""

    name: str
    does: str
    needs: tuple[str, ...] = ()
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


_MARKS = ("trimap", "strokes")
_PYMATTING = (_MARKS, "MIT", "pymatting", "pip install 'livematte[trimap]'")
_ALPHAMAT = (_MARKS, "Apache-2.0", "cv2.alphamat", "an OpenCV with alphamat, and livematte[trimap]")
METHODS = {
    method.name: method
    for method in (
        Method("rvm-mobilenetv3", "people in clips and live; the default"),
        Method("rvm-resnet50", "the same with a larger network, at three times the cost"),
        Method("modnet", "portraits: stills, and clips frame by frame"),
        Method("modnet-webcam", "the same before a webcam"),
        Method("bgm-mobilenetv2", "a camera that stands still", ("plate",)),
        Method("bgm-resnet50", "a camera that stands still", ("plate",)),
        Method("bgm-resnet101", "a camera that stands still", ("plate",)),
        Method("plate", "a camera that stands still, without a network for it", ("plate",)),
        Method("key", "a green or blue screen", ("key",)),
        Method("threshold", "something bright before something dark", ("threshold",)),
        Method("closed-form", "stills: the best edges", *_PYMATTING),
        Method("knn", "stills", *_PYMATTING),
        Method("lbdm", "stills", *_PYMATTING),
        Method("random-walk", "stills", *_PYMATTING),
        Method("large-kernel", "stills", *_PYMATTING),
        Method("shared", "stills: what is hazy", *_PYMATTING),
        Method("information-flow", "stills", *_ALPHAMAT),
    )
}
SOLVERS = tuple(name for name, method in METHODS.items() if method.needs == _MARKS)
_ONLY_FOR = {option: "key" for option in ("tolerance", "softness", "despill", "garbage", "holdout")}
_ONLY_FOR |= {"space": "threshold", "invert": "threshold"}


def check(settings: Settings) -> None:
    """SettingsError for a method that is none, that lacks what it needs, or gets what it has no use for."""
    name = settings.method
    method = METHODS.get(name)
    if method is None and not is_installed_kind(name) and not Path(name).is_file():
        raise SettingsError(f"unknown model {name!r}; wanted one of {', '.join(METHODS)}, or a network's file that exists")
    if is_installed_kind(name) and settings.weights is None:
        raise SettingsError(f"{name} wants --weights FILE, the numbers of that network: none are fetched")
    if settings.weights is not None and not is_installed_kind(name) and not _loads(settings, method):
        raise SettingsError(f"--weights is for a network by its name; {name} has no use for it")
    for option, owner in _ONLY_FOR.items():
        if getattr(settings, option) not in (None, False) and name != owner:
            raise SettingsError(f"--{option} goes with --{owner}; got {name}")
    if settings.of_class is not None and method is not None:
        raise SettingsError(f"--class is for a segmentation network; {name} has no classes")
    _check_needs(settings, name, method)


def _loads(settings: Settings, method: Method | None) -> bool:
    """Whether it runs a released network: its own, or the default one beside it."""
    return method is not None and (method.card is not None or method.name == "plate" or settings.trimap == "auto")


def _check_needs(settings: Settings, name: str, method: Method | None) -> None:
    given = next((option for option in IMPLIES if getattr(settings, option) is not None), None)
    takes = _takes(settings, method)
    if given is not None and given not in takes:
        raise SettingsError(f"{name} has no use for --{given}; leave one of them out")
    if method is not None and method.needs and given is None:
        raise SettingsError(f"{name} wants {' or '.join(f'--{need}' for need in method.needs)}; livematte --help tells about it")


def _takes(settings: Settings, method: Method | None) -> tuple[str, ...]:
    """The options that mean something to it. `--trimap auto` does to every network, for it is one's matte that becomes the trimap."""
    if method is not None and method.needs:
        return method.needs
    auto = ("trimap",) if settings.trimap == "auto" else ()
    return auto if method is not None else (*auto, "plate")


def is_installed_kind(name: str) -> bool:
    """Whether it means a network of a package that the user has installed."""
    return ":" in name and name.partition(":")[0] in INSTALLED
