"""What was decided and is not yet in the journal survives a kill at any moment, whatever its texts are."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import ROOT

from appliance.errors import StorageError
from appliance.intents import SLOTS, Intents

RECORD: dict[str, Any] = {
    "item": "3f9a12cd-123456789",
    "run_id": "3f9a12cd",
    "frame": 123_456_789,
    "source": "glass/0001.jpg",
    "taken_ns": 2**62,
    "taken_at": 1_795_352_160_123_456_789,
    "label": "glass-bottle",
    "confidence": 0.987654,
    "runner_up": "pet-bottle",
    "bin": "glass",
    "outcome": "uncertain",
    "rule": "label",
    "model": "chamber5 1.0.0 (0123abcd)",
    "seq": 123_456_789,
    "latency_ms": 12.345,
    "confirm_ms": None,
    "detail": "the program ended before the answer",
}
SETTLED = {"outcome": "sorted", "latency_ms": 12.5, "confirm_ms": 50.25, "detail": ""}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "intents.bin"


@pytest.fixture
def intents(path: Path) -> Iterator[Intents]:
    """Open and cleared, as the journal has it once it has begun a run."""
    one = Intents(path)
    one.clear()
    yield one
    one.close()


def left_over(path: Path) -> list[dict[str, Any]]:
    """What the next process finds."""
    again = Intents(path)
    try:
        return again.left_over()
    finally:
        again.close()


def test_a_new_file_has_its_blocks_and_nothing_in_them(path: Path, intents: Intents) -> None:
    status = path.stat()
    assert status.st_blocks * 512 >= status.st_size > 0
    assert status.st_mode & 0o777 == 0o640
    assert intents.left_over() == []


def test_an_intent_is_found_as_it_was_held(path: Path, intents: Intents) -> None:
    intents.hold(RECORD)
    assert left_over(path) == [RECORD]


def test_an_outcome_replaces_what_was_only_intended(path: Path, intents: Intents) -> None:
    intents.settle(intents.hold(RECORD), SETTLED)
    assert left_over(path) == [RECORD | SETTLED]


def test_what_was_released_is_gone_and_its_slot_is_free_again(path: Path, intents: Intents) -> None:
    slots = [intents.hold(RECORD | {"seq": seq}) for seq in range(SLOTS)]
    assert not intents.room
    intents.release(slots[5])
    assert intents.room
    assert sorted(record["seq"] for record in left_over(path)) == [seq for seq in range(SLOTS) if seq != 5]
    assert intents.hold(RECORD) == slots[5]


def test_without_room_nothing_is_overwritten(path: Path, intents: Intents) -> None:
    for seq in range(SLOTS):
        intents.hold(RECORD | {"seq": seq})
    with pytest.raises(IndexError):
        intents.hold(RECORD)
    assert sorted(record["seq"] for record in left_over(path)) == list(range(SLOTS))


def test_a_slots_next_item_has_nothing_of_the_one_before(path: Path, intents: Intents) -> None:
    slot = intents.hold(RECORD)
    intents.settle(slot, SETTLED)
    intents.release(slot)
    assert intents.hold(RECORD | {"seq": 2}) == slot
    assert left_over(path) == [RECORD | {"seq": 2}]


def test_clear_forgets_everything(path: Path, intents: Intents) -> None:
    for _ in range(3):
        intents.hold(RECORD)
    intents.clear()
    assert left_over(path) == []
    assert intents.room


def test_a_byte_that_was_torn_costs_its_own_half_and_no_other(path: Path, intents: Intents) -> None:
    for seq in range(4):
        intents.settle(intents.hold(RECORD | {"seq": seq}), SETTLED)
    content = path.read_bytes()
    marks = [content.index(f'"seq":{seq},'.encode()) for seq in range(4)]
    outcome_of_2 = content.index(b'"outcome":"sorted"', marks[2])
    with path.open("r+b") as file:
        # Both remain good JSON: only the checksum can tell.
        for at, torn in ((marks[1] + len('"seq":'), b"7"), (outcome_of_2 + len('"outcome":"'), b"S")):
            file.seek(at)
            file.write(torn)
    found = {record["seq"]: record["outcome"] for record in left_over(path)}
    assert found == {0: "sorted", 2: "uncertain", 3: "sorted"}


@settings(deadline=None, max_examples=60)
@given(content=st.binary(max_size=3000), at=st.integers(0, 120_000))
def test_rubbish_in_the_file_never_stops_the_next_start(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, at: int
) -> None:
    path = tmp_path_factory.mktemp("intents") / "intents.bin"
    path.write_bytes(bytes(at) + content)
    assert all(isinstance(record, dict) for record in left_over(path))


def test_a_file_of_another_length_is_made_right(path: Path) -> None:
    path.write_bytes(b"\xff" * 1_000_000)
    assert left_over(path) == []
    assert path.stat().st_size < 1_000_000


texts = st.text(max_size=300) | st.text(alphabet='\U0001f5d1漢é\\"\x01a', min_size=100, max_size=300)
FREE = ("source", "label", "runner_up", "bin", "model", "detail")


@settings(deadline=None, max_examples=40)
@given(st.fixed_dictionaries(dict.fromkeys(FREE, texts)))
def test_long_texts_are_cut_but_never_cost_the_record(
    tmp_path_factory: pytest.TempPathFactory, free: dict[str, str]
) -> None:
    """What identifies the item and says what happened to it stays exact; only free text may lose its beginning."""
    path = tmp_path_factory.mktemp("intents") / "intents.bin"
    intents = Intents(path)
    intents.clear()
    slot = intents.hold(RECORD | free)
    intents.settle(slot, SETTLED | {"detail": free["detail"][:200]})
    intents.close()
    (found,) = left_over(path)
    exact = {name: value for name, value in (RECORD | SETTLED).items() if name not in FREE}
    assert {name: found[name] for name in exact} == exact
    for name, text in (free | {"detail": free["detail"][:200]}).items():
        assert found[name] == text or (found[name].startswith("...") and text.endswith(found[name][3:]))
        assert len(found[name]) >= min(len(text), 4)  # something is left of it


def test_a_text_that_is_no_unicode_is_kept_too(path: Path, intents: Intents) -> None:
    """A file name in Latin-1 reaches Python with surrogates in it."""
    source = os.fsdecode(b"gr\xfcn.jpg")
    intents.hold(RECORD | {"source": source})
    assert left_over(path) == [RECORD | {"source": source}]


def test_the_last_number_outlives_clearing_and_the_process(path: Path, intents: Intents) -> None:
    assert intents.last_seq == 0
    intents.note_seq(70)
    intents.clear()
    assert intents.last_seq == 70
    again = Intents(path)
    assert again.last_seq == 70
    again.close()


@pytest.mark.parametrize("rubbish", [b"\xff", b"\x01", b"\xa5\x00"])
def test_rubbish_where_the_last_number_was_is_no_number(path: Path, rubbish: bytes) -> None:
    """A card that forgot a block must not give the next command a number that no column can hold."""
    intents = Intents(path)
    intents.note_seq(70)
    intents.close()
    content = path.read_bytes()
    end = content.rindex(bytes([70]))
    path.write_bytes(content[:end] + (rubbish * 100)[: len(content) - end])
    again = Intents(path)
    found = again.last_seq
    again.close()
    assert found == 0


def test_a_directory_that_is_not_there_is_a_storage_error(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="No such file"):
        Intents(tmp_path / "absent" / "intents.bin")


KILLED = """
import os, signal, sys
from pathlib import Path
from appliance.intents import Intents
intents = Intents(Path(sys.argv[1]))
intents.clear()
for seq in range(10):
    slot = intents.hold({"seq": seq, "outcome": "uncertain"})
    if seq % 2:
        intents.settle(slot, {"outcome": "sorted"})
    if seq == 3:
        intents.release(slot)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_process_leaves_everything_behind(path: Path) -> None:
    result = subprocess.run([sys.executable, "-c", KILLED, str(path)], cwd=ROOT, capture_output=True, timeout=60)
    assert result.returncode == -signal.SIGKILL, result.stderr
    found = {record["seq"]: record["outcome"] for record in left_over(path)}
    assert found == {seq: "sorted" if seq % 2 else "uncertain" for seq in range(10) if seq != 3}


def test_the_file_is_plain_json_for_a_person_in_need(path: Path, intents: Intents) -> None:
    intents.hold(RECORD)
    content = path.read_bytes()
    text = content[content.index(b"{") : content.index(b"}") + 1]
    assert json.loads(text) == RECORD
