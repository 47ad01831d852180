"""`livematte evaluate` from its command line to its text."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from livematte.errors import LivematteError, SettingsError
from livematte.options import Parser

_EPILOG = """\
PRED and TRUTH: two clips (with alpha, or of alpha as grey), two folders of pictures, or two trees with pha/CLIP/ and
fgr/CLIP/ folders, or CLIP/pha/ and CLIP/fgr/; PRED may hold clips named as the TRUTH's, CLIP.mkv.

measures, 0 where both are equal:
  MAD MSE         alpha, x 1e3                        Grad  its gradients, x 1e-3 (a sum: of one size only)
  Conn            what hangs loose, x 1e-3 (a sum)    dtSSD changes from frame to frame, x 1e2
  warp            the same along the motion, x 1e3    outline  100 x (1 - F) of the outlines
  fgr MAD fgr MSE the foreground's colour, x 1e3, where both sides bring one

examples:
  livematte evaluate talk.matte.mov truth.mov
  livematte evaluate out/ videomatte_512x288/ --csv out.csv --plot out.png
"""


def evaluate(arguments: list[str], *, tell: Callable[[str], None]) -> str:
    """The table. tell: hears what is being done. SettingsError for wrong usage, other LivematteErrors where something cannot be read."""
    options = _parse(arguments)
    from livematte.engines import available_cores
    from livematte.evaluate import telling
    from livematte.evaluate.measuring import measure
    from livematte.evaluate.pairs import pairs

    found = pairs(options.pred, options.truth)

    def progress(name: str, frames: int) -> None:
        if frames == 1:
            tell(name)

    results = measure(found, names=options.measures, workers=options.workers or available_cores(), tell=progress)
    if options.csv:
        telling.write(options.csv, telling.as_csv(results))
    if options.plot:
        telling.plot(options.plot, results)
    if options.worst:
        index = max(range(len(found)), key=lambda i: results[i].means.get("MAD", 0.0))
        telling.worst(options.worst, found[index], results[index])
    return telling.table(results)


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = Parser(
        prog="livematte evaluate",
        description="Compares mattes with the truth.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("pred", metavar="PRED", type=Path)
    add("truth", metavar="TRUTH", type=Path)
    add("--measures", metavar="NAMES", type=_measures, default=None, help="only these, with commas between (all)")
    add("--csv", metavar="FILE", type=Path, help="write every frame's values")
    add("--plot", metavar="FILE.png", type=Path, help="draw the values over time (extra: bench)")
    add("--worst", metavar="FILE.png", type=Path, help="draw the frame of the largest MAD: alpha, truth, error (red too high, blue low)")
    add("-j", "--workers", metavar="N", type=int, help="frames measured at once (all cores)")
    add("-y", "--overwrite", action="store_true", help="overwrite files that exist")
    add("-v", "--verbose", action="store_true", help="tracebacks")
    options = parser.parse_args(arguments)
    from livematte.evaluate.measuring import NAMES

    options.measures = options.measures or NAMES
    if unknown := [name for name in options.measures if name not in NAMES]:
        raise SettingsError(f"--measures: got {unknown[0]!r}, wanted some of {', '.join(NAMES)}")
    if options.worst and "MAD" not in options.measures:
        options.measures = ("MAD", *options.measures)  # the worst frame is that of the largest
    if options.workers is not None and options.workers < 1:
        raise SettingsError(f"--workers: got {options.workers}, wanted at least 1")
    _check_outputs(options)
    return options


def _measures(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(","))


def _check_outputs(options: argparse.Namespace) -> None:
    """Before the long work."""
    for option in ("csv", "plot", "worst"):
        path: Path | None = getattr(options, option)
        if path is None:
            continue
        if not path.parent.is_dir() or path.is_dir() or (option != "csv" and path.suffix.lower() != ".png"):
            raise SettingsError(f"--{option}: got {path}, wanted a {'.png ' if option != 'csv' else ''}file in a folder that is there")
        if path.exists() and not options.overwrite:
            raise LivematteError(f"{path} exists; -y overwrites it")
    if options.plot:
        from livematte.bench.plot import wanted

        wanted(options.plot)
