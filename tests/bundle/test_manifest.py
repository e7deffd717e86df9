"""manifest.json and labels.txt: what was written is read, and nothing else passes or escapes."""

import contextlib
import copy
import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from appliance.bundle.manifest import MAX_MANIFEST_BYTES, FileEntry, Manifest, parse_labels
from appliance.errors import ModelError
from appliance.preprocess import Preprocessing, TensorFormat

FILES = {"model.tflite": FileEntry("0f" * 32, 123), "labels.txt": FileEntry("ab" * 32, 9)}
MANIFEST = Manifest(
    "chamber5",
    "1.0.3",
    FILES,
    Preprocessing((160, 128), "crop", "area", "bgr", 0.0, 255.0),
    TensorFormat("uint8", 1 / 128, 127),
    training={"name": "chamber", "pictures": ["aa", "bb"]},
    validation={"name": "chamber-test", "n": 120},
    figures={"top1": 0.98, "interval": [0.95, 0.99]},
)
RAW: dict[str, Any] = json.loads(MANIFEST.to_bytes())


def refused(raw: Any) -> str:
    with pytest.raises(ModelError) as error:
        Manifest.from_bytes(raw if isinstance(raw, bytes) else json.dumps(raw).encode())
    assert error.value.exit_code == 12
    return str(error.value)


def changed(*path_and_value: Any) -> dict[str, Any]:
    """The good manifest with one value replaced, or removed where it is `...`."""
    *path, last, value = path_and_value
    raw = copy.deepcopy(RAW)
    target = raw
    for part in path:
        target = target[part]
    if value is ...:
        del target[last]
    else:
        target[last] = value
    return raw


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
data = st.dictionaries(st.text(max_size=8), json_values, max_size=3)


@settings(deadline=None, max_examples=80)
@given(
    st.from_regex(r"[a-z0-9][a-z0-9._-]{0,20}", fullmatch=True),
    st.tuples(*[st.integers(0, 999)] * 3),
    st.builds(
        Preprocessing,
        st.tuples(st.integers(1, 4096), st.integers(1, 4096)),
        st.sampled_from(["stretch", "crop"]),
        st.sampled_from(["nearest", "linear", "area"]),
        st.sampled_from(["rgb", "bgr"]),
        st.floats(-255, 255),
        st.floats(0.01, 255),
    ),
    st.builds(TensorFormat, st.sampled_from(["uint8", "int8"]), st.floats(1e-6, 10), st.integers(-128, 255)),
    st.dictionaries(st.from_regex(r"[a-z]{1,5}(/[a-z]{1,5}\.png)?", fullmatch=True), st.just(FILES["labels.txt"])),
    data,
    data,
)  # fmt: skip
def test_what_was_written_is_read_again(
    name: str, version: tuple[int, ...], spec: Preprocessing, tensor: TensorFormat, more: dict[str, FileEntry],
    training: dict[str, Any], figures: dict[str, Any],
) -> None:  # fmt: skip
    version_text = ".".join(map(str, version))
    one = Manifest(name, version_text, FILES | more, spec, tensor, training=training, figures=figures)
    content = one.to_bytes()
    assert Manifest.from_bytes(content) == one
    assert Manifest.from_bytes(content).to_bytes() == content


def test_the_form_on_disk_is_the_documented_one() -> None:
    assert RAW == {
        "schema": 1,
        "name": "chamber5",
        "version": "1.0.3",
        "task": "classification",
        "files": {
            "labels.txt": {"sha256": "ab" * 32, "length": 9},
            "model.tflite": {"sha256": "0f" * 32, "length": 123},
        },
        "preprocessing": {
            "size": [160, 128], "resize": "crop", "interpolation": "area", "colour": "bgr", "mean": 0.0, "std": 255.0,
            "dtype": "uint8", "input_scale": 1 / 128, "input_zero_point": 127,
        },
        "figures": {"top1": 0.98, "interval": [0.95, 0.99]},
        "validation": {"name": "chamber-test", "n": 120},
        "training": {"name": "chamber", "pictures": ["aa", "bb"]},
    }  # fmt: skip


def test_equal_content_is_equal_to_the_byte() -> None:
    reordered = Manifest(**{name: getattr(MANIFEST, name) for name in reversed(MANIFEST.__slots__)})
    assert reordered.to_bytes() == MANIFEST.to_bytes()
    assert MANIFEST.to_bytes().endswith(b"}\n")


def test_keys_of_later_versions_are_passed_over() -> None:
    assert Manifest.from_bytes(json.dumps(RAW | {"golden": {"count": 8}}).encode()) == MANIFEST


def test_what_is_optional_may_be_missing() -> None:
    raw = {key: value for key, value in RAW.items() if key not in ("training", "validation", "figures")}
    one = Manifest.from_bytes(json.dumps(raw).encode())
    assert (one.training, one.validation, one.figures) == ({}, {}, {})


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"\xff\xfe\xfd", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"9" * 5000, "not JSON"),
        (b"[]", "not a JSON object"),
        (b" " * (MAX_MANIFEST_BYTES + 1), "more than"),
        (changed("schema", ...), "schema is None"),
        (changed("schema", 2), "schema is 2, this version reads 1"),
        (changed("schema", "1"), "schema is '1'"),
        (changed("name", ...), "name is missing"),
        (changed("name", 7), "name is int, not str"),
        (changed("name", ""), "name ''"),
        (changed("name", "Chamber"), "name 'Chamber'"),
        (changed("name", "a/b"), "name 'a/b'"),
        (changed("name", "a\n"), "name 'a\\n'"),
        (changed("name", "a" * 65), "name"),
        (changed("version", "1.0"), "version '1.0'"),
        (changed("version", "v1.0.0"), "version 'v1.0.0'"),
        (changed("version", "1.0.0\n"), "version"),
        (changed("task", "detection"), "task 'detection'"),
        (changed("files", ...), "files is missing"),
        (changed("files", []), "files is list"),
        (changed("files", "model.tflite", ...), "files does not list model.tflite"),
        (changed("files", "labels.txt", ...), "files does not list labels.txt"),
        (changed("files", "labels.txt", 7), "files.labels.txt is not an object"),
        (changed("files", "labels.txt", "sha256", "AB" * 32), "files.labels.txt.sha256"),
        (changed("files", "labels.txt", "sha256", "ab" * 31), "files.labels.txt.sha256"),
        (changed("files", "labels.txt", "length", -1), "files.labels.txt.length"),
        (changed("files", "labels.txt", "length", True), "files.labels.txt.length"),
        (changed("files", "labels.txt", "length", 9.0), "files.labels.txt.length"),
        (changed("preprocessing", ...), "preprocessing is missing"),
        (changed("preprocessing", "size", 224), "preprocessing.size is 224"),
        (changed("preprocessing", "size", [224]), "preprocessing.size"),
        (changed("preprocessing", "size", [True, 224]), "preprocessing.size"),
        (changed("preprocessing", "size", [0, 224]), "size is (height, width)"),
        (changed("preprocessing", "size", [10**9, 224]), "size is (height, width)"),
        (changed("preprocessing", "resize", "squeeze"), "resize is"),
        (changed("preprocessing", "interpolation", ["linear"]), "preprocessing"),
        (changed("preprocessing", "colour", None), "colour is"),
        (changed("preprocessing", "mean", "0"), "preprocessing.mean is 0"),
        (changed("preprocessing", "mean", ...), "preprocessing.mean is None"),
        (changed("preprocessing", "std", 0), "std is above 0"),
        (changed("preprocessing", "std", True), "preprocessing.std is True"),
        (changed("preprocessing", "dtype", "float16"), "input tensor"),
        (changed("preprocessing", "input_scale", 0), "needs a scale above 0"),
        (changed("preprocessing", "input_zero_point", 1.5), "preprocessing.input_zero_point is 1.5"),
        (changed("figures", []), "figures is list"),
    ],
)
def test_what_is_wrong_is_named(raw: Any, said: str) -> None:
    assert said in refused(raw)


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "1e999", "1" + "0" * 400])
@pytest.mark.parametrize("key", ["mean", "std", "input_scale"])
def test_a_number_that_no_float_can_hold_is_refused(key: str, value: str) -> None:
    content = json.dumps(changed("preprocessing", key, "HERE")).replace('"HERE"', value).encode()
    assert f"preprocessing.{key}" in refused(content)


@pytest.mark.parametrize(
    "name",
    ["../model", "/etc/passwd", "a/../b", ".hidden", "a//b", "a/", "", "a/b/c/d", "a b", "a\\b", "a\n", "é.png",
     "manifest.json", "manifest.sig", "-rf", "a/.b"],
)  # fmt: skip
def test_a_file_name_that_could_lead_anywhere_is_refused(name: str) -> None:
    assert repr(name) in refused(changed("files", name, {"sha256": "ab" * 32, "length": 1}))


@settings(deadline=None, max_examples=150)
@given(st.binary(max_size=200))
@example(b"null")
@example(b"\xef\xbb\xbf{}")
def test_arbitrary_bytes_raise_nothing_but_model_error(content: bytes) -> None:
    with pytest.raises(ModelError):
        Manifest.from_bytes(content)


def paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [one for key, inner in inside for one in ((*path, key), *paths(inner, (*path, key)))]


wild = json_values | st.floats() | st.integers(10**300, 10**320) | st.sampled_from(["", "..", "1.0.0", "uint8", "crop"])


@settings(deadline=None, max_examples=150)
@given(st.sampled_from(paths(RAW)), wild | st.just(...))
def test_a_mutated_manifest_is_read_or_refused_with_model_error(path: tuple[Any, ...], value: Any) -> None:
    raw = changed(*path, value)
    try:
        one = Manifest.from_bytes(json.dumps(raw).encode())
    except ModelError:
        return
    assert Manifest.from_bytes(one.to_bytes()).to_bytes() == one.to_bytes()


@settings(deadline=None, max_examples=150)
@given(st.integers(0, len(MANIFEST.to_bytes()) - 1), st.binary(min_size=0, max_size=3))
def test_damaged_bytes_are_read_or_refused_with_model_error(at: int, content: bytes) -> None:
    good = MANIFEST.to_bytes()
    damaged = good[:at] + content + good[at + len(content) + 1 :]
    with contextlib.suppress(ModelError):
        Manifest.from_bytes(damaged)


# labels.txt


@pytest.mark.parametrize(
    ("content", "labels"),
    [
        (b"can\npet\n", ("can", "pet")),
        (b"can\npet", ("can", "pet")),
        (b"can\r\npet\r\n", ("can", "pet")),
        (b" can \npet\t\n\n\n", ("can", "pet")),
        ("Dose\nGlas grün\n".encode(), ("Dose", "Glas grün")),
        (b"\xef\xbb\xbfcan\npet\n", ("can", "pet")),
    ],
)
def test_labels_are_one_a_line(content: bytes, labels: tuple[str, ...]) -> None:
    assert parse_labels(content) == labels


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "it is empty"),
        (b"\n \n", "it is empty"),
        (b"can\n\npet\n", "line 2 is empty"),
        (b"can\npet\ncan\n", "'can' comes twice (line 3)"),
        (b"can\ncan \n", "'can' comes twice (line 2)"),
        (b"gr\xfcn\n", "not UTF-8"),
        ("can\n".encode("utf-16"), "not UTF-8"),
    ],
)
def test_labels_that_make_no_sense_are_refused(content: bytes, said: str) -> None:
    with pytest.raises(ModelError) as error:
        parse_labels(content)
    assert said in str(error.value)


@settings(deadline=None, max_examples=150)
@given(st.binary(max_size=60) | st.text(max_size=40).map(str.encode))
def test_arbitrary_labels_are_distinct_words_or_refused_with_model_error(content: bytes) -> None:
    try:
        labels = parse_labels(content)
    except ModelError:
        return
    assert labels
    assert len(set(labels)) == len(labels)
    assert all(label == label.strip() != "" for label in labels)
