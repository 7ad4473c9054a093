"""`anynas sample`: draw networks from a space."""

import argparse

from anynas.cli.options import Commands, add_bounds, add_command, add_seed, add_space
from anynas.errors import SettingsError


def add(commands: Commands) -> None:
    """Add the command."""
    parser = add_command(
        commands,
        "sample",
        _sample,
        summary="draw networks from a space",
        example="anynas sample --space AnyNetE -n 500 --regime imagenet --flops 360e6:400e6",
    )
    add_space(parser)
    add_bounds(parser, "default: none")
    parser.add_argument("-n", type=int, default=10, metavar="N", help="how many (10)")
    add_seed(parser, "the draws")
    parser.add_argument("--start", type=int, default=0, metavar="K", help="number of the first (0)")
    parser.add_argument("--json", action="store_true", help="one JSON object a line, as load_architecture reads them")


def _sample(options: argparse.Namespace) -> int:
    import itertools
    import json

    from anynas.designspace import Bounds, load_space
    from anynas.terminal import make_console
    from anynas.views.spaces import print_draws

    space = load_space(options.space, regime=options.regime)
    if options.n < 0 or options.start < 0:
        raise SettingsError(f"n and start must be at least 0; got n {options.n}, start {options.start}")
    bounds = Bounds(flops=options.flops, params=options.params, activations=options.activations)
    members = itertools.islice(space.draws(seed=options.seed, bounds=bounds, start=options.start), options.n)
    if options.json:
        for architecture, _ in members:
            print(json.dumps(architecture.to_dict()))
    else:
        print_draws(make_console(), space, members, start=options.start)
    return 0
