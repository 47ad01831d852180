"""The drawn benchmark: what its pictures are, that a seed is a set of files, what is made, and what is refused."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from commands import files

from livematte.bench.drawn.canvas import Canvas, Stuff, colour
from livematte.bench.drawn.clips import CLIPS, Clip, Picture, pictures
from livematte.bench.drawn.main import make
from livematte.bench.drawn.poses import ACTIONS, pose
from livematte.bench.drawn.rooms import KINDS, Room, View, view
from livematte.bench.truth import in_folder
from livematte.errors import LivematteError, SettingsError
from livematte.evaluate.pairs import pairs

SMALL = (128, 72)
SCRIPT = Path(__file__).parents[1] / "scripts" / "make_benchmark"


def drawn(clip: Clip, frames: int = 1, *, seed: int = 0) -> list[Picture]:
    return list(pictures(clip, SMALL, frames, seed=seed))


def named(name: str) -> Clip:
    return next(clip for clip in CLIPS if clip.name == name)


def quiet(text: str) -> None:
    pass


# -- pictures


@pytest.mark.parametrize("clip", CLIPS, ids=lambda clip: clip.name)
def test_each_clip_is_composed_with_its_alpha(clip: Clip) -> None:
    """Without noise src is fgr over bgr to the last bit; somebody is there, and the edge is partly covered."""
    (picture,) = drawn(clip._replace(noise=0.0))
    composed = picture.bgr + picture.pha[..., None] * (picture.fgr - picture.bgr)
    np.testing.assert_array_equal(picture.src, np.clip(composed, 0, 1))
    np.testing.assert_array_equal(picture.pha * 255, np.rint(picture.pha * 255))
    assert 0.04 < picture.pha.mean() < 0.5
    assert (picture.pha == 0).mean() > 0.3
    assert ((picture.pha > 0.02) & (picture.pha < 0.98)).mean() > 0.01
    for part in picture[:3]:
        assert part.dtype == np.float32
        assert 0 <= part.min() <= part.max() <= 1


@pytest.mark.parametrize("clip", CLIPS, ids=lambda clip: clip.name)
def test_each_clip_moves(clip: Clip) -> None:
    first, second = drawn(clip, 2)
    assert np.abs(first.pha - second.pha).mean() > 1e-4


def test_the_same_seed_is_the_same_clip_and_another_is_not() -> None:
    clip = named("long-wind-pan")
    assert all(np.array_equal(*both) for pair in zip(drawn(clip, 2), drawn(clip, 2), strict=True) for both in zip(*pair, strict=True))
    assert not np.array_equal(drawn(clip)[0].pha, drawn(clip, seed=1)[0].pha)


def test_every_action_every_room_and_every_thing_worn_is_in_the_set() -> None:
    assert {clip.action for clip in CLIPS} == set(ACTIONS)
    assert {clip.room for clip in CLIPS} == set(KINDS)
    assert {clip.camera for clip in CLIPS} == {"still", "handheld", "pan", "walking"}
    worn = {thing for clip in CLIPS for thing in clip.looks.wears}
    assert worn == {"bare arms", "beard", "cup", "glasses", "headphones", "scarf", "sleeves", "veil"}
    assert len(CLIPS) >= 8


@pytest.mark.parametrize(("name", "thing"), [("veil-lights", "veil"), ("sleeves-dance", "sleeves"), ("scarf-far", "scarf")])
def test_thin_cloth_is_half_transparent(name: str, thing: str) -> None:
    """With it there are areas, not only edges, of about its own alpha."""
    clip = named(name)
    bare = clip._replace(looks=replace(clip.looks, wears=tuple(each for each in clip.looks.wears if each != thing)))
    dressed, undressed = (next(pictures(each, (256, 144), 1)).pha for each in (clip, bare))
    assert (dressed - undressed).min() > -0.02
    cloth = dressed[(undressed == 0) & (dressed > 0.1)]
    assert len(cloth) > 50
    assert 0.3 < np.median(cloth) < 0.85


def test_wind_blows_hair() -> None:
    clip = named("long-wind-pan")
    calm = clip._replace(looks=replace(clip.looks, wind=0.0))
    right = np.arange(SMALL[0])
    blown, hanging = ((picture.pha * right).sum() / picture.pha.sum() for (picture,) in (drawn(clip), drawn(calm)))
    assert blown > hanging + 0.5


def test_what_moves_while_the_shutter_is_open_is_blurred() -> None:
    """A waving hand has soft edges; frozen, by a shutter that hardly opens, it has not."""
    from livematte.bench.drawn import clips

    clip = named("curls-wave")
    exposed = drawn(clip)[0].pha
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clips, "_SHUTTER", 1e-6)
        frozen = drawn(clip)[0].pha
    hand = np.s_[: SMALL[1] // 2, round(0.62 * SMALL[0]) :]
    assert np.square(np.diff(exposed[hand], axis=1)).sum() < 0.9 * np.square(np.diff(frozen[hand], axis=1)).sum()


def test_arms_reach_for_the_hand_and_keep_together() -> None:
    for action in ACTIONS:
        for seconds in np.linspace(0, 4, 60):
            for arm in pose(action, float(seconds)).arms:
                parts = [np.hypot(*np.subtract(one, other)) for one, other in ((arm.shoulder, arm.elbow), (arm.elbow, arm.wrist))]
                assert 0.6 < parts[0] < 1.31
                assert 0.6 < parts[1] < 1.16


# -- what pictures are drawn with


def test_a_solid_covers_its_area() -> None:
    canvas = Canvas((200, 100), 20.0, (100.0, 50.0))
    canvas.capsule((-2.0, 0.0), (2.0, 0.0), (1.0, 1.0), Stuff(colour(0.5, 0.5, 0.5)))
    assert canvas.rgba[..., 3].sum() == pytest.approx((4 * 2 + np.pi) * 20**2, rel=2e-3)
    assert canvas.rgba[50, 100, 3] == 1
    assert not canvas.rgba[:, :30].any()


def test_a_thin_solid_lets_through_what_is_behind() -> None:
    canvas = Canvas((100, 100), 20.0, (50.0, 50.0))
    canvas.capsule((0.0, 0.0), (0.0, 0.0), (2.0, 2.0), Stuff(colour(1, 1, 1), opacity=0.25))
    assert canvas.rgba[50, 50, 3] == pytest.approx(0.25)
    canvas.capsule((0.0, 0.0), (0.0, 0.0), (2.0, 2.0), Stuff(colour(1, 1, 1), opacity=0.5))
    assert canvas.rgba[50, 50, 3] == pytest.approx(0.625)


def test_what_lies_beyond_the_picture_is_no_error() -> None:
    canvas = Canvas((50, 50), 20.0, (-500.0, 900.0))
    canvas.capsule((0.0, 0.0), (1.0, 1.0), (0.5, 0.5), Stuff(colour(1, 1, 1)))
    canvas.lathe((0.0, 0.0), 0.3, np.array([(0.0, 0.2), (1.0, 0.2)]), Stuff(colour(1, 1, 1)))
    canvas.spot((0.0, 0.0), (0.5, 0.5), colour(1, 1, 1), 1.0)
    layer = canvas.layer()
    canvas.curves(layer, np.array([[(0.0, 0.0), (1.0, 1.0)]]), 0.1, colour(1, 1, 1))
    canvas.lay(layer)
    assert not canvas.rgba.any()


@pytest.mark.parametrize("kind", KINDS)
def test_rooms_are_wider_than_what_is_seen(kind: str) -> None:
    room = Room(kind, SMALL, 0)
    middle, aside = room.seen(View(), 0.0), room.seen(View(x=18 / SMALL[1]), 0.0)
    np.testing.assert_allclose(middle[:, 18:], aside[:, :-18], atol=2e-3)  # samples lie between pixels, to a 32nd of one
    assert np.abs(middle - aside).mean() > 0.005
    assert room.seen(View(), 0.0).shape == (SMALL[1], SMALL[0], 3)


def test_only_a_still_camera_stands_still() -> None:
    assert view("still", 1.3) == View()
    for camera in ("handheld", "pan", "walking"):
        assert len({view(camera, seconds) for seconds in (0.1, 0.2, 0.3)}) == 3


def test_a_screen_flickers() -> None:
    room = Room("screen", SMALL, 0)
    lights = np.stack([room.light(seconds) for seconds in np.arange(0, 2, 1 / 30)])
    assert 0.01 < np.abs(np.diff(lights, axis=0)).mean() < 0.2
    assert (Room("office", SMALL, 0).light(0.4) == 1).all()


# -- files


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("set") / "out"
    assert make([str(out), "--clips", "2", "--frames", "2"], tell=quiet) == f"2 clips of 2 frames in {out}"
    return out


def test_what_is_made(made: Path) -> None:
    names = [clip.name for clip in CLIPS[:2]]
    expected = {f"clips_512x288/{name}.{kind}.mkv" for name in names for kind in ("src", "pha")}
    expected |= {f"videomatte_512x288/{name}/{part}/{i:04d}.png" for name in names for part in ("com", "pha", "fgr") for i in range(2)}
    assert {name for name in files(made) if not name.endswith("/")} == expected


def test_pictures_and_clips_are_the_same(made: Path) -> None:
    """com is the 4:2:0 clip as it is decoded, pha the grey clip; fgr holds the person's colours."""
    for known in in_folder(made / "clips_512x288", 9):
        folder = made / "videomatte_512x288" / known.name
        sources = known.sources()
        assert len(sources) == 2
        for index, (frame, pha) in enumerate(zip(sources, known.alpha(), strict=True)):
            assert (frame.format.name, frame.size, frame.seconds) == ("yuv420p", (512, 288), pytest.approx(index / 30, abs=1e-3))
            com = cv2.imread(str(folder / "com" / f"{index:04d}.png"))
            np.testing.assert_array_equal(com[..., ::-1], np.rint(np.clip(frame.rgb(), 0, 1) * 255))
            grey = cv2.imread(str(folder / "pha" / f"{index:04d}.png"), cv2.IMREAD_UNCHANGED)
            np.testing.assert_array_equal(grey, np.rint(pha * 255))
            fgr = cv2.imread(str(folder / "fgr" / f"{index:04d}.png"))
            inside = pha == 1
            noise = 12  # levels: the noise's 3 sigma, and the chroma of two by two pixels
            assert np.median(np.abs(fgr[inside].astype(int) - com[inside])) < noise


def test_it_is_read_as_the_evaluation_reads_it(made: Path) -> None:
    found = pairs(made / "videomatte_512x288", made / "videomatte_512x288")
    assert [pair.name for pair in found] == sorted(clip.name for clip in CLIPS[:2])
    assert all(pair.true_fgr is not None for pair in found)


def test_the_same_files_whoever_draws_them(made: Path, tmp_path: Path) -> None:
    """By processes of their own, too."""
    make([str(tmp_path / "out"), "--clips", "2", "--frames", "2", "-j", "2"], tell=quiet)
    sums = [{name: hashlib.sha256(data).hexdigest() for name, data in files(out).items()} for out in (made, tmp_path / "out")]
    assert sums[0] == sums[1]


def test_alpha_is_the_same_elsewhere() -> None:
    """The alpha at a glance, as digits up to 9: other versions of numpy and OpenCV may round a pixel otherwise, not draw another."""
    means = cv2.resize(drawn(named("curls-wave"))[0].pha, (16, 9), interpolation=cv2.INTER_AREA)
    expected = np.array([[int(digit) for digit in row] for row in GLANCE])
    np.testing.assert_allclose(means * 9, expected, atol=0.55)  # half a digit, and a pixel of 64 by which an edge may lie elsewhere


GLANCE = [
    "0000000000000000",
    "0000026861010000",
    "0000179996063000",
    "0000278978153000",
    "0000263826152000",
    "0000278987682000",
    "0000699998530000",
    "0000899995000000",
    "0002889993000000",
]


def test_sizes_are_names(tmp_path: Path) -> None:
    told: list[str] = []
    make([str(tmp_path / "o"), "--size", "both", "--clips", "1", "--frames", "1", "-j", "1"], tell=told.append)
    assert told == [f"{CLIPS[0].name}, 512x288", f"{CLIPS[0].name}, 1920x1080"]
    big = cv2.imread(str(tmp_path / "o" / "videomatte_1920x1080" / CLIPS[0].name / "pha" / "0000.png"), cv2.IMREAD_GRAYSCALE)
    small = cv2.imread(str(tmp_path / "o" / "videomatte_512x288" / CLIPS[0].name / "pha" / "0000.png"), cv2.IMREAD_GRAYSCALE)
    reduced = cv2.resize(big, (512, 288), interpolation=cv2.INTER_AREA)
    assert np.abs(reduced.astype(float) - small).mean() < 0.01 * 255  # the same picture; strands are finer in the large one


# -- what is refused


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ("", "the following arguments are required: OUT\nTry: scripts/make_benchmark --help"),
        ("o --size 640x360", "--size: got 640x360, wanted one of 512x288, 1920x1080, both"),
        ("o --clips 0", f"--clips: got 0, wanted 1 to {len(CLIPS)}"),
        ("o --clips 99", f"--clips: got 99, wanted 1 to {len(CLIPS)}"),
        ("o --frames 0", "--frames: got 0, wanted 1 to 9999"),
        ("o --frames few", "argument --frames: invalid int value: 'few'\nTry: scripts/make_benchmark --help"),
        ("o --seed -1", "--seed: got -1, wanted 0 or more"),
        ("o -j 0", "--workers: got 0, wanted at least 1"),
        ("o --fames 3", "unrecognized arguments: --fames 3\nTry: scripts/make_benchmark --help"),
    ],
)
def test_wrong_usage(arguments: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SettingsError) as error:
        make(arguments.split(), tell=quiet)
    assert str(error.value) == told
    assert not list(tmp_path.iterdir())


def test_what_is_there_already_is_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(LivematteError, match=f"{tmp_path} holds something already; -y writes into it"):
        make([str(tmp_path)], tell=quiet)
    with pytest.raises(LivematteError, match=r"notes.txt is a file; wanted a folder"):
        make([str(tmp_path / "notes.txt")], tell=quiet)
    make([str(tmp_path), "--clips", "1", "--frames", "1", "-y"], tell=quiet)
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_where_nothing_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LivematteError, match=rf"cannot make {tmp_path}/file/out: Not a directory"):
        make([str(tmp_path / "file" / "out")], tell=quiet)
    (tmp_path / "o").mkdir()
    (tmp_path / "o" / "videomatte_512x288").write_text("")
    with pytest.raises(LivematteError, match=rf"cannot write {tmp_path}/o/videomatte_512x288/.*: Not a directory"):
        make([str(tmp_path / "o"), "--clips", "1", "--frames", "1", "-y", "-j", "1"], tell=quiet)


def test_the_starter_is_the_command(tmp_path: Path) -> None:
    def started(*arguments: str) -> Any:
        return subprocess.run([sys.executable, str(SCRIPT), *arguments], capture_output=True, text=True, check=False, cwd=tmp_path)

    told = started("--help")
    assert (told.returncode, told.stdout.splitlines()[0][:32]) == (0, "usage: scripts/make_benchmark [-")
    wrong = started("o", "--size", "3")
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert wrong.stderr == "make_benchmark: --size: got 3, wanted one of 512x288, 1920x1080, both\n"
    (tmp_path / "o").write_text("")
    failed = started("o")
    assert (failed.returncode, failed.stderr) == (1, "make_benchmark: o is a file; wanted a folder, or a name for one\n")
