"""`anynas show`: show a space, or an architecture layer by layer."""

import argparse
from typing import TYPE_CHECKING, Any

from anynas.cli.exits import Exit
from anynas.cli.options import Commands, add_command, add_device, add_images, add_output, add_regime
from anynas.errors import SettingsError, did_you_mean

if TYPE_CHECKING:
    from anynas.architecture import Architecture


def add(commands: Commands) -> None:
    """Add the command."""
    parser = add_command(
        commands,
        "show",
        _show,
        summary="show a space, or an architecture layer by layer",
        example="anynas show resnet18 --input 1x96x96",
    )
    parser.add_argument(
        "name", metavar="SPACE|ARCHITECTURE", help="a name, a space's TOML or an architecture's JSON file"
    )
    add_regime(parser, "the space's own")
    add_images(parser, "the network's own, or 3x224x224", "the network's own, or 1000")
    parser.add_argument("--latency", action="store_true", help="of an architecture: measure its time on a device too")
    add_device(parser, "for --latency: ")
    add_output(parser, quiet=False)


def _show(options: argparse.Namespace) -> int:
    from anynas.architecture import images_of, load_architecture, named_architectures
    from anynas.cli.output import Output
    from anynas.designspace import builtin_spaces, load_space
    from anynas.facts import architecture_facts, space_facts
    from anynas.views.spaces import print_architecture, print_space

    output, name = Output(options), options.name
    if name in builtin_spaces() or name.endswith(".toml"):
        if options.latency:
            raise SettingsError(f"--latency is of one network; {name} is a space; draw one with anynas sample")
        space = space_facts(load_space(name, regime=options.regime))
        output.result(space, print_space, space)
    elif name.lower() in named_architectures() or name.endswith(".json"):
        shape, classes = images_of(name)
        shape = shape if options.input is None else options.input
        classes = classes if options.classes is None else options.classes
        architecture = load_architecture(name)
        facts = architecture_facts(architecture, shape, classes)
        if options.latency:
            facts["latency"] = _latency(architecture, shape, classes, options.device)
        output.result(facts, print_architecture, facts)
    else:
        known = [*builtin_spaces(), *named_architectures()]
        raise SettingsError(f'unknown space or architecture "{name}"{did_you_mean(name, known)}')
    return Exit.DONE


def _latency(architecture: "Architecture", shape: tuple[int, ...], classes: int, device: str) -> dict[str, Any]:
    from anynas.facts import latency_facts
    from anynas.training.devices import device_name, resolve_device
    from anynas.training.latency import latency_of

    measured = latency_of(architecture, input_shape=shape, num_classes=classes, device=device)
    return latency_facts(measured, device=device_name(resolve_device(device)))
