"""The drawn clips as the bench keeps them: drawn once, and anew where the code that draws them is newer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from livematte.bench.drawn.clips import CLIPS, RATE, Clip, pictures
from livematte.bench.lossless import Writer, frame_of, grey_of
from livematte.bench.places import made
from livematte.bench.truth import Known
from livematte.frame import Size

SIZE: Size = (512, 288)


def kept(frames: int, *, clips: tuple[Clip, ...] = CLIPS, tell: Callable[[str], None] = lambda text: None) -> list[Known]:
    """Each of the clips, `frames` pictures. tell: hears of each that is drawn."""
    return [_kept(clip, frames, tell) for clip in clips]


def _kept(clip: Clip, frames: int, tell: Callable[[str], None]) -> Known:
    stem = f"drawn-{clip.name}-{frames}"

    def make(path: Path) -> None:
        tell(f"drawing {clip.name} …")
        with Writer(path, "yuv420p", SIZE, RATE) as src, Writer(path.with_name(f"{stem}.pha.mkv"), "gray", SIZE, RATE) as pha:
            for picture in pictures(clip, SIZE, frames):
                src.write(frame_of(picture.src, "yuv420p"))
                pha.write(grey_of(picture.pha))

    src = made(f"{stem}.src.mkv", make, *Path(__file__).parent.glob("*.py"))
    return Known(clip.name, src, src.with_name(f"{stem}.pha.mkv"), frames)
