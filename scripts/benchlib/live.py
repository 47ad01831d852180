"""The live job on a camera that a clip plays: steadiness, latency, and whether memory stays as it is.

The camera sends MJPEG at 1280x720 and 30 frames a second, as webcams do; the virtual camera turns frames into the bytes that a driver
takes, and drops them. Run as a program with MATTER, FRAMES and FPS it is that job, and prints its figures as JSON.
"""

from __future__ import annotations

import argparse
import itertools
import json
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

PAGE_BYTES = resource.getpagesize()
SIZE, RATE = (1280, 720), 30
KEPT = 60  # pictures that the camera goes through
GOALS = {"slope": 1.0, "added": 1000 / RATE, "idle": 2.0}  # MB per 1,000 frames; milliseconds; percent of a core
IDLE_SECONDS = 20.0


def live(options: argparse.Namespace) -> None:
    from benchlib.tables import machine, publish, table, verdict

    where = machine()
    kinds = {"rvm-mobilenetv3": (options.frames, RATE), "a stub": (options.stub_frames, options.stub_fps)}
    rows, results = [], {}
    for kind, (frames, fps) in kinds.items():
        if not frames:
            continue
        figures = _run_apart(kind, frames, fps)
        results[kind] = figures
        rows += _rows(kind, figures, fps, verdict)
    idle = _run_apart("idle", 0, RATE)["cpu_percent"]
    results["idle"] = idle
    rows.append(["on demand, nobody watching: % of a core", f"{idle:.2f}", f"< {GOALS['idle']:.0f}", verdict(idle < GOALS["idle"])])
    text = table(["1280x720 MJPEG to I420, over a blur", "value", "goal", ""], rows)
    publish("live", f"{where}\n\n{text}", {"machine": where, **results}, write=options.write, save=options.json)


def _rows(kind: str, figures: dict[str, Any], fps: int, verdict: Any) -> list[list[str]]:
    report = figures["report"]
    p50, p95, p99 = report["latency_ms"]
    rows = [
        [f"{kind}: frames in, a second", f"{report['frames_in'] / report['seconds']:.1f}", f"{fps}", ""],
        ["frames matted, a second", f"{report['frames_matted'] / report['seconds']:.1f}", "", ""],
        ["frames sent, a second", f"{figures['sent_fps']:.2f}", f"{fps}", ""],
        ["intervals between them, p5 p50 p95 p99 ms", " ".join(f"{ms:.1f}" for ms in figures["intervals_ms"]), f"{1000 / fps:.1f}", ""],
        ["detail at the end", str(report["detail"]), "", ""],
        ["the network, ms a frame", f"{report['stages_ms'].get('network', 0):.1f}", "", ""],
        ["latency p50 p95 p99, ms", f"{p50:.0f} {p95:.0f} {p99:.0f}", "", ""],
    ]
    if kind != "a stub":
        added = p50 - report["stages_ms"].get("network", 0)
        rows.append(
            ["added to the network's own time, p50 ms", f"{added:.0f}", f"≤ {GOALS['added']:.0f}", verdict(added <= GOALS["added"])]
        )
    slope = figures["slope"]
    rows.append(["memory, MB per 1,000 frames", f"{slope:+.2f}", f"< {GOALS['slope']:.0f}", verdict(slope < GOALS["slope"])])
    rows.append(["memory at the end, MB", f"{figures['resident'][-1][1]:.0f}", "", ""])
    return rows


def _run_apart(kind: str, frames: int, fps: int) -> dict[str, Any]:
    run = subprocess.run([sys.executable, __file__, kind, str(frames), str(fps)], stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(run.stdout.splitlines()[-1])


class Camera:
    """A LiveSource that sends a clip's pictures as a webcam does, round and round."""

    def __init__(self, clip: Path, fps: int) -> None:
        from livematte.sources import SourceInfo

        self.info = SourceInfo("camera", SIZE, Fraction(fps), Fraction(1, 1_000_000), real_time=True)
        self._packets, self._fps = _packets(clip), fps

    def items(self) -> Iterator[Any]:
        import av

        from livematte.pyav import from_av

        decoder: Any = av.CodecContext.create("mjpeg", "r")
        decoder.thread_count = 1
        began = time.monotonic()
        for index, data in enumerate(itertools.cycle(self._packets)):
            time.sleep(max(0.0, began + index / self._fps - time.monotonic()))
            captured = time.monotonic()
            (picture,) = decoder.decode(av.Packet(data))
            yield _timed(from_av(picture), captured)

    def close(self) -> None: ...


def _timed(frame: Any, captured: float) -> Any:
    from dataclasses import replace

    return replace(frame, pts=round(captured * 1_000_000), time_base=Fraction(1, 1_000_000), captured=captured)


def _packets(clip: Path) -> list[bytes]:
    import av

    encoder: Any = av.CodecContext.create("mjpeg", "w")
    encoder.width, encoder.height = SIZE
    encoder.pix_fmt, encoder.time_base, encoder.options = "yuvj420p", Fraction(1, RATE), {"qmin": "3", "qmax": "3"}
    with av.open(str(clip)) as container:
        pictures = (f.reformat(*SIZE, format="yuvj420p") for f in itertools.islice(container.decode(video=0), KEPT))
        return [bytes(packet) for picture in pictures for packet in encoder.encode(picture)]


def _driver() -> Any:
    """A sink that does what the virtual camera's does, up to the driver."""
    from livematte.sinks.base import Device
    from livematte.sinks.pixels import picture

    class Driver(Device):
        def __init__(self) -> None:
            super().__init__("driver")
            self.times: list[float] = []

        def send(self, frame: Any) -> None:
            picture(frame, "yuv420p", full_range=False).to_ndarray()
            self.times.append(time.monotonic())

        def close(self) -> None: ...

    return Driver()


class Stub:
    """A Matter that costs nothing: the middle of the picture is the person."""

    def step(self, frame: Any) -> Any:
        from livematte.frame import Matte

        pha = np.zeros((frame.size[1], frame.size[0]), np.float32)
        pha[:, frame.size[0] // 3 : 2 * frame.size[0] // 3] = 1
        return Matte(pha, frame)

    def reset(self) -> None: ...
    def prime(self, frames: Any) -> None: ...


def _network() -> Any:
    from livematte import weights
    from livematte.engines import open_engine
    from livematte.matting.recurrent import RecurrentMatter

    return RecurrentMatter(open_engine(weights.resolve("rvm-mobilenetv3")))


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * PAGE_BYTES


def _slope(samples: list[tuple[int, float]]) -> float:
    """MB per 1,000 frames, by least squares over the second half, when all that is built up at the beginning is there."""
    frames, sizes = np.array(samples[len(samples) // 2 :], float).T
    return float(np.polyfit(frames, sizes, 1)[0] * 1000)


def _pipeline(kind: str, driver: Any, fps: int, *, first: Any, **more: Any) -> Any:
    from livematte.live.controls import Controls, Live
    from livematte.live.outlet import Exit
    from livematte.live.pipeline import LivePipeline

    return LivePipeline(
        lambda: first,
        Stub if kind == "a stub" else _network,
        [Exit(driver, "composite", None)],
        Controls(Live(background="blur")),
        canvas=SIZE,
        rate=fps,
        first=first,
        tell=lambda text: print(text, file=sys.stderr),
        **more,
    )


def _idle() -> dict[str, float]:
    """Processor time of a job whose virtual camera nobody reads, from the third second on."""
    import threading

    driver = _driver()
    driver.watchers = lambda: 0
    pipeline = _pipeline("a stub", driver, RATE, first=None, on_demand=True)
    figures: dict[str, float] = {}

    def measure() -> None:
        time.sleep(3)
        began = time.process_time()
        time.sleep(IDLE_SECONDS)
        figures["cpu_percent"] = 100 * (time.process_time() - began) / IDLE_SECONDS
        pipeline.stop()

    threading.Thread(target=measure).start()
    pipeline.run()
    return figures


def _run(kind: str, frames: int, fps: int) -> dict[str, Any]:
    from dataclasses import asdict

    from benchlib.clips import person

    driver, samples = _driver(), []
    pipeline = _pipeline(kind, driver, fps, first=Camera(person("720p", 90), fps), limit=frames)

    def listen(report: Any) -> None:
        if not samples or report.frames_in >= samples[-1][0] + frames // 100:
            samples.append((report.frames_in, _resident() / 1e6))

    report = pipeline.run(listen)
    times = driver.times[len(driver.times) // 5 :]
    intervals = sorted(1000 * (b - a) for a, b in itertools.pairwise(times))
    return {
        "report": asdict(report),
        "sent_fps": (len(times) - 1) / (times[-1] - times[0]),
        "intervals_ms": [intervals[int(share * (len(intervals) - 1))] for share in (0.05, 0.5, 0.95, 0.99)],
        "resident": samples,
        "slope": _slope(samples),
        "median_interval": median(intervals),
    }


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    kind, frames, fps = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    print(json.dumps(_idle() if kind == "idle" else _run(kind, frames, fps)))
