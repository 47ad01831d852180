"""MODNet: the author's names and shapes; each block against the arithmetic it stands for, written down once more in NumPy."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from checkpoints import parallel, with_random_statistics
from numpy.typing import NDArray
from published_keys import key_table
from torch import Tensor, nn

from livematte import weights
from livematte.networks.mobilenet_v2 import TAP_CHANNELS, Encoder, InvertedResidual
from livematte.networks.modnet import ConvIBN, Fusion, HighResolution, InstanceBatchNorm, LowResolution, MODNet, SqueezeExcite
from livematte.networks.modnet_input import MEAN, STD, network_size

Array = NDArray[np.float64]
Numbers = dict[str, Array]  # a module's state


# -- the author's checkpoint --------------------------------------------------------------------------------------------------------


def test_names_shapes_and_size_are_the_authors() -> None:
    net = MODNet()
    table = key_table("modnet")
    assert {name: tuple(tensor.shape) for name, tensor in parallel(net.state_dict()).items()} == table
    # Counted by others in the published file; the encoder stands in it twice.
    assert (len(table), sum(int(np.prod(shape)) for shape in table.values())) == (751, 8_780_012)
    assert sum(parameter.numel() for parameter in net.parameters()) == 6_487_075


@torch.inference_mode()
def test_a_checkpoint_in_the_authors_layout_is_the_network(tmp_path: Path) -> None:
    made = with_random_statistics(MODNet())
    torch.save(parallel(made.state_dict()), tmp_path / "modnet.ckpt")
    net = weights.filled(MODNet(), tmp_path / "modnet.ckpt", what="MODNet")
    src = torch.rand(2, 3, 64, 96) * 2 - 1
    pha = net(src)
    assert pha.shape == (2, 1, 64, 96)
    assert pha.std() > 0.01  # not a flat grey
    assert torch.equal(pha, made(src))
    assert torch.equal(pha, net(src))
    torch.testing.assert_close(pha[1:], net(src[1:]), rtol=0, atol=1e-5)  # pictures do not see each other


@torch.inference_mode()
def test_the_onnx_export_is_the_network_and_known(tmp_path: Path) -> None:
    """Ports as in the author's export: picture "input", alpha "output", NCHW of any size."""
    import onnxruntime

    net, path = with_random_statistics(MODNet()), tmp_path / "modnet.onnx"
    axes = {0: "batch_size", 2: "height", 3: "width"}
    with warnings.catch_warnings(action="ignore"):  # of an exporter that is old, as the author's was
        names = {"input_names": ["input"], "output_names": ["output"], "dynamic_axes": {"input": axes, "output": axes}}
        torch.onnx.export(net, (torch.zeros(1, 3, 64, 64),), str(path), dynamo=False, opset_version=12, **names)
    assert weights.family_of(path) == "modnet"
    src = torch.rand(1, 3, 96, 64) * 2 - 1
    (pha,) = onnxruntime.InferenceSession(path).run(["output"], {"input": src.numpy()})
    # Instance norms over 2x3 cells, whose spread is small, enlarge what float32 rounds away.
    np.testing.assert_allclose(pha, net(src).numpy(), rtol=0, atol=1e-3)


# -- the picture that it wants ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "wanted"),
    [
        ((1920, 1080), (896, 512)),
        ((1080, 1920), (512, 896)),
        ((640, 360), (640, 352)),  # lies around 512 already
        ((512, 512), (512, 512)),
        ((511, 511), (512, 512)),
        ((400, 300), (672, 512)),  # a small picture is enlarged
        ((4000, 20), (4000 // 32 * 32, 32)),  # never down to nothing
    ],
)
def test_size(size: tuple[int, int], wanted: tuple[int, int]) -> None:
    assert network_size(size) == wanted


def test_size_is_exact_for_every_ratio() -> None:
    for width, height in itertools.product(range(520, 1200, 7), range(513, 1200, 11)):
        shorter = min(width, height)
        exact = tuple(int(Fraction(side * 512, shorter)) // 32 * 32 for side in (width, height))
        assert network_size((width, height)) == exact


def test_pictures_come_to_lie_between_minus_one_and_one() -> None:
    black, white = ((value - np.array(MEAN)) / np.array(STD) for value in (0, 1))
    assert black.tolist() == [-1, -1, -1]
    assert white.tolist() == [1, 1, 1]


# -- blocks -------------------------------------------------------------------------------------------------------------------------


def numbers(net: nn.Module) -> Numbers:
    return {name: tensor.double().numpy() for name, tensor in net.state_dict().items()}


def part(state: Numbers, prefix: str) -> Numbers:
    return {name.removeprefix(f"{prefix}."): array for name, array in state.items() if name.startswith(f"{prefix}.")}


def conv(x: Array, weight: Array, bias: Array | None = None, *, stride: int = 1, groups: int = 1) -> Array:
    """x: (C, H, W). Each output is a sum of products over the window around it; outside the picture is 0."""
    kernel = weight.shape[-1]
    pad = kernel // 2
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(x, ((0, 0), (pad, pad), (pad, pad))), (kernel, kernel), axis=(1, 2))
    windows = windows[:, ::stride, ::stride]
    outs = zip(np.split(windows, groups), np.split(weight, groups), strict=True)
    y = np.concatenate([np.einsum("chwij,ocij->ohw", part, filters, optimize=True) for part, filters in outs])
    return y if bias is None else y + bias[:, None, None]


def batch_norm(x: Array, state: Numbers) -> Array:
    scale = state["weight"] / np.sqrt(state["running_var"] + 1e-5)
    return (x - state["running_mean"][:, None, None]) * scale[:, None, None] + state["bias"][:, None, None]


def instance_batch_norm(x: Array, state: Numbers) -> Array:
    half = len(x) // 2
    own = x[half:]
    centred = own - own.mean(axis=(1, 2), keepdims=True)
    spread = np.sqrt((centred**2).mean(axis=(1, 2), keepdims=True) + 1e-5)
    return np.concatenate([batch_norm(x[:half], part(state, "bnorm")), centred / spread])


def conv_ibn(x: Array, state: Numbers, *, stride: int = 1) -> Array:
    y = conv(x, state["layers.0.weight"], state["layers.0.bias"], stride=stride)
    return np.maximum(instance_batch_norm(y, part(state, "layers.1")), 0)


def chain(x: Array, state: Numbers) -> Array:
    for index in sorted({name.partition(".")[0] for name in state}):
        x = conv_ibn(x, part(state, index))
    return x


def squeeze_excite(x: Array, state: Numbers) -> Array:
    squeezed = np.maximum(state["fc.0.weight"] @ x.mean(axis=(1, 2)), 0)
    return x / (1 + np.exp(-(state["fc.2.weight"] @ squeezed)))[:, None, None]


def relu6(x: Array) -> Array:
    return np.clip(x, 0, 6)


def inverted_residual(x: Array, state: Numbers, *, stride: int) -> Array:
    """With five entries in the list it does not expand, with eight it does."""
    y, at = x, 0
    if "conv.7.weight" in state:
        y, at = relu6(batch_norm(conv(y, state["conv.0.weight"]), part(state, "conv.1"))), 3
    y = relu6(batch_norm(conv(y, state[f"conv.{at}.weight"], stride=stride, groups=len(y)), part(state, f"conv.{at + 1}")))
    y = batch_norm(conv(y, state[f"conv.{at + 3}.weight"]), part(state, f"conv.{at + 4}"))
    return x + y if stride == 1 and len(x) == len(y) else y


def double(x: Array) -> Array:
    """Bilinear: an output lies at a quarter or three quarters between two inputs; beyond the edge lies the edge."""

    def along(x: Array, axis: int) -> Array:
        x = np.moveaxis(x, axis, 0)
        before, after = np.concatenate([x[:1], x[:-1]]), np.concatenate([x[1:], x[-1:]])
        y = np.stack([0.75 * x + 0.25 * before, 0.75 * x + 0.25 * after], axis=1).reshape(-1, *x.shape[1:])
        return np.moveaxis(y, 0, axis)

    return along(along(x, 1), 2)


def halve(x: Array, *, times: int = 1) -> Array:
    """The mean of the four pixels around each output's centre, which lies between them at a half and at a quarter alike."""
    step = 2**times
    first = step // 2 - 1
    rows = x[:, first::step] + x[:, first + 1 :: step]
    return (rows[:, :, first::step] + rows[:, :, first + 1 :: step]) / 4


def made(net: nn.Module) -> tuple[nn.Module, Numbers]:
    net = with_random_statistics(net).double()
    return net, numbers(net)


def random(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).uniform(-1, 1, shape)


@torch.inference_mode()
def run(net: nn.Module, *arrays: Array) -> Array:
    y: Tensor = net(*(torch.from_numpy(array)[None] for array in arrays))
    return y[0].numpy()


def agree(got: Array, wanted: Array) -> None:
    """In double precision two orders of summing agree to 1e-12 a layer; a wrong term shows at 1e-3 or more."""
    np.testing.assert_allclose(got, wanted, rtol=0, atol=1e-9)


def test_instance_batch_norm() -> None:
    net, state = made(InstanceBatchNorm(10))
    x = random(10, 5, 7)
    agree(run(net, x), instance_batch_norm(x, state))


@pytest.mark.parametrize(("kernel", "stride"), [(1, 1), (3, 1), (3, 2), (5, 1)])
def test_convolution_with_its_norm(kernel: int, stride: int) -> None:
    net, state = made(ConvIBN(5, 8, kernel, stride=stride))
    x = random(5, 8, 12)
    agree(run(net, x), conv_ibn(x, state, stride=stride))


def test_squeeze_excite() -> None:
    net, state = made(SqueezeExcite(12, 3))
    x = random(12, 3, 5) * 100
    agree(run(net, x), squeeze_excite(x, state))


@pytest.mark.parametrize(("channels", "out", "stride", "expansion"), [(8, 8, 1, 6), (8, 12, 1, 6), (8, 8, 2, 6), (8, 4, 1, 1)])
def test_inverted_residual(channels: int, out: int, stride: int, expansion: int) -> None:
    net, state = made(InvertedResidual(channels, out, stride=stride, expansion=expansion))
    assert net.state_dict()["conv.0.weight"].shape[0] == channels * expansion
    x = random(channels, 6, 8) * 20  # beyond the 6 at which a unit ends
    agree(run(net, x), inverted_residual(x, state, stride=stride))


# The strides of the seventeen blocks, as the paper's table 2 has them.
STRIDES = (1, 2, 1, 2, 1, 1, 2, 1, 1, 1, 1, 1, 1, 2, 1, 1, 1)


@torch.inference_mode()
def test_encoder() -> None:
    net, state = made(Encoder())
    x = picture = random(3, 64, 32) * 20
    x = relu6(batch_norm(conv(x, state["features.0.0.weight"], stride=2), part(state, "features.0.1")))
    layers = [x]
    for index, stride in enumerate(STRIDES, 1):
        x = inverted_residual(x, part(state, f"features.{index}"), stride=stride)
        layers.append(x)
    layers.append(relu6(batch_norm(conv(x, state["features.18.0.weight"]), part(state, "features.18.1"))))
    features: Sequence[Tensor] = net(torch.from_numpy(picture)[None])
    assert [feature.shape[1] for feature in features] == list(TAP_CHANNELS)
    for feature, scale in zip(features, (2, 4, 8, 16, 32), strict=True):
        last = [layer for layer in layers if layer.shape[1] == 64 // scale][-1]  # what is deepest at that scale
        agree(feature[0].numpy(), last)


class Given(nn.Module):
    """An encoder whose features are known."""

    def __init__(self, features: Sequence[Array]) -> None:
        super().__init__()
        self._features = [torch.from_numpy(feature)[None] for feature in features]

    def forward(self, src: Tensor) -> list[Tensor]:
        return self._features


@torch.inference_mode()
def test_low_resolution_branch() -> None:
    features = [random(channels, 64 // scale, 96 // scale) for channels, scale in zip(TAP_CHANNELS, (2, 4, 8, 16, 32), strict=True)]
    net, state = made(LowResolution(Given(features)))  # type: ignore[arg-type]
    lr16 = conv_ibn(double(squeeze_excite(features[4], part(state, "se_block"))), part(state, "conv_lr16x"))
    lr8 = conv_ibn(double(lr16), part(state, "conv_lr8x"))
    for got, wanted in zip(net(torch.zeros(1, 3, 64, 96)), (features[0], features[1], lr8), strict=True):
        agree(got[0].numpy(), wanted)


def test_high_resolution_branch() -> None:
    net, state = made(HighResolution())
    src, f2, f4, lr8 = random(3, 32, 48), random(16, 16, 24, seed=1), random(24, 8, 12, seed=2), random(32, 4, 6, seed=3)
    fine = conv_ibn(f2, part(state, "tohr_enc2x"))
    hr4 = conv_ibn(np.concatenate([halve(src), fine]), part(state, "conv_enc2x"), stride=2)
    hr4 = conv_ibn(np.concatenate([hr4, conv_ibn(f4, part(state, "tohr_enc4x"))]), part(state, "conv_enc4x"))
    hr4 = chain(np.concatenate([hr4, double(lr8), halve(src, times=2)]), part(state, "conv_hr4x"))
    agree(run(net, src, f2, f4, lr8), chain(np.concatenate([double(hr4), fine]), part(state, "conv_hr2x")))


def test_fusion_branch() -> None:
    net, state = made(Fusion())
    src, lr8, hr2 = random(3, 32, 48), random(32, 4, 6, seed=1), random(32, 16, 24, seed=2)
    coarse = double(conv_ibn(double(lr8), part(state, "conv_lr4x")))
    both = conv_ibn(np.concatenate([coarse, hr2]), part(state, "conv_f2x"))
    fine = conv_ibn(np.concatenate([double(both), src]), part(state, "conv_f.0"))
    logits = conv(fine, state["conv_f.1.layers.0.weight"], state["conv_f.1.layers.0.bias"])
    agree(run(net, src, lr8, hr2), 1 / (1 + np.exp(-logits)))
