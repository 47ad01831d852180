"""The parts of a run, each measured by itself on the same clip: network, matter, encoder, decoder; then all of it, and the usual loop."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import av
import cv2

from livematte.background import Solid
from livematte.bench.baseline import Loop
from livematte.bench.choices import Choice, label, open_chosen, weights_file
from livematte.bench.places import folder
from livematte.bench.timing import Figure, timed
from livematte.composite import composite
from livematte.engines import Engine, Floats
from livematte.frame import Frame
from livematte.job import Job
from livematte.matting.canvas import small_picture
from livematte.matting.recurrent import AUTO_DETAIL
from livematte.opening import make_matter
from livematte.pyav import to_av
from livematte.sinks.base import Encoding
from livematte.sinks.encoder import Encoder, Plan
from livematte.sinks.kinds import kind_of
from livematte.sinks.plan import plan_clip
from livematte.sources import Cut, SourceInfo, open_source

_READY = 120, 400_000_000  # frames that the parts are measured on, all in memory, and their bytes, at most
_BASELINE = 40  # frames of the usual loop, which is slow
_HD = 1920 * 1080

Round = dict[str, Figure]


class Parts:
    """Measures the parts of a run on one clip, and the whole, by each of the choices. frames: of the clip, for the whole."""

    def __init__(self, clip: Path, frames: int, choices: Sequence[Choice]) -> None:
        cv2.setNumThreads(1)  # as the pipeline does
        self._clip, self._frames, self._output = clip, frames, folder() / "output.mp4"
        self._sources, info = self._ready()
        self.size = self._sources[0].size
        self._plan = self._planned(info)
        self.choices = {label(choice, choices): choice for choice in choices}
        self._lanes = {name: Lane(choice, self._sources) for name, choice in self.choices.items()}
        self._trunks = {label(choice, _unlike(choices)): self._lanes[label(choice, choices)] for choice in _unlike(choices)}
        first = next(iter(self._lanes.values()))
        self.engines = {name: lane.engine.describe for name, lane in self._lanes.items()}
        self._drawn = self._composited(first)
        self._loop = Loop(weights_file(), self.size, self._plan, device=first.engine.device)
        slow = max(1.0, self.size[0] * self.size[1] / _HD)
        self._baseline = min(frames, round(_BASELINE / slow))

    def _ready(self) -> tuple[list[Frame], SourceInfo]:
        count, size = _READY
        with open_source(self._clip, cut=Cut(frames=min(self._frames, count))) as source:
            sources: list[Frame] = []
            for frame in source:
                sources.append(frame)
                if len(sources) * sum(plane.nbytes for plane in frame.planes) > size:
                    break
            return sources, source.info

    def _planned(self, info: SourceInfo) -> Plan:
        self._kind = kind_of(self._output)[1]
        return plan_clip(self._sources[0], kind=self._kind, encoding=Encoding(), like=info, name=self._output.name)

    def _composited(self, lane: Lane) -> dict[int | None, av.VideoFrame]:
        """What the encoder gets, by time."""
        matter, green = make_matter(lane.engine, lane.settings), Solid("green")
        return {frame.pts: to_av(composite(frame, matter.step(frame), green), self._plan.pixels) for frame in self._sources}

    def round(self) -> Round:
        """Everything once, in turn: within a round the machine is the same for all."""
        return {
            **{named("trunk alone", name): lane.trunk() for name, lane in self._trunks.items()},
            **{named("network alone", name): timed(lane.network) for name, lane in self._lanes.items()},
            "encoder alone": timed(self._encoder),
            "decoder alone": timed(self._decoder),
            **{named("end to end", name): self._whole(lane.choice) for name, lane in self._lanes.items()},
            "usual network": timed(lambda: self._loop.network(self._baseline)),
            "usual loop": timed(lambda: self._loop.run(self._clip, self._output, self._baseline)),
        }

    def _encoder(self) -> int:
        """The sink's own encoder and settings, on pictures that are ready."""
        plan = replace(self._plan, draw=lambda frame: [self._drawn[frame.pts]])
        with av.open(str(self._output), "w", format=self._kind.container) as target:
            encoder = Encoder(target, plan, self._sources[0])
            for frame in self._sources:
                target.mux(encoder.encode(frame))
            target.mux(encoder.finish())
        return len(self._sources)

    def _decoder(self) -> int:
        with open_source(self._clip, cut=Cut(frames=self._frames)) as source:
            return sum(isinstance(item, Frame) for item in source.items())

    def _whole(self, choice: Choice) -> Figure:
        """The job that `livematte CLIP -b green -o OUTPUT.mp4` is, from when its engine and files are open."""
        given = {"input": str(self._clip), "outputs": (str(self._output),), "background": "green"}
        with Job(choice.settings(**given, frames=self._frames, overwrite=True)) as job:
            figure = timed(lambda: job.run().frames_out)
            return replace(figure, stages=job.pipeline.report().stages)

    def close(self) -> None:
        for lane in self._lanes.values():
            lane.engine.close()


class Lane:
    """A choice's network by itself, on frames that are ready."""

    def __init__(self, choice: Choice, sources: list[Frame]) -> None:
        self.choice, self.settings = choice, choice.settings()
        self.engine = open_chosen(self.settings)
        self._sources = sources
        make_matter(self.engine, self.settings).step(sources[0]).work_out()  # the first run compiles

    @cached_property
    def _small(self) -> list[Floats]:
        return [small_picture(frame, self.settings.detail or AUTO_DETAIL) for frame in self._sources]

    def trunk(self) -> Figure:
        """The convolutions: small pictures that are ready to coefficients."""
        small = self._small
        return timed(lambda: run_trunk(self.engine, small))

    def network(self) -> int:
        """What the published network is: a frame in, alpha and foreground at its own size out."""
        matter = make_matter(self.engine, self.settings)
        for frame in self._sources:
            matter.step(frame).work_out()
        return len(self._sources)


def run_trunk(engine: Engine, small: Sequence[Floats]) -> int:
    rec = None
    for src_sm in small:
        _, rec = engine.run(src_sm, rec)
    return len(small)


def named(what: str, name: str) -> str:
    return f"{what}, {name}" if name else what


def _unlike(choices: Sequence[Choice]) -> list[Choice]:
    """Choices of which no two differ by where the network looks only: its convolutions are the same."""
    return list({choice.whole: choice for choice in reversed(choices)}.values())[::-1]
