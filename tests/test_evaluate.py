"""Mattes against the truth from the command line: what is compared with what, by cases worked out by hand, and what is refused."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import scenes
import written
from commands import run
from numpy.typing import NDArray

from livematte.errors import SourceError
from livematte.evaluate.flow import warping
from livematte.evaluate.measuring import NAMES, Measured, measure, of_frame
from livematte.evaluate.pairs import Pair, pairs
from livematte.evaluate.reading import Moment, alpha_of, moments
from livematte.evaluate.telling import as_csv, error_picture
from livematte.frame import Frame

Floats = NDArray[np.float32]
SIZE = (96, 64)


def alphas(frames: int = 4, *, right: int = 0) -> list[Floats]:
    """A box that moves by two pixels a frame."""
    made = []
    for i in range(frames):
        pha = np.zeros(SIZE[::-1], np.float32)
        pha[16:48, 20 + 2 * i + right : 60 + 2 * i + right] = 1
        made.append(pha)
    return made


def pictures(folder: Path, phas: list[Floats], *, first: int = 0) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for index, pha in enumerate(phas, first):
        cv2.imwrite(str(folder / f"{index:04d}.png"), np.rint(pha * 255).astype(np.uint8))
    return folder


def clip(path: Path, phas: list[Floats], colour: float = 0.5) -> Path:
    """Cutouts of one grey."""
    rgb = np.full((*SIZE[::-1], 3), colour, np.float32)
    frames = [scenes.frame_of(rgb, "yuv444p", pts=i) for i in range(len(phas))]
    written.write(path, [frame.with_planes(frame.planes, pha=pha) for frame, pha in zip(frames, phas, strict=True)])
    return path


def moment(index: int, pha: Floats, true: Floats) -> Moment:
    return Moment(index, index / 30, pha, true)


# -- figures


def test_equal_clips_have_zeros_everywhere(tmp_path: Path, capsys: Any) -> None:
    one, two = clip(tmp_path / "a.mkv", alphas()), clip(tmp_path / "b.mkv", alphas())
    code, (head, _, row), _ = run(capsys, "evaluate", one, two)
    assert code == 0
    assert [cell.strip() for cell in head.strip("|").split("|")] == ["clip", "frames", *NAMES]
    assert [cell.strip() for cell in row.strip("|").split("|")] == ["b.mkv", "4", *["0.000"] * len(NAMES)]


def test_values_worked_out_by_hand(tmp_path: Path) -> None:
    """Alpha of 0.8 (204 of 255) where it should be 1, and green 0.1 too bright."""
    phas = alphas()
    pred = clip(tmp_path / "a.mkv", [pha * np.float32(0.8) for pha in phas], 0.6)
    (result,) = measure([Pair("x", pred, clip(tmp_path / "b.mkv", phas))], workers=2)
    area = 32 * 40 / (96 * 64)
    values = result.means
    assert values["MAD"] == pytest.approx(200 * area, rel=1e-5)
    assert values["MSE"] == pytest.approx(40 * area, rel=1e-5)
    assert values["dtSSD"] == pytest.approx(100 * np.sqrt(0.04 * 2 * 2 * 32 / (96 * 64)), rel=1e-5)  # two columns come, two go
    assert values["fgr MAD"] == pytest.approx(100, abs=1000 / 219)  # two colours, each rounded to a level of limited range
    assert values["outline"] == 0


def test_measures_of_one_frame_only_have_no_change(tmp_path: Path) -> None:
    phas = alphas(2)
    values = of_frame(None, moment(0, phas[0], phas[1]))
    assert set(values) == {"MAD", "MSE", "Grad", "Conn", "outline"}
    assert set(of_frame(moment(0, phas[0], phas[0]), moment(1, phas[1], phas[1]), ("dtSSD",))) == {"dtSSD"}


def test_warping_knows_motion_from_flicker() -> None:
    """A soft blob that moves as the truth does has no error though all of it changes; one that blinks on the way has."""

    def blob(x: float, level: float = 1.0) -> Floats:
        y, across = np.mgrid[:128, :192].astype(np.float32)
        return np.asarray(level * np.exp(-((across - x) ** 2 + (y - 64) ** 2) / 800), np.float32)

    moving = warping(blob(70), blob(64), blob(70), blob(64))
    blinking = warping(blob(70, 0.7), blob(64), blob(70), blob(64))
    assert moving == 0
    everywhere = 1000 * 0.3 * float(blob(70).mean())
    assert everywhere < blinking < 2 * everywhere  # the mean is over what was to be seen before, which is the blob and some of the rest


def test_frames_come_in_order_and_with_their_times(tmp_path: Path) -> None:
    phas = alphas(30)
    result = measure([Pair("x", clip(tmp_path / "a.mkv", phas[::-1]), clip(tmp_path / "b.mkv", phas))], names=("MAD",), workers=2)[0]
    expected = [1000 * float(np.abs(p - t).mean()) for p, t in zip(phas[::-1], phas, strict=True)]
    assert [values["MAD"] for values in result.values] == pytest.approx(expected, abs=1e-3)
    assert result.seconds == pytest.approx([i / 30 for i in range(30)], abs=1e-3)
    assert result.worst == expected.index(max(expected))


@pytest.mark.parametrize("name", ["gray", "yuv420p", "gbrp", "gray10le"])
def test_a_picture_of_alpha_is_alpha(name: str) -> None:
    pha = np.tile(np.linspace(0, 1, 96, dtype=np.float32), (64, 1))
    frame = scenes.frame_of(np.repeat(pha[..., None], 3, axis=2), name)
    if frame.format.family == "gray":
        full = frame.format.bits
        frame = frame.with_planes((np.rint(pha * ((1 << full) - 1)).astype(frame.format.dtype),))
    np.testing.assert_allclose(alpha_of(Frame(frame.planes, frame.format)), pha, atol=0.004)  # half a level of limited range is 0.0023


def cutouts(folder: Path, phas: list[Floats], rgb: tuple[int, int, int] = (40, 90, 200)) -> Path:
    """Of one colour, as PNGs with alpha."""
    folder.mkdir()
    for index, pha in enumerate(phas):
        colours = np.broadcast_to(np.uint8(rgb[::-1]), (*pha.shape, 3))
        cv2.imwrite(str(folder / f"{index:04d}.png"), np.dstack([colours, np.rint(pha * 255).astype(np.uint8)]))
    return folder


@pytest.mark.parametrize("opaque", [0, 2], ids=["first", "later"])
@pytest.mark.parametrize("rgb", [(40, 90, 200), (90, 90, 90)], ids=["coloured", "grey"])
def test_opaque_cutouts_have_alpha_1(tmp_path: Path, opaque: int, rgb: tuple[int, int, int]) -> None:
    """Their alpha is not kept by the reader; without it they are no pictures of alpha. A grey one that comes first may be one."""
    phas = alphas()
    phas[opaque] = np.ones_like(phas[0])
    one, two = cutouts(tmp_path / "a", phas, rgb), pictures(tmp_path / "b", phas)
    (result,) = measure([Pair("x", one, two)], names=("MAD",), workers=1)
    expected = 1000 * (1 - 90 / 255) if opaque == 0 and rgb == (90, 90, 90) else 0
    assert [values["MAD"] for values in result.values] == pytest.approx([expected if i == opaque else 0 for i in range(4)], abs=1e-3)


def test_opaque_cutouts_have_a_foreground(tmp_path: Path) -> None:
    phas = [np.ones(SIZE[::-1], np.float32), alphas()[0]]
    pair = Pair("x", cutouts(tmp_path / "a", phas), cutouts(tmp_path / "b", phas, (40, 90, 149)))
    (result,) = measure([pair], names=("MAD", "fgr MAD"), workers=1)
    assert [values["MAD"] for values in result.values] == [0, 0]
    assert result.means["fgr MAD"] == pytest.approx(1000 * 51 / 255 / 3, rel=1e-4)


def test_a_compressed_picture_of_alpha_is_no_cutout(tmp_path: Path) -> None:
    pha = cv2.GaussianBlur(alphas()[0], (0, 0), 4)
    (tmp_path / "a").mkdir()
    cv2.imwrite(str(tmp_path / "a" / "0000.jpg"), cv2.merge([np.rint(pha * 255).astype(np.uint8)] * 3), [cv2.IMWRITE_JPEG_QUALITY, 60])
    (only,) = moments(Pair("x", tmp_path / "a", pictures(tmp_path / "b", [pha])))
    assert np.abs(only.pha - only.true).mean() < 0.01  # what the compression takes


# -- what is compared with what


def test_folders_of_pictures(tmp_path: Path, capsys: Any) -> None:
    pred, true = pictures(tmp_path / "p", alphas(right=1)), pictures(tmp_path / "t", alphas())
    code, lines, _ = run(capsys, "evaluate", pred, true, "--measures", "MAD, dtSSD")
    assert code == 0
    assert lines[2].split() == [
        "|",
        "t",
        "|",
        "4",
        "|",
        f"{1000 * 64 / (96 * 64):.3f}",
        "|",
        f"{100 * np.sqrt(4 * 32 / (96 * 64)):.3f}",
        "|",
    ]


def test_trees_as_the_published_evaluations_lay_them_out(tmp_path: Path, capsys: Any) -> None:
    for root, right in (("pred", 1), ("truth", 0)):
        for part in ("motion", "static"):
            for name in ("0000", "0001"):
                pictures(tmp_path / root / "set_96x64" / part / "pha" / name, alphas(right=right))
                pictures(tmp_path / root / "set_96x64" / part / "fgr" / name, [pha * np.float32(0.5) for pha in alphas()])
    (tmp_path / "pred" / "set_96x64" / "extra" / "pha" / "0000").mkdir(parents=True)
    found = pairs(tmp_path / "pred", tmp_path / "truth")
    assert [pair.name for pair in found] == [f"set_96x64/{part}/{name}" for part in ("motion", "static") for name in ("0000", "0001")]
    code, lines, told = run(capsys, "evaluate", tmp_path / "pred", tmp_path / "truth")
    assert (code, len(lines), len(told)) == (0, 2 + 4 + 1, 4)
    assert lines[-1].split()[1:5] == ["mean", "|", "16", "|"]
    assert lines[-1].split()[-2] == "0.000", "the foregrounds are equal"


def test_clips_in_folders_go_by_their_names(tmp_path: Path) -> None:
    (tmp_path / "p").mkdir()
    (tmp_path / "t").mkdir()
    for name in ("a", "b"):
        clip(tmp_path / "p" / f"{name}.matte.mkv", alphas())
        clip(tmp_path / "t" / f"{name}.src.mkv", alphas())
        clip(tmp_path / "t" / f"{name}.pha.mkv", alphas())
    found = pairs(tmp_path / "p", tmp_path / "t")
    assert [(pair.pha.name, pair.true.name) for pair in found] == [("a.matte.mkv", "a.pha.mkv"), ("b.matte.mkv", "b.pha.mkv")]


# -- what is written


def test_csv_plot_and_the_worst_frame(tmp_path: Path, capsys: Any) -> None:
    pred, true = pictures(tmp_path / "p", alphas(right=2)), pictures(tmp_path / "t", alphas())
    to = {name: tmp_path / f"{name}" for name in ("o.csv", "o.png", "w.png")}
    options = ("--csv", to["o.csv"], "--plot", to["o.png"], "--worst", to["w.png"])
    assert run(capsys, "evaluate", pred, true, *options).code == 0
    rows = list(csv.DictReader(to["o.csv"].read_text(encoding="utf-8").splitlines()))
    assert [(row["clip"], row["frame"]) for row in rows] == [("t", str(i)) for i in range(4)]
    assert rows[0]["dtSSD"] == ""
    assert float(rows[1]["MAD"]) == pytest.approx(1000 * 128 / (96 * 64), rel=1e-4)
    plot = cv2.imread(str(to["o.png"]))
    assert plot is not None
    assert plot.shape[1] == 800
    drawn = cv2.imread(str(to["w.png"]))
    assert drawn is not None
    assert drawn.shape == (64, 3 * 96, 3)
    code, _, err = run(capsys, "evaluate", pred, true, *options)
    assert (code, err) == (1, [f"livematte: {to['o.csv']} exists; -y overwrites it"])
    assert run(capsys, "evaluate", pred, true, *options, "-y").code == 0


def test_the_worst_frame_is_found_whatever_is_measured(tmp_path: Path, capsys: Any) -> None:
    phas = alphas()
    phas[2] = 1 - phas[2]
    pred, true = pictures(tmp_path / "p", phas), pictures(tmp_path / "t", alphas())
    got = run(capsys, "evaluate", pred, true, "--measures", "MSE", "--worst", tmp_path / "w.png")
    assert (got.code, got.out[0].split()) == (0, ["|", "clip", "|", "frames", "|", "MAD", "|", "MSE", "|"])
    drawn = cv2.imread(str(tmp_path / "w.png"))
    assert drawn is not None
    np.testing.assert_array_equal(drawn[:, :96, 0], np.rint(phas[2] * 255))


def test_the_error_is_red_where_alpha_is_too_high() -> None:
    phas = alphas(1, right=4)[0], alphas(1)[0]
    picture = error_picture(moment(0, *phas))
    assert tuple(picture[30, 62]) == (255, 0, 0)
    assert tuple(picture[30, 21]) == (0, 0, 255)
    assert tuple(picture[30, 40]) == (64, 64, 64)


def test_csv_of_nothing_is_its_head() -> None:
    assert as_csv([Measured("a")]) == "clip,frame,seconds\n"


# -- what is refused


def test_missing_things_are_named(tmp_path: Path, capsys: Any) -> None:
    true = pictures(tmp_path / "t", alphas())
    short = pictures(tmp_path / "short", alphas()[1:3], first=1)
    tree = pictures(tmp_path / "tree" / "pha" / "0000", alphas()).parents[1]
    (tmp_path / "none").mkdir()
    clips = clip(tmp_path / "few.mkv", alphas(3)), clip(tmp_path / "more.mkv", alphas(5))
    small = pictures(tmp_path / "small", [pha[:32] for pha in alphas()])
    cases = [
        ((tmp_path / "x", true), 1, f"there is no {tmp_path}/x; wanted PRED"),
        ((true, tmp_path / "none"), 1, f"{tmp_path}/none holds nothing to compare"),
        ((tmp_path / "none", true), 1, f"{tmp_path}/none holds no pictures"),
        ((short, true), 1, f"{short} lacks 2 of the frames of {true}: 0000, 0003"),
        ((true, short), 1, f"{short} lacks 2 of the frames of {true}: 0000, 0003"),
        ((true, tree), 1, f"{true} has no pha/0000, nor a clip 0000.*; wanted it to be laid out as {tree}"),
        (clips, 1, f"{clips[0]} ends after 3 frames, {clips[1]} goes on"),
        (clips[::-1], 1, f"{clips[0]} ends after 3 frames, {clips[1]} goes on"),
        ((small, true), 1, f"frame 0 of {small} is 96x32, of {true} 96x64; wanted one size"),
        ((true, true, "--measures", "MAD,PSNR"), 2, "--measures: got 'PSNR', wanted some of MAD, MSE, Grad"),
        ((true, true, "-j", "0"), 2, "--workers: got 0, wanted at least 1"),
        ((true, true, "--plot", "x.txt"), 2, "--plot: got x.txt, wanted a .png file in a folder that is there"),
        ((true, true, "--csv", "no/such/x.csv"), 2, "--csv: got no/such/x.csv, wanted a file in a folder"),
        ((true,), 2, "the following arguments are required: TRUTH"),
    ]
    for arguments, code, message in cases:
        got = run(capsys, "evaluate", *arguments)
        assert (got.code, got.out) == (code, []), arguments
        assert got.err[-1 if code == 1 else 0].startswith(f"livematte: {message}"), got.err


@pytest.mark.parametrize("side", ["fgr", "true_fgr"])
def test_foregrounds_are_as_many_and_as_large_as_alphas(tmp_path: Path, side: str) -> None:
    paths = {name: pictures(tmp_path / name, alphas()) for name in ("pha", "true", "fgr", "true_fgr")}
    wrong = {
        "few": (alphas(3), rf"{side}_few ends after 3 frames, .*pha goes on; wanted as many of each"),
        "many": (alphas(5), r"pha ends after 4 frames, .*_many goes on"),
        "small": ([pha[:32] for pha in alphas()], rf"frame 0 of .*{side}_small is 96x32, of .*true 96x64; wanted one size"),
    }
    for name, (phas, message) in wrong.items():
        pair = Pair("x", **(paths | {side: pictures(tmp_path / f"{side}_{name}", phas)}))
        with pytest.raises(SourceError, match=message):
            measure([pair], workers=1)


def test_an_empty_tree_is_named(tmp_path: Path, capsys: Any) -> None:
    (tmp_path / "t" / "pha").mkdir(parents=True)
    got = run(capsys, "evaluate", pictures(tmp_path / "p", alphas()), tmp_path / "t")
    assert (got.code, got.err[0]) == (1, f"livematte: {tmp_path}/t/pha is empty; wanted a folder of pictures, or a clip, for each clip")


def test_a_pair_is_read_only_as_far_as_needed(tmp_path: Path) -> None:
    pair = Pair("x", pictures(tmp_path / "p", alphas(8)), pictures(tmp_path / "t", alphas(8)))
    frames = moments(pair)
    assert next(frames).index == 0
    (tmp_path / "t" / "0007.png").write_bytes(b"broken")
    with pytest.raises(Exception, match=r"0007|cannot be read"):
        list(frames)
