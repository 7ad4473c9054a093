"""`anynas export`: write a network as plain torch, ONNX or torchvision's RegNet."""

import argparse

from anynas.cli.options import Commands, add_command, add_seed, image_shape


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
        help="python (default: one file that needs torch alone), torch (state dict), onnx or torchvision",
    )
    parser.add_argument("--out", required=True, metavar="FOLDER", help="a new folder for it")
    parser.add_argument(
        "--input", type=image_shape, metavar="CxHxW", help="of an architecture: one image (those it was made for)"
    )
    parser.add_argument("--classes", type=int, metavar="N", help="of an architecture: number of logits")
    add_seed(parser, "the initial weights of a network that was not trained")


def _export(options: argparse.Namespace) -> int:
    from anynas.exporting.card import Card
    from anynas.exporting.export import CARD, export
    from anynas.folder import read_json
    from anynas.terminal import make_console
    from anynas.views.searches import print_files

    console = make_console()
    folder = export(
        options.network,
        options.out,
        format=options.format,
        input_shape=options.input,
        num_classes=options.classes,
        seed=options.seed,
    )
    card = Card.from_dict(read_json(folder / CARD), where=str(folder / CARD))
    console.print(f"{card.architecture.family} {card.architecture.key}, weights {card.weights}", soft_wrap=True)
    print_files(console, {file.name: file for file in sorted(folder.iterdir())})
    return 0
