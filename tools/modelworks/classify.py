"""What a .tflite classifier says of a picture, fed and read exactly as the machine would."""

import math

import numpy as np

from appliance.classifier.scores import looks_like_probabilities, prediction
from appliance.errors import ModelError
from appliance.preprocess import Preprocessing
from appliance.records import Pixels, Prediction
from modelworks.litert import LiteModel
from modelworks.modelsource import ModelSource

__all__ = ["PictureClassifier"]

BLANK_SHAPE = (8, 8, 3)


class PictureClassifier:
    """An opened model with its labels.

    Raises:
        ModelError: it is no classifier of pictures, its labels are too many or too few, or its inputs are not what
            the recipe or manifest beside it says.
    """

    def __init__(self, source: ModelSource) -> None:
        self.labels = source.labels
        self._model = LiteModel(source.path)
        self._doing = f"checking the model {source.path}"
        self._spec = self._checked_spec(source.preprocessing)
        self._check_labels()
        self._logits = self._gives_logits()

    def classify(self, pixels: Pixels) -> Prediction:
        """What one BGR picture of any size shows; label None where the network gives NaN or infinity.

        Raises:
            ModelError: the interpreter failed.
        """
        return prediction(self._outputs(pixels), self.labels, logits=self._logits)

    def _outputs(self, pixels: Pixels) -> list[float]:
        try:
            outputs: list[float] = self._model.scores([pixels], self._spec)[0].tolist()
        except (RuntimeError, ValueError) as error:
            if isinstance(error, ModelError):
                raise
            raise ModelError(f"running {self._model.name}", str(error), "convert it again") from error
        return outputs

    def _checked_spec(self, wanted: Preprocessing | None) -> Preprocessing:
        shape = self._model.input_shape
        if len(shape) != 4 or shape[0] != 1 or shape[3] != 3:
            raise ModelError(self._doing, f"the input is {shape}, not (1, height, width, 3)", "name a picture model")
        size = (shape[1], shape[2])
        if wanted is None:
            return Preprocessing(size)
        if wanted.size != size:
            found = f"it takes pictures of {size}, what lies beside it says {wanted.size}"
            raise ModelError(self._doing, found, "name the file that belongs to this run or manifest")
        return wanted

    def _check_labels(self) -> None:
        shape, count = self._model.output_shape, len(self.labels)
        if len(shape) != 2 or shape[0] != 1 or shape[1] < 2:
            raise ModelError(self._doing, f"the output is {shape}, not (1, classes)", "name a classifier")
        if shape[1] != count:
            found = f"it has {shape[1]} outputs, and there are {count} labels"
            raise ModelError(self._doing, found, "use the labels that it was trained with")

    def _gives_logits(self) -> bool:
        """As the machine decides it: whether grey and black get probabilities already."""
        blanks = [self._outputs(np.full(BLANK_SHAPE, value, np.uint8)) for value in (128, 0)]
        finite = all(math.isfinite(value) for outputs in blanks for value in outputs)
        return finite and not all(map(looks_like_probabilities, blanks))
