"""Pictures: one, a folder of them, a glob. Each is by itself, of its own size, and named after its file."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from livematte.errors import SourceError
from livematte.frame import Frame
from livematte.sources.base import WHOLE, Cut, SourceInfo
from livematte.sources.cut import checked, indices
from livematte.sources.picture_file import read_picture
from livematte.sources.reader import Reader

_PICTURES = "png apng jpg jpeg jpe jfif webp tif tiff bmp gif avif heic heif hif jp2 jxl ppm pgm pbm tga exr dpx"
_VIDEOS = "mp4 mov m4v mkv webm avi ts mts m2ts mpg mpeg flv wmv 3gp ogv mxf vob asf f4v y4m nut h264 hevc ivf"
RATE = Fraction(30)  # what a folder of pictures plays at, where it becomes a clip
_LISTED = 10  # names of pictures that cannot be read


def is_picture(path: Path) -> bool:
    return path.suffix.lower()[1:] in _PICTURES.split() and not path.name.startswith(".")


def natural(path: Path) -> list[tuple[int, str]]:
    """A sort key by which frame10 comes after frame9."""
    parts: list[str] = re.findall(r"\d+|\D+", str(path).lower())
    return [(int(p), p) if p.isdigit() else (1 << 62, p) for p in parts]


class PicturesSource(Reader):
    """Picture files in the given order, as frames 0, 1, 2, … at 30 per second.

    A file that can't be read is left out; after all others were given, SourceError lists those. SourceError at once where none can."""

    def __init__(self, paths: Sequence[Path], *, name: str, cut: Cut = WHOLE, notes: tuple[str, ...] = ()) -> None:
        chosen = indices(checked(cut), rate=RATE, count=len(paths))
        if not chosen:
            raise SourceError(f"start {cut.start:g} s lies beyond the end of {name}, which is {len(paths)} pictures at {RATE} per second")
        self._paths = [paths[i] for i in chosen]
        self._broken: list[SourceError] = []
        self._notes = list(notes)
        self._frames = self._decoded()
        self._ahead = next(self._frames)
        self._info = SourceInfo(name, self._ahead.size, RATE, 1 / RATE, frames=len(chosen), seconds=float(len(chosen) / RATE), still=True)

    @property
    def info(self) -> SourceInfo:
        """What is known so far; notes grow as the pictures are read."""
        return replace(self._info, notes=tuple(self._notes))

    def _decoded(self) -> Iterator[Frame]:
        for index, path in enumerate(self._paths):
            try:
                frame, notes = read_picture(path)
            except SourceError as error:
                self._broken.append(error)
                continue
            self._notes += notes
            yield replace(frame, pts=index, time_base=1 / RATE, duration=1)
        if self._broken:
            raise self._failure()

    def _failure(self) -> SourceError:
        """Names the pictures that could not be read, as far as a screen has room."""
        count, wrong = len(self._paths), [str(error) for error in self._broken]
        if count == 1:
            return self._broken[0]
        more = [f"and {len(wrong) - _LISTED} more"] if len(wrong) > _LISTED else []
        return SourceError("\n  ".join([f"{len(wrong)} of {count} pictures cannot be read:", *wrong[:_LISTED], *more]))

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
