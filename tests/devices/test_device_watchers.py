"""Programs come to the virtual camera and leave it, and so does livematte, by itself and by force."""

import signal
from collections.abc import Callable, Iterator

import pytest
import rig
from rig import Livematte, Watcher

pytestmark = pytest.mark.camera

IDLE = 10  # seconds over which processor time is taken


@pytest.fixture(autouse=True)
def _blue() -> None:
    rig.paint_blue()


def test_the_camera_is_open_only_while_somebody_watches(tell: Callable[[str], None]) -> None:
    with Livematte("cam", "-o", "vcam", "--on-demand", *rig.ON_MAGENTA) as live:
        live.hear("→ vcam")
        _stays_closed(live, 2)
        for program in _v4l2_ctl, _watcher:
            for _ in program():
                rig.until(lambda: live.holds(rig.CAMERA), 5, "an open camera, as somebody watches")
            rig.until(lambda: not live.holds(rig.CAMERA), 8, "a closed camera, as nobody watches any more")
        before = live.cpu
        _stays_closed(live, IDLE)
        share = (live.cpu - before) / IDLE
        assert live.end() == 0
    tell(f"idle, nobody watches: {100 * share:.1f} % of an emulated core")
    assert share < 0.3  # one that works all the time takes more than all of it


def _stays_closed(live: Livematte, seconds: float) -> None:
    with pytest.raises(AssertionError, match="a light that goes on"):
        rig.until(lambda: live.holds(rig.CAMERA), seconds, "a light that goes on")


def _v4l2_ctl() -> Iterator[None]:
    """A program that watches, while the generator waits."""
    program = rig.reads(rig.VIRTUAL)
    yield
    program.kill()
    program.wait()


def _watcher() -> Iterator[None]:
    with Watcher() as watcher:
        yield
        watcher.await_person()
    assert all(shot.stands_in or shot.shows_person for shot in watcher.shots)


def test_watchers_one_after_another_and_runs_of_livematte_one_after_another() -> None:
    with Livematte("cam", "-o", "vcam", *rig.ON_MAGENTA) as first:
        first.hear("→ vcam")
        for _ in range(2):
            with Watcher() as watcher:
                watcher.await_person()
        assert first.end(signal.SIGTERM) == 0
    with Livematte("cam", "-o", f"vcam:{rig.VIRTUAL}", *rig.ON_MAGENTA) as second:
        second.hear("→ vcam")
        with Watcher() as watcher:
            watcher.await_person()
            second.end(signal.SIGKILL)
            with Livematte("cam", "-o", "vcam", *rig.ON_MAGENTA) as third:
                third.hear("→ vcam")
                watcher.await_stand_in()
                watcher.await_person()  # the program that watched the second one needs not open it anew
                assert third.end(signal.SIGINT) == 130
    assert all(shot.stands_in or shot.shows_person for shot in watcher.shots)
