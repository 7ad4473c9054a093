"""Families of networks: frozen parameters and the tree of layers that they describe, one file a family."""

from typing import ClassVar, Protocol

from anynas.families.anynet import AnyNet
from anynas.layers import Sequence


class Family(Protocol):
    """What every family's parameters can do; the parameters themselves are the dataclass's fields."""

    family: ClassVar[str]

    def layers(self, num_classes: int) -> Sequence:
        """Return the tree of the network with this many logits."""


FAMILIES: dict[str, type[AnyNet]] = {AnyNet.family: AnyNet}
