"""Devices that are wrong, or taken: one clear message, exit code 1; and what `livematte devices` lists."""

import subprocess
import sys
from contextlib import ExitStack

import pytest
import rig
from rig import Livematte

pytestmark = pytest.mark.camera


WRONG = [
    ("cam:/dev/video9", "vcam", f"there is no camera cam:/dev/video9; there is 'vivid' at {rig.CAMERA}"),
    ("cam:nosuch", "vcam", f"there is no camera cam:nosuch; there is 'vivid' at {rig.CAMERA}"),
    (f"cam:{rig.VIRTUAL}", "vcam", f"cam:{rig.VIRTUAL}: {rig.VIRTUAL} gives no pictures"),
    ("cam", f"vcam:{rig.CAMERA}", f"{rig.CAMERA} is not a virtual camera; wanted one of {rig.VIRTUAL}, {rig.DRAWN}"),
    ("cam", "vcam:/dev/video9", f"there is no /dev/video9; wanted one of {rig.VIRTUAL}, {rig.DRAWN}"),
]


def test_devices_that_are_wrong() -> None:
    with ExitStack() as stack:  # all at once, as each takes seconds to begin
        runs = [stack.enter_context(Livematte(camera, "-o", output, "-b", "green", stub=False)) for camera, output, _ in WRONG]
        for run, (*_, told) in zip(runs, WRONG, strict=True):
            assert run.wait() == 1
            assert run.said.startswith("livematte: ")
            assert told in run.said
            assert run.said.count("\n") <= 2


def test_a_virtual_camera_that_is_taken() -> None:
    with Livematte("cam", "-o", f"vcam:{rig.VIRTUAL}", *rig.ON_MAGENTA) as live:
        live.hear("→ vcam")
        with Livematte("pattern:320x180", "-o", f"vcam:{rig.VIRTUAL}", "-b", "green", stub=False) as other:
            assert other.wait() == 1
            assert f"{rig.VIRTUAL} is in use by python" in other.said
        assert live.end() == 0


def test_devices_lists_cameras_and_virtual_cameras() -> None:
    listed = subprocess.run([sys.executable, "-m", "livematte.cli", "devices"], check=True, capture_output=True, text=True)
    lines = [line.strip() for line in listed.stdout.splitlines()]
    assert f"0  vivid  {rig.CAMERA}" in lines
    assert any(line.startswith("nv12") and "320x180 @ 60" in line for line in lines)
    assert f"{rig.VIRTUAL}  livematte" in lines
    assert f"{rig.DRAWN}  drawn" in lines
    assert listed.stderr == ""
