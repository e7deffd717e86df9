"""A PyTorch file gives its tensors and runs nothing; a damaged one is refused in words."""

import pickle
import sys
from collections import OrderedDict
from io import BytesIO
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.errors import ModelError
from modelworks.torchfile import tensors_of

WEIGHT = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
TURNED = WEIGHT.transpose(1, 2, 0)
"""Another order of axes over the same storage, as PyTorch keeps some kernels."""


class Tensor:
    """Pickles as a tensor does: a call of `_rebuild_tensor_v2` with a storage."""

    def __init__(self, key: str, values: np.ndarray[Any, Any], offset: int = 0) -> None:
        self.key, self.values, self.offset = key, values, offset

    def __reduce__(self) -> Any:
        strides = tuple(step // self.values.itemsize for step in self.values.strides)
        storage = Storage(self.key)
        build = sys.modules["torch._utils"]._rebuild_tensor_v2  # type: ignore[attr-defined]
        return build, (storage, self.offset, self.values.shape, strides, False, OrderedDict())


class Storage:
    def __init__(self, key: str) -> None:
        self.key = key


class Pickler(pickle.Pickler):
    def persistent_id(self, thing: Any) -> Any:
        if isinstance(thing, Storage):
            return ("storage", sys.modules["torch"].FloatStorage, thing.key, "cpu", 0, None)  # type: ignore[attr-defined]
        return None


@pytest.fixture(scope="module")
def content() -> bytes:
    """A checkpoint of two tensors over one storage, as PyTorch before 1.6 wrote it."""
    with pytest.MonkeyPatch.context() as patch:
        torch, utils = ModuleType("torch"), ModuleType("torch._utils")
        torch.FloatStorage = type("FloatStorage", (), {"__module__": "torch"})  # type: ignore[attr-defined]

        def _rebuild_tensor_v2(*parts: Any) -> None: ...

        _rebuild_tensor_v2.__module__, _rebuild_tensor_v2.__qualname__ = "torch._utils", "_rebuild_tensor_v2"
        utils._rebuild_tensor_v2 = _rebuild_tensor_v2  # type: ignore[attr-defined]
        patch.setitem(sys.modules, "torch", torch)
        patch.setitem(sys.modules, "torch._utils", utils)
        named = OrderedDict(weight=Tensor("7", WEIGHT), turned=Tensor("7", TURNED))
        return written(0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}, named, ["7"]) + stored(WEIGHT)


def written(*things: Any) -> bytes:
    stream = BytesIO()
    for thing in things:
        Pickler(stream, 2).dump(thing)
    return stream.getvalue()


def stored(values: np.ndarray[Any, Any]) -> bytes:
    return np.int64(values.size).tobytes() + values.tobytes()


def test_every_tensor_comes_back_however_it_lies_in_its_storage(content: bytes) -> None:
    tensors = tensors_of(content)
    assert list(tensors) == ["weight", "turned"]
    np.testing.assert_array_equal(tensors["weight"], WEIGHT)
    np.testing.assert_array_equal(tensors["turned"], TURNED)


def test_what_is_no_tensor_is_never_called() -> None:
    evil = b"cos\nsystem\n(S'echo called > /dev/stderr'\ntR."
    with pytest.raises(ModelError, match=r"it asks for os\.system"):
        tensors_of(evil * 5)


def test_a_file_that_ends_too_early_is_refused_wherever_it_ends(content: bytes) -> None:
    for end in range(len(content)):
        with pytest.raises(ModelError, match="reading the tensors"):
            tensors_of(content[:end])


def test_a_tensor_that_reaches_beyond_its_storage_is_refused(content: bytes) -> None:
    short = content[: -len(stored(WEIGHT))] + stored(WEIGHT.ravel()[:-1])
    with pytest.raises(ModelError, match="does not lie in its 23 values"):
        tensors_of(short)


@given(st.data())
def test_spoilt_storages_give_tensors_or_an_error_and_nothing_else(content: bytes, data: st.DataObject) -> None:
    """Only what is behind the pickles: one byte changed in those can make the standard library's reader take all of
    the memory, which is why `efficientnet` opens none whose hash it does not know."""
    tail = len(stored(WEIGHT))
    place = data.draw(st.integers(len(content) - tail, len(content) - 1))
    spoilt = content[:place] + bytes([data.draw(st.integers(0, 255))]) + content[place + 1 :]
    try:
        tensors = tensors_of(spoilt)
    except ModelError:
        return
    assert {name: each.shape for name, each in tensors.items()} == {"weight": (2, 3, 4), "turned": (3, 4, 2)}
