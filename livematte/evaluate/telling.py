"""What was measured, as a table, as CSV, as curves over time, and as a picture of the worst frame."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from livematte.errors import LivematteError
from livematte.evaluate.measuring import NAMES, Measured, Values, means
from livematte.evaluate.pairs import Pair
from livematte.evaluate.reading import Moment, moments

_MOST_CURVES = 10  # in one picture: more cannot be told apart


def table(results: Sequence[Measured]) -> str:
    """A row a clip, then their mean. The numbers' scales are those of livematte.metrics."""
    from livematte.bench.tables import table as drawn

    overall = means([result.means for result in results])
    rows = [_row(result.name, len(result.values), result.means, overall) for result in results]
    if len(results) > 1:
        rows.append(_row("mean", sum(len(result.values) for result in results), overall, overall))
    return drawn(["clip", "frames", *overall], rows)


def _row(name: str, frames: int, values: Values, columns: Values) -> list[str]:
    return [name, str(frames), *(f"{values[column]:.3f}" if column in values else "" for column in columns)]


def as_csv(results: Sequence[Measured]) -> str:
    """A row a frame; empty where a frame has no such value."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    used = [name for name in NAMES if any(name in values for result in results for values in result.values)]
    writer.writerow(["clip", "frame", "seconds", *used])
    for result in results:
        for index, (seconds, values) in enumerate(zip(result.seconds, result.values, strict=True)):
            writer.writerow([result.name, index, f"{seconds:.6g}", *(f"{values[name]:.6g}" if name in values else "" for name in used)])
    return text.getvalue()


def write(path: Path, text: str) -> None:
    """LivematteError where it cannot be written."""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise LivematteError(f"cannot write {path}: {error.strerror}") from error


def plot(path: Path, results: Sequence[Measured]) -> None:
    """Each measure over time, a curve a clip. Needs matplotlib; LivematteError where the file cannot be written."""
    from matplotlib.figure import Figure

    used = list(means([result.means for result in results]))
    figure = Figure(figsize=(8, 1.7 * len(used) + 0.5), layout="constrained")  # without pyplot: it would look for a display
    axes = figure.subplots(len(used), 1, sharex=True, squeeze=False)[:, 0]
    for axis, name in zip(axes, used, strict=True):
        for result in results[:_MOST_CURVES]:
            points = [(at, values[name]) for at, values in zip(result.seconds, result.values, strict=True) if name in values]
            axis.plot(*zip(*points, strict=True), linewidth=1, label=result.name)
        axis.set_ylabel(name)
        axis.spines[["top", "right"]].set_visible(False)
    axes[-1].set_xlabel("seconds")
    axes[0].legend(fontsize=7, frameon=False, ncols=3)
    try:
        figure.savefig(path, dpi=100)
    except OSError as error:
        raise LivematteError(f"cannot write {path}: {error.strerror}") from error


def worst(path: Path, pair: Pair, result: Measured) -> None:
    """The frame of the largest MAD: its alpha, the truth's, and the error, red where alpha is too high and blue where it is too low."""
    moment = next(each for each in moments(pair) if each.index == result.worst)
    picture = np.hstack([_grey(moment.pha), _grey(moment.true), error_picture(moment)])
    done, data = cv2.imencode(".png", picture[..., ::-1])
    assert done
    try:
        path.write_bytes(bytes(data))
    except OSError as error:
        raise LivematteError(f"cannot write {path}: {error.strerror}") from error


def error_picture(moment: Moment) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 R'G'B': red where alpha is too high, blue where it is too low, a dim truth behind."""
    off = moment.pha - moment.true
    dim = np.float32(0.25) * moment.true * (1 - np.abs(off))
    rgb = np.dstack([dim + np.maximum(off, 0), dim, dim + np.maximum(-off, 0)])
    return np.asarray(np.rint(np.clip(rgb, 0, 1) * 255), np.uint8)


def _grey(pha: NDArray[np.float32]) -> NDArray[np.uint8]:
    return np.repeat(np.rint(pha * 255).astype(np.uint8)[..., None], 3, axis=2)
