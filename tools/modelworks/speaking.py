"""What a part of a network says, asked through LiteRT: on a CPU several times as fast as through TensorFlow.

Measured on two cores, alpha 0.5 at 224 pixels: 2 ms a picture against 9.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from queue import Empty, SimpleQueue
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelworks.convert import convert
from modelworks.litert import LiteContent
from modelworks.networkparts import outputs_of
from modelworks.quantrecipes import RECIPES, REFERENCE

__all__ = ["Speaker", "said_by"]

FEW = 300
"""Inputs for which a conversion does not pay: it takes seconds."""


def said_by(part: Any, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
    """What `part` says of all inputs at once, shape (n, ...), by the quicker way.

    Raises:
        ModelError: it cannot be converted.
    """
    return outputs_of(part, inputs) if len(inputs) < FEW else Speaker(part)(inputs)


class Speaker:
    """`part` as float32; the file is made when it is first asked. An interpreter for each core, which it has to itself:
    what it says of an input does not depend on what else is asked.
    """

    def __init__(self, part: Any) -> None:
        self._part = part
        self._content = b""
        self._idle: SimpleQueue[LiteContent] = SimpleQueue()

    def __call__(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """Shape (n, ...) -> (n, ...).

        Raises:
            ModelError: the part cannot be converted.
        """
        if not self._content:
            self._content = convert(self._part, RECIPES[REFERENCE], shape=inputs.shape[1:])
        with ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="speaker") as threads:
            return np.stack(list(threads.map(self._one, inputs)))

    def _one(self, given: NDArray[np.float32]) -> NDArray[np.float32]:
        try:
            model = self._idle.get_nowait()
        except Empty:
            model = LiteContent(self._content)
        said: NDArray[np.float32] = model.invoke(given[np.newaxis])[0]
        self._idle.put(model)
        return said
