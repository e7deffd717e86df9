"""The tensors of a PyTorch checkpoint in the form before 1.6, without PyTorch (0.7 GB more on the workstation).

Such a file is a pickle, and a pickle is a program: so only files whose SHA-256 is known are opened, and even of those
nothing is called but what makes tensors.
"""

import pickle
from collections import OrderedDict
from collections.abc import Mapping
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray

from appliance.errors import ModelError

__all__ = ["tensors_of"]

TYPES: dict[str, np.dtype[Any]] = {"FloatStorage": np.dtype("<f4"), "LongStorage": np.dtype("<i8")}
COUNT: np.dtype[Any] = np.dtype("<i8")
"""The number of values, before the values of each storage."""


def tensors_of(content: bytes) -> dict[str, NDArray[Any]]:
    """Name -> tensor, in the order of the file. The caller has made sure of the content: see `efficientnet`.

    Source: torch.serialization._legacy_save, https://github.com/pytorch/pytorch/blob/main/torch/serialization.py: four
    pickles (magic number, protocol, system, the dictionary), one of the storages' keys, then the storages.

    Raises:
        ModelError: it is no such file.
    """
    stream = BytesIO(content)
    try:
        _magic, _protocol, _system, named, keys = (_Tensors(stream).load() for _ in range(5))
        types: dict[Any, np.dtype[Any]] = {storage[2]: TYPES[storage[1]] for storage, *_ in named.values()}
        values = {key: _values(stream, types[key]) for key in keys}
        return {name: _tensor(values, *parts) for name, parts in named.items()}
    except (pickle.UnpicklingError, EOFError, AttributeError, KeyError, IndexError, TypeError, ValueError) as error:
        remedy = "give the file as it was published"
        raise ModelError("reading the tensors of a PyTorch file", str(error) or "it ends too early", remedy) from error


class _Tensors(pickle.Unpickler):
    """Makes nothing but dictionaries and descriptions of tensors: (storage, offset, shape, strides)."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return lambda storage, offset, shape, strides, *_: (storage, offset, shape, strides)
        if module == "torch" and name in TYPES:
            return name
        raise pickle.UnpicklingError(f"it asks for {module}.{name}")

    def persistent_load(self, pid: Any) -> Any:
        """A storage: ("storage", type, key, place, number of values, view)."""
        return pid


def _values(stream: BytesIO, kind: np.dtype[Any]) -> NDArray[Any]:
    count = int(np.frombuffer(stream.read(COUNT.itemsize), COUNT)[0])
    left = stream.getbuffer().nbytes - stream.tell()
    if not 0 <= count * kind.itemsize <= left:
        raise ValueError(f"a storage of {count} values, and {left} bytes are left")
    return np.frombuffer(stream.read(count * kind.itemsize), kind, count)


def _tensor(
    values: Mapping[str, NDArray[Any]], storage: Any, offset: int, shape: tuple[int, ...], strides: tuple[int, ...]
) -> NDArray[Any]:
    """A copy of a tensor that lies anyhow in its storage.

    Raises:
        ValueError: it would reach beyond.
    """
    there = values[storage[2]]
    last = offset + sum((side - 1) * step for side, step in zip(shape, strides, strict=True))
    if min(offset, *strides, *shape, 0) < 0 or last >= len(there):
        raise ValueError(f"a tensor of shape {shape} does not lie in its {len(there)} values")
    steps = [step * there.itemsize for step in strides]
    return np.lib.stride_tricks.as_strided(there[offset:], shape, steps).copy()
