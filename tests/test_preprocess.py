"""One preprocessing for training, validation and the machine: the three tensor types, the crop, the region."""

from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from appliance.preprocess import Preprocessing, Preprocessor, Region, TensorFormat

SCALE = 2 / 255
UINT8 = TensorFormat("uint8", SCALE, 128)
INT8 = TensorFormat("int8", SCALE, 0)


def noise(height: int, width: int, seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def real(values: NDArray[Any], tensor: TensorFormat) -> NDArray[np.float64]:
    """What the numbers in an input tensor mean to the network."""
    numbers = values.astype(np.float64)
    return numbers if tensor.dtype == "float32" else (numbers - tensor.zero_point) * tensor.scale


sides = st.integers(1, 90)


@settings(deadline=None, max_examples=60)
@given(
    sides,
    sides,
    st.sampled_from(["stretch", "crop"]),
    st.sampled_from(["nearest", "linear", "area"]),
    st.sampled_from(["rgb", "bgr"]),
    st.integers(-3, 3),
)
def test_the_three_tensor_types_agree_within_one_step(
    height: int, width: int, resize: Any, interpolation: Any, colour: Any, shift: int
) -> None:
    spec = Preprocessing((24, 32), resize, interpolation, colour)
    pixels = noise(height, width)
    exact = Preprocessor(spec)(pixels)
    assert exact.dtype == np.float32
    assert np.abs(exact).max() <= 1
    for tensor in (TensorFormat("uint8", SCALE, 128 + shift), TensorFormat("int8", SCALE, shift)):
        given_by_it = Preprocessor(spec, tensor)(pixels)
        assert given_by_it.dtype == np.dtype(tensor.dtype)
        # A zero point off the middle cannot hold the whole range: what it cuts off is at most `shift` steps.
        assert np.abs(real(given_by_it, tensor) - exact).max() <= (1 + abs(shift)) * SCALE


def test_a_uint8_tensor_over_the_usual_range_takes_the_bytes_as_they_are() -> None:
    pixels = noise(24, 32)
    plain = Preprocessor(Preprocessing((24, 32), colour="bgr"), UINT8)
    assert plain._table is None
    np.testing.assert_array_equal(plain(pixels), pixels)
    swapped = Preprocessor(Preprocessing((24, 32), colour="rgb"), UINT8)
    np.testing.assert_array_equal(swapped(pixels), pixels[:, :, ::-1])


def test_a_uint8_tensor_of_another_range_is_looked_up() -> None:
    pixels = np.array([[[0, 100, 255]]], np.uint8)
    twice = TensorFormat("uint8", 2 * SCALE, 0)
    values = Preprocessor(Preprocessing((1, 1), colour="bgr", mean=0.0, std=127.5), twice)(pixels)
    np.testing.assert_array_equal(values, [[[0, 50, 128]]])


@pytest.mark.parametrize("zero_point", range(122, 134))
def test_every_byte_lands_within_one_step_of_its_place_in_a_uint8_tensor(zero_point: int) -> None:
    """Copying the bytes is a short cut for the zero points 127 and 128 only."""
    pixels = np.arange(256, dtype=np.uint8).reshape(16, 16, 1).repeat(3, axis=2)
    values = Preprocessor(Preprocessing((16, 16), colour="bgr"), TensorFormat("uint8", SCALE, zero_point))(pixels)
    exact = np.clip((pixels.astype(np.float64) - 127.5) / 127.5 / SCALE + zero_point, 0, 255)
    assert np.abs(values - exact).max() <= 1


def test_int8_is_rounded_and_kept_within_its_range() -> None:
    pixels = np.array([[[0, 127, 255]]], np.uint8)
    spec = Preprocessing((1, 1), colour="bgr")
    np.testing.assert_array_equal(Preprocessor(spec, INT8)(pixels), [[[-128, 0, 127]]])
    np.testing.assert_array_equal(Preprocessor(spec, TensorFormat("int8", SCALE / 4, 0))(pixels), [[[-128, -2, 127]]])


def test_mean_and_std_are_applied_to_float() -> None:
    spec = Preprocessing((1, 1), colour="rgb", mean=10.0, std=5.0)
    np.testing.assert_array_equal(Preprocessor(spec)(np.array([[[0, 10, 20]]], np.uint8)), [[[2.0, 0.0, -2.0]]])


@pytest.mark.parametrize(("shape", "columns", "rows"), [((40, 80), slice(20, 60), slice(0, 40)),
                                                        ((80, 40), slice(0, 40), slice(20, 60))])  # fmt: skip
def test_crop_takes_the_centre_and_keeps_the_aspect_ratio(shape: tuple[int, int], columns: slice, rows: slice) -> None:
    pixels = noise(*shape)
    cropped = Preprocessor(Preprocessing((40, 40), "crop", colour="bgr"), UINT8)(pixels)
    np.testing.assert_array_equal(cropped, pixels[rows, columns])


def test_stretch_shows_the_whole_picture() -> None:
    pixels = np.zeros((40, 80, 3), np.uint8)
    pixels[:, 40:] = 200
    stretched = Preprocessor(Preprocessing((10, 10), "stretch", "nearest", "bgr"), UINT8)(pixels)
    assert stretched[:, :5].max() == 0
    assert stretched[:, 5:].min() == 200


def test_only_the_region_is_seen() -> None:
    pixels = noise(60, 80)
    region = Region(x=30, y=10, width=20, height=16)
    seen = Preprocessor(Preprocessing((16, 20), colour="bgr"), UINT8, region)(pixels)
    np.testing.assert_array_equal(seen, pixels[10:26, 30:50])


@pytest.mark.parametrize("region", [Region(-1, 0, 8, 8), Region(0, -1, 8, 8), Region(73, 0, 8, 8), Region(0, 53, 8, 8)])
def test_a_region_that_leaves_the_frame_is_refused(region: Region) -> None:
    with pytest.raises(ValueError, match=r"region 8x8.* leaves the 80x60 frame"):
        Preprocessor(Preprocessing((8, 8)), UINT8, region)(noise(60, 80))


@pytest.mark.parametrize(
    "out",
    [
        np.empty((24, 31, 3), np.uint8),
        np.empty((32, 24, 3), np.uint8),
        np.empty((1, 24, 32, 3), np.uint8),
        np.empty((24, 32, 3), np.int8),
        np.empty((24, 32, 3), np.float32),
    ],
)
def test_a_tensor_of_another_shape_or_type_is_refused(out: NDArray[Any]) -> None:
    with pytest.raises(ValueError, match="the input tensor is"):
        Preprocessor(Preprocessing((24, 32)), UINT8).write(noise(48, 64), out)


@pytest.mark.parametrize("tensor", [TensorFormat(), UINT8, INT8], ids=lambda tensor: tensor.dtype)
@pytest.mark.parametrize("colour", ["rgb", "bgr"])
@pytest.mark.parametrize("shape", [(24, 32), (48, 64), (30, 90)])
def test_the_picture_is_left_alone_and_the_same_picture_gives_the_same_input(
    tensor: TensorFormat, colour: Any, shape: tuple[int, int]
) -> None:
    """A frame that already has the network's size is the dangerous one: nothing has to be resized."""
    pixels = noise(*shape)
    before = pixels.copy()
    pixels.flags.writeable = False
    preprocessor = Preprocessor(Preprocessing((24, 32), "crop", colour=colour), tensor)
    first = preprocessor(pixels)
    preprocessor(noise(50, 50, seed=1))
    np.testing.assert_array_equal(preprocessor(pixels), first)
    np.testing.assert_array_equal(Preprocessor(preprocessor.spec, tensor)(pixels), first)
    np.testing.assert_array_equal(pixels, before)


@pytest.mark.parametrize("tensor", [TensorFormat(), UINT8, INT8], ids=lambda tensor: tensor.dtype)
@pytest.mark.parametrize("colour", ["rgb", "bgr"])
def test_write_fills_the_tensors_own_memory(tensor: TensorFormat, colour: Any) -> None:
    batch = np.zeros((1, 24, 32, 3), tensor.dtype)
    preprocessor = Preprocessor(Preprocessing((24, 32), colour=colour), tensor)
    pixels = noise(48, 64)
    preprocessor.write(pixels, batch[0])
    np.testing.assert_array_equal(batch[0], preprocessor(pixels))
    assert batch.any()


def test_the_default_resize_is_opencvs_linear() -> None:
    pixels = noise(48, 64)
    expected = cv2.resize(pixels, (32, 24), interpolation=cv2.INTER_LINEAR)
    np.testing.assert_array_equal(Preprocessor(Preprocessing((24, 32), colour="bgr"), UINT8)(pixels), expected)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"size": (0, 224)}, "size is"),
        ({"size": (224, 5000)}, "size is"),
        ({"size": (224,)}, "size is"),
        ({"resize": "squeeze"}, "resize is"),
        ({"interpolation": "cubic"}, "interpolation is one of"),
        ({"colour": "grey"}, "colour is"),
        ({"std": 0.0}, "std is above 0"),
        ({"std": float("nan")}, "std is above 0"),
    ],
)
def test_a_description_that_makes_no_sense_is_refused(wrong: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        Preprocessing(**wrong)


@pytest.mark.parametrize("wrong", [{"dtype": "float16"}, {"dtype": "uint8"}, {"dtype": "int8", "scale": -1.0}])
def test_a_tensor_format_that_makes_no_sense_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="input tensor"):
        TensorFormat(**wrong)


def test_a_description_survives_being_written_down() -> None:
    spec = Preprocessing((160, 128), "crop", "area", "bgr", 0.0, 255.0)
    written = spec.as_dict()
    assert written == {
        "size": [160, 128], "resize": "crop", "interpolation": "area", "colour": "bgr", "mean": 0.0, "std": 255.0,
    }  # fmt: skip
    assert Preprocessing(**(written | {"size": tuple(written["size"])})) == spec
