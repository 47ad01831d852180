"""The parts of a run, each measured by itself on the same clip: network, matter, encoder, decoder; then all of it, and the usual loop."""

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import av
import cv2

from benchlib.baseline import Loop
from benchlib.clips import FOLDER
from benchlib.timing import Figure, timed
from livematte import weights
from livematte.background import Solid
from livematte.composite import composite
from livematte.engines import open_engine
from livematte.frame import Frame
from livematte.job import Job
from livematte.matting.recurrent import AUTO_DETAIL, RecurrentMatter, small_picture
from livematte.pyav import to_av
from livematte.settings import make_settings
from livematte.sinks.base import Encoding
from livematte.sinks.encoder import Encoder, Plan
from livematte.sinks.kinds import kind_of
from livematte.sinks.plan import plan_clip
from livematte.sources import Cut, SourceInfo, open_source

_READY = 120  # frames that the parts are measured on, all in memory: 0.8 GB at 1080p
_BASELINE = 40  # frames of the usual loop, which is slow
_OUTPUT = FOLDER / "output.mp4"


class Parts:
    """Measures the parts of a run on one clip, and the whole. frames: of the clip, for the whole."""

    def __init__(self, clip: Path, frames: int) -> None:
        cv2.setNumThreads(1)  # as the pipeline does
        FOLDER.mkdir(parents=True, exist_ok=True)
        self._clip, self._frames = clip, frames
        model = make_settings(input=str(clip)).model
        self._engine = open_engine(weights.resolve(model))
        self.engine = self._engine.describe
        with open_source(clip, cut=Cut(frames=min(frames, _READY))) as source:
            self._sources = list(source)
            self._plan = self._planned(source.info)
        self.size = self._sources[0].size
        self._small = [small_picture(frame, AUTO_DETAIL) for frame in self._sources]
        self._drawn = self._composited()
        self._loop = Loop(weights.resolve(model), self.size, self._plan)

    def _planned(self, info: SourceInfo) -> Plan:
        self._kind = kind_of(_OUTPUT)[1]
        return plan_clip(self._sources[0], kind=self._kind, encoding=Encoding(), like=info, name=_OUTPUT.name)

    def _composited(self) -> dict[int | None, av.VideoFrame]:
        """What the encoder gets, by time."""
        matter, green = RecurrentMatter(self._engine), Solid("green")
        return {frame.pts: to_av(composite(frame, matter.step(frame), green), self._plan.pixels) for frame in self._sources}

    def round(self) -> dict[str, Figure]:
        """Everything once, in turn: within a round the machine is the same for all."""
        return {
            "trunk alone": timed(self._trunk),
            "network alone": timed(self._network),
            "encoder alone": timed(self._encoder),
            "decoder alone": timed(self._decoder),
            "end to end": self._whole(),
            "usual loop": timed(lambda: self._loop.run(self._clip, _OUTPUT, min(self._frames, _BASELINE))),
        }

    def _trunk(self) -> int:
        """The convolutions: small pictures that are ready to coefficients."""
        rec = None
        for src_sm in self._small:
            _, rec = self._engine.run(src_sm, rec)
        return len(self._small)

    def _network(self) -> int:
        """What the published network is: a frame in, alpha and foreground at its own size out."""
        matter = RecurrentMatter(self._engine)
        for frame in self._sources:
            matter.step(frame).work_out()
        return len(self._sources)

    def _encoder(self) -> int:
        """The sink's own encoder and settings, on pictures that are ready."""
        plan = replace(self._plan, draw=lambda frame: [self._drawn[frame.pts]])
        with av.open(str(_OUTPUT), "w", format=self._kind.container) as target:
            encoder = Encoder(target, plan, self._sources[0])
            for frame in self._sources:
                target.mux(encoder.encode(frame))
            target.mux(encoder.finish())
        return len(self._sources)

    def _decoder(self) -> int:
        with open_source(self._clip, cut=Cut(frames=self._frames)) as source:
            return sum(isinstance(item, Frame) for item in source.items())

    def _whole(self) -> Figure:
        """The job that `livematte CLIP -b green -o OUTPUT.mp4` is, from when its engine and files are open."""
        settings = make_settings(input=str(self._clip), outputs=(str(_OUTPUT),), background="green", frames=self._frames, overwrite=True)
        with ExitStack() as stack:
            job = stack.enter_context(Job(settings))
            return timed(lambda: job.run().frames_out)
