"""`anynas sample`: draw networks from a space."""

import argparse

from anynas.cli.exits import Exit
from anynas.cli.options import Commands, add_bounds, add_command, add_output, add_seed, add_space
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
    add_bounds(parser, "any")
    parser.add_argument("-n", type=int, default=10, metavar="N", help="how many (10)")
    add_seed(parser, "the draws")
    parser.add_argument("--start", type=int, default=0, metavar="K", help="number of the first (0)")
    add_output(parser, quiet=False)


def _sample(options: argparse.Namespace) -> int:
    import itertools

    from anynas.cli.output import Output
    from anynas.designspace import Bounds, load_space
    from anynas.facts import draw_facts
    from anynas.views.spaces import print_draws

    space = load_space(options.space, regime=options.regime)
    if options.n < 0 or options.start < 0:
        raise SettingsError(f"n and start must be at least 0; got n {options.n}, start {options.start}")
    bounds = Bounds(flops=options.flops, params=options.params, activations=options.activations)
    members = itertools.islice(space.draws(seed=options.seed, bounds=bounds, start=options.start), options.n)
    draws = [draw_facts(space, number, member) for number, member in enumerate(members, start=options.start)]
    facts = {"space": space.name, "regime": space.regime.name, "seed": options.seed, "draws": draws}
    Output(options).result(draws, lambda console, of: print_draws(console, space, of), facts)
    return Exit.DONE
