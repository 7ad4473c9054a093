"""Families of networks: frozen parameters and the tree of layers that they describe, one file a family."""

from typing import Any, ClassVar, Protocol

from anynas.families.alexnet import AlexNet
from anynas.families.anynet import AnyNet
from anynas.families.densenet import DenseNet
from anynas.families.googlenet import GoogLeNet
from anynas.families.lenet import LeNet
from anynas.families.nin import NiN
from anynas.families.resnet import ResNet
from anynas.families.vgg import VGG
from anynas.layers import Sequence


class Family(Protocol):
    """What every family's parameters can do; the parameters themselves are the dataclass's fields.

    A field that is a tuple has one value a stage, unless `block_fields` names it.
    """

    __dataclass_fields__: ClassVar[dict[str, Any]]

    family: ClassVar[str]
    regime_fields: ClassVar[tuple[str, ...]]  # what a regime decides, or how the network is dressed
    block_fields: ClassVar[tuple[str, ...]]  # tuples with one value a block

    def layers(self, num_classes: int) -> Sequence:
        """Return the tree of the network with this many logits."""


FAMILIES: dict[str, type[Family]] = {
    family.family: family for family in (AnyNet, LeNet, AlexNet, VGG, NiN, GoogLeNet, ResNet, DenseNet)
}
