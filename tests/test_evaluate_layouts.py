"""Layouts that published sets and predictions come in, each compared as what it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from commands import run
from test_evaluate import SIZE, alphas, clip, pictures

from livematte.bench.lossless import Writer, grey_of
from livematte.evaluate.measuring import measure
from livematte.evaluate.pairs import Pair, pairs


def tree(root: Path, layout: str, *, part: str = "pha", frames: int = 4) -> Path:
    """Two clips of a set called "motion": layout "part first" is motion/pha/0000/, "clip first" is motion/0000/pha/."""
    for name in ("0000", "0001"):
        folder = root / "motion" / part / name if layout == "part first" else root / "motion" / name / part
        pictures(folder, alphas(frames))
    return root


LAYOUTS = pytest.mark.parametrize("layout", ["part first", "clip first"])
NAMES = ["motion/0000", "motion/0001"]


@LAYOUTS
def test_both_orders_of_a_tree_are_clips(tmp_path: Path, layout: str) -> None:
    """Their pictures are frames in a row, which have changes from one to the next."""
    found = pairs(tree(tmp_path / "p", layout), tree(tmp_path / "t", layout))
    assert [pair.name for pair in found] == NAMES
    results = measure(found, workers=1)
    assert [result.means["dtSSD"] for result in results] == [0, 0]
    assert [len(result.values) for result in results] == [4, 4]


@LAYOUTS
def test_foregrounds_lie_beside_alphas(tmp_path: Path, layout: str) -> None:
    for side in ("p", "t"):
        tree(tree(tmp_path / side, layout), layout, part="fgr")
    found = pairs(tmp_path / "p", tmp_path / "t")
    assert all(pair.fgr is not None and "fgr" in pair.fgr.parts for pair in found)
    assert all(result.means["fgr MAD"] == 0 for result in measure(found, workers=1))


@LAYOUTS
def test_a_tree_is_compared_with_clips_of_its_names(tmp_path: Path, layout: str) -> None:
    (tmp_path / "p" / "motion").mkdir(parents=True)
    for name in ("0000", "0001"):
        clip(tmp_path / "p" / "motion" / f"{name}.matte.mkv", alphas())
        (tmp_path / "p" / "motion" / f"{name}.png").write_bytes(b"a contact sheet")
    found = pairs(tmp_path / "p", tree(tmp_path / "t", layout))
    assert [(pair.name, pair.pha.name) for pair in found] == [(name, f"{name[-4:]}.matte.mkv") for name in NAMES]
    assert all(result.means["MAD"] == 0 for result in measure(found, workers=1))


def test_a_cutout_brings_its_colours_to_a_tree(tmp_path: Path) -> None:
    """Grey 0.5 against 0.6; a clip of alpha alone has none to compare."""
    true = tree(tree(tmp_path / "t", "clip first"), "clip first", part="fgr")
    for name in NAMES:
        for index in range(4):
            cv2.imwrite(str(true / name / "fgr" / f"{index:04d}.png"), np.full((*SIZE[::-1], 3), 153, np.uint8))
    (tmp_path / "p" / "motion").mkdir(parents=True)
    clip(tmp_path / "p" / "motion" / "0000.mkv", alphas())
    with Writer(tmp_path / "p" / "motion" / "0001.mkv", "gray", SIZE, 30) as out:
        for pha in alphas():
            out.write(grey_of(pha))
    first, second = measure(pairs(tmp_path / "p", true), workers=1)
    assert first.means["fgr MAD"] == pytest.approx(100, abs=1000 / 219)  # a level of limited range
    assert "fgr MAD" not in second.means
    assert first.means["MAD"] == second.means["MAD"] == 0


@LAYOUTS
def test_a_tree_is_compared_with_folders_of_its_names(tmp_path: Path, layout: str) -> None:
    for name in NAMES:
        pictures(tmp_path / "p" / name, alphas(), first=1)
    results = measure(pairs(tmp_path / "p", tree(tmp_path / "t", layout)), workers=1)
    assert [result.means["MAD"] for result in results] == [0, 0]


@LAYOUTS
def test_clips_that_lack_or_are_several_are_named(tmp_path: Path, layout: str, capsys: Any) -> None:
    place = "motion/pha/0001" if layout == "part first" else "motion/0001/pha"
    true = tree(tmp_path / "t", layout)
    (tmp_path / "p" / "motion").mkdir(parents=True)
    clip(tmp_path / "p" / "motion" / "0000.mkv", alphas())
    got = run(capsys, "evaluate", tmp_path / "p", true)
    assert (got.code, got.out) == (1, [])
    assert got.err == [f"livematte: {tmp_path}/p has no {place}, nor a clip motion/0001.*; wanted it to be laid out as {true}"]
    for name in ("0001.mov", "0001.mkv"):
        clip(tmp_path / "p" / "motion" / name, alphas())
    got = run(capsys, "evaluate", tmp_path / "p", true)
    assert (got.code, got.err) == (1, [f"livematte: {tmp_path}/p has 2 clips for {place}: 0001.mkv, 0001.mov; wanted one"])


def test_a_tree_of_one_clip_is_called_after_its_folder(tmp_path: Path) -> None:
    pictures(tmp_path / "talk" / "pha", alphas())
    clip(tmp_path / "talk.mkv", alphas())
    (pair,) = pairs(tmp_path, tmp_path / "talk")
    assert (pair.name, pair.pha) == ("talk", tmp_path / "talk.mkv")


@pytest.mark.parametrize("digits", [1, 8])
def test_numbers_may_begin_elsewhere(tmp_path: Path, digits: int) -> None:
    """As outputs are numbered from 1 and the published truths from 0, with other digits."""
    true, phas = pictures(tmp_path / "t", alphas(12)), alphas(12)
    pred = pictures(tmp_path / "p", phas)
    for index in reversed(range(12)):
        (pred / f"{index:04d}.png").rename(pred / f"{index + 1:0{digits}d}.png")
    (result,) = measure(pairs(pred, true), names=("MAD",), workers=1)
    assert result.means["MAD"] == 0


def test_numbers_with_a_gap_are_missing_frames(tmp_path: Path, capsys: Any) -> None:
    true, pred = pictures(tmp_path / "t", alphas(4)), pictures(tmp_path / "p", alphas(5))
    (pred / "0002.png").unlink()
    got = run(capsys, "evaluate", pred, true)
    assert (got.code, got.err) == (1, [f"livematte: {pred} lacks 1 of the frames of {true}: 0002"])


def test_pictures_of_several_sizes_are_no_neighbours(tmp_path: Path) -> None:
    """As in PPM-100: each has its error, and there is no change from one to the next."""
    phas = [pha[:, : SIZE[0] - 16 * index] for index, pha in enumerate(alphas(3))]
    pred = pictures(tmp_path / "image", [np.clip(pha + np.float32(0.2), 0, 1) for pha in phas])
    (result,) = measure(pairs(pred, pictures(tmp_path / "matte", phas)), workers=1)
    assert all(values.keys() == {"MAD", "MSE", "Grad", "Conn", "outline"} for values in result.values)
    assert result.means["MAD"] > 0


def test_a_set_of_pictures_is_named_by_its_folder_with_alpha(tmp_path: Path, capsys: Any) -> None:
    for part in ("blurred_image", "mask"):
        pictures(tmp_path / "set" / part, alphas())
    got = run(capsys, "evaluate", tmp_path / "set" / "mask", tmp_path / "set")
    assert (got.code, got.out) == (1, [])
    assert got.err == [
        f"livematte: {tmp_path}/set holds nothing to compare; wanted a clip, pictures, or a tree with pha/CLIP/ folders",
        "Pictures lie in its blurred_image, mask; name the one with alpha",
    ]
    assert pairs(tmp_path / "set" / "mask", tmp_path / "set" / "mask") == [
        Pair("mask", tmp_path / "set" / "mask", tmp_path / "set" / "mask")
    ]


# -- what is neither


def test_a_clip_and_a_tree_are_no_pair(tmp_path: Path, capsys: Any) -> None:
    true, lone = tree(tmp_path / "t", "clip first"), clip(tmp_path / "lone.mkv", alphas())
    got = run(capsys, "evaluate", lone, true)
    assert (got.code, got.out) == (1, [])
    assert got.err == [f"livematte: {lone} is a file, but {true} is a folder of clips; wanted two clips, or two folders of them"]
    got = run(capsys, "evaluate", true, lone)
    assert (got.code, got.out) == (1, [])
    assert got.err == [f"livematte: {true} holds no pictures, but {lone} is one clip; wanted two clips, or two folders of them"]


def test_of_a_clip_and_its_alpha_the_alpha_counts(tmp_path: Path) -> None:
    for side in ("p", "t"):
        (tmp_path / side).mkdir()
        for kind in ("src", "pha"):
            clip(tmp_path / side / f"talk.{kind}.mkv", alphas())
    (pair,) = pairs(tmp_path / "p", tmp_path / "t")
    assert (pair.pha.name, pair.true.name) == ("talk.pha.mkv", "talk.pha.mkv")
    pictures(tmp_path / "set" / "talk" / "pha", alphas())
    (pair,) = pairs(tmp_path / "p", tmp_path / "set")
    assert pair.pha.name == "talk.pha.mkv"


def coloured(folder: Path) -> Path:
    folder.mkdir()
    for index in range(2):
        cv2.imwrite(str(folder / f"{index:04d}.png"), np.full((*SIZE[::-1], 3), (40, 90, 200), np.uint8))
    return folder


@pytest.mark.parametrize("side", [0, 1])
def test_pictures_without_alpha_are_told(tmp_path: Path, side: int, capsys: Any) -> None:
    """As where com/ was named for pha/."""
    sides = [pictures(tmp_path / "pha", alphas(2)), coloured(tmp_path / "com")]
    got = run(capsys, "evaluate", *sides[:: 1 if side else -1])
    assert (got.code, got.out) == (1, [])
    assert got.err[-1] == f"livematte: {tmp_path}/com has colours and no alpha; wanted a clip or pictures with alpha, or of alpha as grey"


def test_foregrounds_have_colours_and_no_alpha(tmp_path: Path) -> None:
    paths = {name: pictures(tmp_path / name, alphas(2)) for name in ("pha", "true")}
    colours = {name: coloured(tmp_path / name) for name in ("fgr", "true_fgr")}
    (result,) = measure([Pair("x", **paths, **colours)], workers=1)
    assert result.means["fgr MAD"] == 0
