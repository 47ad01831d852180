"""The library's names, what importing them costs, and its verbs with the real network."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from commands import person_clip
from drawn_person import drawn_person
from written import read, times

import livematte
from livematte import library
from livematte.errors import SettingsError

HEAVY = {"numpy", "torch", "cv2", "av", "onnx", "onnxruntime", "pydantic", "rich"}


def test_public_names_are_these() -> None:
    assert livematte.__all__ == [
        "Blur",
        "Frame",
        "LivematteError",
        "Matter",
        "Picture",
        "Solid",
        "composite",
        "cutout",
        "matte_image",
        "matte_video",
        "open_sink",
        "open_source",
    ]
    assert dir(livematte) == livematte.__all__
    assert all(callable(getattr(livematte, name)) for name in livematte.__all__)


def test_other_names_are_not_there() -> None:
    with pytest.raises(AttributeError, match="module 'livematte' has no attribute 'matte_film'"):
        _ = livematte.matte_film


def python(program: str) -> str:
    return subprocess.run([sys.executable, "-W", "error", "-c", program], check=True, capture_output=True, text=True).stdout


@pytest.mark.parametrize("first", ["import livematte.composite", "livematte.composite", "from livematte.composite import view"])
def test_composite_stays_the_function_whatever_was_imported(first: str) -> None:
    program = f"import livematte\n{first}\nfrom livematte import composite\nprint(composite.__name__, livematte.composite is composite)"
    assert python(program).split() == ["composite", "True"]


@pytest.mark.parametrize(
    "program",
    [
        "import livematte; dir(livematte); livematte.LivematteError",
        "from livematte.cli import main\ntry: main(['--help'])\nexcept SystemExit: pass",
    ],
)
def test_nothing_heavy_is_imported_before_it_is_used(program: str) -> None:
    loaded = python(f"{program}\nimport sys; print('LOADED', *sys.modules)").partition("LOADED")[2].split()
    assert "livematte" in loaded
    assert not HEAVY & set(loaded)


def test_importing_everything_starts_nothing() -> None:
    """No thread, no log handler, no number of threads is set by an import."""
    program = """
import threading, logging, torch, cv2
before = threading.active_count(), torch.get_num_threads(), cv2.getNumThreads(), len(logging.getLogger().handlers)
import livematte
for name in livematte.__all__: getattr(livematte, name)
print(before == (threading.active_count(), torch.get_num_threads(), cv2.getNumThreads(), len(logging.getLogger().handlers)))
"""
    assert python(program).strip() == "True"


# its verbs


@pytest.fixture
def matter(rvm_path: Path) -> livematte.Matter:
    return livematte.Matter(weights=rvm_path, detail=128, threads=1)


def test_matte_image(matter: livematte.Matter) -> None:
    rgb = drawn_person((160, 96))
    pha = livematte.matte_image(rgb, matter=matter)
    assert (pha.shape, pha.dtype) == ((96, 160), np.float32)
    assert pha[80:96, 72:88].min() > 0.9  # the shirt
    assert pha[:, :16].max() < 0.1  # the wall
    np.testing.assert_array_equal(livematte.matte_image(rgb, matter=matter), pha)  # no picture remembers the one before
    np.testing.assert_array_equal(livematte.matte_image(np.asfortranarray(rgb), matter=matter), pha)


def test_matte_image_opens_its_matter_once(rvm_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = []
    matter = library.Matter(weights=rvm_path, device="cpu", threads=1)
    monkeypatch.setattr(library, "Matter", lambda: opened.append(1) or matter)
    library._default_matter.cache_clear()
    for _ in range(2):
        livematte.matte_image(drawn_person((64, 48)))
    library._default_matter.cache_clear()
    assert opened == [1]


@pytest.mark.parametrize("name", ["ofd", "light_wrap", "match"])
def test_a_matter_is_not_asked_for_what_a_job_does(name: str) -> None:
    with pytest.raises(SettingsError, match=f"{name} is what matte_video does"):
        livematte.Matter(**{name: 1})


@pytest.mark.parametrize(
    "rgb",
    [
        np.zeros((8, 8), np.uint8),
        np.zeros((8, 8, 4), np.uint8),
        np.zeros((8, 8, 3), np.float32),
        np.zeros((1, 8, 8, 3), np.uint8),
        np.zeros((0, 8, 3), np.uint8),
        [0.0, 1.0],
    ],
)
def test_matte_image_wants_bytes_of_rgb(rgb: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"got (uint8|float32|float64) \(.*\), wanted uint8 \(H, W, 3\)"):
        livematte.matte_image(rgb)


def test_a_detail_that_is_none_is_an_error(rvm_path: Path) -> None:
    with pytest.raises(SettingsError, match="--detail: got '-3', wanted 64 to 4096"):
        livematte.Matter(weights=rvm_path, detail=-3)


def test_a_file_is_no_picture() -> None:
    with pytest.raises(ValueError, match=r"got a picture of \(\) <U9, wanted \(height, width, 3\) uint8"):
        livematte.Picture("beach.jpg")


def test_matte_video(tmp_path: Path, rvm_path: Path) -> None:
    clip, output = person_clip(tmp_path / "clip.mkv", frames=8), tmp_path / "clip.mov"
    report = livematte.matte_video(clip, output, weights=rvm_path, detail=128)
    assert report.frames_out == 8
    frames = read(output)
    assert times(frames) == times(read(clip))
    for frame in frames:
        assert frame.pha is not None
        assert frame.pha[80:96, 58:70].min() > 0.9
        assert frame.pha[:, :16].max() < 0.1


def test_matte_video_takes_the_command_lines_settings(tmp_path: Path, rvm_path: Path) -> None:
    clip, output = person_clip(tmp_path / "clip.mkv", frames=8), tmp_path / "clip.mp4"
    output.touch()
    livematte.matte_video(clip, output, background="green", weights=rvm_path, detail=128, frames=2, overwrite=True)
    assert len(read(output)) == 2
    with pytest.raises(livematte.LivematteError, match="unknown setting 'colour'"):
        livematte.matte_video(clip, output, colour="red")


def test_frame_by_frame(tmp_path: Path, matter: livematte.Matter) -> None:
    clip = person_clip(tmp_path / "clip.mkv", frames=4)
    with livematte.open_source(clip) as source, livematte.open_sink(tmp_path / "out.mkv", like=source) as sink:
        for frame in source:
            sink.send(livematte.cutout(matter.step(frame)))
    frames = read(tmp_path / "out.mkv")
    assert times(frames) == times(read(clip))
    assert all(f.pha is not None and f.pha.max() == 1 for f in frames)
