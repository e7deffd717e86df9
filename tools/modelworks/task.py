"""What `validate` asks of a task: truth, quality, loss and mistakes, whatever the network's output means."""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from modelworks.dataset import Picture
from modelworks.objective import Metric

__all__ = ["Outputs", "Task"]

Outputs = NDArray[np.float32]
"""What a file said of n pictures, shape (n, outputs)."""


class Task(Protocol):
    """Classification or regression. Truths are arrays of n; every figure is ready for JSON."""

    @property
    def name(self) -> str: ...

    @property
    def metric(self) -> Metric: ...

    @property
    def labels(self) -> tuple[str, ...]: ...

    def truth(self, pictures: Sequence[Picture]) -> NDArray[Any]:
        """What is right for every picture.

        Raises:
            UsageError: it is not known of some picture.
        """

    def check(self, name: str, outputs: int) -> None:
        """Refuse a file with the wrong number of outputs.

        Raises:
            ModelError: it is not made for this task, or for other labels.
        """

    def quality(self, truth: NDArray[Any], outputs: Outputs) -> dict[str, Any]:
        """The metric with its 95 % interval: value, low, high, n."""

    def paired_loss(self, truth: NDArray[Any], outputs: Outputs, reference: Outputs) -> dict[str, Any]:
        """What is lost against the reference on the same pictures: points, low, high, n."""

    def details(self, truth: NDArray[Any], outputs: Outputs, reference: Outputs) -> dict[str, Any]:
        """All else that is worth knowing of the test pictures."""

    def mistakes(self, pictures: Sequence[Picture], truth: NDArray[Any], outputs: Outputs) -> list[dict[str, Any]]:
        """The pictures judged wrong, the worst first."""
