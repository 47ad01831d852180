"""Measures what happens to mattes after their network on clips with known alpha, before and after, and draws it.

    python scripts/compare_quality.py FOLDER [PICTURE.jpg]

FOLDER holds NAME.src.mkv and NAME.pha.mkv, as scripts/make_benchmark draws them (OUT/clips_512x288). Prints the tables of docs/quality.md;
draws before | after at 200 % on hair where a PICTURE is named.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from livematte.bench.choices import Choice, open_chosen
from livematte.bench.tables import table
from livematte.bench.truth import Known, in_folder
from livematte.engines import Engine
from livematte.errors import LivematteError
from livematte.evaluate.measuring import Values, means, of_frame
from livematte.evaluate.reading import Moment
from livematte.finish import Finish
from livematte.frame import Frame, Matte
from livematte.matting.scenes import mattes
from livematte.opening import SETTLED, make_matter
from livematte.smooth import one_frame_late

Array = NDArray[np.float32]
MEASURES = ("MAD", "Grad", "Conn", "dtSSD", "warp")
FRAMES = 48
GREEN = np.array([0.1, 0.75, 0.35], np.float32)
CROP, SCALE = (120, 90), 2  # pixels of a panel, and how much it is enlarged

Pairs = list[tuple[Frame, Matte]]
Way = Callable[[Pairs], Iterator[tuple[Frame, Matte]]]


class Clip(NamedTuple):
    known: Known
    true: Array  # (T, H, W)


class EachByItself:
    """An Engine that forgets: the recurrent network as a network of single frames."""

    recurrent = False

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    def run(self, src_sm: Array, rec: Any) -> tuple[Array, Any]:
        coef, _ = self._engine.run(src_sm, None)
        return coef, ()


def finished(**values: Any) -> Way:
    def work(pairs: Pairs) -> Iterator[tuple[Frame, Matte]]:
        finish = Finish(**values)
        for frame, matte in pairs:
            yield frame, finish.step(frame, matte)

    return work


def delayed(**values: Any) -> Way:
    return lambda pairs: finished(**values)(list(one_frame_late(pairs)))


def ways(usual: float) -> dict[str, Way]:
    return {
        "as the network gives it": finished(),
        "holes and islands": finished(tidy=True),
        f"smoothing, {usual:g} s": finished(smooth=usual),
        "both: the default": finished(smooth=usual, tidy=True),
        "one frame's delay": delayed(),
        "that and the default": delayed(smooth=usual, tidy=True),
    }


def drafts(engine: Any, clips: Sequence[Clip]) -> list[Pairs]:
    """Of each clip its frames and what the network says of them, the way that a job's frames go."""
    matter = make_matter(engine, Choice().settings(), reuse=False)
    found = []
    for clip in clips:
        matter.reset()
        found.append(list(cast("Iterator[tuple[Frame, Matte]]", mattes(matter, clip.known.sources()))))
    return found


def judged(way: Way, clips: Sequence[Clip], drawn: Sequence[Pairs]) -> tuple[Values, list[Values]]:
    """(means over the clips, of each clip)."""
    each = []
    for clip, pairs in zip(clips, drawn, strict=True):
        before, values = None, []
        for index, (_, matte) in enumerate(way(pairs)):
            now = Moment(index, float(index), matte.pha, clip.true[index])
            values.append(of_frame(before, now, MEASURES))
            before = now
        each.append(means(values))
    return {name: float(np.mean([values[name] for values in each])) for name in MEASURES}, each


def rows(every: dict[str, Way], clips: Sequence[Clip], drawn: Sequence[Pairs]) -> Iterator[list[str]]:
    """Each way's means, and as parts of the first's; and of the clip that gained least, by dtSSD."""
    plain: tuple[Values, list[Values]] | None = None
    for name, way in every.items():
        mean, each = judged(way, clips, drawn)
        plain = plain or (mean, each)
        parts = [f"{mean[measure] / plain[0][measure]:.3f}" for measure in MEASURES]
        worst = max(one["dtSSD"] / other["dtSSD"] for one, other in zip(each, plain[1], strict=True))
        yield [name, *(f"{mean[measure]:.2f}" for measure in MEASURES), *parts, f"{worst:.3f}"]


def told(title: str, every: dict[str, Way], clips: Sequence[Clip], drawn: Sequence[Pairs]) -> str:
    head = [title, *MEASURES, *(f"{measure}, part" for measure in MEASURES), "worst clip's dtSSD"]
    found = []
    for row in rows(every, clips, drawn):
        print(*row, sep="  ", file=sys.stderr, flush=True)
        found.append(row)
    return table(head, found)


def draw(target: Path, clips: Sequence[Clip], drawn: Sequence[Pairs], usual: float) -> None:
    """Over green, where alpha is most undecided: the picture, before, after; and how alpha changes along a row of pixels over time."""
    panels = []
    for clip, pairs in zip(clips, drawn, strict=True):
        index = len(pairs) // 2
        plain, done = (list(way(pairs))[index] for way in (finished(), finished(smooth=usual, tidy=True)))
        where = _hairiest(clip.true[index])
        rgb = plain[0].rgb()
        pictures = [rgb, *(_over_green(matte) for _, matte in (plain, done))]
        panels.append(np.hstack([_enlarged(picture[where]) for picture in pictures]))
    picture = np.vstack(panels[:4])
    cv2.imwrite(str(target), np.rint(np.clip(picture, 0, 1) * 255).astype(np.uint8)[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 90])


def _hairiest(true: Array) -> tuple[slice, slice]:
    partly = ((true > 0.05) & (true < 0.95)).astype(np.float32)
    density = cv2.boxFilter(partly, -1, CROP, normalize=False, borderType=cv2.BORDER_CONSTANT)
    width, height = CROP
    inner = density[height // 2 : -height // 2, width // 2 : -width // 2]
    top, left = np.unravel_index(int(inner.argmax()), inner.shape)
    return slice(top, top + height), slice(left, left + width)


def _over_green(matte: Matte) -> Array:
    pha = matte.pha[..., None]
    return np.asarray(matte.fgr.rgb() * pha + GREEN * (1 - pha))


def _enlarged(picture: Array) -> Array:
    return np.asarray(cv2.resize(picture, None, fx=SCALE, fy=SCALE, interpolation=cv2.INTER_CUBIC))


def main() -> None:
    if not 2 <= len(sys.argv) <= 3 or sys.argv[1].startswith("-"):
        print(__doc__, file=sys.stderr)
        sys.exit(2)
    clips = [Clip(known, known.alpha()) for known in in_folder(Path(sys.argv[1]), FRAMES)]
    engine = open_chosen(Choice().settings())
    try:
        recurrent, single = drafts(engine, clips), drafts(EachByItself(engine), clips)
    finally:
        engine.close()
    print(f"{len(clips)} clips: {', '.join(clip.known.name for clip in clips)}\n")
    print(told("rvm-mobilenetv3", ways(SETTLED), clips, recurrent), end="\n\n")
    print(told("the same, frame by frame", ways(SETTLED), clips, single))
    if len(sys.argv) == 3:
        draw(Path(sys.argv[2]), clips, recurrent, SETTLED)


if __name__ == "__main__":
    try:
        main()
    except LivematteError as error:
        print(error, file=sys.stderr)
        sys.exit(1)
