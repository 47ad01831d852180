"""A configuration file says what the options say; what is wrong in it is told with its line and key."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from livematte import cli
from livematte.errors import SettingsError
from livematte.options import parser
from livematte.settings import Settings, make_settings, read_config


@pytest.fixture
def write(tmp_path: Path) -> Any:
    def writes(text: str) -> Path:
        path = tmp_path / "live.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return writes


def test_keys_are_the_options(write: Any) -> None:
    text = """
# all day
input = "cam:1"
output = ["vcam:/dev/video10", "take.mkv"]
background = ["blur:8", "beach.jpg", "#202020"]
size = "1280x720"
fps = 29.97
pixel-format = "mjpeg"
on_demand = true
mirror = true
smooth = 0.2
detail = "auto"
report = "figures.json"
bitrate = "3M"
"""
    settings = make_settings(read_config(write(text)))
    assert settings == Settings(
        input="cam:1",
        outputs=("vcam:/dev/video10", "take.mkv"),
        background="blur:8",
        backgrounds=("beach.jpg", "#202020"),
        size=(1280, 720),
        fps=Fraction(2997, 100),
        pixel_format="mjpeg",
        on_demand=True,
        mirror=True,
        smooth=0.2,
        report=Path("figures.json"),
        bitrate=3_000_000,
    )


@pytest.mark.parametrize("key", ["output", "outputs"])
def test_one_output_needs_no_list(write: Any, key: str) -> None:
    assert make_settings(read_config(write(f'input = "cam"\n{key} = "vcam"'))).outputs == ("vcam",)


def test_an_empty_file_says_nothing(write: Any) -> None:
    assert read_config(write("")).values == {}


def test_the_command_line_comes_first(write: Any) -> None:
    config = read_config(write('input = "cam"\nbackground = ["blur", "green"]\nsmooth = 0.5\nmirror = true\n'))
    settings = make_settings(config, input="cam:2", smooth="0.1")
    assert (settings.input, settings.smooth, settings.mirror, settings.background) == ("cam:2", 0.1, True, "blur")


def test_backgrounds_of_the_command_line_replace_those_of_the_file(write: Any) -> None:
    path = write('input = "cam"\nbackground = ["blur", "green"]\n')
    given = vars(parser(cli._Version).parse_args(["-b", "white", "--config", str(path)]))
    given.pop("config")
    settings = make_settings(read_config(path), **given)
    assert (settings.background, settings.backgrounds) == ("white", ())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("smooth = 9", r"live.toml, line 3: smooth: got '9', wanted 0 to 5"),
        ('view = "sideways"', r"live.toml, line 3: view: got 'sideways', wanted auto, composite, cutout, alpha, foreground or triptych"),
        ('size = "big"', r"live.toml, line 3: size: got 'big', wanted WIDTHxHEIGHT, such as 1280x720"),
        ("fps = 0", r"live.toml, line 3: fps: got '0', wanted 1 to 240 frames per second"),
        ('fps = "1/0"', r"live.toml, line 3: fps: got '1/0', wanted frames per second, such as 30 or 30000/1001"),
        ('mirror = "perhaps"', r"live.toml, line 3: mirror: got 'perhaps', wanted a valid boolean"),
        ("keyframes = -1", r"live.toml, line 3: keyframes: got '-1', wanted more than 0, up to 60"),
        ('pixel-format = ""\n\n\nbitrate = "much"', r"live.toml, line 6: bitrate: got 'much', wanted bits per second, such as 8M or 500k"),
        ('pixel_format = "x"\n"detail" = 5', r"live.toml, line 4: detail: got '5', wanted 64 to 4096"),
        ("on-demand = 7", r"live.toml, line 3: on-demand: got '7', wanted a valid boolean"),
        ("  volume = 3", r"live.toml, line 3: volume: there is no such setting; wanted one of alpha, background, .*, pixel-format, .*view"),
        ("output = 5", r"live.toml, line 3: outputs?: got '5', wanted"),
        ('output = [""]', r"live.toml, line 3: outputs?: got '', wanted at least 1 character"),
        ("background = 3", r"live.toml, line 3: background: got '3', wanted a valid string"),
        ("background = [3]", r"live.toml, line 3: background: got '3', wanted a valid string"),
        ('background = ["blur", 3]', r"live.toml, line 3: background: got '3', wanted a valid string"),
        ("background = []", r"live.toml, line 3: background: got '\[\]', wanted a valid string"),
        ('backgrounds = ["blur"]', r"live.toml, line 3: backgrounds: there is no such setting; wanted one of"),
        ("quiet = true", r"live.toml, line 3: quiet: there is no such setting"),
        ('config = "other.toml"', r"live.toml, line 3: config: there is no such setting"),
        ('"(" = 1', r"live.toml, line 3: \(: there is no such setting"),
        ('"a.b" = 1', r"live.toml, line 3: a.b: there is no such setting"),
        ("[live]\nsmooth = 1", r"live.toml, line 3: live: there is no such setting"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(write: Any, text: str, message: str) -> None:
    path = write(f'input = "cam"\n# a remark = with an equals sign\n{text}\n')
    with pytest.raises(SettingsError, match=message) as caught:
        make_settings(read_config(path))
    assert "\n" not in str(caught.value)


def test_a_value_of_the_command_line_is_told_as_that(write: Any) -> None:
    config = read_config(write('input = "cam"\nsmooth = 0.5\n'))
    with pytest.raises(SettingsError, match=r"^--smooth: got '9', wanted 0 to 5"):
        make_settings(config, smooth="9")


def test_a_bad_value_that_the_command_line_replaces_does_no_harm(write: Any) -> None:
    config = read_config(write('input = "cam"\nsmooth = 9\n'))
    assert make_settings(config, smooth="0.5").smooth == 0.5


def test_what_does_not_go_together_is_told(write: Any) -> None:
    with pytest.raises(SettingsError, match="crf and bitrate exclude each other"):
        make_settings(read_config(write('input = "cam"\ncrf = 20\nbitrate = "3M"\n')))


@pytest.mark.parametrize("text", ['output = "vcam"\noutputs = ["take.mkv"]', 'pixel-format = "nv12"\npixel_format = "mjpeg"'])
def test_a_setting_that_is_there_twice_is_told(write: Any, text: str) -> None:
    with pytest.raises(SettingsError, match="twice"):
        read_config(write(f'input = "cam"\n{text}\n'))


@pytest.mark.parametrize("text", ["input = cam", 'input = "cam', "smooth = 1\nsmooth = 2", "= 3"])
def test_what_is_no_toml(write: Any, text: str) -> None:
    with pytest.raises(SettingsError, match=r"live.toml is not TOML: .*line \d|live.toml is not TOML: .*end of document"):
        read_config(write(text))


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"--config: cannot read .*none.toml: No such file"):
        read_config(tmp_path / "none.toml")
    with pytest.raises(SettingsError, match=r"--config: cannot read .*: Is a directory"):
        read_config(tmp_path)
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SettingsError, match=r"--config: cannot read .*bytes.toml: .*decode"):
        read_config(tmp_path / "bytes.toml")


def test_an_input_may_be_missing_from_both(write: Any) -> None:
    with pytest.raises(SettingsError, match="there is no INPUT"):
        make_settings(read_config(write('output = "vcam"')))


def test_the_command_line_tells_it_in_one_line_and_ends_with_2(write: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--config", str(write('input = "cam"\nsmooth = 9\n'))]) == 2
    err = capsys.readouterr().err
    assert err.startswith("livematte: ")
    assert err.rstrip().endswith("line 2: smooth: got '9', wanted 0 to 5")


def test_the_class_is_called_so_in_a_file_too(write: Any) -> None:
    path = write('input = "a.jpg"\nmodel = "net.onnx"\nclass = "person"\n')
    assert make_settings(read_config(path)).of_class == "person"
    wrong = write('input = "a.jpg"\nclass = ""\n')
    with pytest.raises(SettingsError, match=r"line 2: class: got '', wanted"):
        make_settings(read_config(wrong))
