"""The rates as a picture."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from livematte.errors import LivematteError, SettingsError

_KINDS = (".png", ".svg", ".pdf")
_COLOURS = ("#9aa0a6", "#1a73e8", "#34a853", "#f9ab00", "#a142f4", "#12b5cb")


def wanted(*paths: Path | None) -> list[Path]:
    """The pictures to draw. SettingsError or LivematteError where they cannot be, before anything is measured."""
    here = [path for path in paths if path is not None]
    for path in here:
        if path.suffix not in _KINDS or not path.parent.is_dir():
            raise SettingsError(f"--plot: got {path}, wanted a name that ends in {', '.join(_KINDS)}, in a folder that exists")
    if here:
        try:
            import matplotlib  # noqa: F401
        except ImportError as error:
            raise LivematteError('a plot needs matplotlib, which is not installed\ntry: pip install "livematte[bench]"') from error
    return here


def draw(path: Path, bars: Mapping[str, Mapping[str, float]]) -> None:
    """bars: frames a second of each kind, by clip. LivematteError where the file cannot be written."""
    from matplotlib.figure import Figure

    kinds = list(dict.fromkeys(kind for each in bars.values() for kind in each))
    figure = Figure(figsize=(1.6 + 2.0 * len(bars), 3.8), layout="constrained")  # without pyplot: it would look for a display
    axes = figure.subplots()
    width = 0.8 / len(kinds)
    for index, kind in enumerate(kinds):
        places = [clip + (index - (len(kinds) - 1) / 2) * width for clip in range(len(bars))]
        drawn = axes.bar(places, [each.get(kind, 0.0) for each in bars.values()], width, label=kind, color=_COLOURS[index % len(_COLOURS)])
        axes.bar_label(drawn, fmt="%.1f", fontsize=7)
    axes.set_xticks(range(len(bars)), list(bars))
    axes.set_ylabel("frames a second")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(fontsize=8, frameon=False)
    try:
        figure.savefig(path, dpi=110)
    except OSError as error:
        raise LivematteError(f"cannot write {path}: {error.strerror}") from error
