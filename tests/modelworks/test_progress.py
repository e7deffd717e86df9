"""The time left is right when the work is weighed right, and a log gets lines instead of a bar."""

import io

import pytest
from rich.console import Console

from modelworks.progress import reporting, time_left_s


def test_the_rest_takes_as_long_as_its_share() -> None:
    assert time_left_s(30.0, 25.0, 100.0) == 90.0
    assert time_left_s(30.0, 0.0, 100.0) == float("inf")


def test_a_log_gets_a_line_with_share_and_time_left() -> None:
    """The first piece, slow by its preparation, does not count: 3 more took 60 s, 4 are left."""
    written, now = io.StringIO(), iter([500.0, 560.0])
    with reporting("training", 8, Console(file=written, width=200), lambda: next(now)) as report:
        report.advance(1)
        report.advance(3)
        report.say("epoch 1")
    assert written.getvalue() == "training 50%, 1.3 min left: epoch 1\n"


def test_what_an_earlier_run_did_says_nothing_of_the_speed() -> None:
    """Half was done before; 1 piece of 3 took 60 s, 2 are left, and the first one paid for the preparation."""
    written, now = io.StringIO(), iter([500.0, 560.0])
    with reporting("training", 8, Console(file=written, width=200), lambda: next(now)) as report:
        report.skip(4)
        report.advance(1)
        report.advance(1)
        report.say("epoch 6")
    assert written.getvalue() == "training 75%, 2.0 min left: epoch 6\n"


def test_a_bar_is_of_what_is_left_to_do() -> None:
    written = io.StringIO()
    with reporting("training", 8, Console(file=written, force_terminal=True, width=100)) as report:
        report.skip(6)
        report.advance(2)
    assert "100%" in written.getvalue()


def test_a_terminal_gets_a_bar_that_ends_full() -> None:
    written = io.StringIO()
    with reporting("training", 2, Console(file=written, force_terminal=True, width=100)) as report:
        report.advance(2)
        report.say("epoch 1")
    assert "100%" in written.getvalue()
    assert "epoch 1" in written.getvalue()


def test_an_error_within_comes_out() -> None:
    with pytest.raises(RuntimeError, match="no"), reporting("t", 1, Console(file=io.StringIO())):
        raise RuntimeError("no")
