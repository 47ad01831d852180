"""Clips with known alpha: NAME.src.mkv and NAME.pha.mkv, the alpha as grey, in a folder or made here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from livematte.bench.scenes import Scene, composed
from livematte.errors import SettingsError
from livematte.frame import Frame, to_integers
from livematte.sources import Cut, open_source

_SRC, _PHA = ".src.mkv", ".pha.mkv"
_NOISE = np.float32(1.0)  # levels of luma: what a webcam's compression leaves of it


@dataclass(frozen=True)
class Known:
    """A clip with its alpha, of which the first `frames` count. hold: (from, for) frames at which the picture stands still but for its
    noise, as when somebody listens; what follows comes so much later."""

    name: str
    src: Path
    pha: Path
    frames: int
    hold: tuple[int, int] = (0, 0)

    def sources(self) -> list[Frame]:
        frames = self._held(_read(self.src, self.frames))[: self.frames]
        rng, (begin, length) = np.random.default_rng(0), self.hold
        return [_noisy(frame, rng) if begin <= index < begin + length else frame for index, frame in enumerate(frames)]

    def alpha(self) -> NDArray[np.float32]:
        """(T, H, W) in [0, 1]."""
        planes = [frame.planes[0] for frame in self._held(_read(self.pha, self.frames))]
        return np.stack(planes[: self.frames]).astype(np.float32) / np.float32(255)

    def paused(self) -> Known:
        """The clip with a hold: a third of it passes, then half of it stands still."""
        return replace(self, name=f"{self.name} paused", hold=(self.frames // 3, self.frames // 2))

    def _held(self, frames: list[Frame]) -> list[Frame]:
        """With its hold, and times as if it had been filmed so."""
        begin, length = self.hold
        held = [*frames[:begin], *frames[begin : begin + 1] * length, *frames[begin:]]
        return [replace(frame, pts=shown.pts) for frame, shown in zip(held, frames, strict=False)]


def _noisy(frame: Frame, rng: np.random.Generator) -> Frame:
    luma = frame.planes[0] + _NOISE * rng.standard_normal(frame.planes[0].shape, np.float32)
    return frame.with_planes((to_integers(luma, frame.format.bits), *frame.planes[1:]))


def _read(path: Path, frames: int) -> list[Frame]:
    with open_source(path, cut=Cut(frames=frames)) as source:
        return list(source)


def in_folder(folder: Path, frames: int) -> list[Known]:
    """SettingsError where the folder has none, or a clip without its alpha."""
    sources = sorted(folder.glob(f"*{_SRC}"))
    if not sources:
        raise SettingsError(f"--truth: {folder} holds no clips; wanted NAME{_SRC} beside NAME{_PHA}")
    known = [Known(name := path.name.removesuffix(_SRC), path, folder / f"{name}{_PHA}", frames) for path in sources]
    if lone := [clip.name for clip in known if not clip.pha.is_file()]:
        raise SettingsError(f"--truth: {folder} has no alpha of {', '.join(lone)}; wanted {lone[0]}{_PHA} beside {lone[0]}{_SRC}")
    return known


def made_here(clip: Path, frames: int, scenes: Sequence[Scene]) -> list[Known]:
    """clip: whose person they show."""
    return [Known(scene.name, *composed(scene, clip, frames), frames) for scene in scenes]
