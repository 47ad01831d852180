"""Segmentation as a coarse matte: which class is meant, scores as alpha, and networks of packages that may be installed."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import small_networks as small
import torch
from drawn_person import drawn_source
from scenes import frame_of, room_scene

from livematte.engines.openvino_engine import load_library
from livematte.errors import EngineError, SettingsError, WeightsError
from livematte.matting.canvas import SmallAlpha
from livematte.matting.pictures.opened import open_installed, open_own
from livematte.matting.pictures.picture import PictureEngine
from livematte.matting.pictures.segment import LABELS, LEVELS, Scores, chosen_classes, sigmoid
from livematte.matting.recurrent import RecurrentMatter

SRC = drawn_source((48, 32))


def stretched(pha: np.ndarray) -> np.ndarray:
    return np.clip((pha - LEVELS[0]) / (LEVELS[1] - LEVELS[0]), 0, 1)


def opened(path: Path, wanted: str | None = None) -> PictureEngine:
    engine = open_own(path, wanted=wanted, device="cpu", precision="fp32", threads=1)
    assert isinstance(engine, PictureEngine)
    return engine


# which class


@pytest.mark.parametrize(
    ("wanted", "count", "names", "chosen"),
    [
        (None, 21, (), (15,)),
        ("person", 2, (), (1,)),
        ("person", 19, (), (11,)),
        ("person,rider", 19, (), (11, 12)),
        ("person", 6, (), (1, 2, 3, 4, 5)),
        ("hair", 6, (), (1,)),
        ("7", 150, (), (7,)),
        ("12, 3", 150, (), (12, 3)),
        ("dog", 3, ("none", "cat", "dog"), (2,)),
    ],
)
def test_a_class_by_its_name_or_number(wanted: str | None, count: int, names: tuple[str, ...], chosen: tuple[int, ...]) -> None:
    assert chosen_classes(wanted, count, names) == chosen


@pytest.mark.parametrize(
    ("wanted", "count", "names", "message"),
    [
        (None, 150, (), "--class person: the names of the network's 150 classes are not known; wanted a number from 0 to 149"),
        ("21", 21, (), "--class 21: the network has classes 0 to 20"),
        ("unicorn", 2, (), "--class unicorn: there is none of that name; wanted a number, or one of background, person"),
        ("a", 3, ("a", "b"), "2 classes are named, and the network has 3; wanted a name for each"),
    ],
)
def test_a_class_that_is_none(wanted: str | None, count: int, names: tuple[str, ...], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        chosen_classes(wanted, count, names)


def test_labels_are_as_many_as_they_are_for() -> None:
    assert {count: len(set(names)) for count, names in LABELS.items()} == {count: count for count in LABELS}
    assert LABELS[21][15] == LABELS[19][11] == "person"


# scores


def test_scores_are_shares_of_the_whole() -> None:
    logits = np.random.default_rng(0).normal(0, 5, (1, 4, 6, 8)).astype(np.float32)
    shares = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    for classes in ((2,), (0, 3)):
        wanted = shares[0, list(classes)].sum(0)
        np.testing.assert_allclose(Scores(classes)(logits), wanted, atol=1e-5)
        np.testing.assert_allclose(Scores(classes, axis=3)(logits.transpose(0, 2, 3, 1)), wanted, atol=1e-5)
        np.testing.assert_allclose(Scores(classes, "none")(shares), wanted, atol=1e-6)
    np.testing.assert_allclose(sum(Scores((c,))(logits) for c in range(4)), 1, atol=1e-5)
    np.testing.assert_allclose(Scores((1,), "sigmoid")(logits), 1 / (1 + np.exp(-logits[0, 1])), atol=1e-5)
    np.testing.assert_allclose(Scores((0,), "bytes")(np.full((1, 1, 2, 2), 51, np.uint8)), 0.2, rtol=1e-6)


def test_scores_far_apart_do_not_overflow() -> None:
    logits = np.array([-1e4, 0, 1e4], np.float32).reshape(1, 3, 1, 1) * np.ones((1, 3, 2, 2), np.float32)
    assert [float(Scores((c,))(logits)[0, 0]) for c in range(3)] == [0, 0, 1]
    assert sigmoid(np.array([[-1e9, 1e9]], np.float32)).tolist() == [[pytest.approx(0, abs=1e-12), 1]]


@pytest.mark.parametrize("probabilities", [True, False])
def test_a_file_with_scores_is_told_by_its_channels(tmp_path: Path, probabilities: bool) -> None:
    coef, _ = opened(small.classes(tmp_path / "net.onnx", probabilities=probabilities)).run(SRC, None)
    powers = np.exp(8 * SRC[0])
    share = powers / (powers + np.exp(4) + 19)
    assert 0.2 < share.mean() < 0.8
    np.testing.assert_allclose(SmallAlpha(coef, SRC).pha, stretched(share), atol=1e-3)


def test_another_class_of_the_same_file(tmp_path: Path) -> None:
    path = small.classes(tmp_path / "net.onnx")
    person, none = (SmallAlpha(opened(path, wanted).run(SRC, None)[0], SRC).pha for wanted in ("person", "background"))
    assert np.abs(person - none).mean() > 0.3
    with pytest.raises(SettingsError, match="--class unicorn: there is none of that name"):
        opened(path, "unicorn")


def test_names_of_the_sidecar(tmp_path: Path) -> None:
    path = small.classes(tmp_path / "net.onnx", 3, person=2)
    with pytest.raises(SettingsError, match="the names of the network's 3 classes are not known"):
        opened(path)
    (tmp_path / "net.toml").write_text('classes = ["room", "cat", "owner"]')
    np.testing.assert_array_equal(opened(path, "owner").run(SRC, None)[0], opened(path, "2").run(SRC, None)[0])


def test_as_a_matter_it_finds_the_class(tmp_path: Path) -> None:
    """A shirt of red before a room that is not: its scores are soft, and their edge lies where the picture's is."""
    scene = room_scene((640, 360), seed=0)
    red = np.where(scene.pha[..., None] > 0.5, np.float32([1, 0.1, 0.1]), np.float32([0.1, 0.5, 0.6]))
    pha = RecurrentMatter(opened(small.classes(tmp_path / "net.onnx")), detail=320).step(frame_of(red)).pha
    assert np.abs(pha - (scene.pha > 0.5)).mean() < 0.01


# .tflite


def test_mediapipes_own_operation(tmp_path: Path) -> None:
    """A transposed convolution of 2x2 and stride 2, and its bias, by its definition."""
    load_library()
    import openvino
    import openvino.opset13 as op

    from livematte.engines.tflite_ops import _converted

    rng = np.random.default_rng(0)
    picture, kernel, bias = (rng.normal(size=shape).astype(np.float32) for shape in ((1, 3, 5, 4), (2, 2, 2, 4), (2,)))

    class Context:
        def __init__(self, arrays: list[np.ndarray]) -> None:
            self._outputs = [op.constant(array).output(0) for array in arrays]

        def get_input(self, index: int) -> Any:
            return self._outputs[index]

    made = openvino.Core().compile_model(openvino.Model(_converted(Context([picture, kernel, bias])), []), "CPU")([])[0]
    wanted = np.einsum("byxi,odei->bydxeo", picture, kernel).reshape(1, 6, 10, 2) + bias
    np.testing.assert_allclose(made, wanted, atol=1e-5)
    with pytest.raises(RuntimeError, match=r"kernel of \(3, 3\); wanted \(2, 2\)"):
        _converted(Context([picture, np.zeros((2, 3, 3, 4), np.float32), bias]))


# networks of packages


class Small(torch.nn.Module):
    """In a package's place: scores by the names of its checkpoints."""

    def __init__(self, head: str, count: int, *, auxiliary: bool = False, named: bool = False) -> None:
        super().__init__()
        self._named = named
        convolutions = (
            [torch.nn.Identity()] * 4 + [torch.nn.Conv2d(3, count, 1)] if head == "classifier" else [torch.nn.Conv2d(3, count, 1)]
        )
        self.add_module(head, torch.nn.Sequential(*convolutions))
        if auxiliary:
            self.aux_classifier = torch.nn.Conv2d(3, count, 1)
        self._head = head

    def forward(self, src: torch.Tensor) -> Any:
        scores = self.get_submodule(self._head)(src)
        return {"out": scores, "aux": scores} if self._named else scores


@pytest.fixture
def packages(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Both packages, small. What networks are made with is noted."""
    made: list[dict[str, Any]] = []
    torchvision, models, smp = ModuleType("torchvision"), ModuleType("torchvision.models"), ModuleType("segmentation_models_pytorch")

    def get_model(name: str, **values: Any) -> torch.nn.Module:
        made.append({"name": name, **values})
        return Small("classifier", values["num_classes"], auxiliary=values["aux_loss"], named=True)

    def create_model(name: str, **values: Any) -> torch.nn.Module:
        if name != "unet":
            raise KeyError(f"Wrong architecture type `{name}`")
        made.append({"name": name, **values})
        return Small("segmentation_head", values["classes"])

    models.segmentation, models.get_model = ModuleType("segmentation"), get_model  # type: ignore[attr-defined]
    models.list_models = lambda module: ["deeplabv3_resnet50", "fcn_resnet50"]  # type: ignore[attr-defined]
    smp.create_model = create_model  # type: ignore[attr-defined]
    for module in (torchvision, models, smp):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    return made


def saved(path: Path, net: torch.nn.Module) -> Path:
    torch.save({f"module.{name}": tensor for name, tensor in net.state_dict().items()}, path)
    return path


def installed(model: str, path: Path, wanted: str | None = None) -> PictureEngine:
    return open_installed(model, path, wanted=wanted, device="cpu", precision="fp32", threads=1)


@pytest.mark.parametrize("auxiliary", [True, False])
def test_a_network_of_torchvision(packages: list[dict[str, Any]], tmp_path: Path, auxiliary: bool) -> None:
    torch.manual_seed(0)
    net = Small("classifier", 21, auxiliary=auxiliary)
    coef, _ = installed("torchvision:deeplabv3_resnet50", saved(tmp_path / "net.pth", net)).run(SRC, None)
    assert packages == [
        {"name": "deeplabv3_resnet50", "weights": None, "weights_backbone": None, "num_classes": 21, "aux_loss": auxiliary}
    ], "nothing that it would download"
    mean, std = (np.float32(values).reshape(3, 1, 1) for values in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    with torch.inference_mode():
        share = net(torch.from_numpy((SRC - mean) / std)[None]).softmax(1)[0, 15].numpy()
    np.testing.assert_allclose(SmallAlpha(coef, SRC).pha, stretched(share), atol=1e-3)


def test_a_network_of_segmentation_models_pytorch(packages: list[dict[str, Any]], tmp_path: Path) -> None:
    torch.manual_seed(1)
    one = installed("smp:unet:resnet34", saved(tmp_path / "one.pth", Small("segmentation_head", 1)), "1")
    assert packages == [{"name": "unet", "encoder_name": "resnet34", "encoder_weights": None, "classes": 1}]
    assert SmallAlpha(one.run(SRC, None)[0], SRC).pha.std() > 0
    four = saved(tmp_path / "four.pth", Small("segmentation_head", 4))
    assert installed("smp:unet:resnet34", four, "1").run(SRC, None)[0].shape == (8, 32, 48)
    with pytest.raises(SettingsError, match="the names of the network's 4 classes are not known"):
        installed("smp:unet:resnet34", four)


def test_what_is_wrong_with_an_installed_network(packages: list[dict[str, Any]], tmp_path: Path) -> None:
    other = saved(tmp_path / "other.pth", torch.nn.Conv2d(3, 3, 1))
    with pytest.raises(
        SettingsError, match="torchvision has no segmentation network 'yolo'; wanted one of deeplabv3_resnet50, fcn_resnet50"
    ):
        installed("torchvision:yolo", other)
    with pytest.raises(SettingsError, match="segmentation-models-pytorch has no 'vnet:resnet34'"):
        installed("smp:vnet:resnet34", other)
    with pytest.raises(WeightsError, match=r"other\.pth holds another network.*\nWanted torchvision:fcn_resnet50"):
        installed("torchvision:fcn_resnet50", other)
    with pytest.raises(SettingsError, match="unknown network 'keras:unet'; wanted torchvision:NAME or smp:NAME:ENCODER"):
        installed("keras:unet", other)


@pytest.mark.parametrize("model", ["torchvision:deeplabv3_resnet50", "smp:unet:resnet34"])
def test_a_package_that_is_not_there(model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("torchvision", "torchvision.models", "segmentation_models_pytorch"):
        monkeypatch.setitem(sys.modules, name, None)
    package = {"t": "torchvision", "s": "segmentation-models-pytorch"}[model[0]]
    with pytest.raises(EngineError, match=rf"{package} is not installed .*; try: pip install {package}"):
        installed(model, saved(tmp_path / "net.pth", Small("classifier", 21)))
