"""The bench's command line: what is understood, refused, told and kept. Nothing here says how fast anything is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from bench_machine import MACHINE
from commands import person_clip, run

from livematte.bench import children, engines, machine, memory, places, quality, results, speed, start, timing
from livematte.bench.options import KINDS, parse
from livematte.bench.results import Result
from livematte.bench.tables import goal, table
from livematte.errors import LivematteError


@pytest.fixture(autouse=True)
def bench_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(places, "_OUT", tmp_path / "bench")
    return tmp_path / "bench"


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As installed by pip, without the repository."""
    monkeypatch.setattr(places, "_PORTRAIT", tmp_path / "portrait.mp4")
    monkeypatch.setenv("LIVEMATTE_CACHE", str(tmp_path / "cache"))


# what is understood


@pytest.mark.parametrize(
    ("arguments", "kind"),
    [
        ("", "speed"),
        ("speed", "speed"),
        ("--rounds 2", "speed"),
        ("--compare base.json", "speed"),
        ("--speed --frames 9", "speed"),
        ("--quality", "quality"),
        ("--small --quality", "quality"),
        ("quality --small", "quality"),
        ("--live", "live"),
        ("memory", "memory"),
        ("start", "start"),
        ("--engines", "engines"),
        ("speed --engines --detail 512,256", "engines"),
    ],
)
def test_kinds_are_words_or_flags_and_speed_where_there_is_none(arguments: str, kind: str) -> None:
    assert parse(arguments.split()).what == kind


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ("sped", "got 'sped', wanted one of speed, live, memory, start, stages, cuts, quality\nTry: livematte bench --help"),
        ("--quality --speed", "unrecognized arguments: --quality"),
        ("memory --rounds 2", "unrecognized arguments: --rounds 2"),
        ("--sizes 720p,4p", "argument --sizes: got 720p,4p, wanted one or more of 720p,1080p,4k,figure\nTry: livematte bench speed --help"),
        ("--rounds 0", "argument --rounds: got 0, wanted 1 or more"),
        ("live --frames -1", "argument --frames: got -1, wanted 0 or more"),
        ("live --frames few", "argument --frames: got few, wanted 0 or more"),
        ("--json nowhere/figures.json", "--json: there is no folder nowhere; wanted one that exists"),
    ],
)
def test_wrong_usage_is_told_before_anything_is_measured(arguments: str, told: str, capsys: Any) -> None:
    code, out, err = run(capsys, "bench", *arguments.split())
    assert (code, out) == (2, [])
    assert "\n".join(err).startswith(f"livematte: {told}")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ("--runtime abacus", r"--runtime: got 'abacus', wanted .*onnxruntime"),
        ("--detail 512,9", "--detail: got '9', wanted 64 to 4096"),
        ("memory --detail 512,256", "bench memory measures one choice at a time; got 2, wanted no commas"),
        ("--clip nothing.mp4", "there is no nothing.mp4"),
        ("--plot rates.gif", "--plot: got rates.gif, wanted a name that ends in .png, .svg, .pdf, in a folder that"),
        (
            "--plot nowhere/rates.png",
            "--plot: got nowhere/rates.png, wanted a name that ends in .* in a folder that exists",
        ),
    ],
)
def test_wrong_values_are_told_before_anything_is_measured(arguments: str, told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from livematte.bench.main import bench

    monkeypatch.setattr(speed, "_measured", pytest.fail)
    monkeypatch.setattr(memory, "_watched", pytest.fail)
    with pytest.raises(LivematteError, match=told):
        bench(arguments.split(), tell=lambda text: None)


def test_help_names_every_kind(capsys: Any) -> None:
    told = "\n".join(run(capsys, "bench", "--help").out)
    for kind in KINDS:
        assert kind in told
        assert f"usage: livematte bench {kind}" in "\n".join(run(capsys, "bench", kind, "--help").out)


def test_the_starter_is_the_command(tmp_path: Path) -> None:
    starter = places.ROOT / "scripts" / "bench"
    told = subprocess.run([sys.executable, str(starter), "--help"], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert told.stdout.startswith("usage: livematte bench")
    wrong = subprocess.run([sys.executable, str(starter), "sped"], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert wrong.stderr.startswith("livematte: got 'sped'")


# without the repository


@pytest.mark.usefixtures("elsewhere")
@pytest.mark.parametrize("kind", ["speed", "memory", "start", "quality --made", "--engines"])
def test_without_the_repository_a_clip_is_wanted(kind: str, capsys: Any) -> None:
    code, out, err = run(capsys, "bench", *kind.split())
    assert (code, out) == (2, [])
    wanted = "livematte: the clip that is measured on, examples/portrait.mp4, lies only in the repository; name one: --clip FILE"
    assert err[-1] == wanted


@pytest.mark.usefixtures("elsewhere")
def test_without_the_repository_there_is_no_page(capsys: Any) -> None:
    code, _, err = run(capsys, "bench", "start", "--write")
    assert code == 2
    assert err == ["livematte: --write is for a checkout of the repository, where docs/performance.md lies; try --json FILE"]


@pytest.mark.usefixtures("elsewhere")
def test_without_the_repository_files_lie_in_the_cache(tmp_path: Path) -> None:
    assert places.folder() == tmp_path / "cache" / "bench"
    assert places.folder().is_dir()
    assert places.truth() is None


def test_what_is_made_is_kept_until_its_source_is_newer(tmp_path: Path) -> None:
    source, made = tmp_path / "source", []
    source.write_text("a")

    def make(path: Path) -> None:
        made.append(path)
        path.write_text("b")

    path = places.made("clip.mp4", make, source)
    assert places.made("clip.mp4", make, source) == path
    assert len(made) == 1
    assert [file.name for file in path.parent.iterdir()] == ["clip.mp4"]
    after = path.stat().st_mtime + 10
    os.utime(source, (after, after))
    places.made("clip.mp4", make, source)
    assert len(made) == 2


# what is told


def test_tables_are_even_and_markdown() -> None:
    text = table(["what", "", "fps"], [["end to end", "x", "3.0"], ["trunk", "", "12.0"]])
    assert text.splitlines() == [
        "| what       |     |  fps |",
        "| ---------- | --: | ---: |",
        "| end to end |   x |  3.0 |",
        "| trunk      |     | 12.0 |",
    ]


@pytest.mark.parametrize(
    ("sign", "value", "limit", "cells"),
    [
        ("<", 0.2, 0.3, ["< 0.3", "reached"]),
        ("<", 0.3, 0.3, ["< 0.3", "missed"]),
        ("≤", 0.3, 0.3, ["≤ 0.3", "reached"]),
        ("≥", 2.4, 2.5, ["≥ 2.5", "missed"]),
        ("≥", 2.5, 2.5, ["≥ 2.5", "reached"]),
        ("≥", float("nan"), 2.5, ["≥ 2.5", "missed"]),
        ("≥", 2.5, None, ["", ""]),
    ],
)
def test_goals(sign: str, value: float, limit: float | None, cells: list[str]) -> None:
    assert goal(sign, value, limit) == cells


def test_the_machine_in_a_line() -> None:
    assert machine.line(MACHINE) == "Abacus, 2 cores, load 0.5 at the start; Python 3.11.7, av 18.1; 2026-01-31"
    assert ", 2 cores, H100, load" in machine.line(MACHINE | {"gpu": "H100"})
    here = machine.facts()
    assert here["cores"] >= 1
    assert here["versions"].keys() >= {"livematte", "numpy", "torch", "av"}
    assert machine.differences(here, here) == []


def test_a_gate_that_fails_ends_with_code_1_and_its_table(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setattr(quality, "measure", lambda options, tell: Result("the table", {}, failed=["bf16"]))
    code, out, err = run(capsys, "bench", "--quality")
    assert (code, out[-1], err) == (1, "the table", [])
    monkeypatch.setattr(quality, "measure", lambda options, tell: Result("the table", {}))
    assert run(capsys, "bench", "--quality").code == 0


# what is kept


def test_the_page_is_written_between_its_marks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "docs", lambda: tmp_path)
    page = tmp_path / "performance.md"
    page.write_text("above\n<!-- bench:start -->\nold\nolder\n<!-- /bench:start -->\nbelow\n")
    results.put_on_page("start", "new")
    assert page.read_text() == "above\n<!-- bench:start -->\nnew\n<!-- /bench:start -->\nbelow\n"
    with pytest.raises(LivematteError, match=r"performance.md has no lines <!-- bench:live --> and <!-- /bench:live --> to write between"):
        results.put_on_page("live", "new")


def test_the_page_has_a_place_for_every_kind() -> None:
    page = (places.ROOT / "docs" / "performance.md").read_text(encoding="utf-8")
    for kind in (*KINDS, "engines"):
        assert page.count(f"<!-- bench:{kind} -->\n") == page.count(f"<!-- /bench:{kind} -->\n") == 1


# each kind, once, on a clip of a few little frames


@pytest.fixture
def clip(tmp_path: Path, rvm_path: Path) -> Path:
    return person_clip(tmp_path / "person.mkv", frames=12)


def test_speed_from_clip_to_comparison(clip: Path, tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    figures, picture = tmp_path / "figures.json", tmp_path / "rates.png"
    monkeypatch.setattr(timing, "_SETTLE", 0)
    common = ("bench", "--clip", clip, "--rounds", 1, "--frames", 8, "--detail", "64")
    code, out, err = run(capsys, *common, "--json", figures, "--plot", picture)
    assert (code, err) == (0, ["person.mkv: making ready …", "person.mkv: round 1 of 1 …"])
    text = "\n".join(out)
    for what in ("trunk alone", "network alone", "encoder alone", "decoder alone", "end to end", "usual network", "usual loop", "refine"):
        assert what in text
    assert picture.read_bytes().startswith(b"\x89PNG")
    kept = json.loads(figures.read_text())
    assert kept["details"]["person.mkv"][0]["decoder alone"]["frames"] == 8
    code, out, err = run(capsys, *common, "--compare", figures)
    assert code == 0
    assert any(line.startswith("| person.mkv: usual loop, fps") for line in out)
    assert not any(line.startswith("Not the same") for line in out)


def test_engines_of_this_machine(clip: Path) -> None:
    options = parse(
        ["--engines", "--clip", str(clip), "--rounds", "1", "--frames", "4", "--detail", "64", "--runtime", "onnxruntime,torch"]
    )
    result = engines.measure(options, lambda text: None)
    assert result.figures.keys() == {"onnxruntime, detail 64, ms", "torch, detail 64, ms"}
    assert all(ms > 0 for ms in result.figures.values())


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_memory_of_a_job(clip: Path) -> None:
    result = memory.measure(parse(["memory", "--clip", str(clip), "--frames", "12", "--detail", "64"]), lambda text: None)
    assert result.figures["peak, MB"] >= max(size for _, size in result.details["samples"]) > 50
    assert result.details["samples"][-1][0] == 12


def test_start_of_a_job(clip: Path) -> None:
    result = start.measure(parse(["start", "--clip", str(clip), "--rounds", "1"]), lambda text: None)
    ((decoded, done),) = result.details["frames"]
    assert 0 < decoded <= done


def test_a_child_that_fails_is_told(capfd: Any) -> None:
    with pytest.raises(LivematteError, match="bench memory broke off with code 1; what it said stands above"):
        children.run_apart("memory", '{"input": "nothing.mp4"}')
    assert "there is no nothing.mp4" in capfd.readouterr().err
