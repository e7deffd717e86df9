"""`python -m modelworks.qattraining FOLDER`: the process in which `qat` has a network trained with its rounding.

The float network is the teacher: what is to be learned is to say the same although everything is rounded. So the
labels, their smoothing and a teacher of the first training need no second thought.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras
from numpy.typing import NDArray

from modelworks.batches import inputs_of, key_of, shuffled, view_inputs
from modelworks.calibration import draw
from modelworks.dataset import decode_all
from modelworks.qatjob import JOB, LAYERS, RESULT, STEP, TRAINED_FILE, WEIGHTS
from modelworks.qatnetwork import export, freeze_statistics, rebuild, rounding, settle_ranges
from modelworks.quantrecipes import RECIPES
from modelworks.runfolder import RunFolder
from modelworks.schedule import learning_rate

SETTLING = 320
"""Pictures that set the activations' ranges before the first step."""
LOOKED_AT = 64
"""Pictures looked at at once; no result depends on it."""


class Lesson:
    """The run's pictures as the network is shown them."""

    def __init__(self, run: RunFolder, folder: Path) -> None:
        self.recipe = run.recipe()
        split = run.split()
        self.spec, self.seed, self.batch = self.recipe.preprocessing, self.recipe.seed, self.recipe.batch
        self._keys = [key_of(picture.sha256) for picture in split.train]
        self._pixels = decode_all(folder, split.train)
        drawn = draw(split.train, self.recipe.labels, min(SETTLING, len(split.train)), self.seed)
        place = {picture: number for number, picture in enumerate(split.train)}
        self._settling = [self._pixels[place[picture]] for picture in drawn.pictures]
        self.held = inputs_of(decode_all(folder, split.validation), self.spec)
        self.classes = np.array([self.recipe.labels.index(picture.label) for picture in split.validation])

    @property
    def steps(self) -> int:
        """Batches in an epoch."""
        return sum(1 for _ in shuffled(len(self._pixels), self.batch, self.seed, 1))

    def epoch(self, number: int) -> Iterator[NDArray[np.float32]]:
        """Every training picture once, augmented as in the first training, but not as in any of its epochs."""
        for chosen in shuffled(len(self._pixels), self.batch, self.seed + 1, number):
            keys = [self._keys[index] for index in chosen]
            pixels = [self._pixels[index] for index in chosen]
            views = [number] * len(keys)
            yield view_inputs(pixels, keys, views, self.spec, self.recipe.augmentation, self.seed + 1)

    def settling(self) -> Iterator[NDArray[np.float32]]:
        """Plain training pictures, in batches; two pixels are black and white, so that the input's range is [-1, 1]."""
        for start in range(0, len(self._settling), self.batch):
            inputs = inputs_of(self._settling[start : start + self.batch], self.spec)
            inputs[0, 0, 0], inputs[0, 0, 1] = -1.0, 1.0
            yield inputs


def main(folder: Path) -> int:
    """Do the job that lies in the folder; the file and the history are left there."""
    job = json.loads((folder / JOB).read_bytes())
    lesson = Lesson(RunFolder(Path(job["run"])), Path(job["data"]))
    tf_keras.utils.set_random_seed(lesson.seed)
    tf.config.experimental.enable_op_determinism()
    with np.load(folder / WEIGHTS) as weights:
        teacher = rebuild(json.loads((folder / LAYERS).read_bytes()), weights)
    network = rounding(teacher)
    freeze_statistics(network)
    settle_ranges(network, lesson.settling())
    history = _train(network, teacher, lesson, job)
    content = export(network, network.input_shape[1:], RECIPES["qat-int8"].ends)
    (folder / TRAINED_FILE).write_bytes(content)
    steps = lesson.steps * len(history)
    result = {"epochs": len(history), "steps": steps, "batch": lesson.batch, "rate": job["rate"]}
    (folder / RESULT).write_text(json.dumps(result | {"chosen_epoch": _best(history), "history": history}))
    return 0


def _train(network: Any, teacher: Any, lesson: Lesson, job: dict[str, Any]) -> list[dict[str, Any]]:
    """Every epoch; at the end the network has the weights of the best one by the validation pictures."""
    optimizer = tf_keras.optimizers.Adam(job["rate"])
    network.compile(optimizer, "categorical_crossentropy")
    advise = tf.function(lambda inputs: teacher(inputs, training=False))
    history: list[dict[str, Any]] = []
    kept: list[NDArray[Any]] = []
    total = lesson.steps * job["epochs"]
    for epoch in range(1, job["epochs"] + 1):
        losses = []
        for step, inputs in enumerate(lesson.epoch(epoch), lesson.steps * (epoch - 1)):
            optimizer.learning_rate.assign(learning_rate(step, total, 0, job["rate"]))
            losses.append(float(network.train_on_batch(inputs, advise(tf.constant(inputs)))))
            _tell(units=STEP * len(inputs))
        if not np.isfinite(losses).all():
            sys.exit(f"the loss is not a number in epoch {epoch}: a lower --qat-rate")
        history.append({"epoch": epoch, "loss": round(float(np.mean(losses)), 5)} | _look(network, lesson))
        if _best(history) == epoch:
            kept = network.get_weights()
        _tell(units=STEP * len(lesson.held) / 3, say=_told(history[-1], job["epochs"]))
    network.set_weights(kept)
    return history


def _look(network: Any, lesson: Lesson) -> dict[str, float]:
    """Accuracy and loss on the validation pictures, rounded as on the machine."""
    scores = network.predict(lesson.held, batch_size=LOOKED_AT, verbose=0)
    own = scores[np.arange(len(scores)), lesson.classes]
    accuracy = float((scores.argmax(axis=1) == lesson.classes).mean())
    return {"val_accuracy": round(accuracy, 5), "val_loss": round(float(-np.log(np.maximum(own, 1e-7)).mean()), 5)}


def _best(history: list[dict[str, Any]]) -> int:
    """The epoch with the lowest loss on the validation pictures, as `training` chooses."""
    return int(min(history, key=lambda entry: entry["val_loss"])["epoch"])


def _told(entry: dict[str, Any], epochs: int) -> str:
    return f"qat-int8 epoch {entry['epoch']}/{epochs}, loss {entry['loss']:.3f}, validation {entry['val_accuracy']:.2%}"


def _tell(**message: Any) -> None:
    """One line to the process that waits."""
    print(json.dumps(message), flush=True)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
