"""Frames survive the line in whatever pieces, and nothing else is taken for one."""

import json
import zlib
from dataclasses import asdict, fields
from typing import Any

import pytest
from cobs import cobs
from hypothesis import given, settings
from hypothesis import strategies as st
from support import ROOT

from appliance.sorter.frames import FRAMES, Command, Frame, Pulse
from appliance.sorter.wire import MAX_ENCODED, LineCounters, Receiver, line_of

_RANGES = {"B": (0, 2**8 - 1), "H": (0, 2**16 - 1), "I": (0, 2**32 - 1), "i": (-(2**31), 2**31 - 1)}
VECTORS: dict[str, Any] = json.loads((ROOT / "firmware" / "vectors.json").read_text())
"""Golden: the firmware's tests read the same file."""


@st.composite
def frames(draw: st.DrawFn) -> Frame:
    """Any frame with any values."""
    kind = draw(st.sampled_from(FRAMES))
    codes = kind.LAYOUT.format.lstrip("<")
    frame: Frame = kind(*(draw(st.integers(*_RANGES[code])) for code in codes))
    return frame


def wrapped(content: bytes) -> bytes:
    """Anything as a line with a right CRC."""
    encoded: bytes = cobs.encode(content + zlib.crc32(content).to_bytes(4, "little"))
    return b"\0" + encoded + b"\0"


COMMAND = Command(session=0xDEADBEEF, seq=7, latch=2, action=0, channel=3, not_before=1000, not_after=201_000)


def vector_frame(vector: dict[str, Any]) -> Frame:
    """The frame of a golden vector; the fields have the names of the specification."""
    kind = next(frame for frame in FRAMES if vector["type"] == frame.TYPE)
    frame: Frame = kind(**vector["fields"])
    return frame


@pytest.mark.parametrize("vector", VECTORS["frames"], ids=lambda vector: vector["name"])
def test_golden_frames_are_these_bytes_in_both_directions(vector: dict[str, Any]) -> None:
    frame, line = vector_frame(vector), bytes.fromhex(vector["line"])

    assert line_of(frame) == line
    assert Receiver().feed(line) == [frame]


@pytest.mark.parametrize("vector", VECTORS["bad"], ids=lambda vector: vector["what"])
def test_golden_noise_is_counted_as_the_firmware_counts_it(vector: dict[str, Any]) -> None:
    receiver = Receiver()
    receiver.feed(bytes.fromhex(vector["line"]))

    assert asdict(receiver.counters) == vector["counts"]


def test_there_are_golden_vectors_for_every_type() -> None:
    assert {vector["type"] for vector in VECTORS["frames"]} == {frame.TYPE for frame in FRAMES}


def test_every_type_has_the_length_of_the_specification() -> None:
    assert {frame.TYPE: frame.LAYOUT.size for frame in FRAMES} == {
        **{0x01: 6, 0x02: 5, 0x03: 7, 0x04: 19, 0x05: 4, 0x06: 4},
        **{0x81: 36, 0x82: 7, 0x83: 12, 0x84: 16, 0x85: 13, 0x86: 18, 0x87: 11, 0x88: 15, 0x89: 33, 0x8A: 8},
    }
    assert all(len(fields(frame)) == len(frame.LAYOUT.format.lstrip("<")) for frame in FRAMES)


@given(st.lists(frames(), max_size=6), st.data())
def test_frames_come_out_as_they_went_in_whatever_the_pieces(sent: list[Frame], data: st.DataObject) -> None:
    line = b"".join(map(line_of, sent))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(line)), max_size=12)))
    receiver, found = Receiver(), []
    for start, end in zip([0, *cuts], [*cuts, len(line)], strict=True):
        found += receiver.feed(line[start:end])

    assert found == sent
    assert receiver.counters == LineCounters(frames=len(sent))


def test_a_byte_at_a_time_is_enough() -> None:
    receiver = Receiver()
    found = [frame for byte in line_of(COMMAND) for frame in receiver.feed(bytes([byte]))]

    assert found == [COMMAND]


@given(frames())
def test_a_line_has_no_zero_inside_and_stays_within_the_limit(frame: Frame) -> None:
    line = line_of(frame)

    assert line[0] == line[-1] == 0
    assert 0 not in line[1:-1]
    assert len(line) - 2 <= MAX_ENCODED


@given(frames(), st.binary(max_size=120))
def test_after_any_noise_the_next_frame_but_one_is_taken(frame: Frame, noise: bytes) -> None:
    receiver = Receiver()
    receiver.feed(noise)

    assert receiver.feed(line_of(frame))[-1:] == [frame]


@given(frames(), st.data())
def test_a_frame_with_up_to_four_flipped_bits_is_never_taken_for_another(frame: Frame, data: st.DataObject) -> None:
    content = bytes([frame.TYPE]) + frame.LAYOUT.pack(*(getattr(frame, one.name) for one in fields(_dataclass(frame))))
    payload = bytearray(content + zlib.crc32(content).to_bytes(4, "little"))
    for bit in data.draw(st.sets(st.integers(0, 8 * len(payload) - 1), min_size=1, max_size=4)):
        payload[bit // 8] ^= 1 << bit % 8
    receiver = Receiver()
    found = receiver.feed(b"\0" + cobs.encode(bytes(payload)) + b"\0")

    assert found == []
    assert receiver.counters.bad == 1


def _dataclass(frame: Any) -> Any:
    return frame


@pytest.mark.parametrize(
    ("line", "counted"),
    [
        (b"\0\0\0", LineCounters()),
        (b"\0\x05\x01\0", LineCounters(bad_frame=1)),  # COBS promises more than comes
        (wrapped(b"")[:-1] + b"\0", LineCounters(bad_frame=1)),  # a CRC of nothing
        (b"\0" + cobs.encode(b"\x05" + bytes(8)) + b"\0", LineCounters(bad_crc=1)),
        (wrapped(b"\x7f" + bytes(4)), LineCounters(unknown=1)),
        (wrapped(b"\x05" + bytes(5)), LineCounters(bad_frame=1)),  # one byte more than a STOP has
        (b"\0" + b"\xaa" * 50 + b"\0", LineCounters(bad_frame=1)),
        (b"\0" + b"\xaa" * 5000 + b"\0" + line_of(COMMAND), LineCounters(frames=1, bad_frame=1)),
    ],
)
def test_what_is_no_frame_is_counted_once_and_by_its_reason(line: bytes, counted: LineCounters) -> None:
    whole, single = Receiver(), Receiver()
    whole.feed(line)
    for byte in line:
        single.feed(bytes([byte]))

    assert whole.counters == counted
    assert single.counters == counted


@settings(max_examples=200)
@given(st.lists(st.one_of(st.binary(max_size=200), frames().map(line_of)), max_size=20))
def test_hostile_bytes_neither_raise_nor_pile_up(chunks: list[bytes]) -> None:
    receiver = Receiver()
    for chunk in chunks:
        receiver.feed(chunk)
        assert len(receiver._partial) <= MAX_ENCODED


def test_a_lost_byte_costs_one_frame() -> None:
    line = line_of(COMMAND)
    for lost in range(len(line)):
        receiver = Receiver()
        found = receiver.feed(line[:lost] + line[lost + 1 :] + line_of(COMMAND))
        assert found[-1] == COMMAND
        assert len(found) == (2 if lost in (0, len(line) - 1) else 1)  # either of two zeros between frames will do


def test_a_new_connection_forgets_half_a_frame() -> None:
    receiver = Receiver()
    receiver.feed(line_of(COMMAND)[:9])
    receiver.reset()
    pulse = Pulse(1, 2, 3, 4, 2, 1, 5, 0)

    assert receiver.feed(line_of(pulse)[1:]) == [pulse]
    assert receiver.counters.bad == 0
