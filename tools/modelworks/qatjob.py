"""What passes between `qat` and the process that it starts: the plan, and the names of files in a folder."""

from dataclasses import dataclass

__all__ = ["JOB", "LAYERS", "PREPARATION", "RESULT", "STEP", "TRAINED_FILE", "WEIGHTS", "QatPlan"]

JOB, LAYERS, WEIGHTS = "job.json", "layers.json", "weights.npz"
RESULT, TRAINED_FILE = "result.json", "trained.tflite"
PREPARATION, STEP = 6000.0, 11.0
"""What starting and exporting cost, and a picture learned from, counted in pictures that the float32 file looks at."""


@dataclass(frozen=True, slots=True)
class QatPlan:
    """`epochs` passes over the training pictures, the learning rate falling from `rate` by half a cosine."""

    epochs: int = 20
    rate: float = 2e-5

    def __post_init__(self) -> None:
        if self.epochs < 1 or not 0 < self.rate < 1:
            raise ValueError(f"one epoch or more, at a rate above 0 and below 1, not {self}")

    def work_units(self, learned: int, held: int) -> float:
        """The cost of all epochs and of looking at the held pictures after each."""
        return PREPARATION + self.epochs * STEP * (learned + held / 3)
