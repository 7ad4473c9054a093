"""`anynas export`: write a network as plain torch, ONNX or torchvision's RegNet."""

import argparse

from anynas.cli.exits import Exit
from anynas.cli.names import FORMATS, one_of
from anynas.cli.options import Commands, add_command, add_images, add_output, add_seed


def add(commands: Commands) -> None:
    """Add the command."""
    parser = add_command(
        commands,
        "export",
        _export,
        summary="write a network for use elsewhere",
        example="anynas export runs/AnyNetD-1f0c2a9b --format python --out winner",
    )
    parser.add_argument(
        "network",
        metavar="RUN|ARCHITECTURE|FOLDER",
        help="a search's folder, a name, a JSON file, or the folder of a trained network",
    )
    parser.add_argument(
        "--format",
        default="python",
        metavar="F",
        help=f"{one_of(FORMATS)}; python is one file that needs torch alone (python)",
    )
    parser.add_argument("--out", required=True, metavar="FOLDER", help="a new folder for it")
    add_images(parser, "the network's own", "the network's own")
    add_seed(parser, "the initial weights of a network that was not trained")
    add_output(parser)


def _export(options: argparse.Namespace) -> int:
    from anynas.cli.output import Output
    from anynas.exporting.card import Card
    from anynas.exporting.export import CARD, export
    from anynas.facts import files_facts
    from anynas.folder import read_json
    from anynas.views.networks import print_card
    from anynas.views.searches import print_files

    folder = export(
        options.network,
        options.out,
        format=options.format,
        input_shape=options.input,
        num_classes=options.classes,
        seed=options.seed,
    )
    card = Card.from_dict(read_json(folder / CARD), where=str(folder / CARD))
    files = {file.name: file for file in sorted(folder.iterdir())}
    output = Output(options)
    output.result(card, print_card, {**card.to_dict(), "files": files_facts(files)})
    output.beside(files, print_files)
    return Exit.DONE
