"""A live job of the bench, in a process of its own: run as a program with what is asked as JSON, it writes its figures as JSON.

The camera sends MJPEG, as webcams do; the virtual camera turns frames into the bytes that a driver takes, and drops them.
"""

from __future__ import annotations

import itertools
import json
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from livematte.bench.children import report, resident
from livematte.bench.choices import Choice, open_chosen
from livematte.frame import Frame, Matte, Size
from livematte.live.controls import Controls, Live
from livematte.live.figures import LiveReport
from livematte.live.outlet import Exit
from livematte.live.pipeline import LivePipeline
from livematte.matting.base import Matter
from livematte.opening import make_matter
from livematte.pyav import from_av
from livematte.sinks.base import Device
from livematte.sinks.pixels import picture
from livematte.sources import SourceInfo

KEPT = 60  # pictures that the camera goes through
IDLE_AFTER, IDLE_SECONDS = 3.0, 20.0
_MICRO = Fraction(1, 1_000_000)


class Camera:
    """A LiveSource that sends a clip's pictures as a webcam does, round and round."""

    def __init__(self, clip: Path, size: Size, fps: int) -> None:
        self.info = SourceInfo("camera", size, Fraction(fps), _MICRO, real_time=True)
        self._packets, self._fps = _packets(clip, size, fps), fps

    def items(self) -> Iterator[Any]:
        decoder: Any = av.CodecContext.create("mjpeg", "r")
        decoder.thread_count = 1
        began = time.monotonic()
        for index, data in enumerate(itertools.cycle(self._packets)):
            time.sleep(max(0.0, began + index / self._fps - time.monotonic()))
            captured = time.monotonic()
            (shown,) = decoder.decode(av.Packet(data))
            yield replace(from_av(shown), pts=round(captured * 1_000_000), time_base=_MICRO, captured=captured)

    def close(self) -> None: ...


def _packets(clip: Path, size: Size, fps: int) -> list[bytes]:
    encoder: Any = av.CodecContext.create("mjpeg", "w")
    encoder.width, encoder.height = size
    encoder.pix_fmt, encoder.time_base, encoder.options = "yuvj420p", Fraction(1, fps), {"qmin": "3", "qmax": "3"}
    with av.open(str(clip)) as container:
        pictures = (f.reformat(*size, format="yuvj420p") for f in itertools.islice(container.decode(video=0), KEPT))
        return [bytes(packet) for picture in pictures for packet in encoder.encode(picture)]


class Driver(Device):
    """A sink that does what the virtual camera's does, up to the driver."""

    def __init__(self) -> None:
        super().__init__("driver")
        self.times: list[float] = []

    def send(self, frame: Frame) -> None:
        picture(frame, "yuv420p", full_range=False).to_ndarray()
        self.times.append(time.monotonic())

    def close(self) -> None: ...


class Unwatched(Driver):
    def watchers(self) -> int:
        return 0


class Stub:
    """A Matter that costs nothing: the middle of the picture is the person."""

    def step(self, frame: Frame) -> Matte:
        pha = np.zeros((frame.size[1], frame.size[0]), np.float32)
        pha[:, frame.size[0] // 3 : 2 * frame.size[0] // 3] = 1
        return Matte(pha, frame)

    def reset(self) -> None: ...
    def prime(self, frames: Sequence[Frame]) -> None: ...


def _tell(text: str) -> None:
    sys.stderr.write(f"{text}\n")


def _pipeline(asked: dict[str, Any], driver: Driver, *, first: Camera | None, **more: Any) -> LivePipeline:
    settings = Choice(**asked["values"]).settings()

    def network() -> Matter:
        return make_matter(open_chosen(settings), settings, live=True)

    return LivePipeline(
        lambda: first,  # type: ignore[arg-type, return-value]  # nobody opens a camera where there is none
        network if asked["matter"] == "network" else Stub,
        [Exit(driver, "composite", None)],
        Controls(Live(background="blur", detail=asked["detail"])),
        canvas=tuple(asked["size"]),
        rate=asked["fps"],
        first=first,
        tell=_tell,
        **more,
    )


def _idle(asked: dict[str, Any]) -> dict[str, float]:
    """Processor time of a job whose virtual camera nobody reads, once it has begun."""
    pipeline = _pipeline(asked, Unwatched(), first=None, on_demand=True)
    figures: dict[str, float] = {}

    def measure() -> None:
        time.sleep(IDLE_AFTER)
        began = time.process_time()
        time.sleep(IDLE_SECONDS)
        figures["cpu_percent"] = 100 * (time.process_time() - began) / IDLE_SECONDS
        pipeline.stop()

    threading.Thread(target=measure).start()
    pipeline.run()
    return figures


def _run(asked: dict[str, Any]) -> dict[str, Any]:
    driver, frames = Driver(), asked["frames"]
    samples: list[tuple[int, float]] = []
    camera = Camera(Path(asked["clip"]), tuple(asked["size"]), asked["fps"])
    pipeline = _pipeline(asked, driver, first=camera, limit=frames)

    def listen(so_far: LiveReport) -> None:
        if not samples or so_far.frames_in >= samples[-1][0] + frames // 100:
            samples.append((so_far.frames_in, resident() / 1e6))

    done = pipeline.run(listen)
    times = driver.times[len(driver.times) // 5 :]
    intervals = sorted(1000 * (b - a) for a, b in itertools.pairwise(times))
    return {
        "report": asdict(done),
        "sent_fps": (len(times) - 1) / (times[-1] - times[0]),
        "intervals_ms": [intervals[int(share * (len(intervals) - 1))] for share in (0.05, 0.5, 0.95, 0.99)],
        "resident": samples,
        "slope": _slope(samples),
    }


def _slope(samples: list[tuple[int, float]]) -> float:
    """MB per 1,000 frames, by least squares over the second half, when all that is built up at the beginning is there; NaN for too few."""
    half = samples[len(samples) // 2 :]
    if len(half) < 2:
        return float("nan")
    frames, sizes = np.array(half, float).T
    return float(np.polyfit(frames, sizes, 1)[0] * 1000)


if __name__ == "__main__":
    wanted = json.loads(sys.argv[1])
    report(json.dumps(_idle(wanted) if wanted["matter"] == "idle" else _run(wanted)))
