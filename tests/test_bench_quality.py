"""The quality gate: what it lets pass and what it refuses; the clips that it is run on; once, small, as a whole."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commands import run
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from livematte.bench import gate, places, quality, scenes, truth
from livematte.bench.lossless import Writer
from livematte.bench.options import parse
from livematte.bench.quality import Trial, judged
from livematte.bench.truth import Known
from livematte.bench.variants import EXACT, FULL_SIZE, IN_TILES, REFERENCE, Variant
from livematte.errors import EngineError, SettingsError, SourceError
from livematte.frame import Frame, Matte
from livematte.matting.base import Matter
from livematte.sources import open_source

Floats = NDArray[np.float32]
Alter = Callable[[Floats], Floats]


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder of this module's own for what is made."""
    folder = tmp_path_factory.mktemp("bench")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(places, "_OUT", folder)
        yield folder


@pytest.fixture(scope="module")
def clips(out: Path, rvm_path: Path) -> list[Known]:
    return truth.made_here(places.portrait(), 6, scenes.SCENES[:2])


# what is measured


def moving(seed: int, shape: tuple[int, ...] = (4, 20, 50)) -> Floats:
    return np.random.default_rng(seed).random(shape, np.float32)


@given(seed=st.integers(0, 20))
def test_a_clip_is_close_to_itself(seed: int) -> None:
    figures = gate.pooled([gate.closeness(moving(seed), moving(seed)), gate.closeness(moving(seed + 1), moving(seed + 1))])
    assert figures == {"mean": 0, "tail": 0, "temporal": 1}
    assert gate.is_close(figures)


def test_the_worst_clip_counts_for_the_mean() -> None:
    true = np.full((2, 10, 10), 0.5, np.float32)
    both = [gate.closeness(true, true), gate.closeness(true + np.float32(0.002), true)]
    assert gate.pooled(both)["mean"] == pytest.approx(0.002, rel=1e-4)
    assert not gate.is_close(gate.pooled(both))
    assert gate.is_close(gate.pooled(both[:1]))


@pytest.mark.parametrize(("wrong", "tail"), [(1, 0.0), (2, 0.0), (3, 0.25)])
def test_the_tail_is_over_the_pixels_of_all_clips(wrong: int, tail: float) -> None:
    """Of 2,000 pixels two are one in a thousand."""
    true = np.zeros((1, 20, 50), np.float32)
    other = true.copy()
    other[0, 0, :wrong] = 0.25
    assert gate.pooled([gate.closeness(true, true), gate.closeness(other, true)])["tail"] == pytest.approx(tail)


def test_shimmer_is_refused_and_rest_is_not() -> None:
    still, step = np.zeros((5, 10, 10), np.float32), np.float32(0.01)
    moved = still + step * np.arange(5, dtype=np.float32)[:, None, None]
    shaky = moved.copy()
    shaky[1::2] += step * np.float32(0.02)
    assert gate.moves(moved) == pytest.approx(0.01, rel=1e-4)
    assert gate.moves(moved[:1]) == 0
    assert gate.closeness(shaky, moved).temporal == pytest.approx(1.0, abs=1e-4)  # up and down by turns: as far on the mean
    shaky[3] += step * np.float32(5)
    assert gate.pooled([gate.closeness(shaky, moved)])["temporal"] > gate.TEMPORAL
    assert gate.closeness(still, moved).temporal == 0
    assert gate.closeness(moved, still).temporal == float("inf")


@pytest.mark.parametrize(("what", "limit"), [("mean", gate.MEAN), ("tail", gate.TAIL), ("temporal", gate.TEMPORAL)])
def test_each_limit_is_one(what: str, limit: float) -> None:
    at_limit = {"mean": gate.MEAN, "tail": gate.TAIL, "temporal": gate.TEMPORAL}
    assert gate.is_close(at_limit)
    assert not gate.is_close(at_limit | {what: limit * 1.001})


@pytest.mark.parametrize("name", gate.JUDGED)
def test_each_measure_may_be_one_percent_worse(name: str) -> None:
    plain = {"MAD": 4.0, "MSE": 1.6, "Grad": 2.0, "dtSSD": 3.0}
    assert gate.is_no_worse(plain | {name: plain[name] * 1.0099, "MSE": 9.0}, plain)
    assert not gate.is_no_worse(plain | {name: plain[name] * 1.0101}, plain)


def test_averages_and_ratios() -> None:
    assert gate.averaged([{"MAD": 1, "MSE": 2, "Grad": 3, "dtSSD": 4}, {"MAD": 3, "MSE": 2, "Grad": 1, "dtSSD": 0}]) == {
        "MAD": 2,
        "MSE": 2,
        "Grad": 2,
        "dtSSD": 2,
    }
    assert gate.ratio(0, 0) == 1
    assert gate.ratio(1, 0) == float("inf")
    assert gate.ratio(1, 2) == 0.5


# the clips


def test_made_clips_are_composed_with_their_alpha(clips: list[Known]) -> None:
    """Where alpha is 0 there is nobody: over a still wall, only its grain changes. Where it is 1, all of the person."""
    clip = clips[0]
    sources, pha = clip.sources(), clip.alpha()
    assert pha.shape == (6, 360, 640)
    assert len(sources) == 6
    assert {frame.size for frame in sources} == {(640, 360)}
    assert 0.05 < (pha > 0.5).mean() < 0.3
    rgb = np.stack([frame.rgb() for frame in sources])
    nobody = (pha == 0).all(axis=0)
    assert np.abs(np.diff(rgb[:, nobody], axis=0)).max() < 8 * scenes._GRAIN * 2  # of its deviation, and of two frames
    assert np.abs(np.diff(rgb[:, ~nobody], axis=0)).max() > 0.3


def test_made_clips_are_the_same_each_time_and_unlike_each_other(clips: list[Known], out: Path) -> None:
    before = [clip.src.read_bytes() for clip in clips]
    for clip in clips:
        clip.src.unlink()
    again = truth.made_here(places.portrait(), 6, scenes.SCENES[:2])
    assert [clip.alpha().tobytes() for clip in again] == [clip.alpha().tobytes() for clip in clips]
    assert [len(clip.src.read_bytes()) for clip in again] == [len(data) for data in before]
    assert clips[0].alpha().tobytes() != clips[1].alpha().tobytes()
    assert len({scene.seed for scene in scenes.SCENES}) == len({scene.name for scene in scenes.SCENES}) == len(scenes.SCENES)


def test_a_pause_holds_picture_and_alpha(clips: list[Known]) -> None:
    clip = clips[0].paused()
    assert clip.hold == (2, 3)
    pha, plain = clip.alpha(), clips[0].alpha()
    order = [0, 1, 2, 2, 2, 2]
    np.testing.assert_array_equal(pha, plain[order])
    frames, sources = clip.sources(), clips[0].sources()
    assert [frame.pts for frame in frames] == [frame.pts for frame in sources]
    for index, (frame, source) in enumerate(zip(frames, order, strict=True)):
        change = frame.planes[0].astype(int) - sources[source].planes[0]
        assert change.std() == (pytest.approx(1.04, abs=0.05) if 2 <= index < 5 else 0)  # noise of 1, rounded


def test_the_person_stands_at_the_bottom() -> None:
    assert scenes.standing((640, 360), (640, 360), scale=1.0).tolist() == [[1, 0, 0], [0, 1, 0]]
    half = scenes.standing((1280, 720), (640, 360), scale=0.5, right=10)
    assert (half @ [640, 720, 1]).tolist() == [330, 360]  # the middle of its lower edge
    assert (half @ [0, 0, 1]).tolist() == [170, 180]


def test_clips_of_a_folder(clips: list[Known], tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=f"--truth: {tmp_path} holds no clips; wanted NAME.src.mkv beside NAME.pha.mkv"):
        truth.in_folder(tmp_path, 4)
    shutil.copy(clips[0].src, tmp_path / "a.src.mkv")
    with pytest.raises(SettingsError, match=f"--truth: {tmp_path} has no alpha of a; wanted a.pha.mkv beside a.src.mkv"):
        truth.in_folder(tmp_path, 4)
    shutil.copy(clips[0].pha, tmp_path / "a.pha.mkv")
    (known,) = quality._clips(parse(["quality", "--truth", str(tmp_path), "--frames", "4"]))
    assert (known.name, len(known.sources()), len(known.alpha())) == ("a", 4, 4)


def test_an_alpha_of_another_length_is_told(clips: list[Known], out: Path) -> None:
    with open_source(clips[0].pha) as source:
        frames = list(source)[:3]
    short = out / "short.pha.mkv"
    with Writer(short, "gray", frames[0].size, 30) as writer:
        for frame in frames:
            writer.write(frame)
    clip = Known("short", clips[0].src, short, 6)
    with pytest.raises(
        SourceError, match=r"src.mkv is \(T, H, W\) \(6, 360, 640\), short.pha.mkv \(3, 360, 640\); wanted one size and length"
    ):
        judged([], [Trial([clip], altered("nothing", lambda pha: pha), [])])


# what passes and what does not


class Altered:
    """A Matter whose alpha is spoiled."""

    def __init__(self, matter: Matter, alter: Alter) -> None:
        self._matter, self._alter = matter, alter

    def step(self, frame: Frame) -> Matte:
        matte = self._matter.step(frame)
        return Matte(np.ascontiguousarray(self._alter(matte.pha)), matte.fgr)

    def reset(self) -> None:
        self._matter.reset()

    def prime(self, frames: Sequence[Frame]) -> None:
        self._matter.prime(frames)


def altered(name: str, alter: Alter, *, default: bool = True) -> Variant:
    @contextmanager
    def make() -> Iterator[Matter]:
        with EXACT.make() as matter:
            yield Altered(matter, alter)

    return Variant(name, make, default)


def quarters(pha: Floats) -> Floats:
    return np.round(pha * 3) / np.float32(3)


SPOILED = {
    "shifted by two pixels": lambda pha: np.roll(pha, 2, axis=1),
    "four levels": quarters,
    "lower by a 200th": lambda pha: pha * np.float32(0.995),
    "half of the size": lambda pha: np.repeat(np.repeat(pha[::2, ::2], 2, axis=0), 2, axis=1),
}


def test_worse_alpha_is_refused_and_named(clips: list[Known]) -> None:
    spoiled = [altered(name, alter) for name, alter in SPOILED.items()]
    result = judged([Trial(clips, EXACT, [altered("the same", lambda pha: pha), *spoiled])], [])
    assert list(result.failed) == list(SPOILED)
    assert result.text.endswith(f"The gate FAILED: {', '.join(SPOILED)}")
    verdicts = {line.split("|")[1].split(",")[0].strip(): line for line in result.text.splitlines() if ", against" in line}
    assert "| default | passed |" in verdicts["the same"]
    assert all("| default | FAILED |" in verdicts[name] for name in SPOILED)


def test_worse_methods_are_refused_against_the_known_alpha(clips: list[Known]) -> None:
    spoiled = [altered(name, SPOILED[name]) for name in ("shifted by two pixels", "four levels", "half of the size")]
    result = judged([], [Trial(clips, altered("plain", lambda pha: pha), [altered("the same", lambda pha: pha), *spoiled])])
    assert list(result.failed) == [variant.name for variant in spoiled]
    assert result.figures["the same: MAD"] == result.figures["plain: MAD"] < result.figures["shifted by two pixels: MAD"]


def test_what_is_no_default_stays_an_option(clips: list[Known]) -> None:
    result = judged([Trial(clips, EXACT, [altered("four levels", quarters, default=False)])], [])
    assert result.failed == []
    assert "| option |" in result.text
    assert "FAILED" not in result.text


def test_the_refiner_in_tiles_is_the_formula(clips: list[Known]) -> None:
    result = judged([Trial(clips, FULL_SIZE, [IN_TILES])], [])
    assert result.failed == []
    assert result.figures["refined in tiles, against full-size formula: tail"] <= 2e-4  # of rounding


def test_an_engine_that_is_not_here_is_told(clips: list[Known]) -> None:
    def make() -> Any:
        raise EngineError("no abacus here")

    with pytest.raises(EngineError, match="no abacus here"):
        judged([Trial(clips, Variant("abacus", make), [])], [])


@pytest.mark.usefixtures("out", "rvm_path")
def test_the_gate_is_passed_at_a_small_size(capsys: Any) -> None:
    code, told, _ = run(capsys, "bench", "--quality", "--small")
    text = "\n".join(told)
    assert code == 0, text
    assert "4 clips: still-far, moving-near, still-near, moving-far; 36 frames of each at most" in text
    for name in (
        f"{IN_TILES.name}, against {FULL_SIZE.name}",
        REFERENCE.name,
        "follow the person",
        "reuse of still pictures, paused clips",
    ):
        assert f"| {name} " in text
