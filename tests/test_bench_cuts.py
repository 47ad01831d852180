"""The bench of cuts: what is spliced, how starts are counted, what is measured after a cut; by cases worked out by hand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commands import run

from livematte.bench import cuts, places
from livematte.bench.cuts import Count, detected, followed
from livematte.bench.drawn.kept import kept
from livematte.bench.lossless import Writer, frame_of, grey_of
from livematte.bench.options import parse
from livematte.bench.splices import SIZE, Shot, Trial, shot, trials
from livematte.bench.truth import Known
from livematte.errors import SettingsError
from livematte.frame import Frame, Matte

SMALL = (96, 64)


def texture(seed: int, frames: int = 40) -> Shot:
    """A wall of soft patches before which a square walks."""
    import cv2

    rng = np.random.default_rng(seed)
    wall = cv2.resize(rng.random((9, 16, 3)).astype(np.float32), SIZE, interpolation=cv2.INTER_CUBIC).clip(0, 1)
    pictures = np.repeat(wall[None], frames, axis=0)
    for index in range(frames):
        pictures[index, 60:110, 40 + 2 * index : 80 + 2 * index] = seed / 10
    return Shot(f"shot {seed}", pictures.astype(np.float32))


def clip(folder: Path, name: str, *, frames: int = 40, left: int = 10) -> Known:
    """A bright square that stands before a dark wall."""
    pha = np.zeros(SMALL[::-1], np.float32)
    pha[20:50, left : left + 30] = 1
    with Writer(folder / f"{name}.src.mkv", "yuv420p", SMALL, 30) as src, Writer(folder / f"{name}.pha.mkv", "gray", SMALL, 30) as true:
        for _ in range(frames):
            src.write(frame_of(np.repeat(0.2 + 0.6 * pha[..., None], 3, axis=2), "yuv420p"))
            true.write(grey_of(pha))
    return Known(name, folder / f"{name}.src.mkv", folder / f"{name}.pha.mkv", frames)


# -- what is spliced


def test_every_kind_has_a_trial_of_each_shot() -> None:
    made = trials([texture(1), texture(2), texture(3)])
    kinds = {trial.kind for trial in made}
    assert {kind.split(":")[0] for kind in kinds} == {"cut", "no cut", "jump in the same view"}
    assert all(sum(trial.kind == kind for trial in made) == 3 for kind in kinds)
    for trial in made:
        assert bool(trial.cuts) == (not trial.kind.startswith("no cut"))
        assert trial.pictures.dtype == np.float32
        assert trial.pictures.shape[1:] == (SIZE[1], SIZE[0], 3)
        assert 0 <= trial.pictures.min() <= trial.pictures.max() <= 1
        assert all(0 < cut < len(trial.pictures) for cut in trial.cuts)


def test_cuts_lie_where_they_are_said_to() -> None:
    one, other = texture(1), texture(2)
    for trial in trials([one, other]):
        if trial.kind not in ("cut: another scene", "cut: every 6 frames", "cut: 15 fps", "cut: 60 fps"):
            continue
        jumps = [i for i in range(1, len(trial.pictures)) if np.abs(trial.pictures[i] - trial.pictures[i - 1]).mean() > 0.1]
        assert jumps == list(trial.cuts)


def test_one_shot_has_nothing_to_be_cut_with() -> None:
    assert {trial.kind for trial in trials([texture(1)]) if trial.cuts} == {"jump in the same view", "cut: same view, closer"}


@pytest.mark.parametrize("rate", [15, 24, 30, 60])
def test_rates_are_those_of_their_frames(rate: int) -> None:
    (trial,) = [each for each in trials([texture(1)]) if each.kind == f"no cut: {rate} fps"]
    frames = list(trial.frames())
    assert len(frames) == pytest.approx(40 * rate / 30, abs=1)
    assert frames[-1].seconds == pytest.approx((len(frames) - 1) / rate)


def test_a_shot_is_long_enough(tmp_path: Path) -> None:
    assert shot(clip(tmp_path, "long").src).pictures.shape == (40, SIZE[1], SIZE[0], 3)
    with pytest.raises(SettingsError, match=r"short.src.mkv has 35 frames, wanted at least 36 to cut from"):
        shot(clip(tmp_path, "short", frames=35).src)


# -- how starts are counted


@pytest.mark.parametrize(
    ("true", "starts", "found", "false"),
    [
        ([10], [10], 1, 0),
        ([10], [11], 1, 0),
        ([10], [12], 0, 1),
        ([10], [9, 10], 1, 0),
        ([10, 20], [10], 1, 0),
        ([10, 20], [10, 15, 20], 2, 1),
        ([], [5], 0, 1),
        ([10], [], 0, 0),
    ],
)
def test_counts(true: list[int], starts: list[int], found: int, false: int) -> None:
    count = Count("x")
    count.add(true, starts)
    assert (count.trials, count.cuts, count.found, count.false) == (1, len(true), found, false)


def test_precision_recall_and_f() -> None:
    values = Count("x", trials=1, cuts=4, found=3, false=1).figures()
    assert values == pytest.approx({"precision": 0.75, "recall": 0.75, "F": 0.75})
    assert Count("x", cuts=2).figures() == {"recall": 0, "F": 0}
    assert Count("x", cuts=1, false=2).figures() == {"precision": 0, "recall": 0, "F": 0}
    assert Count("x", false=2).figures() == {}
    assert Count("x").figures() == {}


def test_what_does_not_count_is_told_and_left_out_of_the_sum() -> None:
    one, other = texture(1), texture(2)
    pictures = np.concatenate([one.pictures[:10], other.pictures[:10]])
    counted, apart = Trial("a", "", pictures, (10,)), Trial("b", "", pictures, (5,), counts=False)
    first, second, every = detected([counted, apart])
    assert (first.kind, first.found, first.false) == ("a", 1, 0)
    assert (second.kind, second.found, second.false) == ("b", 0, 1)
    assert (every.trials, every.cuts, every.found, every.false) == (1, 1, 1, 0)


# -- what follows a cut


class Sluggish:
    """A matter that knows the truth, and mixes in a half of its last alpha but where a scene starts."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self._last: Any = None
        self._cuts: Any = None

    def prime(self, frames: Sequence[Frame]) -> None:
        self._last = None

    def step(self, frame: Frame) -> Matte:
        pha = (frame.planes[0] > 120).astype(np.float32)
        if self._cuts is not None and self._cuts.starts_scene(frame):
            self._last = None
        self._last = pha if self._last is None else (pha + self._last) / 2
        return Matte(self._last, frame)


def test_a_missed_cut_leaves_a_ghost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def sluggish() -> Iterator[Any]:
        yield Sluggish()

    monkeypatch.setattr(cuts, "_matter", sluggish)
    rows = followed([clip(tmp_path, "left"), clip(tmp_path, "right", left=56)], lambda text: None)
    by = {row.name.split(":")[0]: row for row in rows}
    area = 1000 * 2 * 30 * 30 / (96 * 64)
    missed = by["cut missed"]
    assert missed.mads == pytest.approx([area / 2, area / 4, area / 8, area / 16])
    assert (missed.ghost, missed.lack) == (50, 50)
    for name in ("cut found, clip", "cut found, live"):
        assert by[name].mads == [0, 0, 0, 0]
        assert (by[name].ghost, by[name].lack) == (0, 0)
    assert missed.figures()["ghost, %"] == 50


def test_clips_are_long_enough(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"short.src.mkv has 25 frames, wanted at least 26 to cut from"):
        followed([clip(tmp_path, "short", frames=25)], lambda text: None)


# -- the command


def test_drawn_clips_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from livematte.bench.drawn.clips import CLIPS

    monkeypatch.setattr(places, "_OUT", tmp_path)
    told: list[str] = []
    (first,) = kept(2, clips=CLIPS[2:3], tell=told.append)
    (again,) = kept(2, clips=CLIPS[2:3], tell=told.append)
    assert first == again
    assert told == ["drawing far-walk …"]
    assert first.alpha().shape == (2, 288, 512)
    assert len(first.sources()) == 2


def test_the_command_on_a_folder(tmp_path: Path, capsys: Any) -> None:
    for name, left in (("a", 10), ("b", 56)):
        clip(tmp_path, name, left=left)
    code, out, err = run(capsys, "bench", "cuts", "--truth", tmp_path, "--detector")
    assert (code, err) == (0, ["2 clips are spliced …"])
    assert "2 clips: a, b" in out
    assert any(line.startswith("| cut: another scene ") for line in out)
    assert not any("ghost" in line for line in out)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ("--truth {}", "--truth: {} holds no clips; wanted NAME.src.mkv beside NAME.pha.mkv"),
        ("--drawn --clips {}", "--clips: {} holds no clips; wanted *.mp4, *.mov, *.mkv, *.webm"),
    ],
)
def test_empty_folders_are_named(arguments: str, told: str, tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cuts, "kept", lambda frames, tell: [])
    got = run(capsys, "bench", "cuts", *arguments.format(tmp_path).split())
    assert (got.code, got.out, got.err) == (2, [], [f"livematte: {told.format(tmp_path)}"])


def test_it_is_a_kind_of_bench() -> None:
    assert parse(["cuts"]).what == parse(["--cuts"]).what == "cuts"
