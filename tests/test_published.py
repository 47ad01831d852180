"""Published checkpoints: unwrapped and compared with the network; damage, code and other networks are refused by name."""

import os
import sys
import warnings
import zipfile
from pathlib import Path

import media
import pytest
import torch
from checkpoints import parallel
from torch import nn

from livematte.errors import WeightsError
from livematte.weights import published, read_state, shapes_of


class Tiny(nn.Sequential):
    """A convolution and a norm: weights, biases, statistics, a counter."""

    def __init__(self) -> None:
        super().__init__(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))


@pytest.fixture
def state() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    net = Tiny()
    nn.init.uniform_(net[1].running_var, 0.5, 2)  # type: ignore[arg-type]
    return net.state_dict()


def wanted() -> dict[str, tuple[int, ...]]:
    return shapes_of(Tiny().state_dict())


def read(path: Path) -> dict[str, torch.Tensor]:
    return published(path, wanted(), what="a tiny network")


def same(got: dict[str, torch.Tensor], state: dict[str, torch.Tensor]) -> bool:
    return got.keys() == state.keys() and all(torch.equal(got[name], state[name]) for name in state)


@pytest.mark.parametrize("name", ["net.pth", "net.pt", "net.ckpt"])
def test_plain_wrapped_and_parallel_are_one(tmp_path: Path, state: dict[str, torch.Tensor], name: str) -> None:
    path = tmp_path / name
    for content in (state, parallel(state), {"state_dict": state, "epoch": 3}, {"state_dict": parallel(state), "optimizer": {"lr": 0.1}}):
        torch.save(content, path)
        assert same(read(path), state)
        Tiny().load_state_dict(read(path))  # strict


def test_the_old_format_is_read_too(tmp_path: Path, state: dict[str, torch.Tensor]) -> None:
    """MODNet's and RVM's authors wrote with PyTorch of before and after 1.6: a zip or not."""
    torch.save(parallel(state), tmp_path / "net.ckpt", _use_new_zipfile_serialization=False)
    assert same(read(tmp_path / "net.ckpt"), state)


def test_half_precision_becomes_float32(tmp_path: Path, state: dict[str, torch.Tensor]) -> None:
    torch.save({name: tensor.half() if tensor.is_floating_point() else tensor for name, tensor in state.items()}, tmp_path / "net.pth")
    got = read(tmp_path / "net.pth")
    assert got["0.weight"].dtype == torch.float32
    assert torch.equal(got["0.weight"], state["0.weight"].half().float())
    assert got["1.num_batches_tracked"].dtype == torch.int64


def test_counters_of_norms_may_be_missing_or_over(tmp_path: Path, state: dict[str, torch.Tensor]) -> None:
    counter = "1.num_batches_tracked"
    torch.save({name: tensor for name, tensor in state.items() if name != counter}, tmp_path / "old.pth")
    Tiny().load_state_dict(read(tmp_path / "old.pth"))
    torch.save(state, tmp_path / "new.pth")
    uncounted = {name: shape for name, shape in wanted().items() if name != counter}
    assert published(tmp_path / "new.pth", uncounted, what="a tiny network").keys() == uncounted.keys()


def test_another_networks_checkpoint_is_told_by_its_names(tmp_path: Path, state: dict[str, torch.Tensor]) -> None:
    path = tmp_path / "other.pth"
    torch.save(
        {**{f"blocks.{i}.weight": torch.zeros(1) for i in range(5)}, "1.bias": state["1.bias"], "0.weight": torch.zeros(4, 6, 3, 3)}, path
    )
    with pytest.raises(WeightsError) as caught:
        read(path)
    first, second = str(caught.value).splitlines()
    assert first.endswith(
        "other.pth holds another network: 4 missing (0.bias, 1.weight, 1.running_mean, …); "
        "5 too many (blocks.0.weight, blocks.1.weight, blocks.2.weight, …); 1 of another shape (0.weight 4x6x3x3 instead of 4x3x3x3)"
    )
    assert second == "Wanted a tiny network by its author's names"


@pytest.mark.parametrize(
    ("content", "message"), [([torch.zeros(1)], "holds a list"), ({"a": 1}, "holds a dict of"), ({1: torch.zeros(1)}, "holds a dict of")]
)
def test_what_is_no_state_dict(tmp_path: Path, content: object, message: str) -> None:
    torch.save(content, tmp_path / "things.pth")
    with pytest.raises(WeightsError, match=message):
        read(tmp_path / "things.pth")


class Code:
    """Unpickling it would run something."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, ("run",)


def test_pickle_with_code_is_refused_unrun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name, zipped in (("evil.ckpt", True), ("old.ckpt", False)):
        torch.save({"state_dict": Code()}, name, _use_new_zipfile_serialization=zipped)
        with pytest.raises(WeightsError, match=f"{name} is damaged, or has code in it and is refused"):
            read(Path(name))
    assert not Path("run").exists()


@pytest.mark.parametrize("kept", [0, 10, 1_000, -200])
def test_truncated(tmp_path: Path, state: dict[str, torch.Tensor], kept: int) -> None:
    path = tmp_path / "net.ckpt"
    torch.save(state, path)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(WeightsError, match=r"net\.ckpt is damaged"):
        read(path)


@pytest.mark.parametrize(
    "content", [b"\x80\x02.", b"\x80\x02K\x01b.", b"\x80\x02\x8a\x05\x01", b"\x80\x02X\x02", b"\x80\x02]K\x01s.", b"PK\x05\x06"]
)
def test_pickles_that_end_within_a_word(tmp_path: Path, content: bytes) -> None:
    """PyTorch's reading of them ends in an IndexError, a struct.error, an EOFError."""
    path = tmp_path / "net.pth"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=r"net\.pth is damaged"):
        read(path)


@pytest.mark.parametrize("error", [zipfile.BadZipFile, NotImplementedError, UnicodeDecodeError("utf-8", b"\xff", 0, 1, "no start")])
def test_a_damaged_zip_is_no_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def fail(path: Path) -> bool:
        raise error

    monkeypatch.setattr(zipfile, "is_zipfile", fail)
    (tmp_path / "net.pth").write_bytes(b"PK\x03\x04")
    with pytest.raises(WeightsError, match=r"net\.pth is damaged"):
        read(tmp_path / "net.pth")


def test_damage_is_told_in_a_few_words(tmp_path: Path, state: dict[str, torch.Tensor]) -> None:
    torch.save(state, tmp_path / "net.pth")
    path = media.cut_off(tmp_path / "net.pth", 0.7)
    with pytest.raises(WeightsError) as caught:
        read(path)
    assert str(caught.value) == f"{path} is damaged or cut off, or no state dict of tensors; fetch or export it anew"


def test_suffixes_may_be_in_capitals(tmp_path: Path, state: dict[str, torch.Tensor]) -> None:
    torch.save(state, tmp_path / "NET.PTH")
    assert same(read(tmp_path / "NET.PTH"), state)
    stored = pytest.importorskip("safetensors.torch")
    stored.save_file(state, tmp_path / "NET.SAFETENSORS")
    assert same(read(tmp_path / "NET.SAFETENSORS"), state)


def test_torchscript_is_no_state_dict(tmp_path: Path) -> None:
    with warnings.catch_warnings(action="ignore"):  # torch.jit is deprecated, and still how people share programs
        torch.jit.save(torch.jit.script(nn.Conv2d(3, 4, 3)), tmp_path / "script.pt")
    with pytest.raises(WeightsError, match=r"script\.pt is a TorchScript program; wanted a state dict .*--model FILE"):
        read(tmp_path / "script.pt")


def test_no_file(tmp_path: Path) -> None:
    for path in (tmp_path / "absent.pth", tmp_path):
        with pytest.raises(WeightsError, match=r"no weights at .*; wanted a \.pth, \.pt, \.ckpt, \.safetensors file"):
            read(path)


def test_safetensors(tmp_path: Path, state: dict[str, torch.Tensor]) -> None:
    stored = pytest.importorskip("safetensors.torch")
    path = tmp_path / "net.safetensors"
    stored.save_file(parallel(state), path)
    assert same(read(path), state)
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(WeightsError, match=r"net\.safetensors is damaged"):
        read(path)


def test_safetensors_without_its_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "safetensors", None)
    (tmp_path / "net.safetensors").touch()
    with pytest.raises(WeightsError, match="needs the package safetensors; try: pip install safetensors"):
        read_state(tmp_path / "net.safetensors")
