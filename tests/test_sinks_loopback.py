"""The driver's side of a virtual camera, against an imitation of v4l2loopback; tests/devices has the real one."""

from __future__ import annotations

import errno
import os
import struct
import subprocess
import sys
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import pytest
from v4l2loopback import Driver

from livematte.errors import SinkError
from livematte.sinks import loopback
from livematte.sinks.loopback import Loopback

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="v4l2loopback is Linux's")
SIZE, RATE = (64, 48), Fraction(25)


@pytest.fixture
def driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Driver]:
    with Driver(tmp_path, monkeypatch) as made:
        yield made


def test_devices_are_told_from_cameras_without_opening_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("video0", "video10", "video2"):
        (tmp_path / name).mkdir()
    for name in ("video10", "video2"):
        (tmp_path / name / "max_openers").write_text("10\n")
    monkeypatch.setattr(loopback, "_CLASS", tmp_path)
    assert loopback.devices() == ["/dev/video2", "/dev/video10"]
    monkeypatch.setattr(loopback, "_CLASS", tmp_path / "none")
    assert loopback.devices() == []


def test_a_device_of_another_kind_is_refused(driver: Driver, tmp_path: Path) -> None:
    driver.name = b"uvcvideo"
    with pytest.raises(SinkError, match=rf"^{driver.path} is not a virtual camera; wanted one of {driver.path}$"):
        Loopback(driver.path)
    assert driver.opened == 0
    with pytest.raises(SinkError, match=r"^there is no .*video11; wanted one of .*video10$"):
        Loopback(str(tmp_path / "video11"))
    with pytest.raises(SinkError, match=r"cannot be opened: Is a directory; wanted a virtual camera"):
        Loopback(str(tmp_path))


def test_a_file_is_no_device(tmp_path: Path) -> None:
    """Asked by the system itself, not by an imitation."""
    file = tmp_path / "file"
    file.write_text("kept")
    with pytest.raises(SinkError, match="is not a virtual camera"):
        Loopback(str(file))
    assert file.read_text() == "kept"


def test_no_permission_is_told_with_its_mend(driver: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(SinkError, match=r"no permission to write to .*; try: sudo usermod -aG video"):
        Loopback(driver.path)


def test_a_device_that_another_program_writes_is_busy(driver: Driver) -> None:
    driver.free, driver.others = False, 1
    with pytest.raises(SinkError, match="is in use by another program; end the one that writes to it"):
        Loopback(driver.path)
    assert driver.opened == 0


def test_a_device_that_a_dead_writer_left_closed_is_mended(driver: Driver) -> None:
    driver.free = False
    device = Loopback(driver.path)
    assert driver.free
    device.close()


def test_it_tells_the_rate_and_frees_the_device_in_the_end(driver: Driver) -> None:
    device = Loopback(driver.path)
    driver.taken_by_pyvirtualcam(SIZE)
    device.hold(SIZE, Fraction(30000, 1001))
    assert driver.period == Fraction(1001, 30000)
    assert not driver.free
    driver.left_by_pyvirtualcam()
    assert not driver.free, "pyvirtualcam alone leaves it closed"
    device.close()
    assert driver.free


def test_a_driver_that_knows_its_writer_is_not_asked_to_stream(driver: Driver) -> None:
    driver.tells_usage = True
    device = Loopback(driver.path)
    driver.taken_by_pyvirtualcam(SIZE)
    device.hold(SIZE, RATE)
    assert not driver.streaming, "it would take the stream away from pyvirtualcam"
    device.close()


def test_a_size_that_the_driver_does_not_take_is_an_error(driver: Driver) -> None:
    driver.kept = (32, 24)
    device = Loopback(driver.path)
    driver.taken_by_pyvirtualcam(SIZE)
    with pytest.raises(SinkError, match=r"is kept at 32x24 YU12 by another program, wanted 64x48 YU12;\nend that .* try --size 32x24$"):
        device.hold(SIZE, RATE)
    device.close()


def held(driver: Driver) -> Loopback:
    device = Loopback(driver.path)
    driver.taken_by_pyvirtualcam(SIZE)
    device.hold(SIZE, RATE)
    return device


def test_watchers_by_the_driver_s_own_word(driver: Driver) -> None:
    driver.tells_usage = True
    device = held(driver)
    seen = []
    for driver.streams in (0, 1, 1, 0):
        seen.append(device.watchers())
    assert seen == [0, 1, 1, 0]
    device.close()
    assert device.watchers() is None
    device.close()


def test_watchers_by_the_count_of_descriptors(driver: Driver) -> None:
    device = held(driver)
    seen = []
    for driver.others in (0, 2, 0):
        seen.append(device.watchers())
    assert seen == [0, 2, 0]
    driver.references.unlink()
    assert device.watchers() is None
    device.close()


def test_watchers_of_one_device_among_several(driver: Driver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    processes = tmp_path / "proc"
    for number, name, opens in ((1001, "zoom", driver.path), (1002, "obs", "/dev/video11"), (os.getpid(), "python", driver.path)):
        (processes / str(number) / "fd").mkdir(parents=True)
        (processes / str(number) / "comm").write_text(f"{name}\n")
        (processes / str(number) / "fd" / "3").symlink_to(opens)
    monkeypatch.setattr(loopback, "_PROCESSES", processes)
    monkeypatch.setattr(loopback, "devices", lambda: [driver.path, "/dev/video11"])
    device = held(driver)
    assert device.watchers() == 1
    assert loopback.programs(driver.path) == ["zoom (process 1001)"]
    (processes / "1001" / "fd" / "3").unlink()
    assert device.watchers() == 1, "looked at anew, though the driver counts as many descriptors as before"
    driver.others = 1
    assert device.watchers() == 0
    device.close()


def test_programs_are_found_by_what_they_have_open(tmp_path: Path) -> None:
    file = tmp_path / "node"
    file.touch()
    program = "import sys; f = open(sys.argv[1]); print(flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", program, str(file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        found = loopback.programs(str(file))
        child.communicate()
    assert [name.partition("(")[2] for name in found] == [f"process {child.pid})"]
    assert loopback.programs(str(file)) == []


def test_numbers_are_the_kernel_s() -> None:
    """From linux/videodev2.h, on machines of 64 bits."""
    if struct.calcsize("P") != 8:
        pytest.skip("other sizes on machines of 32 bits")
    assert (loopback._QUERYCAP, loopback._G_FMT, loopback._S_PARM) == (0x80685600, 0xC0D05604, 0xC0CC5616)
    assert (loopback._STREAMON, loopback._DQEVENT) == (0x40045612, 0x80885659)
    assert (loopback._SUBSCRIBE, loopback._UNSUBSCRIBE) == (0x4020565A, 0x4020565B)
