"""A table from elsewhere is read as it is printed, or refused with the number of the line."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from appliance.errors import UsageError
from modelworks.comparison_table import parse_table
from modelworks.objective import ACCURACY, MSE, Candidate

HEADER = b"name,accuracy,ms,kb\n"


def refused(content: bytes) -> str:
    with pytest.raises(UsageError) as caught:
        parse_table(content, "t.csv")
    return str(caught.value)


def test_rows_are_read_in_their_order_and_accuracies_are_shares() -> None:
    table = parse_table(HEADER + b"a,99.5,23,3200\n\n b b , 9e1 ,2.5,1e3\n", "t.csv")
    assert table.metric is ACCURACY
    assert table.candidates == (Candidate("a", 0.995, 23, 3200), Candidate("b b", 0.9, 2.5, 1000))


def test_shares_stay_what_they_are() -> None:
    assert parse_table(HEADER + b"a,1,1,1\nb,.5,1,1\n", "t.csv").candidates[1].quality == 0.5


def test_an_error_takes_the_place_of_the_accuracy() -> None:
    table = parse_table(b"kb,ms,MSE,name\n1,2,3,a\n", "t.csv")
    assert (table.metric, table.candidates) == (MSE, (Candidate("a", 3, 2, 1),))


def test_other_columns_a_byte_order_mark_and_line_ends_of_windows_do_no_harm() -> None:
    table = parse_table(b'\xef\xbb\xbfname,accuracy,train,ms,kb\r\n"a, b",99,100,23,3200\r\n', "t.csv")
    assert table.candidates == (Candidate("a, b", 0.99, 23, 3200),)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "it is empty"),
        (b"\n \n", "it is empty"),
        (HEADER, "columns, but no rows"),
        (b"name,accuracy,ms\na,1,1\n", "line 1: column 'kb' stands there 0 times"),
        (b"name,accuracy,ms,ms,kb\n", "line 1: column 'ms' stands there 2 times"),
        (b"name;accuracy;ms;kb\na;1;1;1\n", "line 1: neither accuracy nor mse"),
        (b"name,accuracy,mse,ms,kb\n", "line 1: both accuracy and mse"),
        (HEADER + b"a,1,1,1\nb,fast,1,1\n", "line 3: accuracy is 'fast', not a number"),
        (HEADER + b"a,1,nan,1\n", "line 2: ms is 'nan', not a number"),
        (HEADER + b"a,1,1,inf\n", "line 2: kb is 'inf', not a number"),
        (HEADER + b"a,1,1,1e999\n", "line 2: 1.0, 1.0 ms, inf kB"),
        (HEADER + b"a,1,,1\n", "line 2: ms is '', not a number"),
        (HEADER + b"a,1,1_0,1\n", "line 2: ms is '1_0', not a number"),
        (HEADER + b"a,101,1,1\n", "line 2: an accuracy of 101"),
        (HEADER + b"a,-1,1,1\n", "line 2: a quality of -1"),
        (HEADER + b"a,1,0,1\n", "line 2: 0.0 ms and 1.0 kB"),
        (HEADER + b"a,99,5,1,1\n", "line 2: 5 fields under 4 columns"),
        (HEADER + b"a,1,1,1\n\nb,1,1,1\na,1,1,1\n", "line 5: 'a' stands on line 2 already"),
        (HEADER + b",1,1,1\n", "line 2: the name is ''"),
        (HEADER + b"a\x1b[2J,1,1,1\n", "line 2: the name is"),
        (HEADER + b'"a,1,1,1\n', "line 2: unexpected end of data"),
        (HEADER + b"a,1,1,1\n\xff,1,1,1\n", "line 3 is not UTF-8"),
        (HEADER.decode().encode("utf-16"), "line 1 is not UTF-8"),
        (HEADER + b"a,1,1,\x001\n", "line 2 holds a NUL"),
        (b"a\rb\n", "line 1: neither accuracy nor mse"),
    ],
)
def test_what_is_no_table_is_refused_with_its_line(content: bytes, said: str) -> None:
    assert said in refused(content)


cells = st.one_of(st.text(max_size=6), st.floats().map(str), st.just("a"), st.integers().map(str))
tables = st.lists(st.lists(cells, max_size=6).map(",".join), max_size=6).map("\n".join)


@given(st.one_of(st.binary(max_size=200), tables.map(lambda text: HEADER + text.encode("utf-8", "surrogatepass"))))
@example(b'"')
@example(HEADER + b"\r\r\n")
def test_no_bytes_do_more_than_be_refused(content: bytes) -> None:
    """Whatever comes: rows that can be judged, or our own error with a line in it where there are lines."""
    try:
        table = parse_table(content, "t.csv")
    except UsageError as error:
        said = str(error)
    else:
        names = [each.name for each in table.candidates]
        assert len(set(names)) == len(names) > 0
        assert all(each.ms > 0 and each.kb > 0 and each.quality >= 0 for each in table.candidates)
        return
    assert re.search(r"line \d+|empty|no rows", said)
