"""Every bad value is refused, with the good ones named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from livematte.errors import SettingsError
from livematte.settings import Settings, make_settings


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"view": "sideways"}, r"--view: got 'sideways', wanted auto, composite, cutout, alpha, foreground or triptych"),
        ({"precision": "fp8"}, r"--precision: got 'fp8', wanted auto, fp32, fp16, bf16 or int8"),
        ({"runtime": "tvm"}, r"--runtime: got 'tvm', wanted auto, openvino, onnxruntime or torch"),
        ({"alpha": "yes"}, r"--alpha: got 'yes', wanted straight or premultiplied"),
        ({"threads": "0"}, r"--threads: got '0', wanted 1 to 256"),
        ({"threads": "257"}, r"--threads: got '257', wanted 1 to 256"),
        ({"threads": "many"}, r"--threads: got 'many', wanted a valid integer"),
        ({"detail": "63"}, r"--detail: got '63', wanted 64 to 4096"),
        ({"detail": "4097"}, r"--detail: got '4097', wanted 64 to 4096"),
        ({"detail": "512.5"}, r"--detail: got '512.5', wanted a valid integer"),
        ({"choke": "101"}, r"--choke: got '101', wanted -100 to 100"),
        ({"choke": "nan"}, r"--choke: got 'nan', wanted -100 to 100"),
        ({"feather": "-1"}, r"--feather: got '-1', wanted 0 to 100"),
        ({"start": "soon"}, r"--start: got 'soon', wanted seconds, or minutes:seconds"),
        ({"start": "-1"}, r"--start: got '-1', wanted seconds, or minutes:seconds"),
        ({"start": -1.0}, r"--start: got '-1.0', wanted greater than or equal to 0"),
        ({"end": "1:2:3:4"}, r"--end: got '1:2:3:4', wanted seconds, or minutes:seconds"),
        ({"end": float("inf")}, r"--end: got 'inf', wanted a finite number"),
        ({"start": "1:00", "end": "60"}, r"end 60 is not after start 60"),
        ({"end": "0"}, r"end 0 is not after start 0"),
        ({"frames": "0"}, r"--frames: got '0', wanted greater than or equal to 1"),
        ({"crf": "64"}, r"--crf: got '64', wanted 0 to 63"),
        ({"crf": "20", "bitrate": "8M"}, r"crf and bitrate exclude each other; give one"),
        ({"bitrate": "8 MB"}, r"--bitrate: got '8 MB', wanted bits per second, such as 8M or 500k"),
        ({"bitrate": "8"}, r"--bitrate: got '8', wanted greater than or equal to 1000"),
        ({"input": ""}, r"INPUT: got '', wanted at least 1 character"),
        ({"outputs": ("",)}, r"--output: got '', wanted at least 1 character"),
        ({"vieww": "alpha"}, r"unknown setting 'vieww'; wanted one of input, outputs, background, view, "),
    ],
)
def test_bad_values_are_told_with_the_good_ones(values: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=f"^{message}") as caught:
        make_settings(**{"input": "a.mp4", **values})
    assert "\n" not in str(caught.value)
    assert "Value error" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("1:30", 90), ("0:01:30.5", 90.5), ("1:02:03", 3723), ("2.", 2), (".25", 0.25), ("0", 0), (1.5, 1.5), (7, 7)],
)
def test_times(text: str | float, seconds: float) -> None:
    assert make_settings(input="a.mp4", start=text).start == seconds


@pytest.mark.parametrize(
    ("text", "bits"), [("8M", 8_000_000), ("500k", 500_000), ("1.5M", 1_500_000), ("800000", 800_000), (2_000_000, 2_000_000)]
)
def test_bitrates(text: str | int, bits: int) -> None:
    assert make_settings(input="a.mp4", bitrate=text).bitrate == bits


@pytest.mark.parametrize(("value", "detail"), [("auto", None), (None, None), ("768", 768), (64, 64), ("4096", 4096)])
def test_detail(value: Any, detail: int | None) -> None:
    assert make_settings(input="a.mp4", detail=value).detail == detail


def test_values_of_the_command_line_become_their_types() -> None:
    settings = make_settings(
        input="a.mp4", outputs=["a.mov", "b/"], weights="w", choke="-1.5", frames="3", crf="18", overwrite=True, report="r.json"
    )
    assert settings.outputs == ("a.mov", "b/")
    assert (settings.weights, settings.report) == (Path("w"), Path("r.json"))
    assert (settings.choke, settings.frames, settings.crf, settings.overwrite) == (-1.5, 3, 18, True)


def test_settings_do_not_change() -> None:
    settings = make_settings(input="a.mp4")
    with pytest.raises(ValueError, match="frozen"):
        settings.view = "alpha"  # type: ignore[misc]
    assert settings == Settings(input="a.mp4")
