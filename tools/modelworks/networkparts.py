"""Parts of a network: how its ends are named, cut out, told apart and asked."""

import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from appliance.errors import UsageError
from modelworks.backend import keras

__all__ = ["HEAD", "LOGITS", "POOL", "digest_of", "outputs_of", "part_of", "share_after"]

POOL = "pool"
HEAD = "head"
LOGITS = "flat"
BATCH = 32
"""Pictures looked at at once; no result depends on it."""


def part_of(network: Any, first: str = "", last: str = LOGITS) -> Any:
    """The network from the output of the layer `first` ("" is the picture) to that of `last`; layers are shared.

    Raises:
        UsageError: it has no such layer.
    """
    try:
        begin = network.get_layer(first).output if first else network.input
        return keras.Model(begin, network.get_layer(last).output)
    except ValueError as error:
        names = ", ".join(layer.name for layer in network.layers if layer.name.endswith(("_relu", "_add")))
        there = {layer.name for layer in network.layers}
        missing = next((f"no layer {name}" for name in (last, first) if name and name not in there), "")
        found = (missing and f"it has {missing}") or f"more than {first} alone decides what comes after it"
        raise UsageError("dividing the network", found, f"one of {names}") from error


def share_after(network: Any, layer: str) -> float:
    """How much of a training step's cost lies behind `layer`: by the size of activations, which the time follows.

    Raises:
        UsageError: it has no such layer.
    """
    sizes = [int(np.prod([side or 64 for side in each.output.shape[1:]])) for each in network.layers]
    if layer:
        part_of(network, layer)
    place = [each.name for each in network.layers].index(layer) + 1 if layer else 0
    return sum(sizes[place:]) / sum(sizes)


def digest_of(part: Any) -> str:
    """SHA-256 over the weights of a part, in order, and the names of all its layers: the last one decides what it says.

    (But for inputs: Keras numbers their names through, so they differ from one network to the next.)
    """
    named = [layer.name for layer in part.layers if not isinstance(layer, keras.layers.InputLayer)]
    digest = hashlib.sha256("\n".join(named).encode())
    for values in part.get_weights():
        digest.update(np.ascontiguousarray(values).tobytes())
    return digest.hexdigest()


def outputs_of(network: Any, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
    """What the network says of every input, batch normalization as it will be on the machine."""
    batches = [inputs[start : start + BATCH] for start in range(0, len(inputs), BATCH)]
    return np.concatenate([np.asarray(network.predict_on_batch(batch)) for batch in batches])
