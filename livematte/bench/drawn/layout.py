"""The benchmark's files: the layout that the published evaluation of video matting reads, and clips beside it.

OUT/videomatte_512x288/NAME/com/0000.png    the composed picture
                           /pha/0000.png    its alpha
                           /fgr/0000.png    its foreground, straight
OUT/clips_512x288/NAME.src.mkv              the same pictures as a lossless 4:2:0 clip, which com is decoded from
                 /NAME.pha.mkv              the same alpha
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from livematte.bench.drawn.clips import RATE, Clip, Picture, pictures
from livematte.bench.lossless import Writer, frame_of, grey_of
from livematte.errors import LivematteError
from livematte.frame import Size

_PARTS = ("com", "pha", "fgr")
_QUICK = [cv2.IMWRITE_PNG_COMPRESSION, 1]  # noise does not get smaller; level 3 takes twice the time for 2 %


def trees(out: Path, size: Size) -> tuple[Path, Path]:
    """(folder of pictures, folder of clips) of one size."""
    by = "x".join(map(str, size))
    return out / f"videomatte_{by}", out / f"clips_{by}"


def write(out: Path, clip: Clip, size: Size, frames: int, *, seed: int = 0) -> Iterator[int]:
    """Draws and writes a clip; gives each frame's number once it is written. LivematteError where a file cannot be."""
    tree, clips = trees(out, size)
    folders = {part: tree / clip.name / part for part in _PARTS}
    try:
        for folder in (*folders.values(), clips):
            folder.mkdir(parents=True, exist_ok=True)
        to = [clips / f"{clip.name}.{kind}.mkv" for kind in ("src", "pha")]
        with Writer(to[0], "yuv420p", size, RATE) as src, Writer(to[1], "gray", size, RATE) as pha:
            for index, picture in enumerate(pictures(clip, size, frames, seed=seed)):
                _write(folders, index, picture, src, pha)
                yield index
    except OSError as error:
        raise LivematteError(f"cannot write {error.filename or out}: {error.strerror}") from error


def _write(folders: dict[str, Path], index: int, picture: Picture, src: Writer, pha: Writer) -> None:
    frame = frame_of(picture.src, "yuv420p")
    src.write(frame)
    pha.write(grey_of(picture.pha))
    for part, values in (("com", frame.rgb()), ("pha", picture.pha), ("fgr", picture.fgr)):
        _png(folders[part] / f"{index:04d}.png", values)


def _png(path: Path, picture: NDArray[np.float32]) -> None:
    """(H, W) or (H, W, 3) R'G'B'."""
    codes = np.rint(np.clip(picture, 0, 1) * 255).astype(np.uint8)
    done, data = cv2.imencode(".png", codes if codes.ndim == 2 else np.ascontiguousarray(codes[..., ::-1]), _QUICK)
    assert done
    path.write_bytes(data.tobytes())
