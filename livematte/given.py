"""Pictures that people give with an option: read, with errors that name it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from livematte.errors import SourceError
from livematte.frame import Frame
from livematte.sources.images import is_picture
from livematte.sources.picture_file import read_picture


def picture(path: Path, option: str, tell: Callable[[str], None]) -> Frame:
    """tell: hears what is to be known of it. SourceError where it cannot be read."""
    if not path.exists():
        raise SourceError(f"{option}: there is no {path}; wanted a picture")
    try:
        frame, notes = read_picture(path)
    except SourceError as error:
        raise SourceError(f"{option}: {error}") from error
    for note in notes:
        tell(f"{path}: {note}")
    return frame


def mask(frame: Frame) -> NDArray[np.float32]:
    """(H, W) in [0, 1]: how white a picture is."""
    return np.asarray(frame.rgb().mean(axis=2), np.float32)


def marks(path: Path, option: str, tell: Callable[[str], None]) -> Frame | Callable[[Frame], Frame]:
    """The picture, or what gives the one of a frame's name out of a folder. SourceError where there is none."""
    if not path.is_dir():
        return picture(path, option, tell)
    pictures = {each.stem: each for each in sorted(path.iterdir()) if is_picture(each)}
    if not pictures:
        raise SourceError(f"{option}: the folder {path} holds no pictures; wanted one for each still, of its name")

    def named(frame: Frame) -> Frame:
        name = frame.label
        if name not in pictures:
            raise SourceError(f"{option}: {path} holds none for {name or 'a clip'}; wanted {f'{name}.png' if name else 'one picture'}")
        return picture(pictures[name], option, tell)

    return named
