"""What lies on the disk while an output is written, after it, and after every way of failing."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from written import clip, like, read, write

from livematte.errors import SettingsError, SinkError
from livematte.sinks import open_sink

NAMES = ("a.mov", "a.webm", "a.mkv", "a.mp4", "a.gif", "a.webp", "a.png", "a.zip", "folder")
PLAYABLE = ("a.mov", "a.webm", "a.mkv", "a.mp4", "a.gif", "a.png")


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.mark.parametrize("name", NAMES)
def test_the_name_comes_last(tmp_path: Path, name: str) -> None:
    sink = open_sink(tmp_path / name, like=like())
    part = "folder.part" if name == "folder" else name.replace(".", ".part.")
    assert names(tmp_path) == {part}
    for frame in clip():
        sink.send(frame)
        assert names(tmp_path) == {part}
    sink.close()
    assert names(tmp_path) == {name}
    sink.close()


@pytest.mark.parametrize("name", NAMES)
def test_an_output_that_exists_is_left_alone(tmp_path: Path, name: str) -> None:
    write(tmp_path / name, clip(times=range(2)))
    before = content(tmp_path)
    with pytest.raises(SinkError, match=rf"{name} exists; -y overwrites it, or give the output another name"):
        open_sink(tmp_path / name, like=like())
    assert content(tmp_path) == before


def content(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("name", NAMES)
def test_overwriting_replaces_only_when_the_new_one_is_whole(tmp_path: Path, name: str) -> None:
    write(tmp_path / name, clip(times=range(5)))
    before = content(tmp_path)
    with open_sink(tmp_path / name, like=like(), overwrite=True) as sink:
        sink.send(clip()[3])
        assert before.items() <= content(tmp_path).items()
    assert names(tmp_path) == {name}
    after = content(tmp_path)
    assert after != before
    if name == "folder":
        assert set(after) == {str(tmp_path / "folder" / "00000001.png")}


def test_a_folder_keeps_what_is_not_a_numbered_picture(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    for other in ("notes.txt", "IMG_1.png", "00000009.png"):
        (folder / other).write_bytes(b"mine")
    with open_sink(folder, like=like(), overwrite=True) as sink:
        sink.send(clip()[0])
    assert names(folder) == {"notes.txt", "IMG_1.png", "00000001.png"}
    assert (folder / "IMG_1.png").read_bytes() == b"mine"


def test_an_empty_folder_needs_no_leave(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    write(tmp_path / "empty", clip(times=range(2)))
    assert names(tmp_path / "empty") == {"00000001.png", "00000002.png"}
    assert names(tmp_path) == {"empty"}


def test_an_interrupted_runs_part_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "a.part.mp4").write_bytes(b"precious")
    sink = open_sink(tmp_path / "a.mp4", like=like())
    assert names(tmp_path) == {"a.part.mp4", "a.part2.mp4"}
    sink.abandon(keep=False)
    assert content(tmp_path) == {str(tmp_path / "a.part.mp4"): b"precious"}


def test_a_name_taken_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    sink = open_sink(tmp_path / "a.mp4", like=like())
    sink.send(clip()[0])
    (tmp_path / "a.mp4").write_bytes(b"theirs")
    with pytest.raises(SinkError, match=r"a\.mp4 was made by something else meanwhile; the output is .*a\.part\.mp4"):
        sink.close()
    assert (tmp_path / "a.mp4").read_bytes() == b"theirs"
    assert len(read(tmp_path / "a.part.mp4")) == 1


@pytest.mark.parametrize("overwrite", [False, True])
def test_the_input_is_never_the_output(tmp_path: Path, overwrite: bool) -> None:
    (tmp_path / "a.mp4").write_bytes(b"the input")
    (tmp_path / "link.mp4").symlink_to(tmp_path / "a.mp4")
    for name in ("a.mp4", "link.mp4"):
        with pytest.raises(SinkError, match="is what is read; give the output another name"):
            open_sink(tmp_path / name, like=like(name=str(tmp_path / "a.mp4")), overwrite=overwrite)
    for reads in (tmp_path, tmp_path / "*.mp4"):
        with pytest.raises(SinkError, match="is what is read"):
            open_sink(f"{tmp_path}/", like=like(name=str(reads)), overwrite=overwrite)


def test_a_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(SinkError, match=r"cannot write .*no/a\.mp4: there is no folder .*no; make it first"):
        open_sink(tmp_path / "no" / "a.mp4", like=like())


def test_a_file_where_a_folder_is_wanted(tmp_path: Path) -> None:
    (tmp_path / "taken").write_bytes(b"")
    with pytest.raises(SinkError, match="taken is a file, wanted a folder"):
        open_sink(tmp_path / "taken", like=like(), overwrite=True)


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    with (
        unprivileged(tmp_path),
        pytest.raises(SinkError, match=r"cannot write into .*: Permission denied; give the output another name or folder"),
    ):
        open_sink(tmp_path / "a.mp4", like=like())


@contextmanager
def unprivileged(folder: Path) -> Iterator[None]:
    """As somebody who may look into `folder` and not write."""
    for path in (folder, *folder.parents[:2]):
        path.chmod(0o555 if path == folder else 0o755)
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    try:
        if root:
            os.seteuid(65534)
        yield
    finally:
        if root:
            os.seteuid(0)
        folder.chmod(0o755)


@pytest.mark.parametrize("name", NAMES)
def test_abandoning_leaves_nothing(tmp_path: Path, name: str) -> None:
    sink = open_sink(tmp_path / name, like=like())
    for frame in clip():
        sink.send(frame)
    assert sink.abandon(keep=False) is None
    assert names(tmp_path) == set()
    with pytest.raises(SinkError, match="is closed"):
        sink.send(clip()[0])


@pytest.mark.parametrize("name", PLAYABLE)
def test_an_abandoned_part_plays(tmp_path: Path, name: str) -> None:
    sink = open_sink(tmp_path / name, like=like())
    for frame in clip(times=range(5)):
        sink.send(frame)
    part = sink.abandon(keep=True)
    assert part == tmp_path / name.replace(".", ".part.")
    assert len(read(part)) == 5
    assert names(tmp_path) == {part.name}


def test_an_abandoned_folder_keeps_its_pictures(tmp_path: Path) -> None:
    sink = open_sink(tmp_path / "folder", like=like())
    sink.send(clip()[0])
    part = sink.abandon(keep=True)
    assert part == tmp_path / "folder.part"
    assert names(part) == {"00000001.png"}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("end", ["close", "keep"])
def test_without_a_frame_there_is_no_file(tmp_path: Path, name: str, end: str) -> None:
    sink = open_sink(tmp_path / name, like=like())
    if end == "keep":
        assert sink.abandon(keep=True) is None
    else:
        with pytest.raises(SinkError, match="no frame came, so nothing is written"):
            sink.close()
    assert names(tmp_path) == set()


@pytest.mark.parametrize("name", NAMES)
def test_an_error_inside_with_keeps_the_part(tmp_path: Path, name: str) -> None:
    def fail() -> None:
        with open_sink(tmp_path / name, like=like()) as sink:
            sink.send(clip()[0])
            raise RuntimeError("the work failed")

    with pytest.raises(RuntimeError, match="the work failed"):
        fail()
    (part,) = names(tmp_path)
    assert ".part" in part
    assert part.replace(".part", "") == name


def test_a_link_to_nowhere_is_a_name_that_is_taken(tmp_path: Path) -> None:
    link = tmp_path / "a.mkv"
    link.symlink_to(tmp_path / "nowhere" / "b.mkv")
    with pytest.raises(SinkError, match="exists; -y overwrites it"):
        open_sink(link, like=like())
    assert link.is_symlink()


def test_a_name_that_is_too_long_is_told(tmp_path: Path) -> None:
    with pytest.raises(SinkError, match="File name too long; give the output another name or folder"):
        open_sink(tmp_path / f"{'a' * 252}.mkv", like=like())


# Writes noise until no more may be written; a limit on file size ends writing as a full disk does.
_FILL = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
sys.path.insert(0, sys.argv[1])
import numpy as np
from dataclasses import replace
from written import clip, like
from livematte.errors import SinkError
from livematte.sinks import open_sink
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), int(sys.argv[3])))
rng = np.random.default_rng(0)
sink = open_sink(sys.argv[2], like=like())
try:
    for frame in clip(times=range(40), size=(320, 240)):
        sink.send(replace(frame, planes=tuple(rng.integers(16, 235, p.shape).astype(np.uint8) for p in frame.planes)))
    sink.close()
except SinkError as error:
    print(error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no limit on file size there")
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("limit", [100, 100_000])
def test_a_full_disk_is_told_and_leaves_nothing(tmp_path: Path, name: str, limit: int) -> None:
    run = [sys.executable, "-W", "error", "-c", _FILL, str(Path(__file__).parent), str(tmp_path / name), str(limit)]
    done = subprocess.run(run, capture_output=True, text=True, check=True)
    assert done.stdout == f"cannot write {tmp_path / name}: File too large\n"
    assert done.stderr == ""
    assert names(tmp_path) == set()


@pytest.mark.parametrize("make", [str, Path])
def test_names_are_text_or_paths(tmp_path: Path, make: Callable[[Path], str | Path]) -> None:
    sink = open_sink(make(tmp_path / "a.b.mov"), like=like())
    assert sink.name == str(tmp_path / "a.b.mov")
    assert names(tmp_path) == {"a.b.part.mov"}
    sink.abandon(keep=False)


@pytest.mark.parametrize("name", [name for name in NAMES if "." in name])
def test_a_colon_is_no_protocol(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write(Path(f"16:9 {name}"), clip(times=range(2)))
    assert names(tmp_path) == {f"16:9 {name}"}


@pytest.mark.parametrize("name", [".mov", ".MP4", "folder/.png"])
def test_an_extension_is_no_name(name: str) -> None:
    with pytest.raises(SettingsError, match=r"output .* has no name, only an extension; wanted one such as matte\."):
        open_sink(name, like=like())
