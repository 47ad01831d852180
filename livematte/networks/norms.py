"""Batch norm, and networks without it: y = γ·(conv(x) - μ)/√(σ² + ε) + β is a convolution with other weights and a bias."""

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval


def norm(channels: int, *, folded: bool = False) -> nn.Module:
    """A batch norm, or what stands in its place once it is part of the convolution before it."""
    return nn.Identity() if folded else nn.BatchNorm2d(channels)


def fold(net: nn.Module) -> nn.Module:
    """The network with each batch norm part of the convolution before it, in place; it computes what it did in eval()."""
    for parent in list(net.modules()):
        for name, after in list(parent.named_children()):
            if isinstance(after, nn.BatchNorm2d):
                before = _before(name)
                conv = parent.get_submodule(before)
                assert isinstance(conv, nn.Conv2d)
                parent.add_module(before, fuse_conv_bn_eval(conv.eval(), after.eval()))
                parent.add_module(name, nn.Identity())
    return net


def _before(norm: str) -> str:
    """The convolution's name: 3 goes before 4 in a sequence, conv3 before bn3 elsewhere."""
    return str(int(norm) - 1) if norm.isdecimal() else norm.replace("bn", "conv")
