"""What the rounds of a clip say.

    possible = 1 / (t_net + c_enc / N)
t_net: seconds for a frame of the network alone, on all N cores; c_enc: processor seconds for a frame of the encoder alone, which has to
run on the same cores. Everything else (decoding, blending, copies) has to fit into what remains. The network is what was published under
that name: a frame in, alpha and foreground at the frame's size out.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median

from livematte.bench.choices import Choice
from livematte.bench.parts import Round, named
from livematte.bench.tables import goal, table
from livematte.engines import available_cores
from livematte.frame import Size

POSSIBLE_GOAL = 0.90
LOOP_GOALS = {("1080p", "off"): 2.5, ("figure", "auto"): 4.0}  # times the usual loop, by clip and --follow


@dataclass(frozen=True)
class Measured:
    """One clip's rounds. engines, choices: by what tells the choices apart, as in the rounds' names."""

    name: str
    size: Size
    engines: dict[str, str]
    choices: dict[str, Choice]
    rounds: list[Round]

    def told(self) -> str:
        width, height = self.size
        frames = self.rounds[0][named("end to end", next(iter(self.choices)))].frames
        engines = "; ".join(dict.fromkeys(self.engines.values()))
        head = f"**{self.name}** {width}x{height}, {frames} frames, median of {len(self.rounds)} rounds, network by {engines}"
        return "\n\n".join([head, self._rates(), self._arithmetic(), self._ratios(), self._stages()])

    def figures(self) -> dict[str, float]:
        """For comparing: frames a second of everything, milliseconds of each stage, and the ratios."""
        fps = {f"{self.name}: {what}, fps": self._fps(what) for what in self.rounds[0]}
        ratios = {f"{self.name}: {what}": median(values) for what, values, _ in self._fractions()}
        return fps | ratios | {f"{self.name}: {what}, ms": value for what, value in self._stage_ms().items()}

    def bars(self) -> dict[str, float]:
        """Frames a second, for the plot."""
        ends = {named("end to end", name): self._fps(named("end to end", name)) for name in self.choices}
        return {"usual loop": self._fps("usual loop"), **ends, "possible": max(self._possible(name) for name in self.choices)}

    def _fps(self, what: str) -> float:
        return 1 / median(one[what].each for one in self.rounds)

    def _possible(self, name: str) -> float:
        return median(possible(one, name) for one in self.rounds)

    def _rates(self) -> str:
        rows = []
        for what in self.rounds[0]:
            figures = [one[what] for one in self.rounds]
            each, cpu = median(f.each for f in figures) * 1e3, median(f.cpu_each for f in figures) * 1e3
            rows.append([what, f"{1e3 / each:.1f}", f"{each:.1f}", f"{cpu:.1f}", f"{median(f.cpu / f.seconds for f in figures):.2f}"])
        return table(["", "fps", "ms a frame", "CPU ms a frame", "cores busy"], rows)

    def _arithmetic(self) -> str:
        encoder = median(one["encoder alone"].cpu_each for one in self.rounds) * 1e3
        lines = []
        for name in self.choices:
            net = median(one[named("network alone", name)].each for one in self.rounds) * 1e3
            both = f"{net:.1f} ms network + {encoder:.1f} ms encoder / {available_cores()} cores"
            lines.append(f"- {named('possible', name)}: 1 / ({both}) = {self._possible(name):.1f} fps")
        return "\n".join(lines)

    def _fractions(self) -> list[tuple[str, list[float], float | None]]:
        """What is told of each choice's end to end, by rounds, for a machine's speed drifts between them; and the goal."""
        found: list[tuple[str, list[float], float | None]] = []
        first = named("end to end", next(iter(self.choices)))
        for name, choice in self.choices.items():
            whole = named("end to end", name)
            loop = LOOP_GOALS.get((self.name, choice.follow or "off")) if choice.detail is None else None
            found.append((f"{whole}, of what is possible", [one[whole].fps / possible(one, name) for one in self.rounds], POSSIBLE_GOAL))
            found.append((f"{whole}, of the usual loop", [one[whole].fps / one["usual loop"].fps for one in self.rounds], loop))
            if whole != first:
                found.append((f"{whole}, against {first}", [one[whole].fps / one[first].fps for one in self.rounds], None))
        return found

    def _ratios(self) -> str:
        rows = []
        for what, values, least in self._fractions():
            each = " ".join(f"{value:.2f}" for value in values)
            rows.append([what, f"{median(values):.2f}", each, *goal("≥", median(values), least, form=".2f")])
        return table(["", "median", "each round", "goal", ""], rows)

    def _stage_ms(self) -> dict[str, float]:
        """Milliseconds at work for a frame, by kind of work, of each choice."""
        wholes = [named("end to end", name) for name in self.choices]
        return {
            f"{whole}, {stage}": median(one[whole].stages.get(stage, 0.0) / one[whole].frames for one in self.rounds) * 1e3
            for stage in self._stage_names()
            for whole in wholes
        }

    def _stage_names(self) -> list[str]:
        return list(dict.fromkeys(stage for one in self.rounds for figure in one.values() for stage in figure.stages))

    def _stages(self) -> str:
        wholes, found = [named("end to end", name) for name in self.choices], self._stage_ms()
        rows = [[stage, *(f"{found[f'{whole}, {stage}']:.1f}" for whole in wholes)] for stage in self._stage_names()]
        return table(["ms a frame at work", *wholes], rows)


def possible(one: Round, name: str) -> float:
    """Frames a second that the network leaves, once the encoder has had the processor time that it must have."""
    return 1 / (one[named("network alone", name)].each + one["encoder alone"].cpu_each / available_cores())
