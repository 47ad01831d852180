"""Which codec an output's name and --codec mean, what a codec can take, and what is refused."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
from written import clip, like, read, stream_of, write

from livematte.errors import SettingsError, SinkError
from livematte.sinks import Encoding, live_kind, open_sink, sink_holds_alpha


@pytest.mark.parametrize(
    ("name", "pixels", "want"),
    [
        ("a.mov", "yuv420p", ("prores", "yuv422p10le")),
        ("a.mov", "yuv444p", ("prores", "yuv444p12le")),
        ("a.mp4", "yuv422p", ("h264", "yuv420p")),
        ("a.mp4", "yuv420p10le", ("hevc", "yuv420p10le")),
        ("a.m4v", "nv12", ("h264", "yuv420p")),
        ("a.webm", "yuv444p", ("vp9", "yuv420p")),
        ("a.mkv", "p010le", ("ffv1", "yuv420p10le")),
    ],
)
def test_codec_by_name_and_depth(tmp_path: Path, name: str, pixels: str, want: tuple[str, str]) -> None:
    write(tmp_path / name, clip(pixels))
    said = stream_of(tmp_path / name)
    assert (said["codec"], said["pixels"]) == want
    assert len(read(tmp_path / name)) == 6


def test_hevc_in_mp4_is_tagged_as_players_want_it(tmp_path: Path) -> None:
    write(tmp_path / "a.mp4", clip("yuv420p10le"))
    assert stream_of(tmp_path / "a.mp4")["tag"] == "hvc1"


def test_codec_asked_for(tmp_path: Path) -> None:
    write(tmp_path / "a.mp4", clip(), encoding=Encoding(codec="av1", crf=40, preset="12"))
    assert stream_of(tmp_path / "a.mp4")["codec"] == "av1"


def test_crf_and_bitrate_set_the_size(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    noisy = [replace(f, planes=tuple(rng.integers(16, 235, p.shape).astype(np.uint8) for p in f.planes)) for f in clip(times=range(20))]
    sizes = {}
    for name, encoding in {"fine": Encoding(crf=5), "coarse": Encoding(crf=45), "bits": Encoding(bitrate=100_000)}.items():
        write(tmp_path / f"{name}.mp4", noisy, encoding=encoding)
        sizes[name] = (tmp_path / f"{name}.mp4").stat().st_size
    assert sizes["coarse"] * 3 < sizes["fine"]
    assert sizes["bits"] * 3 < sizes["fine"]


def test_what_an_encoder_does_not_have_is_told(tmp_path: Path) -> None:
    sink = write(tmp_path / "a.mov", clip(), encoding=Encoding(crf=20, preset="slow"))
    assert sink.notes == ["--crf does not apply to prores_aw", "--preset does not apply to prores_aw"]


def test_which_names_hold_alpha() -> None:
    holding = {"a.mov", "a.webm", "a.mkv", "a.gif", "a.webp", "a.png", "a.zip", "folder/"}
    names = [*holding, "a.mp4", "a.m4v", "A.MP4"]
    assert {name for name in names if sink_holds_alpha(name)} == holding
    assert not sink_holds_alpha("a.mov", Encoding(codec="h264"))
    assert sink_holds_alpha("a.mkv", Encoding(codec="vp9"))


def test_alpha_into_mp4_is_refused(tmp_path: Path) -> None:
    sink = open_sink(tmp_path / "a.mp4", like=like())
    with pytest.raises(SinkError, match=r"h264 in \.mp4 holds no alpha; write \.mov, \.webm or \.mkv, or choose a background"):
        sink.send(clip("yuva420p")[0])
    assert list(tmp_path.iterdir()) == []


def test_alpha_after_an_opaque_start_is_refused(tmp_path: Path) -> None:
    sink = open_sink(tmp_path / "a.mov", like=like())
    sink.send(clip()[0])
    with pytest.raises(SinkError, match=r"frame 2 \(at 0\.03 s\) has alpha, the output began without"):
        sink.send(clip("yuva420p")[1])
    sink.abandon(keep=False)
    assert list(tmp_path.iterdir()) == []


def test_another_size_is_refused_and_what_came_before_can_be_kept(tmp_path: Path) -> None:
    sink = open_sink(tmp_path / "a.mp4", like=like())
    for frame in clip()[:3]:
        sink.send(frame)
    with pytest.raises(SinkError, match=r"frame 4 \(at 0\.10 s\) is 32x32, the output began as 64x48; cut the clip there"):
        sink.send(clip(size=(32, 32))[3])
    part = sink.abandon(keep=True)
    assert part == tmp_path / "a.part.mp4"
    assert len(read(part)) == 3


def test_unknown_extension_lists_the_known_ones() -> None:
    kinds = ".mov .webm .mkv .mp4 .m4v .gif .webp .png .zip .jpg .jpeg .tif .tiff .avif"
    with pytest.raises(SettingsError, match=rf"got \.avi, wanted one of {re.escape(kinds)}, or a folder/"):
        open_sink("a.avi", like=like())


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("vcam", "vcam"),
        ("vcam:/dev/video10", "vcam"),
        ("window", "window"),
        ("-", "pipe"),
        ("rtmp://host/key", "stream"),
        ("whip+https://host/key", "whip"),
        ("ndi:studio", "ndi"),
        ("vcam.mov", ""),
        ("window/", ""),
    ],
)
def test_outputs_that_are_no_files_are_known_by_their_names(name: str, kind: str) -> None:
    assert live_kind(name) == kind


def test_a_url_to_which_nothing_is_sent_lists_those_to_which_it_is() -> None:
    with pytest.raises(SettingsError, match=r"output ftp://host/a.mp4: got ftp://, wanted one of rtmp://, .*whip\+https://, or a file"):
        live_kind("ftp://host/a.mp4")


def test_a_codec_that_the_container_does_not_hold(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"--codec prores cannot be in .*a\.mp4; wanted one of h264, hevc, av1, libx264"):
        open_sink(tmp_path / "a.mp4", like=like(), encoding=Encoding(codec="prores"))
    assert list(tmp_path.iterdir()) == []


def test_an_encoder_that_is_not_here_names_those_that_are(tmp_path: Path) -> None:
    if "h264_videotoolbox" in av.codecs_available:
        pytest.skip("this libav has it")
    with pytest.raises(SinkError, match="there is no encoder h264_videotoolbox here; there are libx264, libx265"):
        open_sink(tmp_path / "a.mp4", like=like(), encoding=Encoding(codec="h264_videotoolbox"))


def test_settings_that_the_encoder_refuses(tmp_path: Path) -> None:
    sink = open_sink(tmp_path / "a.mp4", like=like(), encoding=Encoding(preset="warp"))
    with pytest.raises(SinkError, match="libx264 does not start with 64x48 yuv420p crf=18 preset=warp"):
        sink.send(clip()[0])
    assert list(tmp_path.iterdir()) == []


def test_importing_sinks_imports_nothing_heavy() -> None:
    code = "import sys, livematte.sinks; print(sorted({'av', 'cv2', 'torch'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"


@pytest.mark.parametrize("codec", ["h264_nvenc", "hevc_qsv"])
def test_hardware_that_is_not_here(tmp_path: Path, codec: str) -> None:
    sink = open_sink(tmp_path / "a.mp4", like=like(), encoding=Encoding(codec=codec))
    try:
        sink.send(clip()[0])
    except SinkError as error:
        assert f"{codec} does not start" in str(error)  # noqa: PT017  # where the hardware is, there is no error
        assert list(tmp_path.iterdir()) == []
    else:
        pytest.skip("it is here")
