"""Several pictures settled at once: a graphics card does a batch in little more time than its first picture.

Only the looks at the whole go together, as all of a size are alike; the part where people are is of another size in each picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from livematte.engines import Engine
from livematte.frame import Frame, Size
from livematte.matting.canvas import Look, on_card
from livematte.matting.followed import FollowedScene, WholeScene
from livematte.matting.scenes import REPEATS

BATCH = 8

Item = tuple[FollowedScene | WholeScene, Frame]


def settle_together(engine: Engine, items: Sequence[Item]) -> None:
    """Shows each scene its frame REPEATS times, as scene.settle does. The engine has run_many."""
    by_size: dict[Size, list[Item]] = {}
    for scene, frame in items:
        by_size.setdefault(scene.size, []).append((scene, frame))
    for alike in by_size.values():
        _settle(engine, alike)


def _settle(engine: Any, items: Sequence[Item]) -> None:
    pictures = [scene.canvas.picture(frame, scene.canvas.whole) for scene, frame in items]
    recs = None
    for _ in range(REPEATS):
        results = engine.run_many(pictures, recs)
        recs = [rec for _, rec in results]
        for (scene, frame), src_sm, (coef, rec) in zip(items, pictures, results, strict=True):
            scene.take(frame, Look(scene.canvas.whole, frame.seconds, _in_place(engine, coef), src_sm, rec))


def _in_place(engine: Engine, coef: Any) -> Any:
    """Where this engine's coefficients are gone on with."""
    if on_card(engine):
        return coef
    from livematte.engines.transfers import download

    return download([coef])[0]
