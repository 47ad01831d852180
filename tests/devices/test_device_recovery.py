"""The camera goes, freezes, is busy: watchers get pictures all the same, never the room, and the camera is taken up again by itself."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import rig
from rig import Livematte, Watcher

pytestmark = pytest.mark.camera

GONE, BACK = "The stand-in is shown until it is back.", "is back after"
STARVED = 1.0  # seconds without a picture, which no watcher may have to wait


@pytest.fixture(autouse=True)
def _blue() -> Iterator[None]:
    """A blue room, and after the test a camera that is there and works."""
    rig.paint_blue()
    yield
    if not Path(rig.CAMERA).exists():
        rig.plug()
    rig.paint_blue()


def stand_in_lasts(watcher: Watcher, seconds: int) -> None:
    """From now on there is the stand-in, for so long at least, at the steady rate."""
    seen, wanted = len(watcher.shots), seconds * rig.RATE
    rig.until(lambda: len(watcher.shots) >= seen + wanted, 2 * seconds, f"{wanted} pictures while there is no camera")
    assert all(shot.stands_in for shot in watcher.shots[seen:])


def check(watcher: Watcher, live: Livematte) -> None:
    """Nobody saw the room, nor had to wait, and it was told once."""
    assert all(shot.stands_in or shot.shows_person for shot in watcher.shots)
    assert watcher.longest_gap < STARVED
    assert (live.said.count(GONE), live.said.count(BACK)) == (1, 1)


def test_a_camera_that_is_unplugged(kept: Path, tell: Callable[[str], None]) -> None:
    with Livematte("cam", "-o", "vcam", *rig.ON_MAGENTA) as live:
        live.hear("→ vcam")
        with Watcher() as watcher:
            watcher.await_person()
            rig.unplug()
            watcher.await_stand_in(2).save(kept / "4-unplugged.png")
            live.hear(GONE, 5)
            stand_in_lasts(watcher, 5)
            rig.plug()
            watcher.await_person().save(kept / "5-plugged-in-again.png")
        assert live.end() == 0
    tell(f"unplugged: {watcher.longest_gap * 1000:.0f} ms between two pictures at most")
    check(watcher, live)


def test_a_camera_that_freezes(tell: Callable[[str], None]) -> None:
    with Livematte("cam", "-o", "vcam", *rig.ON_MAGENTA) as live:
        live.hear("→ vcam")
        with Watcher() as watcher:
            watcher.await_person()
            rig.vivid(percentage_of_dropped_buffers=100)
            watcher.await_stand_in(3)
            live.hear(GONE, 15)
            stand_in_lasts(watcher, 8)  # that long because another attempt fails in this time
            rig.vivid(percentage_of_dropped_buffers=0)
            watcher.await_person()
        assert live.end() == 0
    tell(f"frozen: {watcher.longest_gap * 1000:.0f} ms between two pictures at most")
    check(watcher, live)


def test_a_camera_that_another_program_uses() -> None:
    other = rig.reads(rig.CAMERA)
    try:
        with Livematte("cam", "-o", "vcam", *rig.ON_MAGENTA) as live:
            live.hear(f"camera vivid ({rig.CAMERA}) is in use by v4l2-ctl (process {other.pid})")
            with Watcher() as watcher:
                stand_in_lasts(watcher, 3)
                other.kill()
                watcher.await_person()
            assert live.end() == 0
    finally:
        other.kill()
        other.wait()
    assert all(shot.stands_in or shot.shows_person for shot in watcher.shots)
    assert watcher.longest_gap < STARVED
    assert live.said.count("in use by") == 1
