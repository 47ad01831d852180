"""Each check is OK here, and says the mend where it is not."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
from commands import run

from livematte import doctor, weights
from livematte.doctor import Check, checks
from livematte.sinks import codecs
from livematte.sinks.kinds import KINDS


def found(name: str) -> Check:
    return next(check for check in checks() if check.name == name)


@pytest.mark.usefixtures("rvm_path")
def test_all_is_well_here(capsys: Any) -> None:
    result = run(capsys, "doctor")
    assert (result.code, result.err) == (0, [])
    assert [line[:4] for line in result.out] == ["OK  "] * len(doctor._CHECKS)
    for name in ("Python", "torch", "openvino", "onnxruntime", "PyAV", "weights", "writing", "terminal"):
        assert any(line.startswith(f"OK    {name} ") for line in result.out)


def test_every_kind_of_file_has_its_encoder_checked() -> None:
    wanted = {
        codecs.named(kind.codecs[0], kind.codecs)[0].encoder for name, kind in KINDS.items() if name in (".mov", ".webm", ".mkv", ".mp4")
    }
    assert wanted | {kind.new_audio for kind in KINDS.values()} - {""} == set(doctor._ENCODERS)


def test_something_needed_is_missing(capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(doctor._ENCODERS, "libnone", ".non")
    result = run(capsys, "doctor")
    assert result.code == 1
    line = next(line for line in result.out if line.startswith("MEND"))
    assert "PyAV" in line
    assert "without libnone (.non)" in line
    assert "pip install --force-reinstall --only-binary=av av" in result.out[result.out.index(line) + 1]


def test_a_package_that_breaks_is_a_finding(capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(name: str) -> Check:
        raise ImportError("libGL.so.1: cannot open shared object file\nand more")

    monkeypatch.setitem(doctor._CHECKS, "OpenCV", broken)
    result = run(capsys, "doctor")
    assert result.code == 1
    at = next(i for i, line in enumerate(result.out) if line.startswith("MEND"))
    assert result.out[at] == "MEND  OpenCV          ImportError: libGL.so.1: cannot open shared object file"
    assert "Install livematte anew" in result.out[at + 1]


def test_absent_weights_are_fetched_when_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "find", lambda name: None)
    check = found("weights")
    assert (check.ok, check.needed) == (False, False)
    assert check.mend == "livematte models fetch rvm-mobilenetv3"


def test_damaged_weights_want_a_mend(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "rvm_mobilenetv3_fp32.onnx"
    path.write_bytes(b"half")
    monkeypatch.setattr(weights, "find", lambda name: path)
    check = found("weights")
    assert (check.ok, check.needed) == (False, True)
    assert check.found == f"{path} is damaged"
    assert check.mend == "Delete it, then: livematte models fetch rvm-mobilenetv3"


def test_a_folder_that_cannot_be_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refused(**_: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tempfile, "TemporaryFile", refused)
    check = found("writing")
    assert (check.ok, check.found) == (False, f"not into {tmp_path}: Permission denied")
    assert "-o" in check.mend
    monkeypatch.setenv("LIVEMATTE_CACHE", str(tmp_path / "cache"))
    check = found("cache")
    assert not check.ok
    assert check.mend == "Set LIVEMATTE_CACHE to a folder that can be written"


def test_a_cache_that_is_not_there_yet(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LIVEMATTE_CACHE", str(tmp_path / "a" / "b"))
    check = found("cache")
    assert (check.ok, check.found) == (True, str(tmp_path / "a" / "b"))
    assert list(tmp_path.iterdir()) == []
