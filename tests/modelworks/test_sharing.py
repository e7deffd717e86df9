"""Sharing vectors makes a file smaller, and nothing else: every tensor, every operator and every answer stays."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("flatbuffers", reason="needs the extra `train`")

import flatbuffers
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

from appliance.errors import ModelError
from modelworks.graph import Network
from modelworks.graphreading import read_network
from modelworks.promise import check
from modelworks.quantrecipes import RECIPES
from modelworks.sharing import share_vectors

pytestmark = pytest.mark.workstation

MODELS = sorted((Path(__file__).parents[2] / "models").glob("*/model.tflite"))


@pytest.fixture(params=MODELS, ids=lambda path: path.parent.name)
def content(request: pytest.FixtureRequest) -> bytes:
    return Path(request.param).read_bytes()


@pytest.fixture(scope="module")
def float32() -> bytes:
    """A network of 660,000 weights, more than what LiteRT's quantizer leaves inside the FlatBuffer."""
    keras = pytest.importorskip("keras", reason="needs the extra `train`")
    from modelworks.convert import convert

    keras.utils.set_random_seed(1)
    layers = [
        keras.Input((64, 64, 3)),
        keras.layers.Conv2D(64, 3, strides=2, activation="relu"),
        keras.layers.DepthwiseConv2D(3, strides=2, activation="relu"),
        keras.layers.Conv2D(160, 8, activation="relu"),
        keras.layers.GlobalAveragePooling2D(),
        keras.layers.Dense(5, activation="softmax"),
    ]
    return convert(keras.Sequential(layers), RECIPES["float32"])


def answers(content: bytes) -> NDArray[Any]:
    """Of some noise, on the kernels that the machine runs."""
    model = Interpreter(model_content=content, num_threads=1)
    model.allocate_tensors()
    given = model.get_input_details()[0]
    said, rng = [], np.random.default_rng(3)
    for _ in range(3):
        model.set_tensor(given["index"], rng.integers(0, 256, given["shape"], np.uint8).astype(given["dtype"]))
        model.invoke()
        said.append(model.get_tensor(model.get_output_details()[0]["index"]))
    return np.stack(said)


def plain(value: Any) -> Any:
    """A FlatBuffer's objects as values that can be compared."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, list):
        return [plain(each) for each in value]
    return {name: plain(each) for name, each in vars(value).items()} if hasattr(value, "__dict__") else value


def test_the_answers_and_everything_that_is_read_stay(content: bytes) -> None:
    smaller = share_vectors(content)
    assert len(smaller) <= len(content)
    np.testing.assert_array_equal(answers(smaller), answers(content))
    before, after = (plain(schema.ModelT.InitFromObj(schema.Model.GetRootAs(each, 0))) for each in (content, smaller))
    assert before == after


def test_a_converters_file_gets_smaller_by_what_it_says_twice() -> None:
    """`chamber5` was made before that was done."""
    content = (MODELS[0].parents[1] / "chamber5" / "model.tflite").read_bytes()
    assert len(share_vectors(content)) < 0.93 * len(content)


def test_what_is_saved_is_what_inspect_no_longer_counts(content: bytes) -> None:
    def rest(network: Network) -> int:
        return network.size - network.stored().total() - network.scaling

    before, after = (read_network(each, "a file") for each in (content, share_vectors(content)))
    assert 0 < after.scaling <= before.scaling
    assert 0 < rest(after) <= rest(before)


def test_what_is_shared_already_gets_no_smaller(content: bytes) -> None:
    once = share_vectors(content)
    assert len(share_vectors(once)) == len(once)


def test_buffers_lie_where_kernels_want_them(content: bytes) -> None:
    smaller = share_vectors(content)
    model = schema.Model.GetRootAs(smaller, 0)
    begin = np.frombuffer(smaller, np.uint8).__array_interface__["data"][0]
    starts = [
        model.Buffers(number).DataAsNumpy().__array_interface__["data"][0] - begin
        for number in range(model.BuffersLength())
        if model.Buffers(number).DataLength()
    ]
    assert len(starts) > 20
    assert not any(start % 16 for start in starts)


@pytest.mark.parametrize("name", ["weight8", "weight4"])
def test_constants_behind_the_flatbuffer_are_brought_into_it(float32: bytes, name: str) -> None:
    from modelworks.weightonly import shrink_weights

    raw = shrink_weights(float32, RECIPES[name])
    model = schema.Model.GetRootAs(raw, 0)
    assert any(model.Buffers(number).Offset() > 1 for number in range(model.BuffersLength())), "nothing was tested"
    shared = share_vectors(raw)
    check(shared, RECIPES[name], len(float32))
    np.testing.assert_array_equal(answers(shared), answers(raw))


@pytest.mark.parametrize("kept", [9, 100, 1000, 100_000, -10, -64])
def test_a_file_that_is_cut_off_is_refused(float32: bytes, kept: int) -> None:
    from modelworks.weightonly import shrink_weights

    with pytest.raises(ModelError, match="sharing a file's vectors: damaged or cut off"):
        share_vectors(shrink_weights(float32, RECIPES["weight8"])[:kept])


def test_custom_options_behind_the_flatbuffer_are_brought_into_it() -> None:
    content = MODELS[0].read_bytes()
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(content, 0))
    model.subgraphs[0].operators[0].largeCustomOptionsOffset = 2  # room in the file, until its length is known
    model.subgraphs[0].operators[0].largeCustomOptionsSize = 6

    def packed() -> bytes:
        builder = flatbuffers.Builder(len(content))
        builder.Finish(model.Pack(builder), b"TFL3")
        return bytes(builder.Output())

    model.subgraphs[0].operators[0].largeCustomOptionsOffset = len(packed())
    operator = schema.Model.GetRootAs(share_vectors(packed() + b"option"), 0).Subgraphs(0).Operators(0)
    assert operator.LargeCustomOptionsOffset() == 0
    assert operator.CustomOptionsAsNumpy().tobytes() == b"option"


def test_what_is_no_model_is_refused() -> None:
    with pytest.raises(ModelError, match=r"no \.tflite file"):
        share_vectors(b"JFIF" * 9)
