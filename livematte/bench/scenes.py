"""Clips whose alpha is known because they are composed here: the portrait's person, cut out by this project's own network at full detail,
moved, scaled and laid over backgrounds drawn from a seed.

The alpha is true by construction: it is what the clip is composed with. It is of the network's own making, though, so it suits
comparisons (this way of running it against that way), and says little of how good the network is.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from livematte.bench.choices import Choice
from livematte.bench.lossless import Writer, frame_of, grey_of
from livematte.bench.places import made
from livematte.frame import Frame, Size
from livematte.job import Job
from livematte.sources import open_source

Array = NDArray[np.float32]

SIZE: Size = (640, 360)
RATE = 30
_FULL_DETAIL = "640"  # the portrait's own size
_GRAIN = 0.008  # a camera's, of the range
_PERIOD = 60  # frames, in which everything comes round once
_MUTED = 0.35  # of the colours that chance draws, which are no room's
_TAU = 2 * np.pi


class Scene(NamedTuple):
    """scale: of the person's picture. travel: pixels that the person walks to either side. pan: pixels that the background moves by."""

    name: str
    seed: int
    scale: float
    travel: float
    pan: float


SCENES = (
    Scene("still-far", 1, 0.55, 70, 0),
    Scene("moving-near", 2, 0.95, 25, 60),
    Scene("still-near", 3, 1.0, 0, 0),
    Scene("moving-far", 4, 0.6, 110, 90),
)


def person(clip: Path, frames: int) -> Path:
    """The clip's person as a lossless .mkv with alpha, cut out on the whole frame."""

    def make(path: Path) -> None:
        asked = Choice(detail=_FULL_DETAIL).whole
        with Job(asked.settings(input=str(clip), outputs=(str(path),), view="cutout", frames=frames, overwrite=True)) as job:
            job.run()

    return made(f"{clip.stem}-person-{frames}.mkv", make, clip)


def composed(scene: Scene, clip: Path, frames: int) -> tuple[Path, Path]:
    """(the clip, its alpha), lossless, `frames` pictures or as many as `clip` has."""
    source = person(clip, frames)
    stem = f"{clip.stem}-{scene.name}-{frames}"

    def make(path: Path) -> None:
        to = path.with_name(f"{stem}.pha.mkv")
        with Writer(path, "yuv444p", SIZE, RATE) as src, Writer(to, "gray", SIZE, RATE) as pha:
            for rgb, alpha in _pictures(scene, source, frames):
                src.write(frame_of(rgb, "yuv444p"))
                pha.write(grey_of(alpha))

    path = made(f"{stem}.src.mkv", make, source, Path(__file__))
    return path, path.with_name(f"{stem}.pha.mkv")


def _pictures(scene: Scene, source: Path, frames: int) -> Iterator[tuple[Array, Array]]:
    """(R'G'B' (H, W, 3), alpha (H, W)) in [0, 1], the alpha in whole 255ths."""
    rng = np.random.default_rng(scene.seed)
    margin = round(scene.pan)
    wall = backdrop((SIZE[0] + 2 * margin, SIZE[1] + 2 * margin), rng)
    with open_source(source) as cutouts:
        for index, cutout in enumerate(cutouts):
            turn = _TAU * index / _PERIOD
            behind = _shifted(wall, margin * (1 + float(np.sin(turn))), margin * (1 + 0.4 * float(np.cos(turn))))
            where = standing(cutout.size, SIZE, scale=scene.scale, right=scene.travel * float(np.sin(turn + scene.seed)))
            fgr, pha = placed(cutout, where, SIZE)
            pha = np.rint(pha * 255).astype(np.float32) / np.float32(255)
            rgb = over(fgr, behind, pha) + np.float32(_GRAIN) * rng.standard_normal((*pha.shape, 1), np.float32)
            yield np.clip(rgb, 0, 1), pha


def standing(source: Size, size: Size, *, scale: float, right: float = 0.0) -> NDArray[np.float64]:
    """The affine map of a picture into another of `size`, `scale` times as high, at the bottom, `right` pixels from the middle."""
    each = scale * size[1] / source[1]
    return np.array([[each, 0, (size[0] - each * source[0]) / 2 + right], [0, each, size[1] - each * source[1]]])


def placed(cutout: Frame, where: NDArray[np.float64], size: Size) -> tuple[Array, Array]:
    """(foreground (H, W, 3), alpha (H, W)) of a frame with alpha under an affine map; beyond its edges nothing."""
    assert cutout.pha is not None
    pha = cv2.warpAffine(cutout.pha, where, size, flags=cv2.INTER_LINEAR)
    # A cutout's colours go on beyond the person: no foreign colour comes in where they are interpolated.
    fgr = cv2.warpAffine(cutout.rgb(), where, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return fgr, np.clip(pha, 0, 1)


def over(fgr: Array, bgr: Array, pha: Array) -> Array:
    """Straight foreground over background, both (H, W, 3)."""
    return bgr + pha[..., None] * (fgr - bgr)


def backdrop(size: Size, rng: np.random.Generator) -> Array:
    """A wall with things on it, out of focus: (H, W, 3) in [0, 1]."""
    width, height = size
    wall = np.full((height, width, 3), rng.uniform(0.35, 0.6, 3), np.float32)
    for cells, strength in ((3, 0.25), (9, 0.15), (40, 0.08)):
        spots = rng.uniform(-strength, strength, (cells, cells * 2, 3)).astype(np.float32)
        wall += cv2.resize(spots, size, interpolation=cv2.INTER_CUBIC)
    for _ in range(14):
        left, top = rng.uniform(0, width), rng.uniform(0, height)
        right, bottom = left + rng.uniform(0.03, 0.2) * width, top + rng.uniform(0.05, 0.3) * height
        cv2.rectangle(wall, (round(left), round(top)), (round(right), round(bottom)), rng.uniform(0.05, 0.95, 3).tolist(), cv2.FILLED)
    grey = wall.mean(axis=2, keepdims=True)
    return out_of_focus(grey + _MUTED * (wall - grey), height / 200)


def out_of_focus(picture: Array, radius: float) -> Array:
    """(H, W, 3), clipped to [0, 1]. Blurred as integers: floats come out with other last bits where a picture lies elsewhere in memory."""
    codes = np.rint(np.clip(picture, 0, 1) * 65535).astype(np.uint16)
    return cv2.GaussianBlur(codes, (0, 0), radius).astype(np.float32) * np.float32(1 / 65535)


def _shifted(wall: Array, left: float, top: float) -> Array:
    return cv2.warpAffine(wall, np.array([[1.0, 0, -left], [0, 1.0, -top]]), SIZE, flags=cv2.INTER_LINEAR)
