"""Weights are read: the ONNX file, .pth with norms and without; damage and code are refused."""

import os
import warnings
import zipfile
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from checkpoints import with_random_statistics
from torch import nn

from livematte import weights
from livematte.errors import WeightsError
from livematte.networks.resnet import ResNet
from livematte.networks.rvm import RVM

ENCODERS = ("mobilenetv3", "resnet50")


def with_norms(encoder: str) -> RVM:
    """RVM with norms of random statistics in it, as it is trained."""
    net = RVM(encoder)
    if encoder == "resnet50":
        net.backbone = ResNet(encoder)
    published(net)
    return with_random_statistics(net)


def published(net: RVM) -> dict[str, torch.Tensor]:
    """The net with norms of random statistics put back, in place; gives its tensors as the author publishes them."""
    torch.manual_seed(0)
    for name, module in list(net.named_modules()):
        if not isinstance(module, nn.Sequential):
            continue
        for i, child in enumerate(module):
            if isinstance(child, nn.Identity) and isinstance(module[i - 1], nn.Conv2d):
                module[i - 1].bias = None
                module[i] = random_norm(module[i - 1].out_channels, 1e-3 if name.startswith("backbone") else 1e-5)
    head = {"project_seg.conv.weight": torch.rand(1, 16, 1, 1), "project_seg.conv.bias": torch.rand(1)}
    return {**net.state_dict(), **head}


def random_norm(channels: int, eps: float) -> nn.BatchNorm2d:
    norm = nn.BatchNorm2d(channels, eps=eps)
    for tensor, low in ((norm.weight, 0.5), (norm.bias, -0.5), (norm.running_mean, -0.5), (norm.running_var, 0.1)):
        nn.init.uniform_(tensor, low, low + 1)
    return norm.eval()


@torch.inference_mode()
def test_resnet50_with_its_norms_is_folded(tmp_path: Path) -> None:
    unfolded = with_norms("resnet50")
    state = unfolded.state_dict()
    assert sum(key.endswith("running_var") for key in state) == 61
    torch.save(state, tmp_path / "rvm.pth")
    folded = RVM("resnet50").eval()
    folded.load_state_dict(weights.load(tmp_path / "rvm.pth"))  # strict
    src = torch.rand(1, 3, 40, 56)
    wanted, _ = unfolded.coefficients(src)
    torch.testing.assert_close(folded.coefficients(src)[0], wanted, rtol=1e-3, atol=1e-4)


class Coefficients(nn.Module):
    """What the exporter sees of the network."""

    def __init__(self, net: RVM) -> None:
        super().__init__()
        self.net = net

    def forward(self, src_sm: torch.Tensor) -> torch.Tensor:
        return self.net.coefficients(src_sm)[0]


@pytest.mark.parametrize("encoder", ENCODERS)
def test_an_exporters_numbers_get_their_names_back(tmp_path: Path, encoder: str) -> None:
    """PyTorch's exporter folds the norms and numbers what it folded: each of these convolutions has other statistics."""
    net = with_norms(encoder)
    torch.save(net.state_dict(), tmp_path / "rvm.pth")
    with warnings.catch_warnings(action="ignore"):  # it is old, as the author's was
        torch.onnx.export(Coefficients(net), (torch.zeros(1, 3, 32, 32),), str(tmp_path / "rvm.onnx"), dynamo=False, opset_version=12)
    model = onnx.load(tmp_path / "rvm.onnx")
    for node in model.graph.node:
        node.input[:] = [name.removeprefix("net.") for name in node.input]
    for tensor in model.graph.initializer:
        tensor.name = tensor.name.removeprefix("net.")
    onnx.save(model, tmp_path / "rvm.onnx")
    exported, wanted = (weights.arrays(tmp_path / name) for name in ("rvm.onnx", "rvm.pth"))
    assert exported.keys() == wanted.keys()
    for name, array in wanted.items():
        np.testing.assert_allclose(exported[name], array, rtol=1e-5, atol=1e-6 * np.abs(array).max(), err_msg=name)  # float32, folded twice


@torch.inference_mode()
def test_published_pth_with_its_norms_is_folded(tmp_path: Path) -> None:
    unfolded = RVM().eval()
    state = published(unfolded)
    assert sum(key.endswith("running_var") for key in state) == 54
    torch.save(state, tmp_path / "rvm.pth")
    folded = RVM().eval()
    folded.load_state_dict(weights.load(tmp_path / "rvm.pth"))  # strict: nothing missing, nothing over
    src = torch.rand(1, 3, 40, 56)
    wanted, wanted_rec = unfolded.coefficients(src)
    got, rec = folded.coefficients(src)
    torch.testing.assert_close(got, wanted, rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(rec.r4, wanted_rec.r4, rtol=1e-3, atol=1e-4)


def test_folded_pth_and_half_precision_load_as_they_are(tmp_path: Path) -> None:
    state = RVM().state_dict()
    torch.save({key: value.half() for key, value in state.items()}, tmp_path / "rvm.pth")
    loaded = weights.load(tmp_path / "rvm.pth")
    assert loaded.keys() == state.keys()
    assert all(torch.equal(loaded[key], state[key].half().float()) for key in state)


def test_onnx_gives_every_tensor_of_the_network(rvm_path: Path) -> None:
    loaded = weights.load(rvm_path)
    assert {key: value.shape for key, value in loaded.items()} == {key: value.shape for key, value in RVM().state_dict().items()}


class Code:
    """Unpickling it would run something."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, ("run",)


def test_pickle_with_code_is_refused_unrun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"weight": Code()}, "evil.pth")
    with pytest.raises(WeightsError, match=r"evil\.pth is damaged, or has code in it and is refused"):
        weights.load(Path("evil.pth"))
    assert not Path("run").exists()


def test_torchscript_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "script.pth", "w") as archive:  # torch knows one by these members
        for member in ("constants.pkl", "data.pkl", "version", "code/__torch__.py"):
            archive.writestr(f"script/{member}", "3\n")
    with pytest.raises(WeightsError, match=r"script\.pth is a TorchScript program; wanted a state dict"):
        weights.load(tmp_path / "script.pth")


@pytest.mark.parametrize("kept", [0, 10, 5_000, 50_000])
def test_truncated_pth(tmp_path: Path, kept: int) -> None:
    path = tmp_path / "rvm.pth"
    torch.save(RVM().state_dict(), path)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(WeightsError, match=r"rvm\.pth is damaged"):
        weights.load(path)


@pytest.mark.parametrize("kept", [0, 10, 5_000, 14_000_000])
def test_truncated_onnx(tmp_path: Path, rvm_path: Path, kept: int) -> None:
    path = tmp_path / "rvm.onnx"
    path.write_bytes(rvm_path.read_bytes()[:kept])
    with pytest.raises(WeightsError, match=r"rvm\.onnx (is damaged|holds no tensors)"):
        weights.load(path)


def test_noise_is_no_weights(tmp_path: Path) -> None:
    for name in ("noise.pth", "noise.onnx"):
        (tmp_path / name).write_bytes(np.random.default_rng(0).bytes(10_000))
        with pytest.raises(WeightsError, match=f"{name} is damaged"):
            weights.load(tmp_path / name)


def test_tensor_shorter_than_its_shape(tmp_path: Path, rvm_path: Path) -> None:
    model = onnx.load(rvm_path)
    model.graph.initializer[0].raw_data = b"\0\0\0\0"
    onnx.save(model, tmp_path / "short.onnx")
    with pytest.raises(WeightsError, match=r"short\.onnx is damaged"):
        weights.load(tmp_path / "short.onnx")


def test_other_networks_and_other_things(tmp_path: Path) -> None:
    for content, message in (
        ({"backbone.conv1.weight": torch.zeros(64, 3, 7, 7)}, "another network"),
        ({"state": {"weight": torch.zeros(1)}}, "holds a dict of other things"),
        ([torch.zeros(1)], "holds a list"),
    ):
        torch.save(content, tmp_path / "other.pth")
        with pytest.raises(WeightsError, match=message):
            weights.load(tmp_path / "other.pth")


def test_files_that_hold_no_weights(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"no weights at .*absent"):
        weights.load(tmp_path / "absent.onnx")
    (tmp_path / "net.bin").touch()
    with pytest.raises(WeightsError, match=r"cannot read weights from .*net\.bin; wanted an \.onnx or .pth file"):
        weights.load(tmp_path / "net.bin")
