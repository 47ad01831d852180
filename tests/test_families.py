"""Which network a file holds is told by its names; what it isn't, too."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

import onnx
import pytest
import torch
from checkpoints import parallel
from onnx import TensorProto, helper
from published_keys import key_table
from torch import nn

from livematte.errors import WeightsError
from livematte.networks.rvm import RVM
from livematte.weights import family_of

TABLES = ("bgm-mobilenetv2", "bgm-resnet50", "bgm-resnet101", "modnet", "rvm-resnet50")


def saved(path: Path, names: object) -> Path:
    torch.save(dict.fromkeys(names, torch.zeros(1)), path)  # type: ignore[call-overload]
    return path


@pytest.mark.parametrize("family", TABLES)
def test_checkpoints_by_their_names(tmp_path: Path, family: str) -> None:
    names = [name.removeprefix("module.") for name in key_table(family.replace("-", "_"))]
    assert family_of(saved(tmp_path / "any.pth", names)) == family
    assert family_of(saved(tmp_path / "any.ckpt", [f"module.{name}" for name in names])) == family


@pytest.mark.parametrize("encoder", ["mobilenetv3", "resnet50"])
def test_rvm(tmp_path: Path, encoder: str) -> None:
    names = RVM(encoder).state_dict()
    assert family_of(saved(tmp_path / "rvm.pth", [*names, "project_seg.conv.weight"])) == f"rvm-{encoder}"
    torch.save({"state_dict": parallel(dict.fromkeys(names, torch.zeros(1)))}, tmp_path / "trained.pth")
    assert family_of(tmp_path / "trained.pth") == f"rvm-{encoder}"


def test_the_released_onnx(rvm_path: Path) -> None:
    assert family_of(rvm_path) == "rvm-mobilenetv3"


def onnx_file(path: Path, *, inputs: tuple[str, ...], weight: str, channels: int = 8) -> Path:
    """One convolution, with inputs that nothing uses."""
    ports = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 3, None, None]) for name in inputs]
    out = helper.make_tensor_value_info("output", TensorProto.FLOAT, [1, channels, None, None])
    tensor = helper.make_tensor(weight, TensorProto.FLOAT, [channels, 3, 1, 1], [0.0] * 3 * channels)
    graph = helper.make_graph([helper.make_node("Conv", [inputs[0], weight], ["output"])], "net", ports, [out], [tensor])
    onnx.save(helper.make_model(graph), path)
    return path


RVM_PORTS = ("src", "r1i", "r2i", "r3i", "r4i", "downsample_ratio")


@pytest.mark.parametrize(
    ("inputs", "weight", "channels", "family"),
    [
        (RVM_PORTS, "1000", 960, "rvm-mobilenetv3"),
        (RVM_PORTS, "1000", 2048, "rvm-resnet50"),
        (("input",), "f_branch.conv_f.0.layers.0.weight", 8, "modnet"),
        (("input",), "conv.weight", 8, "onnx"),
        (("src", "bgr"), "f.weight", 8, "onnx"),
    ],
)
def test_onnx_files(tmp_path: Path, inputs: tuple[str, ...], weight: str, channels: int, family: str) -> None:
    assert family_of(onnx_file(tmp_path / "net.onnx", inputs=inputs, weight=weight, channels=channels)) == family


def test_suffixes_may_be_in_capitals(tmp_path: Path) -> None:
    assert family_of(onnx_file(tmp_path / "NET.ONNX", inputs=RVM_PORTS, weight="1000", channels=960)) == "rvm-mobilenetv3"
    assert family_of(saved(tmp_path / "NET.PTH", RVM("mobilenetv3").state_dict())) == "rvm-mobilenetv3"


def test_torchscript_is_known_unrun(tmp_path: Path) -> None:
    for name in ("net.pt", "net.pth"):
        with warnings.catch_warnings(action="ignore"):  # torch.jit is deprecated, and still how people share programs
            torch.jit.save(torch.jit.script(nn.Conv2d(3, 1, 1)), tmp_path / name)
        assert family_of(tmp_path / name) == "torchscript"


def test_an_unknown_network_is_told_by_its_first_names(tmp_path: Path) -> None:
    path = saved(tmp_path / "other.pth", [f"encoder.{i}.weight" for i in range(9)])
    with pytest.raises(WeightsError) as caught:
        family_of(path)
    first, second = str(caught.value).splitlines()
    assert first.endswith(
        "other.pth is no network that livematte knows; its first names are " + ", ".join(f"encoder.{i}.weight" for i in range(5))
    )
    assert second == "Wanted one of rvm-mobilenetv3, rvm-resnet50, modnet, bgm-mobilenetv2, bgm-resnet101, bgm-resnet50"
    with pytest.raises(WeightsError, match="its first names are none"):
        family_of(saved(tmp_path / "empty.pth", []))


class Code:
    """Unpickling it would run something."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, ("run",)


def test_code_and_damage_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"weight": Code()}, "evil.pth")
    with pytest.raises(WeightsError, match=r"evil\.pth is damaged, or has code in it and is refused"):
        family_of(Path("evil.pth"))
    assert not Path("run").exists()
    Path("noise.onnx").write_bytes(b"no network at all")
    with pytest.raises(WeightsError, match=r"noise\.onnx is damaged or no ONNX file"):
        family_of(Path("noise.onnx"))
    Path("empty.onnx").touch()
    with pytest.raises(WeightsError, match=r"empty\.onnx is damaged or holds no network"):
        family_of(Path("empty.onnx"))
    Path("net.bin").touch()
    with pytest.raises(WeightsError, match=r"cannot tell what net\.bin holds; wanted an \.onnx file, or a \.pth, \.pt"):
        family_of(Path("net.bin"))
    with pytest.raises(WeightsError, match=r"no weights at absent\.pth"):
        family_of(Path("absent.pth"))
