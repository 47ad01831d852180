"""Measures the ways to a matte that can be measured here on rendered scenes with known alpha, and draws what they make of them.

    python scripts/compare_methods.py [PICTURE.jpg]

Prints the table of docs/methods.md; draws docs/methods.jpg, or PICTURE. Networks whose weights the project does not have are left out.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

import scenes  # noqa: E402 - tests/ is no package

import livematte  # noqa: E402
from livematte.bench.tables import table  # noqa: E402
from livematte.frame import Frame  # noqa: E402
from livematte.metrics import grad  # noqa: E402

Array = NDArray[np.float32]
SIZE = (640, 360)
SEEDS = range(6)
BLUE = (0.08, 0.2, 0.65)
BAND = 20  # pixels of the unknown band of a trimap
NOISE = 0.006
STEPS = 12  # frames of a clip
PANELS = {"key, green": 2, "plate": 2, "closed-form": 2, "rvm-mobilenetv3": 2}  # rows of the picture: which, of which seed
MAGENTA = np.array([0.9, 0.2, 0.8], np.float32)


@dataclass
class Shot:
    """A frame with its truth. band: where it is measured, None for everywhere."""

    frame: Frame
    true: Array
    band: NDArray[np.bool_] | None = None


@dataclass
class Row:
    """A method on its scenes."""

    name: str
    scene: str
    errors: list[tuple[float, float, float]]
    seconds: list[float]
    shown: tuple[Frame, Any] | None = None

    def cells(self) -> list[str]:
        mad, mse, edges = np.mean(self.errors, axis=0)
        return [self.name, self.scene, f"{mad:.2f}", f"{mse:.2f}", f"{edges:.3f}", f"{1000 * float(np.median(self.seconds)):.0f}"]


def measured(name: str, scene: str, clips: Iterator[tuple[Callable[[], Any], Sequence[Shot]]]) -> Row:
    """clips: of each seed what opens the matter, and the frames."""
    row = Row(name, scene, [], [])
    for seed, (opening, shots) in zip(SEEDS, clips, strict=False):
        matter = opening()
        matter.prime([shot.frame for shot in shots[:7]])
        for shot in shots:
            begin = time.perf_counter()
            matte = matter.step(shot.frame).work_out()
            row.seconds.append(time.perf_counter() - begin)
            row.errors.append(errors(matte.pha, shot))
        if PANELS.get(name) == seed:
            row.shown = shots[-1].frame, matte
    return row


def errors(pha: Array, shot: Shot) -> tuple[float, float, float]:
    """MAD and MSE x 1e3, Grad x 1e-3."""
    off = (pha - shot.true)[... if shot.band is None else shot.band]
    return float(np.abs(off).mean()) * 1e3, float(np.square(off).mean()) * 1e3, grad(pha[None], shot.true[None])


def screens(key: Callable[[], Any], **more: Any) -> Iterator[tuple[Callable[[], Any], list[Shot]]]:
    for seed in SEEDS:
        made = [scenes.screen_scene(SIZE, seed=seed, step=step, **more) for step in range(STEPS)]
        yield key, [Shot(scenes.frame_of(each.src, pts=i), each.pha) for i, each in enumerate(made)]


def rooms(
    opening: Callable[[Path, scenes.Scene], Any], folder: Path, *, steps: int = 1, band: int = 0, noise: float = 0.0
) -> Iterator[Any]:
    """A person in a room; in `folder` what the method is given is written."""
    for seed in SEEDS:
        made = [scenes.room_scene(SIZE, seed=seed, step=step) for step in range(steps)]
        rng = np.random.default_rng(seed)
        shots = []
        for i, each in enumerate(made):
            src = each.src + np.float32(noise) * rng.standard_normal(each.src.shape, np.float32)
            unknown = scenes.trimap_of(each.pha, band) == 128 if band else None
            shots.append(Shot(scenes.frame_of(src, "yuv444p", pts=i), each.pha, unknown))
        yield lambda first=made[0]: opening(folder, first), shots


def with_trimap(method: str) -> Callable[[Path, scenes.Scene], Any]:
    def opened(folder: Path, scene: scenes.Scene) -> Any:
        cv2.imwrite(str(folder / "trimap.png"), scenes.trimap_of(scene.pha, BAND))
        return livematte.Matter(method, trimap=str(folder / "trimap.png"))

    return opened


def with_strokes(folder: Path, scene: scenes.Scene) -> Any:
    """A few lines, as a person draws them: down the body and around it."""
    strokes = np.full(SIZE[::-1], 128, np.uint8)
    far, near = cv2.erode(scene.pha, np.ones((41, 41))), cv2.dilate(scene.pha, np.ones((61, 61)))
    lines = np.zeros(SIZE[::-1], bool)
    lines[::24, :] = lines[:, ::48] = True
    strokes[lines & (far > 0.99)] = 255
    strokes[lines & (near < 0.01)] = 0
    cv2.imwrite(str(folder / "strokes.png"), strokes)
    return livematte.Matter(strokes=str(folder / "strokes.png"))


def with_plate(folder: Path, scene: scenes.Scene) -> Any:
    plate = np.rint(np.clip(scene.bgr, 0, 1) * 255).astype(np.uint8)
    cv2.imwrite(str(folder / "plate.png"), plate[..., ::-1])
    return livematte.Matter(plate=str(folder / "plate.png"))


def every_row(folder: Path) -> Iterator[Row]:
    keyed = "screen, uneven, with spill, 4:2:0"
    yield measured("key, green", keyed, screens(lambda: livematte.Matter(key="green")))
    yield measured("key, auto", keyed, screens(lambda: livematte.Matter(key="auto")))
    yield measured("key, blue", "the same in blue", screens(lambda: livematte.Matter(key="blue"), colour=BLUE))
    yield measured("threshold, lab-a", keyed, screens(lambda: livematte.Matter(threshold="otsu", space="lab-a")))
    for method in ("closed-form", "lbdm", "shared", "knn", "large-kernel", "random-walk"):
        yield measured(method, f"room, in a trimap's band of {BAND} px", rooms(with_trimap(method), folder, band=BAND))
    yield measured("closed-form, strokes", "room", rooms(with_strokes, folder))
    clip = f"room, {STEPS} frames with noise"
    yield measured("rvm-mobilenetv3", clip, rooms(lambda *_: livematte.Matter(), folder, steps=STEPS, noise=NOISE))
    yield measured("plate", clip, rooms(with_plate, folder, steps=STEPS, noise=NOISE))
    yield measured("rvm-mobilenetv3", "room, a still", rooms(lambda *_: livematte.Matter(), folder))
    yield measured("closed-form, trimap auto", "room, a still", rooms(lambda *_: livematte.Matter(trimap="auto"), folder))


def panel(name: str, frame: Frame, matte: Any) -> NDArray[np.uint8]:
    """Picture, alpha, and the person over a colour, side by side."""
    rgb, pha = frame.rgb(), matte.pha[..., None]
    over = matte.fgr.rgb() * pha + MAGENTA * (1 - pha)
    row = np.hstack([rgb, np.repeat(pha, 3, axis=2), over])
    drawn = np.ascontiguousarray(np.rint(np.clip(row, 0, 1) * 255).astype(np.uint8)[..., ::-1])
    for width, colour in ((4, (0, 0, 0)), (1, (255, 255, 255))):
        cv2.putText(drawn, name, (12, drawn.shape[0] - 14), cv2.FONT_HERSHEY_SIMPLEX, 0.7, colour, width, cv2.LINE_AA)
    return drawn


def main() -> None:
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "methods.jpg"
    with TemporaryDirectory() as folder:
        rows = []
        for row in every_row(Path(folder)):
            print(*row.cells(), sep="  ", file=sys.stderr, flush=True)
            rows.append(row)
    print(table(["method", "scene", "MAD", "MSE", "Grad", "ms"], [row.cells() for row in rows]))
    shown = {row.name: row.shown for row in reversed(rows) if row.shown}  # the first of each name
    panels = [panel(name, *shown[name]) for name in PANELS]
    picture = cv2.resize(np.vstack(panels), None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    cv2.imwrite(str(target), picture, [cv2.IMWRITE_JPEG_QUALITY, 88])
    print(f"drawn: {target}", file=sys.stderr)


if __name__ == "__main__":
    main()
