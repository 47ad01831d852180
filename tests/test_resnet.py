"""ResNets as encoders, as torchvision names them: against the arithmetic written out, norms apart and folded."""

import pytest
import torch
from published_keys import random_state
from rvm_written_out import InTorch, encoder

from livematte.networks.norms import fold
from livematte.networks.resnet import ResNet
from livematte.networks.resnet_blocks import stages


@pytest.fixture(scope="module")
def state() -> dict[str, torch.Tensor]:
    """A network's of six channels, with its norms."""
    return random_state("bgm_resnet50")


@pytest.fixture
def net(state: dict[str, torch.Tensor]) -> ResNet:
    made = ResNet("resnet50", channels=6).eval()
    made.load_state_dict({name.removeprefix("backbone."): tensor for name, tensor in state.items() if name.startswith("backbone.")})
    return made


@torch.inference_mode()
def test_features_are_the_written_out_ones(net: ResNet, state: dict[str, torch.Tensor]) -> None:
    x = torch.rand(2, 6, 51, 74)
    for mine, written in zip(net(x), encoder(InTorch(state), x), strict=True):
        assert written.std() > 0.1
        torch.testing.assert_close(mine, written, rtol=1e-4, atol=1e-4)


@torch.inference_mode()
def test_folded_it_gives_the_same(net: ResNet) -> None:
    x = torch.rand(1, 6, 40, 56)
    wanted = net(x)
    assert sum(isinstance(module, torch.nn.BatchNorm2d) for module in net.modules()) == 53
    fold(net)
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in net.modules())
    for mine, theirs in zip(net(x), wanted, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-3, atol=1e-4)  # multiplied in another order


def test_a_folded_networks_names_are_those_of_a_net_built_so(net: ResNet) -> None:
    built = ResNet("resnet50", channels=6, folded=True).state_dict()
    assert {name: tensor.shape for name, tensor in fold(net).state_dict().items()} == {n: tensor.shape for n, tensor in built.items()}


@pytest.mark.parametrize(("kind", "blocks"), [("resnet50", [3, 4, 6, 3]), ("resnet101", [3, 4, 23, 3])])
def test_stages(kind: str, blocks: list[int]) -> None:
    all_stages = list(stages(kind))
    assert [len(stage) for stage in all_stages] == blocks
    assert [stage[-1].out for stage in all_stages] == [256, 512, 1024, 2048]
    assert [stage[0].stride for stage in all_stages] == [1, 2, 2, 1]
    assert [stage[0].dilation for stage in all_stages] == [1, 1, 1, 1]
    assert [stage[1].dilation for stage in all_stages] == [1, 1, 1, 2]
    assert all(stage[0].projected and not any(block.projected for block in stage[1:]) for stage in all_stages)


@torch.inference_mode()
def test_sizes_are_rounded_up(net: ResNet) -> None:
    shapes = [tuple(feature.shape[1:]) for feature in net(torch.rand(1, 6, 33, 50))]
    assert shapes == [(64, 17, 25), (256, 9, 13), (512, 5, 7), (2048, 3, 4)]
