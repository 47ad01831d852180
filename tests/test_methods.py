"""Every way to a matte by its name: what goes together is found before anything is opened, and each opens from the command line's words."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import scenes
import torch
import written
from commands import files, run, well
from numpy.typing import NDArray

import livematte
from livematte import weights
from livematte.errors import LivematteError, SettingsError, SourceError
from livematte.job import Job, _again
from livematte.matting.trimaps import solvers
from livematte.methods import METHODS, SOLVERS, check, is_installed_kind
from livematte.metrics import mad
from livematte.networks.bgm import BackgroundMatting
from livematte.opening import Asked, prepare
from livematte.settings import IMPLIES, make_settings
from livematte.sinks import Encoding
from livematte.sources.picture_file import read_picture

SIZE = (320, 180)


def write(path: Path, picture: NDArray[Any]) -> Path:
    """Of floats in [0, 1] (RGB or grey) or of uint8."""
    levels = picture if picture.dtype == np.uint8 else np.rint(np.clip(picture, 0, 1) * 255).astype(np.uint8)
    cv2.imwrite(str(path), levels[..., ::-1] if levels.ndim == 3 else levels)
    return path


def alpha(path: Path) -> NDArray[np.float32]:
    pha = read_picture(path)[0].pha
    assert pha is not None
    return pha


def off(path: Path, true: NDArray[np.float32]) -> float:
    """MAD of a picture's alpha, in parts of 1."""
    return mad(alpha(path)[None], true[None]) / 1e3


# -- the table


def test_every_released_network_is_a_method_and_every_implied_method_exists() -> None:
    assert set(weights.MODELS) <= set(METHODS)
    assert set(IMPLIES.values()) <= set(METHODS)
    assert all(need in IMPLIES for method in METHODS.values() for need in method.needs)
    assert set(SOLVERS) == set(solvers.METHODS)


def test_the_page_tells_of_every_method() -> None:
    page = (Path(__file__).parents[1] / "docs" / "methods.md").read_text(encoding="utf-8")
    assert [name for name in METHODS if f"`{name}`" not in page] == []


@pytest.mark.parametrize(
    ("given", "method"),
    [
        ({}, "rvm-mobilenetv3"),
        ({"key": "green"}, "key"),
        ({"threshold": "0.5"}, "threshold"),
        ({"plate": "auto"}, "plate"),
        ({"trimap": "t.png"}, "closed-form"),
        ({"strokes": "s.png"}, "closed-form"),
        ({"strokes": "s.png", "model": "knn"}, "knn"),
        ({"trimap": "auto", "model": "modnet"}, "modnet"),
        ({"plate": "p.png", "model": "bgm-resnet50"}, "bgm-resnet50"),
    ],
)
def test_what_is_given_says_the_method(given: dict[str, str], method: str) -> None:
    settings = make_settings(input="a.png", **given)
    assert settings.method == method
    check(settings)


def test_networks_of_installed_packages_are_told_from_files() -> None:
    names = ("torchvision:a", "smp:a:b", "torchvision", "C:\\net.onnx", "net.onnx")
    assert [name for name in names if is_installed_kind(name)] == ["torchvision:a", "smp:a:b"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"model": "nobody"}, "unknown model 'nobody'; wanted one of rvm-mobilenetv3, rvm-resnet50, modnet"),
        ({"model": "key"}, "key wants --key"),
        ({"model": "closed-form"}, "closed-form wants --trimap or --strokes"),
        ({"model": "plate"}, "plate wants --plate"),
        ({"model": "bgm-resnet50"}, "bgm-resnet50 wants --plate"),
        ({"model": "modnet", "plate": "p.png"}, "modnet has no use for --plate; leave one of them out"),
        ({"model": "modnet", "key": "green"}, "modnet has no use for --key"),
        ({"model": "modnet", "trimap": "t.png"}, "modnet has no use for --trimap"),
        ({"model": "plate", "trimap": "auto"}, "plate has no use for --trimap"),
        ({"key": "green", "trimap": "t.png"}, "--key and --trimap are different ways to a matte; give one"),
        ({"plate": "auto", "threshold": "otsu"}, "--threshold and --plate are different ways"),
        ({"tolerance": "0.1"}, "--tolerance goes with --key; got rvm-mobilenetv3"),
        ({"garbage": "g.png", "threshold": "otsu"}, "--garbage goes with --key; got threshold"),
        ({"key": "green", "space": "hue"}, "--space goes with --threshold; got key"),
        ({"of_class": "person"}, "--class is for a segmentation network; rvm-mobilenetv3 has no classes"),
        ({"model": "torchvision:deeplabv3_resnet50"}, "torchvision:deeplabv3_resnet50 wants --weights FILE"),
        ({"key": "green", "weights": "w.pth"}, "--weights is for a network by its name; key has no use for it"),
        ({"trimap": "t.png", "weights": "w.pth"}, "--weights is for a network by its name; closed-form has no use for it"),
    ],
)
def test_what_does_not_go_together(given: dict[str, str], message: str) -> None:
    with pytest.raises(SettingsError) as told:
        check(make_settings(input="a.png", **given))
    assert message in str(told.value)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"threshold": "1.5"}, "--threshold: got '1.5', wanted otsu, adaptive or a level from 0 to 1"),
        ({"threshold": "oslo"}, "--threshold: got 'oslo', wanted otsu"),
        ({"key": "green", "tolerance": "2"}, "--tolerance: got '2', wanted 0 to 0.45"),
        ({"key": "green", "despill": "-1"}, "--despill: got '-1', wanted 0 to 1"),
        ({"key": ""}, "--key: got ''"),
    ],
)
def test_values_out_of_range(given: dict[str, str], message: str) -> None:
    with pytest.raises(SettingsError, match=message.replace("(", r"\(")):
        make_settings(input="a.png", **given)


# -- from the command line


def test_a_key(tmp_path: Path, capsys: Any) -> None:
    scene = scenes.screen_scene(SIZE, seed=2)
    src = write(tmp_path / "a.png", scene.src)
    for key in ("green", "auto", "#1a9940"):
        well(capsys, src, "--key", key, "-o", tmp_path / "o.png", "-y")
        assert off(tmp_path / "o.png", scene.pha) < 0.01, key
    left = write(tmp_path / "g.png", np.repeat(np.arange(SIZE[0])[None] < SIZE[0] // 2, SIZE[1], axis=0).astype(np.float32))
    well(capsys, src, "--key", "green", "--garbage", left, "-o", tmp_path / "o.png", "-y")
    assert alpha(tmp_path / "o.png")[:, : SIZE[0] // 2].max() == 0
    assert alpha(tmp_path / "o.png")[:, SIZE[0] // 2 :].max() == 1
    well(capsys, src, "--key", "green", "--softness", "0", "--tolerance", "0.4", "--despill", "1", "-o", tmp_path / "o.png", "-y")


def test_a_keyed_clip_with_one_frame_delay_says_how_it_was_made(tmp_path: Path, capsys: Any) -> None:
    made = [scenes.screen_scene(SIZE, seed=2, step=step) for step in range(4)]
    clip = tmp_path / "a.mkv"
    written.write(clip, [scenes.frame_of(each.src, pts=i) for i, each in enumerate(made)], encoding=Encoding(codec="ffv1"))
    well(capsys, clip, "--key", "green", "--ofd", "-o", tmp_path / "o.mkv", "--report", tmp_path / "r.json")
    out = written.read(tmp_path / "o.mkv")
    assert [frame.seconds for frame in out] == [frame.seconds for frame in written.read(clip)]
    for frame, each in zip(out, made, strict=True):
        assert frame.pha is not None
        assert mad(frame.pha[None], each.pha[None]) < 10
    told = json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))
    assert (told["model"], told["device"], told["engine"]) == ("key", "cpu", "livematte on cpu, green")
    assert "ofd" in told["stages"]


def test_asking_for_despill_takes_the_light_off_all_of_the_person(tmp_path: Path, capsys: Any) -> None:
    """Unasked, what is opaque is the source, bit for bit."""
    scene = scenes.screen_scene(SIZE, seed=2, spill=0.5)
    src = write(tmp_path / "a.png", scene.src)
    well(capsys, src, "--key", "green", "-o", tmp_path / "as.png")
    well(capsys, src, "--key", "green", "--despill", "1", "-o", tmp_path / "off.png")
    filmed, opaque = read_picture(src)[0].rgb(), alpha(tmp_path / "as.png") == 1
    as_it_was, freed = (read_picture(tmp_path / name)[0].rgb() for name in ("as.png", "off.png"))
    np.testing.assert_array_equal(as_it_was[opaque], filmed[opaque])
    rim = opaque & (filmed[..., 1] > filmed[..., 0])
    assert (freed[rim][:, 1] - filmed[rim][:, 1]).mean() < -0.02


def test_a_threshold(tmp_path: Path, capsys: Any) -> None:
    fgr, pha = scenes.portrait(SIZE, seed=1)
    src = write(tmp_path / "a.png", pha[..., None] * (0.7 + 0.3 * fgr))
    for how in ("otsu", "0.4"):
        well(capsys, src, "--threshold", how, "-o", tmp_path / "o.png", "-y")
        assert off(tmp_path / "o.png", pha) < 0.01, how
    got = run(capsys, src, "--threshold", "otsu", "--space", "lab", "-o", tmp_path / "x.png")
    assert (got.code, got.err[0][:42]) == (2, "livematte: got space 'lab', wanted one of ")


def test_a_trimap_strokes_and_a_folder_of_trimaps(tmp_path: Path, capsys: Any) -> None:
    pytest.importorskip("pymatting")
    scene, other = scenes.room_scene(SIZE, seed=2), scenes.room_scene(SIZE, seed=3)
    src, trimap = write(tmp_path / "a.png", scene.src), write(tmp_path / "t.png", scenes.trimap_of(scene.pha, 12))
    for model in ((), ("-m", "large-kernel")):
        well(capsys, src, "--trimap", trimap, *model, "-o", tmp_path / "o.png", "-y")
        assert off(tmp_path / "o.png", scene.pha) < 0.01
    strokes = np.full(SIZE[::-1], 128, np.uint8)
    strokes[scenes.trimap_of(scene.pha, 40) == 255] = 255
    strokes[:, :40] = strokes[:, -40:] = 0
    well(capsys, src, "--strokes", write(tmp_path / "s.png", strokes), "-o", tmp_path / "o.png", "-y")
    assert off(tmp_path / "o.png", scene.pha) < 0.1
    photos, trimaps = tmp_path / "photos", tmp_path / "trimaps"
    for folder in (photos, trimaps):
        folder.mkdir()
    for name, each in (("one", scene), ("two", other)):
        write(photos / f"{name}.png", each.src)
        write(trimaps / f"{name}.png", scenes.trimap_of(each.pha, 12))
    well(capsys, photos, "--trimap", trimaps, "-o", f"{tmp_path}/cut/")
    assert off(tmp_path / "cut" / "one.png", scene.pha) < 0.01
    assert off(tmp_path / "cut" / "two.png", other.pha) < 0.01
    (trimaps / "two.png").unlink()
    got = run(capsys, photos, "--trimap", trimaps, "-o", f"{tmp_path}/more/")
    assert (got.code, got.err[-3:]) == (
        1,
        [
            "livematte: 1 of 2 pictures were left out:",
            f"  two: --trimap: {trimaps} holds none for two; wanted two.png",
            f"The others are done: {tmp_path}/more",
        ],
    )
    assert [path.name for path in (tmp_path / "more").iterdir()] == ["one.png"]
    got = run(capsys, photos / "two.png", "--trimap", trimaps, "-o", f"{tmp_path}/none/")
    assert (got.code, got.err) == (1, [f"livematte: --trimap: {trimaps} holds none for two; wanted two.png"])
    assert not (tmp_path / "none").exists()


def test_a_trimap_of_another_model(tmp_path: Path, rvm_path: Path, capsys: Any) -> None:
    pytest.importorskip("pymatting")
    scene = scenes.room_scene((640, 360), seed=2)
    src = write(tmp_path / "a.png", scene.src)
    well(capsys, src, "--weights", rvm_path, "-o", tmp_path / "coarse.png")
    told = well(capsys, src, "--trimap", "auto", "--weights", rvm_path, "-o", tmp_path / "fine.png", "-v")
    assert told[0].startswith("closed-form of rvm-mobilenetv3 by openvino")
    assert off(tmp_path / "fine.png", scene.pha) < off(tmp_path / "coarse.png", scene.pha)


def test_a_plate(tmp_path: Path, rvm_path: Path, capsys: Any) -> None:
    scene = scenes.room_scene((640, 360), seed=2)
    src, plate = write(tmp_path / "a.png", scene.src), write(tmp_path / "p.png", scene.bgr)
    well(capsys, src, "--plate", plate, "--weights", rvm_path, "-o", tmp_path / "o.png")
    assert off(tmp_path / "o.png", scene.pha) < 0.03
    wrong = write(tmp_path / "w.png", scene.bgr[:, :360])
    got = run(capsys, src, "--plate", wrong, "--weights", rvm_path, "-o", tmp_path / "x.png")
    assert (got.code, got.err[0]) == (2, "livematte: --plate: got a picture of 360x360, wanted the shape of the frames, 640x360")
    assert not (tmp_path / "x.png").exists()


def test_a_plate_that_shows_the_person_is_none(tmp_path: Path, rvm_path: Path, capsys: Any) -> None:
    scene = scenes.room_scene((640, 360), seed=2)
    src = write(tmp_path / "a.png", scene.src)
    told = well(capsys, src, "--plate", src, "--weights", rvm_path, "-o", tmp_path / "o.png")
    assert told[0] == "the clean plate does not fit the picture (it shows the person too); matting without it"
    assert off(tmp_path / "o.png", scene.pha) < 0.01


def test_pictures_that_are_named_must_be_there(tmp_path: Path, capsys: Any) -> None:
    src = write(tmp_path / "a.png", np.zeros((32, 32, 3), np.float32))
    (tmp_path / "text.png").write_text("no picture", encoding="utf-8")
    (tmp_path / "empty").mkdir()
    cases = [
        (("--plate", tmp_path / "no.png"), 1, "--plate: "),
        (("--trimap", tmp_path / "no.png"), 1, "--trimap: "),
        (("--strokes", tmp_path / "text.png"), 1, "--strokes: "),
        (("--trimap", tmp_path / "empty"), 1, f"--trimap: the folder {tmp_path / 'empty'} holds no pictures"),
        (("--key", "green", "--garbage", tmp_path / "no.png"), 1, "--garbage: "),
        (("--key", "nocolour"), 2, "got colour 'nocolour', wanted #rrggbb"),
        (("--key", "white"), 2, "got"),
    ]
    before = files(tmp_path)
    for options, code, message in cases:
        got = run(capsys, src, *options)
        assert (got.code, got.out, len(got.err) <= 2) == (code, [], True), got
        assert got.err[0].startswith(f"livematte: {message}"), got.err
    assert files(tmp_path) == before, "nothing is left behind"


def test_trimaps_are_not_for_live_jobs() -> None:
    with pytest.raises(SettingsError, match="trimaps and strokes take seconds a frame, and are for files"):
        prepare(Asked(make_settings(input="cam", trimap="auto"), live=True))


def test_plate_auto_wants_a_clip_that_can_be_read_twice() -> None:
    with pytest.raises(SettingsError, match="--plate auto looks at the clip first, which this input allows only once"):
        prepare(Asked(make_settings(input="-", plate="auto")))


def test_what_gives_its_frames_once_is_not_read_twice(tmp_path: Path) -> None:
    clip = write(tmp_path / "a.png", np.zeros((32, 32, 3), np.float32))
    os.mkfifo(tmp_path / "pipe.mkv")
    again = [
        _again(make_settings(input=str(name))) is None for name in (clip, tmp_path, "pattern", "-", "rtsp://h/x", tmp_path / "pipe.mkv")
    ]
    assert again == [False, False, False, True, True, True]


def test_engines_are_closed_also_where_a_later_step_fails(tmp_path: Path, rvm_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two networks are opened, and then the clip never shows its room."""
    closed = []
    monkeypatch.setattr("livematte.engines.openvino_engine.OpenVinoEngine.close", lambda engine: closed.append("rvm"))
    monkeypatch.setattr("livematte.engines.plate_engine.PlateEngine.close", lambda engine: closed.append("bgm"))
    bgm = tmp_path / "bgm.pth"
    torch.save(BackgroundMatting("mobilenetv2").state_dict(), bgm)
    scene = scenes.room_scene(SIZE, seed=2)
    clip = tmp_path / "a.mkv"
    frames = [scenes.frame_of(np.roll(scene.src, 40 * i, axis=1), pts=i) for i in range(6)]
    written.write(clip, frames, encoding=Encoding(codec="ffv1"))
    monkeypatch.setenv("LIVEMATTE_CACHE", str(rvm_path.parent))
    with pytest.raises(LivematteError, match="--plate auto"):
        Job(make_settings(input=str(clip), outputs=(str(tmp_path / "o.mkv"),), model=str(bgm), plate="auto"))
    assert sorted(closed) == ["bgm", "rvm"]
    assert files(tmp_path).keys() == {"a.mkv", "bgm.pth"}


def test_models_to_bring_are_told_where_they_are_published(capsys: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LIVEMATTE_CACHE", str(tmp_path))
    write(tmp_path / "a.png", np.zeros((32, 32, 3), np.float32))
    got = run(capsys, "a.png", "-m", "bgm-resnet50", "--plate", "a.png")
    assert got.code == 1
    assert "pytorch_resnet50.pth" in " ".join(got.err)
    assert files(tmp_path).keys() == {"a.png"}


# -- the library


def test_matters_of_the_library_take_what_the_command_line_takes(tmp_path: Path) -> None:
    scene = scenes.screen_scene(SIZE, seed=2)
    rgb = np.rint(scene.src * 255).astype(np.uint8)
    pha = livematte.matte_image(rgb, matter=livematte.Matter(key="green"))
    assert mad(pha[None], scene.pha[None]) < 10
    with pytest.raises(LivematteError, match="key wants --key"):
        livematte.Matter("key")
    with pytest.raises(LivematteError, match="unknown setting 'colour'"):
        livematte.Matter(colour="green")
    with pytest.raises(SourceError, match=r"--plate: there is no .*no\.png; wanted a picture"):
        livematte.Matter(plate=tmp_path / "no.png")
    with pytest.raises(LivematteError, match=r"--plate: got '\[\[\[.{40,80}…', wanted a valid string"):
        livematte.Matter(plate=np.zeros((300, 300, 3)))
