"""Architecture: which network, as data. It can be printed, hashed, stored and counted without torch."""

import dataclasses
import hashlib
import json
import numbers
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from anynas.errors import ArchitectureError, did_you_mean
from anynas.families import FAMILIES, Family, alexnet, densenet, googlenet, lenet, nin, resnet, vgg
from anynas.families import anynet as anynet_family
from anynas.families.anynet import Block, anynet_parameters
from anynas.families.regnet import published_regnets, regnet_parameters
from anynas.layers import Sequence, Shape, canonical
from anynas.notebook import html_of

SCHEMA = 1


@dataclasses.dataclass(frozen=True, slots=True)
class Architecture:
    """A family's parameters, nominal: what was drawn. Two architectures are equal if their parameters are."""

    parameters: Family

    def _repr_html_(self) -> str:
        return html_of(self)

    @property
    def family(self) -> str:
        """Name of the family."""
        return self.parameters.family

    @property
    def key(self) -> str:
        """Identity of the nominal parameters: 12 hexadecimal digits of the canonical JSON."""
        return _digest(json.dumps(self.to_dict(), sort_keys=True, separators=(",", ":")))

    @property
    def network_key(self) -> str:
        """Identity of the network that is built: equal for nominal parameters that round to one network."""
        return _digest(canonical(self.layers(num_classes=1)))

    def layers(self, num_classes: int) -> Sequence:
        """Return the tree of layers with this many logits.

        Raises:
            ArchitectureError: There must be at least one.
        """
        if isinstance(num_classes, bool) or not isinstance(num_classes, numbers.Integral) or num_classes < 1:
            raise ArchitectureError(f"num_classes must be a whole number of at least 1; got {num_classes!r}")
        return self.parameters.layers(num_classes)

    def to_dict(self) -> dict[str, Any]:
        """Return the architecture as flat, JSON-ready data, with its schema's number.

        A field that a family got later is left out at its default, so that keys stay what stored records hold.
        """
        fields = {
            field.name: value
            for field in dataclasses.fields(self.parameters)
            if (value := getattr(self.parameters, field.name)) != field.default or not field.metadata.get("later")
        }
        listed = {name: list(value) if isinstance(value, tuple) else value for name, value in fields.items()}
        return {"schema": SCHEMA, "family": self.family, **listed}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Architecture":
        """Return the architecture that `to_dict` wrote.

        Raises:
            ArchitectureError: The data are of another schema or family, or have unknown, missing or invalid fields.
        """
        if not isinstance(data, Mapping):
            raise ArchitectureError(f"an architecture must be a JSON object; got {type(data).__name__}")
        if data.get("schema") != SCHEMA:
            raise ArchitectureError(f"an architecture's schema must be {SCHEMA}; got {data.get('schema')!r}")
        family = data.get("family")
        if not isinstance(family, str) or family not in FAMILIES:
            raise ArchitectureError(f'unknown family "{family}"{did_you_mean(str(family), FAMILIES)}')
        given = {name: value for name, value in data.items() if name not in ("schema", "family")}
        fields = {field.name: field for field in dataclasses.fields(FAMILIES[family])}
        for name in given:
            if name not in fields:
                raise ArchitectureError(f'{family}: unknown field "{name}"{did_you_mean(str(name), fields)}')
        for name, field in fields.items():
            if field.default is dataclasses.MISSING and name not in given:
                raise ArchitectureError(f'{family}: field "{name}" is missing')
        build: Callable[..., Family] = FAMILIES[family]  # checks its values itself, and makes lists tuples
        return cls(build(**given))


def anynet(
    *,
    depths: Iterable[int],
    widths: Iterable[int],
    bottleneck_ratios: Iterable[int] | None = None,
    group_widths: Iterable[int] | None = None,
    strides: Iterable[int] | None = None,
    block: Block = "X",
    stem_width: int = 32,
    stem_stride: int = 2,
    stem_kernel: int = 3,
    stem_pool: bool = False,
    se_ratio: float = 0.0,
    conv_bias: bool = False,
) -> Architecture:
    """Return an AnyNet with one value a stage in each list, any number of stages.

    Args:
        depths: Blocks in each stage.
        widths: Output channels of each stage.
        bottleneck_ratios: Width / inner width; it divides. Needed for blocks X, Y and R.
        group_widths: Channels per group, not the number of groups. Needed for blocks X and Y.
        strides: Of each stage's first block; 2 for each stage if None.
        block: X, Y (X with squeeze-and-excitation), R (X without groups), V (one 3x3), VR (V, residual).
        stem_width: Output channels of the stem.
        stem_stride: Stride of the stem's convolution.
        stem_kernel: Its kernel, odd.
        stem_pool: Whether a 3x3 max-pool with stride 2 follows.
        se_ratio: Squeeze-and-excitation's width / the block's input width; 0.25 for block Y if not given.
        conv_bias: Whether the stem's and the blocks' convolutions have biases.

    Raises:
        ArchitectureError: A value is out of range, or the lists differ in length.
    """
    parameters = anynet_parameters(
        depths=depths,
        widths=widths,
        bottleneck_ratios=bottleneck_ratios,
        group_widths=group_widths,
        strides=strides,
        block=block,
        stem_width=stem_width,
        stem_stride=stem_stride,
        stem_kernel=stem_kernel,
        stem_pool=stem_pool,
        se_ratio=se_ratio,
        conv_bias=conv_bias,
    )
    return Architecture(parameters)


def regnet(
    *,
    depth: int,
    w0: int,
    wa: float,
    wm: float,
    group_width: int,
    bottleneck_ratio: int = 1,
    se_ratio: float = 0.0,
    **rest: Any,
) -> Architecture:
    line = {"depth": depth, "w0": w0, "wa": wa, "wm": wm, "group_width": group_width}
    return Architecture(
        regnet_parameters(**line, bottleneck_ratio=bottleneck_ratio, se_ratio=se_ratio, **rest)  # type: ignore[arg-type]
    )


regnet.__doc__ = regnet_parameters.__doc__


def named_architectures() -> list[str]:
    """Return the names that `load_architecture` knows: the lecture's networks, some of the papers', the RegNets."""
    return [*_published(), *published_regnets()]


def load_architecture(name_or_path: str | Path) -> Architecture:
    """Return a named architecture, or the one in a JSON file that holds `Architecture.to_dict()`.

    Raises:
        ArchitectureError: No such name, or the file is missing or holds no architecture.
    """
    text = str(name_or_path)
    published, regnets = _published(), published_regnets()
    if text.lower() in published:
        return Architecture(published[text.lower()])
    if text.lower() in regnets:
        return regnet(**regnets[text.lower()])
    path = Path(name_or_path)
    if path.suffix == ".json":
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
            raise ArchitectureError(f"{path}: must be a JSON file with an architecture; {_reason(error)}") from None
        try:
            return Architecture.from_dict(data)
        except ArchitectureError as error:
            raise ArchitectureError(f"{path}: {error}") from None
    raise ArchitectureError(f'unknown architecture "{text}"{did_you_mean(text, named_architectures())}')


def images_of(name: str) -> tuple[Shape, int]:
    """Return the images that a named architecture was made for, (C, H, W), and their number of classes.

    The lecture's networks are meant for Fashion-MNIST at the size that its layer summaries show, all others for
    ImageNet at 224 pixels.
    """
    return _IMAGES.get(name.lower(), ((3, 224, 224), 1000))


_IMAGES: dict[str, tuple[Shape, int]] = {
    "lenet": ((1, 28, 28), 10),
    **dict.fromkeys(("alexnet", "vgg11", "nin"), ((1, 224, 224), 10)),
    **dict.fromkeys(("googlenet", "resnet18", "densenet", "regnetx32"), ((1, 96, 96), 10)),
    "resnet56_cifar": ((3, 32, 32), 10),
}


def _published() -> dict[str, Family]:
    homes = (lenet, alexnet, vgg, nin, googlenet, resnet, densenet, anynet_family)
    return {name: parameters for home in homes for name, parameters in home.published().items()}


def _reason(error: Exception) -> str:
    return (error.strerror or str(error)) if isinstance(error, OSError) else str(error)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]
