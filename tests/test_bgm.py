"""Background Matting V2: the published names, and each block against its arithmetic written out. The numbers are random."""

from pathlib import Path
from typing import Any

import pytest
import torch
from checkpoints import parallel
from published_keys import key_table, random_state
from rvm_written_out import InTorch, encoder
from torch import Tensor
from torch.nn import functional as F

from livematte.errors import WeightsError
from livematte.networks.bgm import BACKBONES, BackgroundMatting, MattingBase
from livematte.networks.bgm_refiner import Coarse, Refiner, cut, put, select
from livematte.networks.norms import fold
from livematte.weights.published import published, shapes_of

# Of MobileNetV2's 17 blocks: expansion, channels, stride, dilation.
BLOCKS = (
    (1, 16, 1, 1),
    *((6, 24, stride, 1) for stride in (2, 1)),
    *((6, 32, stride, 1) for stride in (2, 1, 1)),
    *((6, 64, stride, 1) for stride in (2, 1, 1, 1)),
    *((6, 96, 1, 1),) * 3,
    *((6, 160, 1, dilation) for dilation in (1, 2, 2)),
    (6, 320, 1, 2),
)
PARAMETERS = {"mobilenetv2": 5_006_839, "resnet50": 40_247_703, "resnet101": 59_239_831}


@pytest.fixture(scope="module")
def state() -> dict[str, Tensor]:
    return random_state("bgm_mobilenetv2")


@pytest.fixture
def net(state: dict[str, Tensor]) -> BackgroundMatting:
    made = BackgroundMatting("mobilenetv2").eval()
    made.load_state_dict(state)
    return made


@pytest.fixture
def pictures() -> tuple[Tensor, Tensor]:
    """src and bgr, (2, 3, 96, 132)."""
    generator = torch.Generator().manual_seed(3)
    return torch.rand(2, 3, 96, 132, generator=generator), torch.rand(2, 3, 96, 132, generator=generator)


@pytest.mark.parametrize("backbone", BACKBONES)
def test_names_and_shapes_are_the_published_ones(backbone: str) -> None:
    net = BackgroundMatting(backbone)
    assert shapes_of(net.state_dict()) == key_table(f"bgm_{backbone}")
    assert sum(parameter.numel() for parameter in net.parameters()) == PARAMETERS[backbone]


@pytest.mark.parametrize("wrapped", [False, True])
def test_a_published_file_loads_whole_and_is_deterministic(
    state: dict[str, Tensor], net: BackgroundMatting, pictures: tuple[Tensor, Tensor], tmp_path: Path, wrapped: bool
) -> None:
    path = tmp_path / "pytorch_mobilenetv2.pth"
    torch.save(parallel(state) if wrapped else state, path)
    again = BackgroundMatting("mobilenetv2").eval()
    again.load_state_dict(published(path, shapes_of(again.state_dict()), what="Background Matting V2"))  # strict
    with torch.inference_mode():
        for mine, theirs in zip(net(*pictures), again(*pictures), strict=True):
            assert torch.equal(mine, theirs)


def test_another_backbones_file_is_told(state: dict[str, Tensor], tmp_path: Path) -> None:
    torch.save(state, tmp_path / "mobile.pth")
    wanted = shapes_of(BackgroundMatting("resnet50").state_dict())
    with pytest.raises(WeightsError, match=r"another network: .* missing \(backbone\.conv1\.weight"):
        published(tmp_path / "mobile.pth", wanted, what="Background Matting V2 resnet50")


def mobilenet(ops: InTorch, x: Tensor) -> list[Tensor]:
    x = F.relu6(ops.conv(x, "backbone.features.0.0", norm="backbone.features.0.1", stride=2))
    taps = {}
    for index, (expansion, out, stride, dilation) in enumerate(BLOCKS, 1):
        name, part, y = f"backbone.features.{index}.conv", 0, x
        if expansion > 1:
            y, part = F.relu6(ops.conv(y, f"{name}.0.0", norm=f"{name}.0.1")), 1
        depthwise = {"stride": stride, "dilation": dilation, "groups": y.shape[1]}
        y = F.relu6(ops.conv(y, f"{name}.{part}.0", norm=f"{name}.{part}.1", **depthwise))
        y = ops.conv(y, f"{name}.{part + 1}", norm=f"{name}.{part + 2}")
        assert y.shape[1] == out
        taps[index] = x = x + y if x.shape == y.shape else y
    return [taps[1], taps[3], taps[6], taps[17]]


def pyramid(ops: InTorch, x: Tensor) -> Tensor:
    parts = [F.relu(ops.conv(x, "aspp.convs.0.0", norm="aspp.convs.0.1"))]
    parts += [F.relu(ops.conv(x, f"aspp.convs.{i}.0", norm=f"aspp.convs.{i}.1", dilation=3 * i)) for i in (1, 2, 3)]
    whole = F.relu(ops.conv(x.mean((2, 3), keepdim=True), "aspp.convs.4.1", norm="aspp.convs.4.2"))
    parts.append(whole * torch.ones_like(parts[0]))
    return F.relu(ops.conv(torch.cat(parts, 1), "aspp.project.0", norm="aspp.project.1"))


def decoded(ops: InTorch, x: Tensor, skips: list[Tensor]) -> Tensor:
    for number, skip in enumerate(skips, 1):
        x = torch.cat([F.interpolate(x, skip.shape[2:], mode="bilinear", align_corners=False), skip], 1)
        x = F.relu(ops.conv(x, f"decoder.conv{number}", norm=f"decoder.bn{number}")) if number < 4 else ops.conv(x, "decoder.conv4")
    return x


@pytest.mark.parametrize("backbone", ["mobilenetv2", "resnet50"])
@torch.inference_mode()
def test_base_network_is_the_written_out_one(backbone: str) -> None:
    state = random_state(f"bgm_{backbone}")
    net = MattingBase(backbone).eval()
    net.load_state_dict({name: tensor for name, tensor in state.items() if not name.startswith("refiner.")})
    src, bgr = torch.rand(2, 2, 3, 45, 70)
    ops, x = InTorch(state), torch.cat([src, bgr], 1)
    half, quarter, eighth, deepest = (mobilenet if backbone == "mobilenetv2" else encoder)(ops, x)
    out = decoded(ops, pyramid(ops, deepest), [eighth, quarter, half, x])
    assert out.std() > 0.1
    coarse = net.coarse(src, bgr)
    wanted = Coarse(out[:, :1].clamp(0, 1), out[:, 1:4], out[:, 4:5].clamp(0, 1), out[:, 5:].relu())
    for mine, written in zip(coarse, wanted, strict=True):
        torch.testing.assert_close(mine, written, rtol=1e-4, atol=1e-4)
    pha, fgr = net(src, bgr)
    torch.testing.assert_close(pha, wanted.pha, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(fgr, (wanted.fgr + src).clamp(0, 1), rtol=1e-4, atol=1e-4)


@pytest.fixture(params=[3, 1])
def refiner(request: pytest.FixtureRequest) -> Refiner:
    torch.manual_seed(0)
    made = Refiner(request.param).eval()
    for module in made.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            for tensor, low in ((module.weight, 0.5), (module.bias, -0.3), (module.running_mean, -0.3), (module.running_var, 0.5)):
                torch.nn.init.uniform_(tensor, low, low + 0.6)
    return made


@pytest.fixture
def coarse() -> Coarse:
    """Of pictures 96x132, at a quarter."""
    generator = torch.Generator().manual_seed(4)
    pha, fgr, err, hid = (torch.rand(2, channels, 24, 33, generator=generator) for channels in (1, 3, 1, 32))
    return Coarse(pha, fgr - 0.5, err, hid)


def everywhere(height: int, width: int) -> tuple[Tensor, ...]:
    return torch.ones(2, height, width, dtype=torch.bool).nonzero(as_tuple=True)


@torch.inference_mode()
def test_all_patches_are_the_full_mode(refiner: Refiner, coarse: Coarse, pictures: tuple[Tensor, Tensor]) -> None:
    full = refiner(*pictures, coarse, None)
    patched = refiner(*pictures, coarse, everywhere(24, 33))
    assert full[0].std() > 0.01
    for mine, wanted in zip(patched, full, strict=True):
        torch.testing.assert_close(mine, wanted, rtol=1e-4, atol=1e-5)


@torch.inference_mode()
def test_some_patches_are_full_there_and_coarse_elsewhere(refiner: Refiner, coarse: Coarse, pictures: tuple[Tensor, Tensor]) -> None:
    chosen = torch.rand(2, 24, 33, generator=torch.Generator().manual_seed(5)) > 0.8
    pixels = chosen.repeat_interleave(4, 1).repeat_interleave(4, 2)[:, None]
    patched = refiner(*pictures, coarse, chosen.nonzero(as_tuple=True))
    enlarged = (F.interpolate(part, (96, 132), mode="bilinear", align_corners=False) for part in (coarse.pha, coarse.fgr))
    for mine, refined, rough in zip(patched, refiner(*pictures, coarse, None), enlarged, strict=True):
        torch.testing.assert_close(mine, torch.where(pixels, refined, rough), rtol=1e-4, atol=1e-5)


@torch.inference_mode()
def test_no_patches_are_the_coarse_matte(refiner: Refiner, coarse: Coarse, pictures: tuple[Tensor, Tensor]) -> None:
    pha, fgr = refiner(*pictures, coarse, tuple(torch.zeros(3, 0, dtype=torch.long)))
    for mine, rough in ((pha, coarse.pha), (fgr, coarse.fgr)):
        torch.testing.assert_close(mine, F.interpolate(rough, (96, 132), mode="bilinear", align_corners=False))


@torch.inference_mode()
def test_full_mode_is_the_written_out_one(net: BackgroundMatting, state: dict[str, Tensor], coarse: Coarse, pictures: Any) -> None:
    def valid(x: Tensor, number: int) -> Tensor:
        y = F.conv2d(x, state[f"refiner.conv{number}.weight"])
        parts = ("running_mean", "running_var", "weight", "bias")
        return F.relu(F.batch_norm(y, *(state[f"refiner.bn{number}.{part}"] for part in parts), eps=1e-5))

    seen = torch.cat(pictures, 1)
    inputs = torch.cat([coarse.hid, coarse.pha, coarse.fgr], 1)
    halves = [F.interpolate(x, (48, 66), mode="bilinear", align_corners=False) for x in (inputs, seen)]
    x = valid(valid(F.pad(torch.cat(halves, 1), (3, 3, 3, 3)), 1), 2)
    x = x.repeat_interleave(2, 2).repeat_interleave(2, 3)
    x = valid(torch.cat([x, F.pad(seen, (2, 2, 2, 2))], 1), 3)
    out = F.conv2d(x, state["refiner.conv4.weight"], state["refiner.conv4.bias"])
    torch.testing.assert_close(torch.cat(net.refiner(*pictures, coarse, None), 1), out, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("margin", [0, 2, 3])
def test_patches_are_cut_with_what_lies_about_them(margin: int) -> None:
    x = torch.rand(2, 5, 12, 16)
    places = [(0, 0, 0), (0, 5, 7), (1, 2, 0), (1, 3, 4), (0, 5, 3)]
    patches = cut(x, tuple(torch.tensor(places).T), 2, margin)
    padded = F.pad(x, (margin,) * 4)
    side = 2 + 2 * margin
    for patch, (number, row, column) in zip(patches, places, strict=True):
        assert torch.equal(patch, padded[number, :, 2 * row : 2 * row + side, 2 * column : 2 * column + side])


def test_patches_are_put_where_they_belong() -> None:
    x, patches = torch.zeros(2, 3, 8, 12), torch.rand(2, 3, 4, 4)
    put(x, (torch.tensor([0, 1]), torch.tensor([1, 0]), torch.tensor([2, 1])), patches)
    assert torch.equal(x[0, :, 4:, 8:], patches[0])
    assert torch.equal(x[1, :, :4, 4:8], patches[1])
    assert x.count_nonzero() == patches.count_nonzero()


def mask_of(where: Any, like: Tensor) -> Tensor:
    mask = torch.zeros_like(like, dtype=torch.bool)
    mask[where] = True
    return mask


def test_sampling_takes_the_greatest_errors_of_each_picture() -> None:
    err = torch.rand(2, 6, 9, generator=torch.Generator().manual_seed(0))
    mask = mask_of(select(err, "sampling", sample_pixels=16 * 10, threshold=0), err)
    assert mask.sum((1, 2)).tolist() == [10, 10]
    for picture, chosen in zip(err, mask, strict=True):
        assert picture[chosen].min() > picture[~chosen].max()


def test_thresholding_is_sampling_of_as_many() -> None:
    err = torch.rand(1, 6, 9, generator=torch.Generator().manual_seed(0))
    above = select(err, "thresholding", sample_pixels=0, threshold=0.7)
    assert above is not None
    count = len(above[0])
    assert 5 < count < 30
    sampled = select(err, "sampling", sample_pixels=16 * count, threshold=0)
    assert torch.equal(mask_of(above, err), mask_of(sampled, err))


def test_where_nothing_errs_nothing_is_sampled() -> None:
    err = torch.zeros(1, 6, 9)
    err[0, 2, 3] = 0.5
    assert mask_of(select(err, "sampling", sample_pixels=80_000, threshold=0), err).nonzero().tolist() == [[0, 2, 3]]


def test_full_selects_all_and_other_words_are_refused() -> None:
    assert select(torch.zeros(1, 6, 9), "full", sample_pixels=0, threshold=0) is None
    with pytest.raises(ValueError, match="got refine 'all', wanted one of sampling, thresholding, full"):
        select(torch.zeros(1, 6, 9), "all", sample_pixels=0, threshold=0)


@torch.inference_mode()
def test_forward_is_base_and_refiner(net: BackgroundMatting, pictures: tuple[Tensor, Tensor]) -> None:
    src, bgr = pictures
    small = [F.interpolate(x, (48, 66), mode="bilinear", align_corners=False) for x in pictures]
    rough = net.coarse(*small)
    wanted_pha, residual = net.refiner(src, bgr, rough, None)
    pha, fgr = net(src, bgr, backbone_scale=0.5, refine="full")
    torch.testing.assert_close(pha, wanted_pha.clamp(0, 1))
    torch.testing.assert_close(fgr, (residual + src).clamp(0, 1))
    assert not torch.equal(net(src, bgr, backbone_scale=0.5, sample_pixels=1600)[0], pha)


@torch.inference_mode()
def test_each_picture_of_a_batch_is_for_itself(net: BackgroundMatting, pictures: tuple[Tensor, Tensor]) -> None:
    src, bgr = pictures
    together = net(src, bgr, sample_pixels=3200)
    for index in (0, 1):
        alone = net(src[index : index + 1], bgr[index : index + 1], sample_pixels=3200)
        for mine, theirs in zip(alone, together, strict=True):
            torch.testing.assert_close(mine[0], theirs[index], rtol=1e-4, atol=1e-4)


@torch.inference_mode()
def test_folded_it_gives_the_same(net: BackgroundMatting, pictures: tuple[Tensor, Tensor]) -> None:
    wanted = net(*pictures, refine="full")
    for mine, theirs in zip(fold(net)(*pictures, refine="full"), wanted, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(
    ("size", "scale", "message"),
    [
        ((96, 130), 0.25, r"got src \(1, 3, 96, 132\) and bgr \(1, 3, 96, 130\), wanted the same \(B, 3, H, W\), H and W multiples of 4"),
        ((96, 132), 0.75, "got backbone_scale = 0.75, wanted more than 0, 1/2 at most"),
    ],
)
def test_what_the_network_does_not_take(net: BackgroundMatting, size: tuple[int, int], scale: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        net(torch.rand(1, 3, 96, 132), torch.rand(1, 3, *size), backbone_scale=scale)
