"""The quality gate: every variant (variants.py) runs over moving clips with known alpha and is judged (gate.py). What is a default and
fails ends the command with code 1; what fails and is not, stays an option."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from livematte.bench import gate, places
from livematte.bench.results import Result
from livematte.bench.scenes import SCENES
from livematte.bench.tables import table
from livematte.bench.truth import Known, in_folder, made_here
from livematte.bench.variants import EXACT, FULL_SIZE, IN_TILES, METHODS, REFERENCE, REUSES, Variant, engines
from livematte.errors import SourceError
from livematte.frame import Frame, Matte
from livematte.matting.scenes import mattes
from livematte.metrics import MEASURES

Floats = NDArray[np.float32]
Tell = Callable[[str], None]

_ARITHMETIC_FRAMES = 30  # of a clip: enough for what recurrence adds up
_SMALL = 36  # frames of --small; over fewer, ratios of errors scatter by more than the gate allows
_SMALL_CLIPS, _SMALL_ARITHMETIC = 2, 10  # clips of it, and their frames, for the arithmetic of each engine


class Trial(NamedTuple):
    """Variants, each against the reference, on the clips."""

    clips: Sequence[Known]
    reference: Variant
    variants: Sequence[Variant]


def measure(options: argparse.Namespace, tell: Tell) -> Result:
    clips = _clips(options)
    count, frames = (_SMALL_CLIPS, _SMALL_ARITHMETIC) if options.small else (len(clips), _ARITHMETIC_FRAMES)
    few = [replace(clip, frames=min(clip.frames, frames)) for clip in clips[:count]]
    arithmetic = [Trial(few, EXACT, engines()), Trial(few, FULL_SIZE, [IN_TILES])]
    methods = [Trial(clips, REFERENCE, METHODS), Trial([clip.paused() for clip in clips], REFERENCE, REUSES)]
    return judged(arithmetic, methods, tell=tell)


def _clips(options: argparse.Namespace) -> list[Known]:
    frames = min(options.frames, _SMALL) if options.small else options.frames
    folder = options.truth or (None if options.made or options.small or options.clip else places.truth())
    if folder is not None:
        return in_folder(folder, frames)
    return made_here(options.clip or places.portrait(), frames, SCENES)


@dataclass
class _Found:
    """Rows of the tables, and what they say."""

    verdicts: list[list[str]] = field(default_factory=list)
    each: list[list[str]] = field(default_factory=list)
    figures: dict[str, float] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)

    def verdict(self, variant: Variant, passed: bool) -> list[str]:
        """Two cells. A default that did not pass is a failure of the gate; what is asked for may cost something."""
        if variant.default and not passed:
            self.failed.append(variant.name)
        return ["default" if variant.default else "", "passed" if passed else "FAILED" if variant.default else "option"]


def judged(arithmetic: Sequence[Trial], methods: Sequence[Trial], *, tell: Tell = lambda text: None) -> Result:
    """Both halves of the gate."""
    exact, true = _Found(), _Found()
    for trial in arithmetic:
        _judge_arithmetic(trial, exact, tell)
    for trial in methods:
        _judge_methods(trial, true, tell)
    clips = [*methods, *arithmetic][0].clips
    about = f"{len(clips)} clips: {', '.join(clip.name for clip in clips)}; {clips[0].frames} frames of each at most"
    failed = [*exact.failed, *true.failed]
    verdict = [f"The gate FAILED: {', '.join(failed)}"] if failed else []
    text = "\n\n".join([about, _told_arithmetic(exact), _told_methods(true), *verdict])
    return Result(text, exact.figures | true.figures, {"each clip": [*exact.each, *true.each]}, failed=failed)


def _alphas(variant: Variant, clips: Sequence[Known], tell: Tell) -> tuple[list[Floats], float]:
    """(of each clip (T, H, W), the share of frames for which the network ran), the way that a job's frames go: in order, each scene settled
    on its first frames. EngineError: not here."""
    tell(f"{variant.name} …")
    found, ran = [], []
    with variant.make() as matter:
        for clip in clips:
            matter.reset()
            phas = []
            for _, matte in cast("Iterator[tuple[Frame, Matte]]", mattes(matter, clip.sources())):
                phas.append(matte.pha)
                ran.append(getattr(matter, "ran", True))
            found.append(np.stack(phas))
    return found, sum(ran) / len(ran)


def _judge_arithmetic(trial: Trial, found: _Found, tell: Tell) -> None:
    clips, reference, variants = trial
    refs, _ = _alphas(reference, clips, tell)
    for variant in variants:
        phas, _ = _alphas(variant, clips, tell)
        each = [gate.closeness(pha, ref) for pha, ref in zip(phas, refs, strict=True)]
        over_all = gate.pooled(each)
        name = f"{variant.name}, against {reference.name}"
        found.figures |= {f"{name}: {what}": value for what, value in over_all.items()}
        found.verdicts.append([name, *_cells(over_all), *found.verdict(variant, gate.is_close(over_all))])
        for clip, close in zip(clips, each, strict=True):
            found.each.append([f"{variant.name}: {clip.name}", *_cells(gate.pooled([close]))])


def _cells(figures: dict[str, float]) -> list[str]:
    return [f"{figures['mean'] * 1e3:.4f}", f"{figures['tail']:.4f}", f"{figures['temporal']:.4f}"]


def _told_arithmetic(found: _Found) -> str:
    head = ["mean x1e3", "99.9th percentile", "temporal"]
    limits = ["at most", f"{gate.MEAN * 1e3:.4f}", f"{gate.TAIL:.4f}", f"{gate.TEMPORAL:.4f}", "", ""]
    told = (
        "**Arithmetic.** Differences of alpha: the mean of the worst clip; the percentile over all pixels of all clips; the change from "
        "frame to frame over all clips, as a part of the reference's."
    )
    return "\n\n".join([told, table(["", *head, "", ""], [*found.verdicts, limits]), table(["each clip", *head], found.each)])


def _judge_methods(trial: Trial, found: _Found, tell: Tell) -> None:
    truths = [clip.alpha() for clip in trial.clips]
    plain: dict[str, float] = {}
    for variant in (trial.reference, *trial.variants):
        phas, ran = _alphas(variant, trial.clips, tell)
        each = [_errors(clip, pha, true) for clip, pha, true in zip(trial.clips, phas, truths, strict=True)]
        mean = gate.averaged(each)
        plain = plain or mean
        name = f"{variant.name}{', paused clips' if trial.clips[0].hold[1] else ''}"
        found.figures |= {f"{name}: {what}": value for what, value in mean.items()}
        told = ["", "reference"] if variant is trial.reference else found.verdict(variant, gate.is_no_worse(mean, plain))
        parts = [f"{gate.ratio(mean[measure], plain[measure]):.4f}" for measure in gate.JUDGED]
        found.verdicts.append([name, *(f"{value:.3f}" for value in mean.values()), *parts, f"{ran:.0%}", *told])
        for clip, figures in zip(trial.clips, each, strict=True):
            found.each.append([f"{variant.name}: {clip.name}", *(f"{value:.3f}" for value in figures.values())])


def _errors(clip: Known, pha: Floats, true: Floats) -> dict[str, float]:
    if pha.shape != true.shape:
        raise SourceError(f"{clip.src.name} is (T, H, W) {pha.shape}, {clip.pha.name} {true.shape}; wanted one size and length")
    return gate.errors(pha, true)


def _told_methods(found: _Found) -> str:
    names = list(MEASURES)
    limits = ["at most", *[""] * len(names), *[f"{gate.WORSE:.4f}"] * len(gate.JUDGED), "", "", ""]
    told = (
        "**Methods.** Errors against the known alpha, the mean over the clips; what they are of the reference's; for how many of the "
        "frames the network ran."
    )
    head = ["", *names, *(f"{name} ratio" for name in gate.JUDGED), "ran", "", ""]
    return "\n\n".join([told, table(head, [*found.verdicts, limits]), table(["each clip", *names], found.each)])
