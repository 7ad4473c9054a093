"""`anynas predict`: classify image files with a trained network."""

import argparse

from anynas.cli.exits import Exit, refused
from anynas.cli.options import Commands, add_command, add_output


def add(commands: Commands) -> None:
    """Add the command."""
    parser = add_command(
        commands,
        "predict",
        _predict,
        summary="classify image files with a trained network",
        example="anynas predict runs/AnyNetD-1f0c2a9b/winner shoe.png",
    )
    parser.add_argument("folder", metavar="FOLDER", help="of a trained network, or of an exported one")
    parser.add_argument("images", nargs="+", metavar="IMAGE", help="image files; those that are none get a line each")
    add_output(parser, quiet=False)


def _predict(options: argparse.Namespace) -> int:
    import dataclasses

    from anynas.cli.output import Output
    from anynas.errors import DataError
    from anynas.exporting.predicting import load_predictor
    from anynas.views.networks import print_predictions

    predictor = load_predictor(options.folder)
    found, code = [], Exit.DONE
    for image in options.images:
        try:
            predictions = predictor.predict(image)
        except DataError as error:  # the others are still to be told
            code = refused(error)
            continue
        found.append({"image": image, "classes": [dataclasses.asdict(one) for one in predictions]})
    Output(options).result(found, print_predictions, {"predictions": found})
    return code
