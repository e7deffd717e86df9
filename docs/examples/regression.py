"""How full is the bin? A regression, from pictures to the file to ship: trained, quantized, validated, selected.

    python docs/examples/regression.py OUT

OUT/data then holds generated pictures of bins and targets.csv, OUT/run the run folder. About a minute on two cores.
`modelworks train` makes classifiers only, so the training is here; everything after it is the tool's own.
"""

import argparse
import hashlib
import sys
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from appliance.preprocess import Preprocessing
from modelworks.cli import main as modelworks
from modelworks.cli.command import given_command
from modelworks.dataset import Picture, decode_all, fingerprint
from modelworks.recipe import Stage, TrainRecipe
from modelworks.regression import TARGETS_FILE, read_targets
from modelworks.runfolder import RunFolder
from modelworks.split import Split, SplitPlan, split_pictures

SIDE = 64
RECIPES = ("float32", "dynamic", "int8", "int8-io", "float16")


def main(argv: Sequence[str]) -> int:
    arguments = parse(argv)
    data, run, command = arguments.out / "data", RunFolder(arguments.out / "run"), given_command(argv)
    pictures = draw_bins(data, arguments.pictures)
    split, stage = split_pictures(pictures, SplitPlan(by="pictures")), Stage(SIDE, arguments.epochs)
    recipe = TrainRecipe("bins", fingerprint(pictures), (), Preprocessing(size=(SIDE, SIDE)), (stage,))
    run.begin(data, recipe, split, {}, command)
    train_and_convert(data, run, split, recipe, command)
    validate = ["validate", str(run.path), "--task", "regression"]
    return modelworks(validate) or modelworks(["select", str(run.path)])


def parse(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, metavar="OUT", help="the folder to make")
    parser.add_argument("--pictures", type=int, default=400, help="how many bins to draw; default: 400")
    parser.add_argument("--epochs", type=int, default=40, help="passes over the training pictures; default: 40")
    return parser.parse_args(argv)


def draw_bins(folder: Path, count: int) -> list[Picture]:
    """Noisy pictures of a bin that is filled to a random height; the height is the value to tell, 0 to 1."""
    rng, pictures, lines = np.random.default_rng(1), [], ["picture,value"]
    (folder / "bins").mkdir(parents=True, exist_ok=True)
    for number in range(count):
        level, colour = rng.uniform(0, 1), rng.integers(90, 256, 3)
        pixels = rng.integers(0, 60, (48, 48, 3))
        pixels[round(48 * (1 - level)) :, 6:42] += colour - 60
        path = f"bins/bin{number:03d}.png"
        cv2.imwrite(str(folder / path), np.clip(pixels, 0, 255).astype(np.uint8))
        pictures.append(Picture(path, "bins", hashlib.sha256((folder / path).read_bytes()).hexdigest()))
        lines.append(f"{path},{level:.4f}")
    (folder / TARGETS_FILE).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return pictures


def train_and_convert(folder: Path, run: RunFolder, split: Split, recipe: TrainRecipe, command: str) -> None:
    """Teach a small network the training pictures' values, and write it by every recipe."""
    import keras

    from modelworks.batches import inputs_of
    from modelworks.convert import convert
    from modelworks.quantrecipes import RECIPES as KNOWN

    keras.utils.set_random_seed(1)
    targets = read_targets(folder)
    inputs = inputs_of(decode_all(folder, split.train), recipe.preprocessing)
    network = keras.Sequential(
        [
            keras.Input((SIDE, SIDE, 3)),
            keras.layers.Conv2D(16, 3, strides=2, activation="relu"),
            keras.layers.Conv2D(32, 3, strides=2, activation="relu"),
            keras.layers.Conv2D(32, 3, strides=2, activation="relu"),
            keras.layers.Flatten(),
            keras.layers.Dense(1),
        ]
    )
    network.compile(keras.optimizers.Adam(1e-3), loss="mse")
    values = np.array([targets[picture.path] for picture in split.train], np.float32)
    network.fit(inputs, values, batch_size=16, epochs=recipe.stages[0].epochs, verbose=0)
    made = {}
    for name in RECIPES:
        content = convert(network, KNOWN[name], inputs[:100])
        run.write_bytes(f"{name}.tflite", content)
        made[name] = {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    run.write("figures.json", {"command": command, "recipes": made})


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
