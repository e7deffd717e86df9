"""Which language a far end speaks that did not understand ours, asked so that nothing can move by it."""

import pytest
from support import TwinControl

from appliance.errors import LinkError
from appliance.sorter.line import LineOptions, LineSorter
from appliance.sorter.other_language import QUESTION, text_in
from appliance.twin_log import read_log


def test_the_question_has_no_byte_that_text_is_made_of() -> None:
    assert [byte for byte in QUESTION if 32 <= byte < 127 or byte in b"\t\r\n"] == []


def test_a_line_sorter_at_a_framed_board_says_what_to_set(twin: TwinControl) -> None:
    twin.start("--protocol", "framed")
    options = LineOptions(
        kind="line", port=str(twin.link), hello="HELLO\n", ready="^READY", ready_timeout_s=1.0, stop="STOP\n"
    )
    with pytest.raises(LinkError, match="framed protocol is there.*set sorter.kind to framed"):
        LineSorter(options).open()

    assert read_log(twin.log) == []


def test_a_silent_line_board_is_not_taken_for_a_framed_one(twin: TwinControl) -> None:
    """The twin says nothing to half a line; the question must not be taken for the rest of one."""
    twin.start()
    options = LineOptions(kind="line", port=str(twin.link), ready="^READY", ready_timeout_s=0.5)
    with pytest.raises(LinkError, match="no answer.*sorter.hello"):
        LineSorter(options).open()

    assert read_log(twin.log) == []


@pytest.mark.parametrize(
    ("heard", "text"),
    [
        (b"READY SIMULATED\r\n", "READY SIMULATED"),
        (b"\nERR what\nERR what\n", "ERR what"),
        (b"no line end", ""),
        (b"\xfe\x8aREADY\n", ""),
        (b"~\n", ""),
        (b"", ""),
    ],
)
def test_only_whole_lines_of_letters_are_text(heard: bytes, text: str) -> None:
    assert text_in(heard) == text
