"""One is one: what people read of a count."""

import pytest
from support import ConfigFile, TwinControl, appliance

from appliance.wording import counted, told


@pytest.mark.parametrize(("number", "said"), [(0, "0 items"), (1, "1 item"), (2, "2 items"), (101, "101 items")])
def test_one_has_no_plural(number: int, said: str) -> None:
    assert counted(number, "item") == said


def test_what_was_counted_is_told_by_its_name_and_what_was_not_is_left_out() -> None:
    assert told({"items": 1, "jams": 2, "faint": 1, "unseen_start": 1, "stalls": 0}) == (
        "1 item, 2 jams, 1 faint, 1 unseen start"
    )
    assert told({"items": 0}) == ""


def test_a_run_of_one_item_is_told_in_the_singular(config_file: ConfigFile, twin: TwinControl) -> None:
    twin.start()
    ran = appliance("run", "--items", "1", "-c", str(config_file.path))
    summary = appliance("history", "summary", "-c", str(config_file.path))

    assert (ran.returncode, summary.returncode) == (0, 0)
    assert ran.stdout.lstrip().startswith("1 item in ")
    assert "of 1 labelled item:" in ran.stdout
    assert summary.stdout.startswith("1 item on 1 day\n")
