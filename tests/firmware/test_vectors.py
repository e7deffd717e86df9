"""The golden vectors, through the C core's receiver and sender; and the file is what its fields make."""

import importlib.util
import json
import zlib
from pathlib import Path
from typing import Any

import pytest

from appliance.twin_board import line_of, receive

FIRMWARE = Path(__file__).resolve().parents[2] / "firmware"
VECTORS = json.loads((FIRMWARE / "vectors.json").read_text(encoding="ascii"))


@pytest.mark.parametrize("frame", VECTORS["frames"], ids=lambda frame: frame["name"])
def test_the_core_reads_and_writes_every_frame(frame: dict[str, Any]) -> None:
    payload, line = bytes.fromhex(frame["payload"]), bytes.fromhex(frame["line"])

    assert receive(line) == (payload[:-4], {"frames": 1, "bad_crc": 0, "bad_frame": 0, "unknown": 0})
    assert line_of(payload[:-4]) == line
    assert int.from_bytes(payload[-4:], "little") == zlib.crc32(payload[:-4])


@pytest.mark.parametrize("case", VECTORS["bad"], ids=lambda case: case["what"])
def test_the_core_counts_what_is_no_frame(case: dict[str, Any]) -> None:
    assert receive(bytes.fromhex(case["line"]))[1] == case["counts"]


def test_every_type_is_there_twice() -> None:
    names = [frame["name"] for frame in VECTORS["frames"]]

    assert len(set(names)) == 16
    assert min(names.count(name) for name in names) >= 2


def test_the_file_is_what_its_fields_make() -> None:
    spec = importlib.util.spec_from_file_location("make_vectors", FIRMWARE / "make_vectors.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    assert module.text() == (FIRMWARE / "vectors.json").read_text(encoding="ascii")
