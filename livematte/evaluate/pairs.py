"""What is compared with what: two clips, two folders of pictures, or two trees laid out as the published evaluations are.

    TREE/…/pha/CLIP/0000.png        alpha, a picture a frame, or …/pha/CLIP.mp4
    TREE/…/fgr/CLIP/0000.png        the foreground's colour beside it, where it is to be measured
    TREE/…/CLIP/pha/0000.png        or the other way round, with …/CLIP/fgr/0000.png

PRED and TRUTH then have the same names, or PRED has a clip, …/CLIP.mkv, or pictures of alpha, …/CLIP/0000.png, in place of each pha/;
what else lies there is left alone.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from livematte.errors import SourceError
from livematte.sources.images import is_picture, natural

_SHOWN = 5  # names in a message


@dataclass(frozen=True)
class Pair:
    """A clip and its truth, each a file or a folder of pictures. fgr, true_fgr: their foregrounds, where these lie apart; true_fgr alone is
    for the colours that a cutout brings."""

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
        if pred.is_dir() and not _has_pictures(pred):
            raise SourceError(f"{pred} holds no pictures, but {truth} is one clip; wanted two clips, or two folders of them")
        return [_checked(Pair(truth.name, pred, truth))]
    if not pred.is_dir():
        raise SourceError(f"{pred} is a file, but {truth} is a folder of clips; wanted two clips, or two folders of them")
    trees = _trees(truth)
    if trees:
        return [_checked(pair) for tree in trees for pair in _of_tree(tree, pred, truth)]
    clips = dict(_clips(truth))
    if not clips:
        raise SourceError(f"{truth} holds nothing to compare; wanted a clip, pictures, or a tree with pha/CLIP/ folders{_within(truth)}")
    return [_checked(Pair(name, _counterpart(name, pred, path), path)) for name, path in clips.items()]


def frame_names(folder: Path) -> list[str]:
    """Of the pictures in a folder, without their endings, in natural order."""
    return [path.stem for path in sorted(folder.iterdir(), key=natural) if is_picture(path)]


def _has_pictures(folder: Path) -> bool:
    return any(is_picture(path) for path in folder.iterdir())


def _within(truth: Path) -> str:
    """A hint at the pictures of a folder's folders, such as the image/ and matte/ of a set of pictures."""
    found = [path.name for path in sorted(truth.iterdir(), key=natural) if path.is_dir() and _has_pictures(path)]
    return f"\nPictures lie in its {_listed(found)}; name the one with alpha" if found else ""


def _trees(truth: Path) -> list[Path]:
    """The folders called pha, the tree itself being one or not."""
    return sorted((path for path in (truth, *truth.rglob("pha")) if path.name == "pha" and path.is_dir()), key=natural)


def _of_tree(pha: Path, pred: Path, truth: Path) -> Iterator[Pair]:
    clips = sorted((path for path in pha.iterdir() if not path.name.startswith(".")), key=natural)
    if not clips:
        raise SourceError(f"{pha} is empty; wanted a folder of pictures, or a clip, for each clip")
    for clip in [pha] if _has_pictures(pha) else clips:
        place = clip.relative_to(truth)
        fgr = pha.parent / "fgr" / clip.relative_to(pha)
        pred_fgr = pred / fgr.relative_to(truth)
        other = _other(pred, place, truth)
        own = not other.is_dir()  # a clip may bring colours with its alpha
        known = fgr.exists() and (own or pred_fgr.exists())
        yield Pair(_named(place) or truth.name, other, clip, pred_fgr if known and not own else None, fgr if known else None)


def _named(place: Path) -> str:
    """Of a clip, by where it lies: without the folder that all have."""
    return "/".join(part for part in place.parts if part != "pha")


def _other(pred: Path, place: Path, truth: Path) -> Path:
    """The counterpart of the clip at `place` in the truth's tree: there too, or by the clip's name. SourceError: none, or several."""
    if os.path.exists(pred / place):
        return pred / place
    named = pred / (_named(place) or truth.name)
    if named.is_dir() and _has_pictures(named):
        return named
    stem = named.name.partition(".")[0]
    found = _alphas(sorted(path for path in named.parent.glob(f"{glob.escape(stem)}.*") if not is_picture(path)))
    if len(found) > 1:
        raise SourceError(f"{pred} has {len(found)} clips for {place}: {_listed([path.name for path in found])}; wanted one")
    if not found:
        raise SourceError(f"{pred} has no {place}, nor a clip {named.relative_to(pred)}.*; wanted it to be laid out as {truth}")
    return found[0]


def _clips(folder: Path) -> Iterator[tuple[str, Path]]:
    """(name, clip): of NAME.pha.EXT and NAME.src.EXT side by side the alpha, else every file."""
    files = sorted((path for path in folder.iterdir() if path.is_file() and path.suffix and path.suffix != ".md"), key=natural)
    for path in _alphas(files):
        yield path.name.partition(".")[0], path


def _alphas(files: list[Path]) -> list[Path]:
    """Of NAME.pha.EXT and NAME.src.EXT side by side the alphas; else all."""
    return [path for path in files if path.stem.endswith(".pha")] or files


def _counterpart(name: str, pred: Path, true: Path) -> Path:
    """The file in `pred` that begins with the same name."""
    found = _alphas([path for path in sorted(pred.iterdir()) if path.name.partition(".")[0] == name])
    if len(found) != 1:
        told = "no" if not found else f"{len(found)} ({_listed([path.name for path in found])})"
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
    if len(have) == len(want) and _in_a_row(have) and _in_a_row(want):
        return  # numbered from 0 or from 1, with more digits or fewer: none is missing
    _none_missing(pha, have, true, want)
    _none_missing(true, want, pha, have)


def _in_a_row(names: list[str]) -> bool:
    """Whether they are numbers without a gap."""
    if not all(name.isdecimal() for name in names):
        return False
    first = int(names[0])
    return [int(name) for name in names] == list(range(first, first + len(names)))


def _none_missing(folder: Path, have: list[str], other: Path, want: list[str]) -> None:
    missing = sorted(set(want) - set(have), key=want.index)
    if missing:
        raise SourceError(f"{folder} lacks {len(missing)} of the frames of {other}: {_listed(missing)}")


def _listed(names: list[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (", …" if len(names) > _SHOWN else "")
