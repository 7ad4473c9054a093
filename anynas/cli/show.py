"""`anynas show`: show a space, or an architecture layer by layer."""

import argparse

from anynas.cli.options import Commands, add_command, image_shape
from anynas.errors import SettingsError, did_you_mean


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
    parser.add_argument("--regime", metavar="R", help="for a space: fashion, cifar or imagenet (the space's own)")
    parser.add_argument(
        "--input", type=image_shape, metavar="CxHxW", help="one image (the network's own, or 3x224x224)"
    )
    parser.add_argument("--classes", type=int, metavar="N", help="number of logits (the network's own, or 1000)")
    parser.add_argument("--latency", action="store_true", help="measure a network's time on this device too")
    parser.add_argument("--device", default="auto", metavar="D", help="for --latency: auto (default), cpu or cuda")


def _show(options: argparse.Namespace) -> int:
    from anynas.architecture import images_of, load_architecture, named_architectures
    from anynas.designspace import builtin_spaces, load_space
    from anynas.terminal import make_console
    from anynas.views.spaces import print_architecture, print_space

    console, name = make_console(), options.name
    if name in builtin_spaces() or name.endswith(".toml"):
        if options.latency:
            raise SettingsError(f"--latency is of one network; {name} is a space; draw one with anynas sample")
        print_space(console, load_space(name, regime=options.regime))
    elif name.lower() in named_architectures() or name.endswith(".json"):
        shape, classes = images_of(name)
        shape = shape if options.input is None else options.input
        classes = classes if options.classes is None else options.classes
        architecture = load_architecture(name)
        print_architecture(console, architecture, shape, classes)
        if options.latency:
            from anynas.training.devices import device_name, resolve_device
            from anynas.training.latency import latency_of
            from anynas.views.networks import print_latency

            measured = latency_of(architecture, input_shape=shape, num_classes=classes, device=options.device)
            print_latency(console, measured, device=device_name(resolve_device(options.device)))
    else:
        known = [*builtin_spaces(), *named_architectures()]
        raise SettingsError(f'unknown space or architecture "{name}"{did_you_mean(name, known)}')
    return 0
