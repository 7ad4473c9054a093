"""The lecture's networks in plain torch, read off its code layer by layer; nothing of anynas is used.

Three slips of that code are mended: a residual block without a 1x1 convolution has none to ask for, DenseNet's widths
grow with each dense block, and they are halved at each transition. A network's state is in the order in which its
layers act.
"""

import torch
from torch import Tensor, nn


def lenet(in_width: int = 1, num_classes: int = 10) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(in_width, 6, kernel_size=5, padding=2),
        nn.Sigmoid(),
        nn.AvgPool2d(kernel_size=2, stride=2),
        nn.Conv2d(6, 16, kernel_size=5),
        nn.Sigmoid(),
        nn.AvgPool2d(kernel_size=2, stride=2),
        nn.Flatten(),
        nn.Linear(400, 120),
        nn.Sigmoid(),
        nn.Linear(120, 84),
        nn.Sigmoid(),
        nn.Linear(84, num_classes),
    )


def alexnet(in_width: int = 1, num_classes: int = 10) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(in_width, 96, kernel_size=11, stride=4, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(kernel_size=3, stride=2),
        nn.Conv2d(96, 256, kernel_size=5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(kernel_size=3, stride=2),
        nn.Conv2d(256, 384, kernel_size=3, padding=1),
        nn.ReLU(),
        nn.Conv2d(384, 384, kernel_size=3, padding=1),
        nn.ReLU(),
        nn.Conv2d(384, 256, kernel_size=3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(kernel_size=3, stride=2),
        nn.Flatten(),
        nn.Linear(6400, 4096),
        nn.ReLU(),
        nn.Dropout(p=0.5),
        nn.Linear(4096, 4096),
        nn.ReLU(),
        nn.Dropout(p=0.5),
        nn.Linear(4096, num_classes),
    )


VGG11 = ((1, 64), (1, 128), (2, 256), (2, 512), (2, 512))
NARROW_VGG = ((1, 16), (1, 32), (2, 64), (2, 128), (2, 128))  # what the lecture trains


def vgg(arch: tuple[tuple[int, int], ...] = VGG11, in_width: int = 1, num_classes: int = 10) -> nn.Sequential:
    blocks: list[nn.Module] = []
    for num_convs, width in arch:
        layers: list[nn.Module] = []
        for _ in range(num_convs):
            layers += [nn.Conv2d(in_width, width, kernel_size=3, padding=1), nn.ReLU()]
            in_width = width
        blocks.append(nn.Sequential(*layers, nn.MaxPool2d(kernel_size=2, stride=2)))
    return nn.Sequential(
        *blocks,
        nn.Flatten(),
        nn.Linear(in_width * 7 * 7, 4096),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.Linear(4096, 4096),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.Linear(4096, num_classes),
    )


def nin(in_width: int = 1, num_classes: int = 10) -> nn.Sequential:
    def block(before: int, width: int, kernel: int, stride: int, padding: int) -> nn.Sequential:
        return nn.Sequential(
            nn.Conv2d(before, width, kernel, stride, padding),
            nn.ReLU(),
            nn.Conv2d(width, width, kernel_size=1),
            nn.ReLU(),
            nn.Conv2d(width, width, kernel_size=1),
            nn.ReLU(),
        )

    return nn.Sequential(
        block(in_width, 96, 11, 4, 0),
        nn.MaxPool2d(3, stride=2),
        block(96, 256, 5, 1, 2),
        nn.MaxPool2d(3, stride=2),
        block(256, 384, 3, 1, 1),
        nn.MaxPool2d(3, stride=2),
        nn.Dropout(0.5),
        block(384, num_classes, 3, 1, 1),
        nn.AdaptiveAvgPool2d((1, 1)),
        nn.Flatten(),
    )


class Inception(nn.Module):
    def __init__(self, before: int, c1: int, c2: tuple[int, int], c3: tuple[int, int], c4: int) -> None:
        super().__init__()
        self.b1_1 = nn.Conv2d(before, c1, kernel_size=1)
        self.b2_1 = nn.Conv2d(before, c2[0], kernel_size=1)
        self.b2_2 = nn.Conv2d(c2[0], c2[1], kernel_size=3, padding=1)
        self.b3_1 = nn.Conv2d(before, c3[0], kernel_size=1)
        self.b3_2 = nn.Conv2d(c3[0], c3[1], kernel_size=5, padding=2)
        self.b4_1 = nn.MaxPool2d(kernel_size=3, stride=1, padding=1)
        self.b4_2 = nn.Conv2d(before, c4, kernel_size=1)

    def forward(self, x: Tensor) -> Tensor:
        b1 = torch.relu(self.b1_1(x))
        b2 = torch.relu(self.b2_2(torch.relu(self.b2_1(x))))
        b3 = torch.relu(self.b3_2(torch.relu(self.b3_1(x))))
        b4 = torch.relu(self.b4_2(self.b4_1(x)))
        return torch.cat((b1, b2, b3, b4), dim=1)


def googlenet(in_width: int = 1, num_classes: int = 10) -> nn.Sequential:
    def pool() -> nn.MaxPool2d:
        return nn.MaxPool2d(kernel_size=3, stride=2, padding=1)

    b1 = nn.Sequential(nn.Conv2d(in_width, 64, kernel_size=7, stride=2, padding=3), nn.ReLU(), pool())
    b2 = nn.Sequential(
        nn.Conv2d(64, 64, kernel_size=1),
        nn.ReLU(),
        nn.Conv2d(64, 192, kernel_size=3, padding=1),
        nn.ReLU(),
        pool(),
    )
    b3 = nn.Sequential(
        Inception(192, 64, (96, 128), (16, 32), 32), Inception(256, 128, (128, 192), (32, 96), 64), pool()
    )
    b4 = nn.Sequential(
        Inception(480, 192, (96, 208), (16, 48), 64),
        Inception(512, 160, (112, 224), (24, 64), 64),
        Inception(512, 128, (128, 256), (24, 64), 64),
        Inception(512, 112, (144, 288), (32, 64), 64),
        Inception(528, 256, (160, 320), (32, 128), 128),
        pool(),
    )
    b5 = nn.Sequential(
        Inception(832, 256, (160, 320), (32, 128), 128),
        Inception(832, 384, (192, 384), (48, 128), 128),
        nn.AdaptiveAvgPool2d((1, 1)),
        nn.Flatten(),
    )
    return nn.Sequential(b1, b2, b3, b4, b5, nn.Linear(1024, num_classes))


class Residual(nn.Module):
    def __init__(self, before: int, width: int, use_1x1conv: bool = False, strides: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, width, kernel_size=3, padding=1, stride=strides)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, kernel_size=3, padding=1)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(before, width, kernel_size=1, stride=strides) if use_1x1conv else None

    def forward(self, x: Tensor) -> Tensor:
        y = torch.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        if self.conv3 is not None:
            x = self.conv3(x)
        return torch.relu(y + x)


def _stem(in_width: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(in_width, 64, kernel_size=7, stride=2, padding=3),
        nn.BatchNorm2d(64),
        nn.ReLU(),
        nn.MaxPool2d(kernel_size=3, stride=2, padding=1),
    )


def resnet18(in_width: int = 1, num_classes: int = 10) -> nn.Sequential:
    def block(before: int, width: int, first_block: bool = False) -> nn.Sequential:
        first = Residual(before, width) if first_block else Residual(before, width, use_1x1conv=True, strides=2)
        return nn.Sequential(first, Residual(width, width))

    return nn.Sequential(
        _stem(in_width),
        block(64, 64, first_block=True),
        block(64, 128),
        block(128, 256),
        block(256, 512),
        nn.Sequential(nn.AdaptiveAvgPool2d((1, 1)), nn.Flatten(), nn.Linear(512, num_classes)),
    )


class DenseBlock(nn.Module):
    def __init__(self, before: int, num_convs: int, growth_rate: int) -> None:
        super().__init__()
        self.net = nn.ModuleList(
            nn.Sequential(
                nn.BatchNorm2d(before + i * growth_rate),
                nn.ReLU(),
                nn.Conv2d(before + i * growth_rate, growth_rate, kernel_size=3, padding=1),
            )
            for i in range(num_convs)
        )

    def forward(self, x: Tensor) -> Tensor:
        for block in self.net:
            x = torch.cat((x, block(x)), dim=1)
        return x


def densenet(in_width: int = 1, num_classes: int = 10) -> nn.Sequential:
    num_channels, growth_rate, arch = 64, 32, (4, 4, 4, 4)
    net = nn.Sequential(_stem(in_width))
    for i, num_convs in enumerate(arch):
        net.append(DenseBlock(num_channels, num_convs, growth_rate))
        num_channels += num_convs * growth_rate
        if i != len(arch) - 1:
            net.append(
                nn.Sequential(
                    nn.BatchNorm2d(num_channels),
                    nn.ReLU(),
                    nn.Conv2d(num_channels, num_channels // 2, kernel_size=1),
                    nn.AvgPool2d(kernel_size=2, stride=2),
                )
            )
            num_channels //= 2
    last = nn.Sequential(
        nn.BatchNorm2d(num_channels),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d((1, 1)),
        nn.Flatten(),
        nn.Linear(num_channels, num_classes),
    )
    return net.append(last)


class ResNeXtBlock(nn.Module):
    def __init__(self, before: int, width: int, group_width: int, *, strides: int = 1) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(before, width, kernel_size=1), nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, kernel_size=3, stride=strides, padding=1, groups=width // group_width)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3, self.bn3 = nn.Conv2d(width, width, kernel_size=1), nn.BatchNorm2d(width)
        self.conv4 = self.bn4 = None
        if strides != 1:
            self.conv4, self.bn4 = nn.Conv2d(before, width, kernel_size=1, stride=strides), nn.BatchNorm2d(width)

    def forward(self, x: Tensor) -> Tensor:
        y = torch.relu(self.bn1(self.conv1(x)))
        y = torch.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        if self.conv4 is not None and self.bn4 is not None:
            x = self.bn4(self.conv4(x))
        return torch.relu(y + x)


def regnetx32(in_width: int = 1, num_classes: int = 10) -> nn.Sequential:
    def stage(before: int, width: int, depth: int) -> nn.Sequential:
        others = (ResNeXtBlock(width, width, 16) for _ in range(depth - 1))
        return nn.Sequential(ResNeXtBlock(before, width, 16, strides=2), *others)

    return nn.Sequential(
        nn.Sequential(
            nn.Conv2d(in_width, 32, kernel_size=3, stride=2, padding=1),
            nn.BatchNorm2d(32),
            nn.ReLU(),
        ),
        stage(32, 32, 4),
        stage(32, 80, 6),
        nn.Sequential(nn.AdaptiveAvgPool2d((1, 1)), nn.Flatten(), nn.Linear(80, num_classes)),
    )
