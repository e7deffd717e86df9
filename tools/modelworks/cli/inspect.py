"""`modelworks inspect`: what is inside a .tflite file, operator by operator."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from appliance.bundle.manifest import MANIFEST_FILE
from appliance.classifier.model_files import read_model
from appliance.errors import ModelError, StorageError, UsageError
from appliance.files import sha256_of, write_power_safe
from modelworks.graph import Network
from modelworks.graphreading import read_network_file
from modelworks.inspecting import as_dict, as_text

__all__ = ["add_to"]

DESCRIPTION = """Show what a converter made of a network: for every operator the types and shapes of its input, weights,
bias and output, how many scales its weights have (/1: per tensor, more: per channel), where numbers are quantized and
dequantized, and what takes how many bytes. The file is read byte by byte and never run: it may come from anywhere."""
EPILOG = """A recipe that fell back to float32 shows as float32 weights; int8 that is slow for its size shows as
dequantize blocks between the convolutions."""
DRAWINGS = (".svg", ".png")


def add_to(commands: Any) -> None:
    parser = commands.add_parser(
        "inspect", help="show what is inside a .tflite file", description=DESCRIPTION, epilog=EPILOG
    )
    parser.add_argument("model", type=Path, metavar="FILE", help="a .tflite file, or a model directory")
    parser.add_argument("--json", action="store_true", help="one JSON object, with every scale")
    parser.add_argument("--drawing", type=Path, metavar="FILE", help="draw the graph as well; .svg or .png")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    drawing: Path | None = arguments.drawing
    if drawing is not None and drawing.suffix.lower() not in DRAWINGS:
        raise UsageError("reading the command line", f"--drawing {drawing}", "a name that ends in .svg or .png")
    path, title = _file(arguments.model), arguments.model.absolute().name
    network = read_network_file(path)
    if arguments.json:
        print(json.dumps({"file": path.name, "sha256": sha256_of(path)} | as_dict(network), indent=1))
    else:
        print(as_text(network, title, sys.stdout.isatty()), end="")
    if drawing is not None:
        _draw(network, title, drawing)
    return 0


def _file(model: Path) -> Path:
    """The .tflite file: `model` itself, or the one in the model directory, if it is what its manifest says."""
    if not model.is_dir():
        return model
    if not (model / MANIFEST_FILE).is_file():
        files = ", ".join(sorted(each.name for each in model.glob("*.tflite"))) or "no .tflite files"
        raise ModelError(f"reading {model}", f"no {MANIFEST_FILE} in it", f"name one file; it holds {files}")
    return read_model(model, None).path


def _draw(network: Network, title: str, path: Path) -> None:
    from modelworks.graphdrawing import draw  # Matplotlib takes a second.

    content = draw(network.graphs[0], title, path.suffix.lower().lstrip("."))
    try:
        write_power_safe(path, content)
    except OSError as error:
        raise StorageError(f"writing {path}", error.strerror or str(error), "choose another place") from error
