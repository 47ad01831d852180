"""Figures that are kept, and compared with later ones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from bench_machine import MACHINE
from commands import run

from livematte.bench import compare, results
from livematte.bench.options import SIZES, kept, parse
from livematte.bench.results import Result
from livematte.errors import LivematteError, SettingsError


@pytest.fixture
def saved(tmp_path: Path) -> Callable[..., Path]:
    """Writes figures as --json does."""

    def save(arguments: str = "", figures: dict[str, float] | None = None, **machine_: Any) -> Path:
        options = parse(arguments.split())
        result = Result("", figures or {"720p: end to end, fps": 8.0}, of=compare.of(options))
        results.save(tmp_path / "base.json", options.what, result, machine=MACHINE | machine_, options=kept(options))
        return tmp_path / "base.json"

    return save


def against(path: Path, arguments: str = "", figures: dict[str, float] | None = None) -> str:
    """What is told of figures measured now."""
    options = parse([*arguments.split(), "--compare", str(path)])
    base = compare.read_base(path)
    compare.fit(base, options)
    return compare.told(base, Result("", figures or {"720p: end to end, fps": 12.0}), machine=MACHINE, options=options)


def test_figures_are_told_before_now_and_as_a_ratio(saved: Callable[..., Path]) -> None:
    path = saved(figures={"720p: end to end, fps": 8.0, "idle": 0.0})
    text = against(path, figures={"720p: end to end, fps": 12.0, "idle": 0.0})
    assert text.splitlines() == [
        f"Against {path} of 2026-01-31",
        "",
        "|                       | before | now | now / before |",
        "| --------------------- | -----: | --: | -----------: |",
        "| 720p: end to end, fps |      8 |  12 |         1.50 |",
        "| idle                  |      0 |   0 |              |",
    ]


def test_what_else_is_not_the_same_is_told(saved: Callable[..., Path]) -> None:
    path = saved("--frames 300 --detail 512,384", processor="Slide rule", versions={"av": "17.0", "torch": "2.6"})
    told = against(path, "--frames 20", figures={"1080p: end to end, fps": 3.0}).splitlines()
    assert "Not the same machine or versions: processor Slide rule → Abacus, av 17.0 → 18.1, torch 2.6 → none." in told
    assert "Not the same options: --detail 512,384 → none, --frames 300 → 20." in told
    assert "In one of both only: 720p: end to end, fps; 1080p: end to end, fps." in told


def test_sizes_are_those_of_the_base_where_none_are_named(saved: Callable[..., Path]) -> None:
    path = saved("--sizes 4k,720p")
    options = parse(["--compare", str(path)])
    compare.fit(compare.read_base(path), options)
    assert options.sizes == ("4k", "720p")
    assert compare.of(parse([])) == tuple(SIZES)
    live = parse(["live", "--compare", str(path)])
    compare.fit(compare.read_base(saved("live --sizes 4k")), live)
    assert live.sizes == ("4k",)
    assert compare.of(parse(["live"])) == ("720p", "1080p", "4k")
    assert compare.of(parse(["memory"])) == ()


@pytest.mark.parametrize(
    ("before", "now", "told"),
    [
        ("--sizes 720p", "--sizes 720p,4k", "base.json is of 720p; wanted 4k too"),
        ("--clip mine.mp4", "", "base.json is of mine.mp4; wanted 720p, 1080p, 4k, figure too"),
        ("--clip mine.mp4", "--clip yours.mp4", "base.json is of mine.mp4; wanted yours.mp4 too"),
        ("memory", "", "base.json holds figures of memory; wanted those of speed"),
        ("--sizes 720p", "--engines", "base.json holds figures of speed; wanted those of engines"),
    ],
)
def test_what_cannot_be_compared_is_refused(before: str, now: str, told: str, saved: Callable[..., Path]) -> None:
    with pytest.raises(SettingsError, match=rf"--compare: .*{told}"):
        against(saved(before), now)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "cannot read .*base.json: No such file or directory"),
        (b"fast", "base.json is not JSON; wanted a file that --json wrote"),
        (b"\xff\xfe", "base.json is not JSON; wanted a file that --json wrote"),
        (b"[1, 2]", "base.json holds no figures of this bench; wanted a file that --json wrote"),
        (b'{"fps": 12}', "base.json holds no figures of this bench; wanted a file that --json wrote"),
        (b'{"livematte bench": 1, "what": "speed"}', "base.json is damaged; wanted a file that --json wrote"),
        (b'{"livematte bench": 1, "what": "speed", "of": [], "machine": {}, "options": {}, "figures": {"a": "b"}}', "damaged"),
    ],
)
def test_a_base_that_is_none_is_refused(content: bytes | None, told: str, tmp_path: Path, capsys: Any) -> None:
    path = tmp_path / "base.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SettingsError, match=f"--compare: .*{told}"):
        compare.read_base(path)
    assert run(capsys, "bench", "--compare", path).code == 2


def test_a_file_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(LivematteError, match=f"cannot write {tmp_path}: Is a directory"):
        results.save(tmp_path, "speed", Result("", {}), machine=MACHINE, options={})
