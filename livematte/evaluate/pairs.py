"""What is compared with what: two clips, two folders of pictures, or two trees laid out as the published evaluations are.

    TREE/…/pha/CLIP/0000.png        alpha, a picture a frame, or …/pha/CLIP.mp4
    TREE/…/fgr/CLIP/0000.png        the foreground's colour beside it, where it is to be measured

PRED and TRUTH then have the same names; what else lies there is left alone.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from livematte.errors import SourceError
from livematte.sources.images import is_picture, natural

_SHOWN = 5  # names in a message


@dataclass(frozen=True)
class Pair:
    """A clip and its truth, each a file or a folder of pictures. fgr, true_fgr: their foregrounds, where these lie apart."""

    name: str
    pha: Path
    true: Path
    fgr: Path | None = None
    true_fgr: Path | None = None


def pairs(pred: Path, truth: Path) -> list[Pair]:
    """In the truth's order. SourceError: something is not there, is empty, or has no counterpart; it is named."""
    for path, what in ((pred, "PRED"), (truth, "TRUTH")):
        if not os.path.exists(path):
            raise SourceError(f"there is no {path}; wanted {what}: a clip, a folder of pictures, or a tree with pha/ folders")
    if not truth.is_dir() or _has_pictures(truth):
        return [_checked(Pair(truth.name, pred, truth))]
    trees = _trees(truth)
    if trees:
        return [_checked(pair) for tree in trees for pair in _of_tree(tree, pred, truth)]
    clips = dict(_clips(truth))
    if not clips:
        raise SourceError(f"{truth} holds nothing to compare; wanted a clip, pictures, or a tree with pha/CLIP/ folders")
    return [_checked(Pair(name, _counterpart(name, pred, path), path)) for name, path in clips.items()]


def frame_names(folder: Path) -> list[str]:
    """Of the pictures in a folder, without their endings, in natural order."""
    return [path.stem for path in sorted(folder.iterdir(), key=natural) if is_picture(path)]


def _has_pictures(folder: Path) -> bool:
    return any(is_picture(path) for path in folder.iterdir())


def _trees(truth: Path) -> list[Path]:
    """The folders called pha, the tree itself being one or not."""
    return sorted((path for path in (truth, *truth.rglob("pha")) if path.name == "pha" and path.is_dir()), key=natural)


def _of_tree(pha: Path, pred: Path, truth: Path) -> Iterator[Pair]:
    clips = sorted((path for path in pha.iterdir() if not path.name.startswith(".")), key=natural)
    if not clips:
        raise SourceError(f"{pha} is empty; wanted a folder of pictures, or a clip, for each clip")
    for clip in clips:
        place = clip.relative_to(truth)
        fgr = pha.parent / "fgr" / clip.name
        other = pred / place
        if not os.path.exists(other):
            raise SourceError(f"{pred} has no {place}; wanted it to be laid out as {truth}")
        pred_fgr = pred / pha.relative_to(truth).parent / "fgr" / clip.name
        both = fgr.exists() and pred_fgr.exists()
        yield Pair(str(place), other, clip, pred_fgr if both else None, fgr if both else None)


def _clips(folder: Path) -> Iterator[tuple[str, Path]]:
    """(name, clip): of NAME.pha.EXT and NAME.src.EXT side by side the alpha, else every file."""
    files = sorted((path for path in folder.iterdir() if path.is_file() and path.suffix and path.suffix != ".md"), key=natural)
    alphas = [path for path in files if path.stem.endswith(".pha")]
    for path in alphas or files:
        yield path.name.partition(".")[0], path


def _counterpart(name: str, pred: Path, true: Path) -> Path:
    """The file in `pred` that begins with the same name."""
    if not pred.is_dir():
        raise SourceError(f"{pred} is one clip and {true.parent} a folder of them; wanted two clips or two folders")
    found = [path for path in sorted(pred.iterdir()) if path.name.partition(".")[0] == name]
    if len(found) != 1:
        told = "no" if not found else f"{len(found)} ({', '.join(path.name for path in found[:_SHOWN])})"
        raise SourceError(f"{pred} has {told} clips named {name}.*, wanted one, as the counterpart of {true}")
    return found[0]


def _checked(pair: Pair) -> Pair:
    """SourceError where pictures lack a counterpart. Of clips it shows only when they are read."""
    _check_names(pair.pha, pair.true)
    if pair.fgr is not None and pair.true_fgr is not None:
        _check_names(pair.fgr, pair.true_fgr)
    return pair


def _check_names(pha: Path, true: Path) -> None:
    for folder in (pha, true):
        if folder.is_dir() and not _has_pictures(folder):
            raise SourceError(f"{folder} holds no pictures")
    if not (pha.is_dir() and true.is_dir()):
        return
    have, want = frame_names(pha), frame_names(true)
    _none_missing(pha, have, true, want)
    _none_missing(true, want, pha, have)


def _none_missing(folder: Path, have: list[str], other: Path, want: list[str]) -> None:
    missing = sorted(set(want) - set(have), key=want.index)
    if missing:
        names = ", ".join(missing[:_SHOWN]) + (", …" if len(missing) > _SHOWN else "")
        raise SourceError(f"{folder} lacks {len(missing)} of the frames of {other}: {names}")
