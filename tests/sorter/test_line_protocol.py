"""The text protocol, pure: any chunking gives the same lines, memory stays bounded, templates are checked."""

import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.sorter.line_protocol import MAX_LINE_BYTES, LineBuffer, Patterns, Reply, check_template, encode

PATTERNS = Patterns(re.compile(r"^OK (?P<seq>\d+)"), re.compile(r"^ERR (?P<seq>\d+)"), re.compile("^READY"))


@given(st.binary(max_size=3000), st.lists(st.integers(0, 3000), max_size=20))
def test_any_chunking_gives_the_same_lines(stream: bytes, cuts: list[int]) -> None:
    whole = LineBuffer().feed(stream)
    buffer, pieces = LineBuffer(), []
    edges = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    for begin, end in itertools.pairwise(edges):
        pieces += buffer.feed(stream[begin:end])

    assert pieces == whole


@given(st.lists(st.binary(max_size=2000), max_size=20))
def test_what_it_keeps_is_bounded(chunks: list[bytes]) -> None:
    buffer = LineBuffer()
    for chunk in chunks:
        lines = buffer.feed(chunk)
        assert len(buffer._partial) <= MAX_LINE_BYTES + 1
        assert all(len(line) <= MAX_LINE_BYTES and line.isascii() for line in lines)


def test_a_line_that_is_too_long_is_discarded_whole_and_the_next_one_is_read() -> None:
    buffer = LineBuffer()

    assert buffer.feed(b"x" * 2000 + b"OK 1\nOK 2\n") == ["OK 2"]


@given(st.binary(max_size=600))
def test_no_line_is_beyond_reading(line: bytes) -> None:
    for text in LineBuffer().feed(line + b"\n"):
        assert PATTERNS.read(text).kind in ("ready", "done", "failed", "other")


@pytest.mark.parametrize(
    ("line", "reply"),
    [
        ("OK 12 SIMULATED", Reply("done", 12, "OK 12 SIMULATED")),
        ("ERR 3 jammed", Reply("failed", 3, "ERR 3 jammed")),
        ("ERR 4 not OK 5", Reply("failed", 4, "ERR 4 not OK 5")),
        ("READY v1", Reply("ready", None, "READY v1")),
        ("OK 99999999999999999999999", Reply("done", None, "OK 99999999999999999999999")),
        ("hello", Reply("other", None, "hello")),
    ],
)
def test_replies_are_read(line: str, reply: Reply) -> None:
    assert PATTERNS.read(line) == reply


@pytest.mark.parametrize(
    "template",
    ["SORT\n", "SORT {channel}", "SORT {what}\n", "SORT {channel\n", "{channel} ü\n", "{0}\n", "{channel:>600}\n"],
)
def test_a_template_that_cannot_work_is_refused(template: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        check_template(template)


@given(st.integers(0, 255), st.integers(1, 2**31))
def test_a_command_is_one_ascii_line(channel: int, seq: int) -> None:
    data = encode(check_template("SORT {channel} {seq}\n"), channel, seq, "cans")

    assert data == f"SORT {channel} {seq}\n".encode()
