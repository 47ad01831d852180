"""Cuts: how well they are found on clips that are spliced here, and what follows one in the matte, found and missed.

A cut counts as found where a start lies at its frame or beside it, any other start is false. After a cut the matte's first four frames are
measured: their errors, what of the shot before still stands in them (its person, where nobody is now), and what of the person they lack.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from livematte.bench import places
from livematte.bench.choices import Choice, open_chosen
from livematte.bench.drawn.kept import kept
from livematte.bench.results import Result
from livematte.bench.splices import Trial, shot, trials
from livematte.bench.tables import table
from livematte.bench.truth import Known, in_folder
from livematte.errors import SettingsError
from livematte.frame import Frame
from livematte.matting.scenes import CutDetector, mattes
from livematte.metrics import mad
from livematte.opening import make_matter
from livematte.sources.images import natural

Floats = NDArray[np.float32]
Tell = Callable[[str], None]

_FRAMES = 40  # of a drawn clip
_BESIDE = 1  # frames by which a start may miss its cut
_BEFORE, _AFTER = 14, 12  # frames of the shots that are spliced for their mattes
_MEASURED = 4  # frames after a cut
_VIDEOS = ("*.mp4", "*.mov", "*.mkv", "*.webm")


def measure(options: argparse.Namespace, tell: Tell) -> Result:
    known = _known(options, tell)
    clips = [clip.src for clip in known] if options.clips is None else _clips(options.clips)
    tell(f"{len(clips)} clips are spliced …")
    counts = detected(trials([shot(path) for path in clips]))
    parts = [_told_counts(counts)]
    figures = {f"{count.kind}: {what}": value for count in counts for what, value in count.figures().items()}
    if not options.detector:
        after = followed(known, tell)
        parts.append(_told_after(after))
        figures |= {f"{row.name}: {what}": value for row in after for what, value in row.figures().items()}
    about = f"{len(clips)} clips: {', '.join(path.name.partition('.')[0] for path in clips)}"
    return Result("\n\n".join([about, *parts]), figures)


def _known(options: argparse.Namespace, tell: Tell) -> list[Known]:
    folder = options.truth or (None if options.drawn else places.truth())
    return in_folder(folder, _FRAMES) if folder is not None else kept(_FRAMES, tell=tell)


def _clips(folder: Path) -> list[Path]:
    """SettingsError where there are none."""
    found = sorted((path for pattern in _VIDEOS for path in folder.glob(pattern) if not path.stem.endswith(".pha")), key=natural)
    if not found:
        raise SettingsError(f"--clips: {folder} holds no clips; wanted {', '.join(_VIDEOS)}")
    return found


# -- the detector


@dataclass
class Count:
    """Of one kind of trial, or of several. cuts: those there are; found: of them; false: starts that are none."""

    kind: str
    trials: int = 0
    cuts: int = 0
    found: int = 0
    false: int = 0

    def add(self, cuts: Sequence[int], starts: Sequence[int]) -> None:
        self.trials += 1
        self.cuts += len(cuts)
        self.found += sum(any(abs(start - cut) <= _BESIDE for start in starts) for cut in cuts)
        self.false += sum(all(abs(start - cut) > _BESIDE for cut in cuts) for start in starts)

    def figures(self) -> dict[str, float]:
        """precision, recall and F, from 0 to 1; what has no value, as all where there are no cuts, is left out."""
        if not self.cuts:
            return {}
        told = self.found + self.false
        values = {"precision": self.found / told} if told else {}
        return values | {"recall": self.found / self.cuts, "F": 2 * self.found / (self.cuts + told)}


def detected(made: Sequence[Trial]) -> list[Count]:
    """Of each kind in turn, then of all that count."""
    counts: dict[str, Count] = {}
    every = Count("all but the jumps")
    for trial in made:
        detector = CutDetector()
        starts = [index for index, frame in enumerate(trial.frames()) if detector.starts_scene(frame)][1:]
        for count in (counts.setdefault(trial.kind, Count(trial.kind)), *([every] if trial.counts else [])):
            count.add(trial.cuts, starts)
    return [*counts.values(), every]


def _told_counts(counts: Sequence[Count]) -> str:
    rows = []
    for count in counts:
        values = count.figures()
        cells = [f"{values[name]:.3f}" if name in values else "" for name in ("precision", "recall", "F")]
        rows.append([count.kind, str(count.trials), str(count.cuts), str(count.found), str(count.false), *cells])
    return table(["", "trials", "cuts", "found", "false starts", "precision", "recall", "F"], rows)


# -- what follows a cut


class After(NamedTuple):
    """mads: of the first frames after a cut, x 1e3. ghost: alpha there where only the shot before had somebody, lack: 1 - alpha where
    somebody is, both of the first frame, in percent."""

    name: str
    mads: list[float]
    ghost: float
    lack: float

    def figures(self) -> dict[str, float]:
        values = {f"MAD x1e3 of frame {index}": value for index, value in enumerate(self.mads)}
        return values | {"ghost, %": self.ghost, "lack, %": self.lack}


class _Told:
    """In the place of a CutDetector: starts scenes where it is told to."""

    def __init__(self, starts: Collection[int]) -> None:
        self._starts, self._index = starts, -1

    def starts_scene(self, frame: Frame) -> bool:
        self._index += 1
        return self._index in self._starts


class _Splice(NamedTuple):
    """frames: of a shot, then of the next one, which begins at `cut`; true: (T, H, W) of them all."""

    frames: list[Frame]
    true: Floats
    cut: int


Way = Callable[[Any, _Splice], Iterator[Any]]


def followed(clips: Sequence[Known], tell: Tell) -> list[After]:
    """By each way that a cut is met."""
    reels = [_reel(clip) for clip in clips]
    splices = [_joined(one, (0, _BEFORE), other, (0, _AFTER)) for one, other in zip(reels, [*reels[1:], reels[0]], strict=True)]
    jumps = [_joined(reel, (0, _BEFORE), reel, (len(reel.frames) - _AFTER, len(reel.frames))) for reel in reels]
    on = [_joined(reel, (0, _BEFORE), reel, (_BEFORE, _BEFORE + _AFTER)) for reel in reels]
    with _matter() as matter:
        ways: list[tuple[str, list[_Splice], Way]] = [
            ("cut found, clip: settled on what follows", splices, _clip),
            ("cut found, live: nothing is known of what follows", splices, _live(lambda splice: {0, splice.cut})),
            ("cut missed", splices, _live(lambda splice: {0})),
            ("jump in the same view, taken for a cut, live", jumps, _live(lambda splice: {0, splice.cut})),
            ("jump in the same view, missed", jumps, _live(lambda splice: {0})),
            ("no cut, false start, live", on, _live(lambda splice: {0, splice.cut})),
            ("no cut, none seen", on, _live(lambda splice: {0})),
        ]
        return [_after(name, matter, these, way, tell) for name, these, way in ways]


@contextmanager
def _matter() -> Iterator[Any]:
    settings = Choice().settings()
    engine = open_chosen(settings)
    try:
        yield make_matter(engine, settings)
    finally:
        engine.close()


def _reel(clip: Known) -> _Splice:
    """SettingsError where it is too short to cut from."""
    reel = _Splice(clip.sources(), clip.alpha(), 0)
    if len(reel.frames) < _BEFORE + _AFTER:
        raise SettingsError(f"{clip.src} has {len(reel.frames)} frames, wanted at least {_BEFORE + _AFTER} to cut from")
    return reel


def _joined(one: _Splice, begin: tuple[int, int], other: _Splice, end: tuple[int, int]) -> _Splice:
    """Frames [begin) of the one and [end) of the other, with the times of one clip."""
    shown = [*one.frames[slice(*begin)], *other.frames[slice(*end)]]
    timed = [replace(frame, pts=when.pts, time_base=when.time_base) for frame, when in zip(shown, one.frames, strict=False)]
    return _Splice(timed, np.concatenate([one.true[slice(*begin)], other.true[slice(*end)]]), begin[1] - begin[0])


def _clip(matter: Any, splice: _Splice) -> Iterator[Any]:
    """As a clip's frames go."""
    for item in mattes(matter, splice.frames):
        assert isinstance(item, tuple)
        yield item[1]


def _live(starts: Callable[[_Splice], Collection[int]]) -> Way:
    """Frame by frame, a scene starting where it is told."""

    def way(matter: Any, splice: _Splice) -> Iterator[Any]:
        matter._cuts = _Told(starts(splice))  # there is no other way to have a cut missed
        yield from map(matter.step, splice.frames)

    return way


def _after(name: str, matter: Any, splices: Sequence[_Splice], way: Way, tell: Tell) -> After:
    tell(f"{name} …")
    mads, ghosts, lacks = [], [], []
    for splice in splices:
        matter.reset()
        phas = np.stack([matte.pha for matte in way(matter, splice)])
        cut, true = splice.cut, splice.true
        mads.append([mad(phas[i : i + 1], true[i : i + 1]) for i in range(cut, cut + _MEASURED)])
        ghosts.append(phas[cut][(true[cut] < 0.01) & (true[cut - 1] > 0.99)])
        lacks.append(1 - phas[cut][true[cut] > 0.99])
    return After(name, np.mean(mads, axis=0).tolist(), _percent(ghosts), _percent(lacks))


def _percent(parts: Sequence[Floats]) -> float:
    """Of all pixels of all parts; 0 where there are none."""
    return 100 * float(np.concatenate(parts).mean()) if sum(map(len, parts)) else 0.0


def _told_after(rows: Sequence[After]) -> str:
    head = ["", *(f"MAD x1e3, frame {index}" for index in range(_MEASURED)), "ghost, %", "lack, %"]
    cells = [[row.name, *(f"{value:.2f}" for value in row.mads), f"{row.ghost:.2f}", f"{row.lack:.2f}"] for row in rows]
    return table(head, cells)
