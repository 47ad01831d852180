"""A job from its settings: what is opened, what is refused before anything is written, and what is told of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commands import files, person_clip
from media import picture_file
from written import read, times

from livematte.background import Blur, Clip, Picture, Solid
from livematte.errors import LivematteError, SettingsError, SinkError, SourceError, WeightsError
from livematte.job import Job, outputs_of
from livematte.library import Matter
from livematte.matting.scenes import mattes
from livematte.settings import make_settings
from livematte.sources import open_source

FRAMES = 8


@pytest.fixture
def clip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """clip.mkv of a drawn person, 128x96, in the working folder."""
    monkeypatch.chdir(tmp_path)
    return person_clip(Path("clip.mkv"), frames=FRAMES)


def job(rvm_path: Path, **values: Any) -> Job:
    return Job(make_settings(**{"input": "clip.mkv", "weights": rvm_path, "detail": 128, "threads": 1, **values}))


# names


@pytest.mark.parametrize(
    ("spec", "output"),
    [
        ("talk.mp4", "talk.matte.mov"),
        ("a.b/my.talk.mkv", "a.b/my.talk.matte.mov"),
        ("/clips/talk", "/clips/talk.matte.mov"),
        ("-", "stdin.matte.mov"),
        ("pattern", "pattern.matte.mov"),
        ("pattern:640x360", "pattern.matte.mov"),
        ("https://example.org/films/talk.mp4?token=a.b", "talk.matte.mov"),
        ("rtsp://example.org:554/live", "live.matte.mov"),
        ("https://example.org", "stream.matte.mov"),
        ("file:///tmp/talk.mp4", "talk.matte.mov"),
        ("talk.jpg", "talk.matte.mov"),  # nothing is there: opening it says so
    ],
)
def test_default_output_of_a_name(spec: str, output: str) -> None:
    assert outputs_of(make_settings(input=spec)) == (output,)


def test_default_output_of_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for name in ("one.png", "two.JPG", "odd[1].png"):
        (photos / name).write_bytes(picture_file(".png"))
    monkeypatch.chdir(photos)
    assert outputs_of(make_settings(input="one.png")) == ("one.matte.png",)
    assert outputs_of(make_settings(input="two.JPG")) == ("two.matte.png",)
    assert outputs_of(make_settings(input="odd[1].png")) == ("odd[1].matte.png",)
    assert outputs_of(make_settings(input="*.png")) == ("photos.matte/",)
    assert outputs_of(make_settings(input=".")) == ("photos.matte/",)
    assert outputs_of(make_settings(input=str(photos))) == ("photos.matte/",)


def test_named_outputs_are_the_outputs() -> None:
    assert outputs_of(make_settings(input="a.mp4", outputs=("x.mov", "y/"))) == ("x.mov", "y/")


# the whole


def test_the_alpha_of_a_clip_is_written_frame_by_frame(clip: Path, rvm_path: Path) -> None:
    with job(rvm_path, outputs=("out.mkv",)) as made:
        report = made.run()
    assert (report.frames_in, report.frames_out, report.interrupted) == (FRAMES, FRAMES, False)
    with open_source(clip) as source:
        originals = list(source)
    matter = Matter(weights=rvm_path, detail=128, threads=1)
    expected: list[Any] = list(mattes(matter, originals))
    out = read(Path("out.mkv"))
    assert times(out) == times(originals)
    for got, (frame, matte) in zip(out, expected, strict=True):
        assert got.pha is not None
        np.testing.assert_allclose(got.pha, matte.pha, atol=0.51 / 255)  # to 8 bits
        opaque = matte.pha == 1
        assert opaque.mean() > 0.1
        for plane, own in zip(got.planes, frame.planes, strict=True):
            np.testing.assert_array_equal(plane[opaque], own[opaque])
    assert files(Path()).keys() == {"clip.mkv", "out.mkv"}


def test_several_outputs_of_one_pass(clip: Path, rvm_path: Path) -> None:
    with job(rvm_path, outputs=("a.mkv", "b.mp4", "c/"), background="green") as made:
        assert made.views == ["composite"] * 3
        report = made.run()
    assert report.frames_out == FRAMES
    originals = read(clip)
    assert times(read(Path("a.mkv"))) == times(read(Path("b.mp4"))) == times(originals)
    assert len(list(Path("c").iterdir())) == FRAMES
    green = Solid("green").planes(originals[0], None)  # type: ignore[arg-type]
    for frame in read(Path("a.mkv")):
        for plane, behind in zip(frame.planes, green, strict=True):
            np.testing.assert_array_equal(plane[:, :10], behind[:, :10])  # nobody is there


def test_a_part_of_the_clip(clip: Path, rvm_path: Path) -> None:
    with job(rvm_path, outputs=("out.mkv",), start="0.08", frames=3, view="alpha") as made:
        assert made.run().frames_out == 3


def test_report_file(clip: Path, rvm_path: Path) -> None:
    with job(rvm_path, outputs=("out.mkv",), report="r.json") as made:
        report = made.run()
    told = json.loads(Path("r.json").read_text(encoding="utf-8"))
    assert told["frames_in"] == told["frames_out"] == FRAMES
    assert told["stages"] == report.stages
    assert set(told["stages"]) == {"read", "matte", "finish", "refine", "edges", "composite", "encode"}
    assert (told["seconds"], told["bottleneck"]) == (report.seconds, report.bottleneck)
    assert told["fps"] == pytest.approx(report.fps, abs=1e-3)
    assert (told["interrupted"], told["parts"]) == (False, [])
    assert (told["input"], told["outputs"]) == ("clip.mkv", ["out.mkv"])
    assert (told["model"], told["device"]) == ("rvm-mobilenetv3", "cpu")
    assert told["engine"] == made.method.describe
    assert told["versions"]["av"] == version("av")
    assert files(Path()).keys() == {"clip.mkv", "out.mkv", "r.json"}


def test_stopped_job_leaves_parts_and_tells_so(clip: Path, rvm_path: Path) -> None:
    with job(rvm_path, outputs=("out.mkv",), report="r.json") as made:
        items = made.source.items()

        def two_items() -> Iterator[object]:
            yield from islice(items, 2)
            made.pipeline.stop()
            yield from items

        made.source.items = two_items  # type: ignore[method-assign]
        report = made.run()
    assert report.interrupted
    assert json.loads(Path("r.json").read_text())["parts"] == [str(part) for part in report.parts] == ["out.part.mkv"]
    assert len(read(Path("out.part.mkv"))) == report.frames_out == 2
    assert not Path("out.mkv").exists()


def test_notes_are_the_sources_and_the_sinks(clip: Path, rvm_path: Path) -> None:
    with job(rvm_path, outputs=("out.mkv",)) as made:
        made.source._info = replace(made.info, notes=("from the source",))  # type: ignore[attr-defined]
        made.sinks[0].notes.append("from a sink")
        assert made.notes() == ["from the source", "from a sink"]


# backgrounds


@pytest.mark.parametrize(
    ("spec", "kind"), [("green", Solid), ("#102030", Solid), ("blur", Blur), ("blur:2.5", Blur), ("wall.png", Picture), ("clip.mkv", Clip)]
)
def test_backgrounds(clip: Path, rvm_path: Path, spec: str, kind: type) -> None:
    Path("wall.png").write_bytes(picture_file(".png"))
    with job(rvm_path, outputs=("out.mp4",), background=spec) as made:
        assert type(made.background) is kind
        assert made.run().frames_out == FRAMES


def test_no_background_is_a_cutout(clip: Path, rvm_path: Path) -> None:
    with job(rvm_path, outputs=("out.mkv",)) as made:
        assert made.background is None
        assert made.views == ["cutout"]


# what is refused, and leaves the folder as it was


@pytest.mark.parametrize(
    ("values", "error", "message"),
    [
        ({"outputs": ["out.mp4"]}, SettingsError, r"out.mp4 cannot hold alpha; give it a background \(-b green, -b blur\), or write a"),
        ({"outputs": ["a.mov", "out.mp4"], "view": "cutout"}, SettingsError, "out.mp4 cannot hold alpha"),
        ({"view": "composite"}, SettingsError, "--view composite wants a background; try -b green"),
        ({"outputs": ["a.xyz"]}, SettingsError, "output a.xyz: got .xyz, wanted one of .mov"),
        ({"outputs": ["a.mov", "a.mov"]}, SettingsError, "an output is named twice: a.mov, a.mov"),
        ({"outputs": ["a.mov", "./a.mov"]}, SettingsError, "an output is named twice"),
        ({"background": "grene"}, SettingsError, "--background: got colour 'grene', wanted #rrggbb, .*; or none, blur, a picture, a video"),
        ({"background": "blur:lots"}, SettingsError, "--background: got 'blur:lots', wanted blur or blur:STRENGTH"),
        ({"background": "blur:99"}, SettingsError, "got blur 99, wanted more than 0"),
        ({"background": "beach.jpg"}, SourceError, "background: there is no beach.jpg"),
        ({"background": "clip.txt"}, SourceError, "background: clip.txt"),
        ({"input": "none.mp4"}, SourceError, "there is no none.mp4"),
        ({"model": "rvm"}, SettingsError, "unknown model 'rvm'; wanted one of rvm-mobilenetv3"),
        ({"weights": "nowhere"}, SettingsError, "weights 'nowhere' do not exist"),
        ({"weights": "clip.txt"}, WeightsError, "clip.txt"),
        ({"device": "gpu"}, SettingsError, "unknown device 'gpu'; wanted auto, cpu, cuda"),
        ({"outputs": ["taken.mov"]}, SinkError, "taken.mov exists; -y overwrites it"),
        ({"outputs": ["clip.mkv"]}, SinkError, "clip.mkv is what is read"),
        ({"outputs": ["no/folder/a.mov"]}, SinkError, "there is no folder no/folder"),
        (
            {"codec": "prores", "outputs": ["a.mp4"], "background": "green"},
            SettingsError,
            "--codec prores cannot be in a.mp4; wanted one of",
        ),
        ({"report": "no/folder/r.json"}, SettingsError, "--report: got 'no/folder/r.json', wanted a file in a folder that is there"),
        ({"report": "."}, SettingsError, "--report: got '.', wanted a file"),
        ({"report": "clip.txt"}, SinkError, "clip.txt exists; -y overwrites it, or give the report another name"),
        ({"report": "./clip.mkv", "overwrite": True}, SettingsError, "--report: got 'clip.mkv', which is the input, the background or an"),
        ({"report": "a.mov", "outputs": ["./a.mov"]}, SettingsError, "--report: got 'a.mov', which is the input, the background or an"),
        ({"background": "b.png", "outputs": ["./b.png"], "overwrite": True}, SettingsError, "b.png is the background; give the output"),
        ({"input": 300 * "a"}, SourceError, "there is no a"),
    ],
)
def test_mistakes_are_found_before_anything_is_written(
    clip: Path, rvm_path: Path, values: dict[str, Any], error: type[LivematteError], message: str
) -> None:
    Path("clip.txt").write_text("words")
    Path("taken.mov").write_text("mine")
    before = files(Path())
    with pytest.raises(error, match=message):
        job(rvm_path, **values)
    assert files(Path()) == before


def test_a_job_that_never_ran_leaves_nothing(clip: Path, rvm_path: Path) -> None:
    before = files(Path())
    with job(rvm_path, outputs=("a.mov", "b/")):
        pass
    assert files(Path()) == before


def test_an_existing_output_is_overwritten_when_asked(clip: Path, rvm_path: Path) -> None:
    for name in ("out.mkv", "r.json"):
        Path(name).write_text("old")
    with job(rvm_path, outputs=("out.mkv",), report="r.json", overwrite=True) as made:
        made.run()
    assert len(read(Path("out.mkv"))) == FRAMES
    assert json.loads(Path("r.json").read_text())["frames_out"] == FRAMES


def test_a_report_that_cannot_be_written_is_told_and_the_output_stays(clip: Path, rvm_path: Path) -> None:
    Path("r.json.part").mkdir()
    with job(rvm_path, outputs=("out.mkv",), report="r.json") as made, pytest.raises(SinkError, match=r"cannot write the report r\.json: "):
        made.run()
    assert len(read(Path("out.mkv"))) == FRAMES


def test_a_damaged_clip_leaves_a_part_that_plays(clip: Path, rvm_path: Path) -> None:
    person_clip(Path("long.mkv"), frames=30)
    data = Path("long.mkv").read_bytes()
    Path("short.mkv").write_bytes(data[: len(data) * 2 // 3])
    with job(rvm_path, input="short.mkv", outputs=("out.mkv",)) as made, pytest.raises(SourceError) as caught:
        made.run()
    assert caught.value.__notes__ == ["What is done so far: out.part.mkv"]
    assert 10 <= len(read(Path("out.part.mkv"))) < 30
    assert not Path("out.mkv").exists()
