"""livematte: people out of video, in real time.

    import livematte
    pha = livematte.matte_image(rgb)                                    # (H, W, 3) uint8 -> (H, W) float32
    livematte.matte_video("clip.mp4", "clip.mov")                       # a video with alpha
    with livematte.open_source("clip.mp4") as source:                   # frame by frame
        matter = livematte.Matter()
        for frame in source:
            picture = livematte.composite(frame, matter.step(frame), livematte.Blur())

Names are loaded when they are first used: importing livematte costs nothing.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from livematte.background import Blur, Picture, Solid
    from livematte.composite import composite, cutout
    from livematte.errors import LivematteError
    from livematte.frame import Frame
    from livematte.library import Matter, matte_image, matte_video
    from livematte.sinks import open_sink
    from livematte.sources import open_source

__all__ = [
    "Blur",
    "Frame",
    "LivematteError",
    "Matter",
    "Picture",
    "Solid",
    "composite",
    "cutout",
    "matte_image",
    "matte_video",
    "open_sink",
    "open_source",
]

_HOMES = {
    "livematte.background": ("Blur", "Picture", "Solid"),
    "livematte.composite": ("composite", "cutout"),
    "livematte.errors": ("LivematteError",),
    "livematte.frame": ("Frame",),
    "livematte.library": ("Matter", "matte_image", "matte_video"),
    "livematte.sinks": ("open_sink",),
    "livematte.sources": ("open_source",),
}


def __getattr__(name: str) -> Any:
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(home), name)
    raise AttributeError(f"module 'livematte' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__


class _Package(ModuleType):
    """`composite` is a function and also the module that it lives in; the import of that module must not hide the function."""

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name in __all__ and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
