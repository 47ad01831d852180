"""Networks with numbers that no training made, and their tensors as DataParallel names them."""

from typing import TypeVar

import torch
from torch import Tensor, nn

Net = TypeVar("Net", bound=nn.Module)


def with_random_statistics(net: Net, *, seed: int = 0) -> Net:
    """The net in eval(), each batch norm with weights and statistics that leave no channel as it was."""
    torch.manual_seed(seed)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            for tensor, low in ((module.weight, 0.5), (module.bias, -0.5), (module.running_mean, -0.5), (module.running_var, 0.5)):
                assert isinstance(tensor, Tensor)
                nn.init.uniform_(tensor, low, low + 1)
    return net.eval()


def parallel(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {f"module.{name}": tensor for name, tensor in state.items()}
