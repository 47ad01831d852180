"""ResNet with bottlenecks as an encoder (He et al., arXiv 1512.03385), its stride on the 3x3 convolution, its last stage dilated.

The keys are torchvision's, which the published matting networks kept.
"""

from torch import Tensor, nn
from torch.nn import functional as F

from livematte.networks.norms import norm
from livematte.networks.resnet_blocks import STEM, Bottleneck, stages


class ResNet(nn.Module):
    """kind: "resnet50" or "resnet101". folded: the norms are part of the convolutions, which then have a bias.

    (N, channels, h, w) to features at 1/2 (64 channels), 1/4 (256), 1/8 (512) and 1/16 (2048), sizes rounded up."""

    def __init__(self, kind: str, *, channels: int = 3, folded: bool = False) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, STEM, 7, stride=2, padding=3, bias=folded)
        self.bn1 = norm(STEM, folded=folded)
        layers = (nn.Sequential(*(Residual(block, folded=folded) for block in blocks)) for blocks in stages(kind))
        self.layer1, self.layer2, self.layer3, self.layer4 = layers

    def forward(self, x: Tensor) -> list[Tensor]:
        half = F.relu(self.bn1(self.conv1(x)))
        quarter = self.layer1(F.max_pool2d(half, 3, stride=2, padding=1))
        eighth = self.layer2(quarter)
        return [half, quarter, eighth, self.layer4(self.layer3(eighth))]


class Residual(nn.Module):
    """Project, filter, expand; plus the input, itself projected where shapes differ."""

    def __init__(self, block: Bottleneck, *, folded: bool) -> None:
        super().__init__()
        stride, dilation = block.stride, block.dilation
        self.conv1 = nn.Conv2d(block.channels, block.width, 1, bias=folded)
        self.bn1 = norm(block.width, folded=folded)
        self.conv2 = nn.Conv2d(block.width, block.width, 3, stride=stride, padding=dilation, dilation=dilation, bias=folded)
        self.bn2 = norm(block.width, folded=folded)
        self.conv3 = nn.Conv2d(block.width, block.out, 1, bias=folded)
        self.bn3 = norm(block.out, folded=folded)
        self.downsample: nn.Module = nn.Identity()
        if block.projected:
            projection = nn.Conv2d(block.channels, block.out, 1, stride=stride, bias=folded)
            self.downsample = nn.Sequential(projection, norm(block.out, folded=folded))

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.bn1(self.conv1(x)))
        y = F.relu(self.bn2(self.conv2(y)))
        return F.relu(self.bn3(self.conv3(y)) + self.downsample(x))
