"""What watchers of the virtual camera see: the camera's own colours before the chosen background, at its size and rate, and how late."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import rig
from drawn_camera import DrawnCamera, clip, number_in, numbered
from rig import Livematte, Watcher

pytestmark = pytest.mark.camera


def test_size_rate_and_colours_are_right(kept: Path, tell: Callable[[str], None]) -> None:
    rig.vivid(test_pattern=0, osd_text_mode=2)  # colour bars
    room = rig.Shot(0, rig.photograph())
    room.save(kept / "1-camera.png")
    with Livematte("cam", "-o", "vcam", *rig.ON_MAGENTA) as live:
        live.hear(f"vivid {rig.WIDTH}x{rig.HEIGHT} at {rig.RATE} → vcam")
        with Watcher() as watcher:
            shown = watcher.await_shot(lambda shot: not shot.stands_in, 30, "a picture with a person")
            began = len(watcher.shots)
            rig.until(lambda: len(watcher.shots) >= began + 60, 30, "60 pictures")
        assert live.end() == 0
    shown.save(kept / "2-person-and-background.png")
    watcher.shots[0].save(kept / "3-stand-in.png")

    assert watcher.rate == rig.RATE
    assert watcher.shots[0].stands_in
    for shot in watcher.shots[began:]:
        assert shot.room_is_hidden
        for seen, sent in zip(shot.half(False), room.half(False), strict=True):
            np.testing.assert_allclose(seen.astype(int), sent.astype(int), atol=rig.NEAR)
    rate = (len(watcher.shots) - 1 - began) / (watcher.shots[-1].at - watcher.shots[began].at)
    tell(f"asked for {rig.RATE} pictures a second, watchers got {rate:.2f}; {watcher.longest_gap * 1000:.0f} ms between two at most")
    assert rig.RATE * 0.8 <= rate <= rig.RATE * 1.1


def test_pictures_come_in_order_and_soon(tell: Callable[[str], None]) -> None:
    """Measured from the camera's picture to the watcher's, by a number in it."""
    with (
        DrawnCamera(numbered) as camera,
        Livematte("cam:drawn", "-o", f"vcam:{rig.VIRTUAL}", *rig.ON_MAGENTA) as live,
    ):
        live.hear(f"drawn {rig.WIDTH}x{rig.HEIGHT} at {rig.RATE} → vcam")
        with Watcher() as watcher:
            watcher.await_shot(lambda shot: number_in(shot) > 0, 30, "a picture with a person")
            began = len(watcher.shots)
            rig.until(lambda: len(watcher.shots) >= began + 80, 30, "80 pictures")
        assert live.end() == 0
    numbers = [number_in(shot) for shot in watcher.shots[began:]]
    assert numbers == sorted(numbers)
    first_seen = {number: shot.at for shot, number in reversed(list(zip(watcher.shots[began:], numbers, strict=True)))}
    late = sorted(at - camera.sent[number] for number, at in first_seen.items())
    median, p95 = late[len(late) // 2], late[len(late) * 95 // 100]
    tell(f"from the camera to the watcher: median {1000 * median:.0f} ms, 95 % {1000 * p95:.0f} ms, {len(late)} of 80 pictures new")
    assert median < 0.5  # without emulation it is a tenth of this; a queue in between would take seconds


def test_the_real_network(kept: Path, tell: Callable[[str], None], tmp_path: Path) -> None:
    pictures = clip(Path(__file__).parents[2] / "examples" / "portrait.mp4")
    rig.Shot(0, pictures[0]).save(kept / "6-portrait.png")
    began = time.monotonic()
    report = tmp_path / "report.json"
    arguments = ("-b", "#ff00ff", *rig.SMALL, "--detail", "128", "--report", str(report))
    with (
        DrawnCamera(lambda number: pictures[number // 20 % len(pictures)]),  # so slow that the network sees each one
        Livematte("cam:drawn", "-o", f"vcam:{rig.VIRTUAL}", *arguments, stub=False) as live,
    ):
        live.hear("→ vcam")
        opened = time.monotonic() - began
        with Watcher() as watcher:
            persons = list(_persons(watcher, 5))
        assert live.end() == 0
    figures = json.loads(report.read_text())
    tell(
        f"the real network: outputs open after {opened:.0f} s, a person after {persons[0].at - began:.0f} s; "
        f"{figures['stages_ms']['network']:.0f} ms a picture, {1000 * watcher.longest_gap:.0f} ms between two pictures at most"
    )
    for number, shot in enumerate(persons):
        shot.save(kept / f"7-real-network-{number}.png")
        _has_the_person_alone(shot, pictures)


def _persons(watcher: Watcher, count: int) -> Iterator[rig.Shot]:
    """Pictures with a person, each once, though they are sent again and again. Under emulation the stand-in comes between them, as the
    network takes longer than a picture may be shown."""
    shown = [np.zeros(0)]
    for number in range(count):
        wanted = f"picture {number} with a person"
        shot = watcher.await_shot(lambda shot: not shot.stands_in and not np.array_equal(shot.pixels, shown[-1]), 120, wanted)
        shown.append(shot.pixels)
        yield shot


def _has_the_person_alone(shot: rig.Shot, pictures: list[rig.Pixels]) -> None:
    """In the corners there is the background, and the middle of the face is one of the camera's."""
    luma, blue, red = rig.planes(shot.pixels)
    for plane, value, size in (luma, rig.MAGENTA[0], 30), (blue, rig.MAGENTA[1], 15), (red, rig.MAGENTA[2], 15):
        for corner in plane[:size, :size], plane[:size, -size:]:
            np.testing.assert_allclose(corner.astype(int), value, atol=rig.NEAR)
    face = np.s_[60:70, 180:190]
    assert min(np.abs(luma[face].astype(int) - picture[face]).max() for picture in pictures) <= rig.NEAR
