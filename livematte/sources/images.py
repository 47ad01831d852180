"""Pictures: one, a folder of them, a glob. Each is by itself, of its own size, and named after its file.

libav decodes them, so a JPEG keeps its own Y'CbCr samples and a PNG its 16 bits; Exif orientation is applied as for a clip.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from livematte.errors import SourceError
from livematte.frame import Frame
from livematte.sources.base import WHOLE, Cut, SourceInfo
from livematte.sources.cut import checked, indices
from livematte.sources.reader import Reader
from livematte.sources.video import VideoSource

# Read whole and by content: a name such as "shot%d.jpg" would be a pattern to libav.
_PICTURES = "png apng jpg jpeg jpe webp tif tiff bmp gif avif jp2 jxl ppm pgm pbm tga exr dpx"
_VIDEOS = "mp4 mov m4v mkv webm avi ts mts m2ts mpg mpeg flv wmv 3gp ogv mxf vob asf f4v y4m nut h264 hevc ivf"
RATE = Fraction(30)  # what a folder of pictures plays at, where it becomes a clip


def is_picture(path: Path) -> bool:
    return path.suffix.lower()[1:] in _PICTURES.split() and not path.name.startswith(".")


def natural(path: Path) -> list[tuple[int, str]]:
    """A sort key by which frame10 comes after frame9."""
    parts: list[str] = re.findall(r"\d+|\D+", str(path).lower())
    return [(int(p), p) if p.isdigit() else (1 << 62, p) for p in parts]


def read_picture(path: Path) -> Frame:
    """The picture in a file; the first one of an animation. SourceError where it can't be read."""
    with open_picture(path) as source:
        return replace(next(iter(source)), label=path.stem)


def open_picture(path: Path) -> VideoSource:
    """The picture or animation in a file."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise SourceError(f"{path} may not be read: {error.strerror}; check its permissions") from error
    if data[:4] == b"RIFF" and b"ANIM" in data[:64]:
        raise SourceError(f"{path} is an animated WebP, which libav cannot decode; convert it to .gif, .png or a clip first")
    return VideoSource(io.BytesIO(data), name=str(path))


class PicturesSource(Reader):
    """Picture files in the given order, as frames 0, 1, 2, … at 30 per second.

    A file that can't be read is left out; after all others were given, SourceError names it. SourceError at once where none can."""

    def __init__(self, paths: Sequence[Path], *, name: str, cut: Cut = WHOLE, notes: tuple[str, ...] = ()) -> None:
        chosen = indices(checked(cut), rate=RATE, count=len(paths))
        if not chosen:
            raise SourceError(f"start {cut.start:g} s lies beyond the end of {name}, which is {len(paths)} pictures at {RATE} per second")
        self._paths = [paths[i] for i in chosen]
        self._broken: list[str] = []
        self._frames = self._decoded()
        self._ahead = next(self._frames)
        self._info = SourceInfo(
            name, self._ahead.size, RATE, 1 / RATE, frames=len(chosen), seconds=float(len(chosen) / RATE), still=True, notes=notes
        )

    @property
    def info(self) -> SourceInfo:
        return self._info

    def _decoded(self) -> Iterator[Frame]:
        given = 0
        for index, path in enumerate(self._paths):
            try:
                frame = read_picture(path)
            except SourceError as error:
                self._broken.append(str(error))
                continue
            given += 1
            yield replace(frame, pts=index, time_base=1 / RATE, duration=1)
        if self._broken:
            raise SourceError(f"{len(self._broken)} of {given + len(self._broken)} pictures cannot be read; the first: {self._broken[0]}")

    def _read(self) -> Iterator[Frame]:
        yield self._ahead
        yield from self._frames


def in_folder(folder: Path, *, cut: Cut) -> PicturesSource:
    """The pictures of a folder in natural order. SourceError where it has none."""
    try:
        files = sorted(folder.iterdir(), key=natural)
    except OSError as error:
        raise SourceError(f"folder {folder} may not be read: {error.strerror}; check its permissions") from error
    pictures = [p for p in files if is_picture(p)]
    videos = [p for p in files if p.suffix.lower()[1:] in _VIDEOS.split()]
    if not pictures and videos:
        raise SourceError(f"folder {folder} holds clips, wanted pictures; give one clip at a time, such as {videos[0]}")
    if not pictures:
        raise SourceError(f"folder {folder} holds no pictures; wanted files such as .png, .jpg, .webp or .tif")
    notes = (f"{len(videos)} clips in the folder are left out",) if videos else ()
    return PicturesSource(pictures, name=str(folder), cut=cut, notes=notes)


def in_glob(pattern: str, *, cut: Cut) -> PicturesSource:
    """The pictures that a glob names, in natural order. SourceError where it names none, or clips."""
    from glob import glob

    files = sorted((Path(p) for p in glob(pattern, recursive=True)), key=natural)
    pictures = [p for p in files if is_picture(p)]
    if not files:
        raise SourceError(f"nothing is named {pattern}; wanted pictures, such as 'photos/*.jpg'")
    if not pictures:
        raise SourceError(f"{pattern} names no pictures but {files[0].name}; a glob is for pictures, give clips one at a time")
    return PicturesSource(pictures, name=pattern, cut=cut)
