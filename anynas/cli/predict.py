"""`anynas predict`: classify image files with a trained network."""

import argparse
import sys

from anynas.cli.options import USER_ERROR, Commands, add_command, add_json


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
    add_json(parser, "print the classes as JSON")


def _predict(options: argparse.Namespace) -> int:
    import dataclasses
    import json

    from anynas.errors import DataError
    from anynas.exporting.predicting import load_predictor
    from anynas.terminal import make_console
    from anynas.views.networks import print_predictions

    console, predictor = make_console(), load_predictor(options.folder)
    found, wrong = [], False
    for image in options.images:
        try:
            predictions = predictor.predict(image)
        except DataError as error:
            print(f"anynas: {error}", file=sys.stderr)
            wrong = True
            continue
        found.append({"image": image, "classes": [dataclasses.asdict(one) for one in predictions]})
        if not options.json:
            print_predictions(console, image, predictions)
    if options.json:
        print(json.dumps(found, indent=2))
    return USER_ERROR if wrong else 0
