"""What the bench says of rounds that are known, its choices, its plot, its clips and its camera. No time is measured here that counts."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import av
import pytest
from commands import person_clip

from livematte.bench import choices, clips, live, live_run, places, plot, speed, speed_tables
from livematte.bench.choices import Choice, label
from livematte.bench.options import SIZES, parse
from livematte.bench.parts import Round, named
from livematte.bench.speed_tables import Measured, possible
from livematte.bench.timing import Figure
from livematte.errors import LivematteError, SettingsError
from livematte.frame import Frame
from livematte.sources import open_source

# rounds that are known


def one_round(*, network: float = 0.05, encoder: float = 0.02, whole: float = 0.1, loop: float = 0.25, name: str = "") -> Round:
    """Of 10 frames each; seconds a frame."""
    return {
        named("network alone", name): Figure(10, 10 * network, 15 * network),
        "encoder alone": Figure(10, 5 * encoder, 10 * encoder),
        named("end to end", name): Figure(10, 10 * whole, 18 * whole, {"read": 0.1, "matte": 0.5}),
        "usual loop": Figure(10, 10 * loop, 20 * loop),
    }


def measured(*rounds: Round, name: str = "1080p", follow: str = "off", detail: str | None = None) -> Measured:
    return Measured(name, SIZES["1080p"], {"": "an abacus"}, {"": Choice(follow=follow, detail=detail)}, list(rounds))


@pytest.fixture(autouse=True)
def two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speed_tables, "available_cores", lambda: 2)


def test_what_is_possible() -> None:
    assert possible(one_round(network=0.05, encoder=0.02), "") == pytest.approx(1 / (0.05 + 0.02 / 2))


def test_figures_are_medians_of_the_rounds() -> None:
    figures = measured(one_round(whole=0.1), one_round(whole=0.2, loop=0.3), one_round(whole=0.4, loop=1.2)).figures()
    assert figures["1080p: end to end, fps"] == pytest.approx(5)
    assert figures["1080p: end to end, of the usual loop"] == pytest.approx(2.5)  # of 2.5, 1.5 and 3
    assert figures["1080p: end to end, matte, ms"] == pytest.approx(50)


def test_tables_of_a_clip() -> None:
    told = measured(one_round()).told()
    assert told.startswith("**1080p** 1920x1080, 10 frames, median of 1 rounds, network by an abacus\n")
    lines = {line.split("|")[1].strip(): [cell.strip() for cell in line.split("|")[2:-1]] for line in told.splitlines() if "|" in line}
    assert lines["network alone"] == ["20.0", "50.0", "75.0", "1.50"]
    assert lines["end to end"] == ["10.0", "100.0", "180.0", "1.80"]
    assert lines["end to end, of what is possible"] == ["0.60", "0.60", "≥ 0.90", "missed"]
    assert lines["end to end, of the usual loop"] == ["2.50", "2.50", "≥ 2.50", "reached"]
    assert lines["matte"] == ["50.0"]
    assert "- possible: 1 / (50.0 ms network + 20.0 ms encoder / 2 cores) = 16.7 fps" in told


@pytest.mark.parametrize(
    ("name", "follow", "detail", "goal"),
    [
        ("1080p", "off", None, "≥ 2.50"),
        ("1080p", "auto", None, ""),
        ("1080p", "off", "256", ""),
        ("figure", "auto", None, "≥ 4.00"),
        ("figure", "off", None, ""),
        ("720p", "off", None, ""),
    ],
)
def test_goals_are_those_of_clip_and_way(name: str, follow: str, detail: str | None, goal: str) -> None:
    told = measured(one_round(), name=name, follow=follow, detail=detail).told()
    (line,) = (line for line in told.splitlines() if "of the usual loop" in line)
    assert line.split("|")[4].strip() == goal


def test_several_choices_are_told_beside_each_other() -> None:
    one = one_round(name="whole frame") | one_round(name="following", whole=0.05)
    ways = {"whole frame": Choice(follow="off"), "following": Choice(follow="auto")}
    clip = Measured("figure", SIZES["figure"], dict.fromkeys(ways, "an abacus"), ways, [one])
    told = clip.told()
    assert "network by an abacus\n" in told
    assert "| end to end, following, against end to end, whole frame |   2.00 |" in told
    assert "| ms a frame at work | end to end, whole frame | end to end, following |" in told
    bars = clip.bars()
    assert list(bars) == ["usual loop", "end to end, whole frame", "end to end, following", "possible"]
    assert bars["end to end, following"] == pytest.approx(20)


# choices


def test_choices_are_every_combination() -> None:
    asked = choices.choices(parse(["--runtime", "openvino,torch", "--detail", "512,256", "--follow", "off"]))
    assert [(choice.runtime, choice.detail) for choice in asked] == [
        ("openvino", "512"),
        ("openvino", "256"),
        ("torch", "512"),
        ("torch", "256"),
    ]
    assert [label(choice, asked) for choice in asked[:2]] == ["openvino, detail 512", "openvino, detail 256"]
    assert choices.choices(parse([])) == [Choice()]
    assert label(Choice(runtime="torch"), [Choice(runtime="torch")]) == ""


def test_without_a_word_on_following_both_ways_are_measured() -> None:
    asked = speed._asked(parse(["--detail", "256"]), pytest.fail)
    assert [(choice.detail, choice.follow) for choice in asked] == [("256", "off"), ("256", "auto")]
    assert [label(choice, asked) for choice in asked] == ["whole frame", "following"]
    assert len(speed._asked(parse(["--follow", "auto"]), pytest.fail)) == 1


@pytest.mark.usefixtures("rvm_path")
def test_of_several_engines_those_that_are_here_are_measured() -> None:
    told: list[str] = []
    asked = speed._asked(parse(["--runtime", "onnxruntime", "--precision", "fp32,fp16", "--follow", "off"]), told.append)
    assert [choice.precision for choice in asked] == ["fp32"]
    assert told == ["not here: fp16"]


@pytest.mark.usefixtures("rvm_path")
def test_engines_here_are_named_once_and_open() -> None:
    here = choices.engines_here(["cpu"])
    assert Choice("cpu", "onnxruntime", "fp32") in here
    assert len(set(here)) == len(here)
    for choice in here:
        engine = choices.open_chosen(choice.settings())
        assert (engine.device, engine.name, engine.precision) == (choice.device, choice.runtime, choice.precision)
        engine.close()


# the plot


def test_a_plot_is_a_picture(tmp_path: Path) -> None:
    path = tmp_path / "rates.png"
    assert plot.wanted(None, path) == [path]
    plot.draw(path, {"720p": {"usual loop": 4, "end to end": 12.5}, "4k": {"usual loop": 1}})
    with av.open(str(path)) as picture:
        assert picture.streams.video[0].width > 300
    with pytest.raises(LivematteError, match=r"cannot write .*rates\.png: No such file or directory"):
        plot.draw(tmp_path / "gone" / "rates.png", {"720p": {"usual loop": 4}})


def test_a_plot_without_matplotlib_says_which_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(LivematteError, match=r'a plot needs matplotlib, which is not installed\ntry: pip install "livematte\[bench\]"'):
        plot.wanted(Path("rates.png"))
    assert plot.wanted(None) == []
    with pytest.raises(SettingsError, match=r"got rates\.gif"):
        plot.wanted(Path("rates.gif"))


# clips


@pytest.fixture
def out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(places, "_OUT", tmp_path)
    monkeypatch.setitem(SIZES, "720p", (160, 90))
    return tmp_path


@pytest.mark.usefixtures("out")
def test_a_looped_clip_has_even_times_and_its_sound() -> None:
    """The portrait has 150 frames: this is two turns."""
    with av.open(str(clips.person("720p", 300))) as clip:
        picture, sound = clip.streams.video[0], clip.streams.audio[0]
        assert (picture.width, picture.height, picture.codec_context.colorspace) == (160, 90, 1)
        times = sorted(packet.pts for packet in clip.demux(picture) if packet.pts is not None)
        assert len(times) == 300
        assert len({b - a for a, b in pairwise(times)}) == 1
        clip.seek(0)
        heard = [packet.pts for packet in clip.demux(sound) if packet.pts is not None]
        assert all(a < b for a, b in pairwise(heard))


@pytest.mark.usefixtures("out")
@pytest.mark.parametrize("frames", [20, 170])
def test_a_looped_clip_ends_where_it_is_wanted(frames: int) -> None:
    with open_source(clips.person("720p", frames)) as source:
        assert len(list(source)) == frames


@pytest.mark.usefixtures("rvm_path")
def test_the_figure_fills_a_third_of_the_frame(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    portrait = out / "portrait.mkv"
    person_clip(portrait, frames=3, size=(320, 180))
    monkeypatch.setattr(clips, "portrait", lambda: portrait)
    monkeypatch.setattr(clips, "_frames_of", lambda path: 3)
    cutouts = clips._cutouts()
    size = (192, 108)
    scale = clips._figure_scale(cutouts, size)
    shares = []
    for cutout in cutouts:
        fgr, pha = clips.scenes.placed(cutout, clips.scenes.standing(cutout.size, size, scale=scale), size)
        rows, columns = (pha > 0.5).any(axis=1).nonzero()[0], (pha > 0.5).any(axis=0).nonzero()[0]
        shares.append((rows.max() - rows.min() + 1) * (columns.max() - columns.min() + 1) / (size[0] * size[1]))
        assert fgr.shape == (108, 192, 3)
    assert sum(shares) / len(shares) == pytest.approx(1 / 3, rel=0.06)  # a sample more or less on each side


# the camera of the live job


@pytest.fixture
def camera(tmp_path: Path) -> live_run.Camera:
    return live_run.Camera(person_clip(tmp_path / "clip.mkv", frames=3), (128, 96), 200)


def test_a_camera_goes_round_with_the_time_of_each_capture(camera: live_run.Camera) -> None:
    frames = [frame for frame in islice(camera.items(), 7) if isinstance(frame, Frame)]
    assert len(frames) == 7
    assert [frame.size for frame in frames] == [(128, 96)] * 7
    assert all(a.captured < b.captured for a, b in pairwise(frames))  # type: ignore[operator]
    assert all(frame.seconds == pytest.approx(frame.captured, abs=1e-6) for frame in frames)
    assert (frames[0].planes[0] == frames[3].planes[0]).all()
    assert not (frames[0].planes[0] == frames[1].planes[0]).all()


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_live_run_of_the_stub(tmp_path: Path) -> None:
    clip = person_clip(tmp_path / "clip.mkv", frames=3)
    kind = live.Kind("a stub", "stub", 60, 60)
    found = live._apart(kind, str(clip), {})
    assert found["report"]["frames_matted"] == 60
    rows = {row[0]: row[1:] for row in live._rows(kind, found)}
    assert rows["frames in, a second"][1] == "60"
    assert "the network, ms a frame" not in rows
    assert json.dumps(live._figures(found))


def test_an_idle_run_ends_with_its_share_of_a_core(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_run, "IDLE_AFTER", 0.1)
    monkeypatch.setattr(live_run, "IDLE_SECONDS", 0.2)
    found = live_run._idle({"matter": "idle", "fps": 30, "size": [128, 96], "detail": None, "values": {}})
    assert found["cpu_percent"] >= 0


def test_live_goals_are_for_the_papers_detail() -> None:
    report = {
        "frames_in": 300,
        "frames_matted": 250,
        "seconds": 10.0,
        "latency_ms": [40, 61, 70],
        "stages_ms": {"network": 30.0},
        "detail": 512,
        "dropped": 50,
    }
    found: dict[str, Any] = {"report": report, "sent_fps": 30.0, "intervals_ms": [33] * 4, "resident": [[1, 400.0]], "slope": 0.5}
    kind = live.Kind("detail 512", "network", 300, 30, detail=512)
    rows = {row[0]: row[1:] for row in live._rows(kind, found)}
    assert rows["frames matted, a second"] == ["25.0", "≥ 25", "reached"]
    assert rows["p95 ms"] == ["61", "≤ 60", "missed"]
    assert rows["p50 less the network's own time, ms"] == ["10", "≤ 33", "reached"]
    assert rows["memory, MB per 1,000 frames"] == ["+0.50", "< 1", "reached"]
    free = {row[0]: row[1:] for row in live._rows(replace(kind, detail=None), found)}
    assert free["p95 ms"] == ["61", "", ""]
    assert free["p50 less the network's own time, ms"] == ["10", "≤ 33", "reached"]
    large = {row[0]: row[1:] for row in live._rows(replace(kind, size="1080p"), found)}
    assert not any(row[2] for row in large.values()), "the goals are for 720p"
    assert "memory, MB per 1,000 frames" not in large, "of so few frames that it says nothing"


def live_runs(arguments: str, monkeypatch: pytest.MonkeyPatch) -> tuple[list[tuple[str, str, int]], Any]:
    """(size, matter, frames) of each run that is asked for, and the result, where every run finds the same."""
    asked: list[tuple[str, str, int]] = []
    report = {"frames_in": 9, "frames_matted": 9, "seconds": 1.0, "latency_ms": [1, 2, 3], "stages_ms": {}, "detail": 448, "dropped": 0}

    def apart(kind: live.Kind, clip: str, values: dict[str, str]) -> dict[str, Any]:
        asked.append((kind.size, kind.matter, kind.frames))
        if kind.matter == "idle":
            return {"cpu_percent": 0.5}
        return {"report": report, "sent_fps": 9.0, "intervals_ms": [1.0] * 4, "resident": [[1, 2.0]], "slope": 0.0}

    monkeypatch.setattr(live, "_apart", apart)
    monkeypatch.setattr(live, "person", lambda name, frames: f"{name}.mp4")
    result = live.measure(parse(["live", *arguments.split()]), lambda text: None)
    return asked, result


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_live_is_measured_at_three_sizes_and_most_at_720p(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, result = live_runs("--frames 101 --stub-frames 7", monkeypatch)
    assert asked[:4] == [("720p", "network", 101), ("720p", "network", 101), ("720p", "stub", 7), ("720p", "idle", 0)]
    assert asked[4:] == [(size, "network", 26) for size in ("1080p", "1080p", "4k", "4k")]
    assert result.of == ("720p", "1080p", "4k")
    assert [line.split()[1] for line in result.text.splitlines() if "MJPEG" in line] == ["1280x720", "1920x1080", "3840x2160"]
    assert result.figures["720p: on demand, nobody watching: % of a core"] == 0.5
    assert result.figures["4k: detail as time allows: latency p95, ms"] == 2
    assert result.text.count("| detail at the end ") == 7


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize(
    ("arguments", "runs"),
    [
        ("--sizes 4k --frames 40", [("4k", "network", 10)] * 2),
        ("--sizes 4k --frames 40 --detail 384", [("4k", "network", 10)]),
        ("--sizes 720p --frames 0 --stub-frames 5", [("720p", "stub", 5), ("720p", "idle", 0)]),
    ],
)
def test_live_measures_what_is_asked_for(arguments: str, runs: list[tuple[str, str, int]], monkeypatch: pytest.MonkeyPatch) -> None:
    assert live_runs(arguments, monkeypatch)[0] == runs
