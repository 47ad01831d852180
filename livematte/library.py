"""The library's own verbs; the rest of its names are the parts that the command line is made of."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livematte import weights as supply
from livematte.engines import open_engine
from livematte.frame import Frame, pixel_format
from livematte.job import Job
from livematte.matting.recurrent import RecurrentMatter
from livematte.pipeline import Report
from livematte.settings import make_settings


def Matter(  # noqa: N802 - to its user it is the class whose step() makes mattes
    model: str = "rvm-mobilenetv3",
    *,
    device: str = "auto",
    precision: str = "auto",
    runtime: str = "auto",
    detail: int | None = None,
    follow: bool = True,
    weights: str | Path | None = None,
    threads: int | None = None,
) -> RecurrentMatter:
    """A matter ready to step(frame) -> Matte(pha, fgr), frames in order; reset() between clips.

    model: a name that `livematte models` lists, or a file. device: "auto", "cpu", "cuda", "cuda:1", "mps", "xpu". precision: "auto",
    "fp32", "fp16", "bf16", "int8". runtime: "auto", "openvino", "onnxruntime", "torch". detail, follow: as of RecurrentMatter. weights:
    where the model's file lies; it is fetched into the user's cache where it is nowhere. WeightsError, EngineError or SettingsError
    where it cannot be had."""
    path = supply.resolve(model, weights=None if weights is None else Path(weights))
    engine = open_engine(path, device=device, precision=precision, runtime=runtime, threads=threads)
    return RecurrentMatter(engine, detail=detail, follow=follow)


def matte_image(rgb: NDArray[np.uint8], *, matter: RecurrentMatter | None = None) -> NDArray[np.float32]:
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
def _default_matter() -> RecurrentMatter:
    return Matter()


def matte_video(source: str | Path, output: str | Path, *, background: str = "none", **settings: Any) -> Report:
    """A clip to a file, as the command line does it: matte_video("clip.mp4", "clip.mov").

    background and the other settings are the command line's long options, see livematte.settings.Settings: view="alpha", detail=768,
    overwrite=True, … A LivematteError says what went wrong; a part that was finished until then is named in its notes."""
    values = {"input": str(source), "outputs": (str(output),), "background": background, **settings}
    with Job(make_settings(**values)) as job:
        return job.run()
