"""A TensorFlow Lite model: float32, int8 or uint8 by what the file says."""

import math
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from appliance.classifier.model_files import ModelFiles, read_model
from appliance.classifier.probe import probe
from appliance.classifier.runtime import RuntimeName, load_interpreter
from appliance.classifier.scores import looks_like_probabilities, prediction
from appliance.config import ConfigPath, Options
from appliance.errors import ModelError
from appliance.preprocess import Preprocessing, Preprocessor, Region, TensorFormat
from appliance.records import Pixels, Prediction
from appliance.wording import counted

__all__ = ["TFLiteClassifier", "TFLiteOptions"]


class TFLiteOptions(Options):
    """`model` is a model directory, or a bare .tflite with `labels`. Bare models are fed as MobileNet was trained."""

    kind: Literal["tflite"]
    model: ConfigPath
    labels: ConfigPath | None = None
    threads: Annotated[int, Field(ge=1, le=16)] = 2
    runtime: RuntimeName = "litert"


class TFLiteClassifier:
    """One interpreter with its tensors allocated and warm."""

    Options = TFLiteOptions

    def __init__(self, options: TFLiteOptions, region: Region | None = None) -> None:
        """Load and check the model.

        Raises:
            ModelError: the file, its labels, its tensors, or the runtime will not do.
        """
        files = read_model(options.model, options.labels)
        if files.manifest is None:
            probe(files.path, options.runtime)
        self.labels = files.labels
        self.name = files.name
        self.digest = files.digest
        self._interpreter: Any = load_interpreter(files.path, options.runtime, options.threads)
        self._doing = f"checking the model {files.path}"
        source, target = (
            self._only(self._interpreter.get_input_details()),
            self._only(self._interpreter.get_output_details()),
        )
        self.tensor = self._input_format(source)
        self._check_labels(target)
        self._output = target["index"]
        self._output_scale, self._output_zero_point = target["quantization"]
        self._preprocessor = Preprocessor(self._spec(files, source), self.tensor, region)
        # The accessor gives the tensor's own memory; numpy may not keep it across allocations, and there are none.
        self._input_of = self._interpreter.tensor(source["index"])
        self._output_of = self._interpreter.tensor(target["index"])
        self._logits = self._warm_up()

    @property
    def preprocessing(self) -> Preprocessing:
        return self._preprocessor.spec

    def classify(self, pixels: Pixels) -> Prediction:
        self.load(pixels)
        self.invoke()
        return self.read()

    def load(self, pixels: Pixels) -> None:
        """Write a frame into the input tensor.

        Raises:
            ModelError: the region of interest does not lie within the frame.
        """
        try:
            self._preprocessor.write(pixels, self._input_of()[0])
        except ValueError as error:
            raise ModelError("preparing a frame", str(error), "correct camera.roi") from error

    def invoke(self) -> None:
        """Run the network on what `load` wrote.

        Raises:
            ModelError: the interpreter failed.
        """
        try:
            self._interpreter.invoke()
        except (RuntimeError, ValueError) as error:
            raise ModelError(f"running {self.name}", str(error), "use another model") from error

    def read(self) -> Prediction:
        """What the last `invoke` said."""
        return prediction(self._real(), self.labels, logits=self._logits)

    def close(self) -> None:
        self._input_of = self._output_of = self._interpreter = None

    def _real(self) -> list[float]:
        """The output as real numbers, one a label."""
        raw: list[float] = self._output_of()[0].tolist()
        scale, zero_point = self._output_scale, self._output_zero_point
        return [(value - zero_point) * scale for value in raw] if scale else raw

    def _warm_up(self) -> bool:
        """Run on grey and on black; True if the outputs are logits rather than probabilities.

        The first invocations fill caches and pack weights: they would be the slowest of the day.
        """
        blank = Preprocessor(self.preprocessing, self.tensor)
        outputs = []
        for value in (128, 0):
            np.copyto(self._input_of()[0], blank(np.full((8, 8, 3), value, np.uint8)))
            self.invoke()
            outputs.append(self._real())
        finite = all(math.isfinite(value) for output in outputs for value in output)
        return finite and not all(map(looks_like_probabilities, outputs))

    def _only(self, details: list[dict[str, Any]]) -> dict[str, Any]:
        if len(details) != 1:
            raise ModelError(self._doing, f"{len(details)} inputs or outputs, a classifier has one of each")
        return details[0]

    def _input_format(self, source: dict[str, Any]) -> TensorFormat:
        shape = tuple(map(int, source["shape"]))
        if len(shape) != 4 or shape[0] != 1 or shape[3] != 3:
            raise ModelError(self._doing, f"the input is {shape}, not (1, height, width, 3)", "use a picture model")
        dtype = np.dtype(source["dtype"]).name
        scale, zero_point = source["quantization"]
        try:
            return TensorFormat(dtype, float(scale), int(zero_point))
        except ValueError as error:
            raise ModelError(self._doing, str(error), "quantize it with uint8, int8 or float32 input") from error

    def _check_labels(self, target: dict[str, Any]) -> None:
        shape = tuple(map(int, target["shape"]))
        if shape != (1, len(self.labels)):
            raise ModelError(
                self._doing,
                f"the output is {shape}, but labels.txt has {counted(len(self.labels), 'label')}",
                "use the labels that the model was trained with",
            )

    def _spec(self, files: ModelFiles, source: dict[str, Any]) -> Preprocessing:
        size = (int(source["shape"][1]), int(source["shape"][2]))
        if files.manifest is None:
            return Preprocessing(size)
        spec, said = files.manifest.preprocessing, files.manifest.tensor
        close = abs(said.scale - self.tensor.scale) <= 1e-6 * max(self.tensor.scale, 1e-9)
        if (
            spec.size != size
            or said.dtype != self.tensor.dtype
            or said.zero_point != self.tensor.zero_point
            or not close
        ):
            raise ModelError(
                self._doing,
                f"the manifest describes the input as {spec.size} {said}, the file as {size} {self.tensor}",
                "pack the model again",
            )
        return spec
