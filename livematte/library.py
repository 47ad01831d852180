"""The library's own verbs; the rest of its names are the parts that the command line is made of."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livematte.errors import SettingsError
from livematte.finish import Finished
from livematte.frame import Frame, pixel_format
from livematte.job import Job
from livematte.matting.base import Matter as _Matter
from livematte.opening import Asked, make_finish, prepare
from livematte.pipeline import Report
from livematte.settings import make_settings

_OF_A_JOB = {"ofd", "light_wrap", "match"}


def Matter(  # noqa: N802 - to its user it is the class whose step() makes mattes
    model: str = "auto",
    *,
    device: str = "auto",
    precision: str = "auto",
    runtime: str = "auto",
    detail: int | None = None,
    follow: bool = True,
    weights: str | Path | None = None,
    threads: int | None = None,
    **needs: Any,
) -> _Matter:
    """A matter ready to step(frame) -> Matte(pha, fgr), frames in order; reset() between clips.

    model: a name that `livematte models` lists, or a file. device: "auto", "cpu", "cuda", "cuda:1", "mps", "xpu". precision: "auto",
    "fp32", "fp16", "bf16", "int8". runtime: "auto", "openvino", "onnxruntime", "torch". detail, follow: as of RecurrentMatter. weights:
    where the model's file lies; it is fetched into the user's cache where it is nowhere. needs: what a method is given on the command
    line, by the same names: key="green", tolerance=0.1, plate="empty.jpg", trimap="trimap.png", strokes="strokes.png", threshold="otsu", …;
    so is what is done to its mattes: smooth=0.2, tidy="off", keep="nearest", props="desk.png". A LivematteError where it cannot be had."""
    if other := _OF_A_JOB & needs.keys():
        raise SettingsError(f"{min(other)} is what matte_video does; a Matter gives mattes, frame by frame")
    needs = {name: str(value) if isinstance(value, Path) else value for name, value in needs.items()}
    settings = make_settings(
        input="-",
        model=model,
        device=device,
        precision=precision,
        runtime=runtime,
        detail=detail,
        follow="auto" if follow else "off",
        weights=None if weights is None else Path(weights),
        threads=threads,
        **needs,
    )
    asked = Asked(settings)
    prepared = prepare(asked)
    finish = make_finish(asked, prepared)
    return Finished(prepared.open().matter, finish)


def matte_image(rgb: NDArray[np.uint8], *, matter: _Matter | None = None) -> NDArray[np.float32]:
    """The alpha of one picture. rgb: (H, W, 3) uint8, sRGB; gives (H, W) float32 in [0, 1]. ValueError for another shape or dtype.

    matter: one to use, else one with the default model is opened once and kept."""
    rgb = np.asarray(rgb)
    if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != np.uint8 or not rgb.size:
        raise ValueError(f"got {rgb.dtype} {rgb.shape}, wanted uint8 (H, W, 3)")
    known = pixel_format("gbrp")
    assert known is not None
    frame = Frame(tuple(np.ascontiguousarray(rgb[..., channel]) for channel in (1, 2, 0)), known[0])
    matter = matter or _default_matter()
    matter.prime([frame])
    return matter.step(frame).pha


@lru_cache(maxsize=1)
def _default_matter() -> _Matter:
    return Matter()


def matte_video(source: str | Path, output: str | Path, *, background: str = "none", **settings: Any) -> Report:
    """A clip to a file, as the command line does it: matte_video("clip.mp4", "clip.mov").

    background and the other settings are the command line's long options, see livematte.settings.Settings: view="alpha", detail=768,
    overwrite=True, … A LivematteError says what went wrong; a part that was finished until then is named in its notes."""
    values = {"input": str(source), "outputs": (str(output),), "background": background, **settings}
    with Job(make_settings(**values)) as job:
        return job.run()
