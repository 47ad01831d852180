"""How fast a clip goes through, beside what its network and encoder allow, and beside the usual loop.

    possible = 1 / (t_net + c_enc / N)
t_net: seconds for a frame of the network alone, on all N cores; c_enc: processor seconds for a frame of the encoder alone, which has to
run on the same cores. Everything else (decoding, blending, copies) has to fit into what remains. The network is what was published under
that name: a frame in, alpha and foreground at the frame's size out. Against its trunk alone, the same ratio is told too, as a bound that
leaves the refinement at full size no time at all.
"""

import argparse
from statistics import median

from benchlib.clips import person
from benchlib.parts import Parts
from benchlib.tables import machine, publish, table, verdict
from benchlib.timing import Figure
from livematte.engines import available_cores

NAMES = ("trunk alone", "network alone", "encoder alone", "decoder alone", "end to end", "usual loop")
GOALS = {"of what is possible": 0.90, "of the usual loop": 1.5, "of what the trunk allows": None}
Round = dict[str, Figure]


def speed(options: argparse.Namespace) -> None:
    where = machine()
    clips = {"clip": options.clip} if options.clip else {name: person(name, options.frames) for name in options.sizes}
    texts: list[str] = []
    results: dict[str, list[dict[str, dict[str, float]]]] = {}
    for name, clip in clips.items():
        parts = Parts(clip, options.frames)
        rounds = [parts.round() for _ in range(options.rounds)]
        texts.append(_told(name, parts, rounds))
        results[name] = [{what: vars(figure) for what, figure in one.items()} for one in rounds]
    publish("speed", "\n\n".join([where, *texts]), {"machine": where, **results}, write=options.write, save=options.json)


def _told(name: str, parts: Parts, rounds: list[Round]) -> str:
    width, height = parts.size
    frames = rounds[0]["end to end"].frames
    head = f"**{name}** {width}x{height}, {frames} frames, median of {len(rounds)} rounds, network by {parts.engine}"
    return "\n\n".join([head, _figures(rounds), _arithmetic(rounds), _ratios(rounds)])


def _figures(rounds: list[Round]) -> str:
    rows = []
    for what in NAMES:
        figures = [one[what] for one in rounds]
        each, cpu = median(f.each for f in figures), median(f.cpu_each for f in figures)
        rows.append([what, f"{1 / each:.1f}", f"{each * 1e3:.1f}", f"{cpu * 1e3:.1f}", f"{median(f.cpu / f.seconds for f in figures):.2f}"])
    return table(["", "fps", "ms a frame", "CPU ms a frame", "cores busy"], rows)


def _arithmetic(rounds: list[Round]) -> str:
    net = median(one["network alone"].each for one in rounds) * 1e3
    encoder = median(one["encoder alone"].cpu_each for one in rounds) * 1e3
    fps = median(map(possible, rounds))
    return f"Possible: 1 / ({net:.1f} ms network + {encoder:.1f} ms encoder / {available_cores()} cores) = {fps:.1f} fps"


def possible(one: Round, of: str = "network alone") -> float:
    """Frames a second that the network leaves, once the encoder has had the processor time that it must have."""
    return 1 / (one[of].each + one["encoder alone"].cpu_each / available_cores())


def _ratios(rounds: list[Round]) -> str:
    whole = [one["end to end"].fps for one in rounds]
    ratios = {
        "of what is possible": [fps / possible(one) for fps, one in zip(whole, rounds, strict=True)],
        "of the usual loop": [fps / one["usual loop"].fps for fps, one in zip(whole, rounds, strict=True)],
        "of what the trunk allows": [fps / possible(one, "trunk alone") for fps, one in zip(whole, rounds, strict=True)],
    }
    rows = []
    for what, values in ratios.items():
        each = " ".join(f"{value:.2f}" for value in values)
        goal = GOALS[what]
        told = ["", ""] if goal is None else [f"{goal:.2f}", verdict(median(values) >= goal)]
        rows.append([what, f"{median(values):.2f}", each, *told])
    return table(["end to end, in parts", "median", "each round", "goal", ""], rows)
