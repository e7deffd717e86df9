"""A change of config.yaml changes what was asked and keeps every comment."""

import random
from pathlib import Path
from typing import Any

import pytest
import yaml
from support import ROOT

from appliance.config_edit import set_values
from appliance.errors import ConfigError
from appliance.yaml_lines import read_yaml

PATH = Path("config.yaml")
SHIPPED = (ROOT / "config.yaml").read_bytes()


def values(content: bytes) -> Any:
    return read_yaml(content, PATH)[0]


def test_the_same_values_leave_the_file_byte_for_byte() -> None:
    for section, mapping in values(SHIPPED).items():
        assert set_values(SHIPPED, PATH, section, mapping) == SHIPPED
        assert set_values(SHIPPED, PATH, section, mapping, whole=True) == SHIPPED


def test_one_value_changes_one_line_and_keeps_its_comment() -> None:
    changed = set_values(SHIPPED, PATH, "decision", {"threshold": 0.75})
    pairs = zip(SHIPPED.decode().splitlines(), changed.decode().splitlines(), strict=True)

    assert [after for before, after in pairs if before != after] == [
        "  threshold: 0.75             # a label is believed from this confidence on"
    ]


def test_a_section_of_another_kind_replaces_the_old_one_and_keeps_the_examples() -> None:
    camera = {"kind": "opencv", "device": "/dev/v4l/by-id/usb-x", "roi": {"x": 1, "y": 2, "width": 30, "height": 40}}
    changed = set_values(SHIPPED, PATH, "camera", camera, whole=True)

    assert values(changed) == values(SHIPPED) | {"camera": camera}
    comments = [line for line in SHIPPED.decode().splitlines() if line.startswith("#")]
    assert [line for line in changed.decode().splitlines() if line.startswith("#")] == comments
    assert "  kind: opencv\n" in changed.decode()


def test_a_section_on_one_line_or_missing_is_written_out() -> None:
    content = b"trigger: {kind: every-frame}   # one\ndrift: {}\n"
    changed = set_values(content, PATH, "trigger", {"kind": "presence"})
    assert b"# one" in changed
    changed = set_values(changed, PATH, "machine", {"name": "left: 1 # no comment"})

    assert values(changed) == {
        "trigger": {"kind": "presence"}, "drift": {}, "machine": {"name": "left: 1 # no comment"},
    }  # fmt: skip


BINS = """decision:   # by us

    # the bins, from left to right
    bins:  # all of them
        cans:    {channel: 1, labels: [can]}     # the noisy one
        glass:   # heavy
            channel: 2   # at the left
            labels: [bottle]
        # paper: {channel: 4, labels: [carton]}
        rest:    {channel: 0}
    # who gets what nobody knows
    reject_bin: 'rest'   # see above

    threshold: 0.5
# the end
"""


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_only_the_lines_of_the_bin_that_changes_change(newline: str) -> None:
    content = BINS.replace("\n", newline).encode()
    bins = {
        "cans": {"channel": 1, "labels": ["can"]},
        "glass": {"channel": 5, "labels": ["bottle"]},
        "rest": {"channel": 0, "labels": ["lid"]},
        "paper": {"channel": 4, "labels": ["carton"]},
    }
    changed = set_values(content, PATH, "decision", {"bins": bins}).decode().split(newline)

    expected = BINS.replace("channel: 2   # at the left", "channel: 5   # at the left")
    expected = expected.replace(
        "{channel: 0}", "{channel: 0, labels: [lid]}\n        paper: {channel: 4, labels: [carton]}"
    )
    assert changed == expected.split("\n")


def test_a_bin_that_is_taken_out_takes_only_its_own_lines_along() -> None:
    bins = {"cans": {"channel": 1, "labels": ["can", "bottle"]}, "rest": {"channel": 0}}
    changed = set_values(BINS.encode(), PATH, "decision", {"bins": bins}).decode().splitlines()
    gone = [line for line in BINS.splitlines() if line not in changed]

    assert [line.split()[0] for line in gone] == ["cans:", "glass:", "channel:", "labels:"]
    assert "        cans:    {channel: 1, labels: [can, bottle]} # the noisy one" in changed


@pytest.mark.parametrize(
    "content",
    [
        "",
        "# nothing\n",
        "camera:\n",
        "camera: {kind: a,\n  path: b}\n",
        "camera:\n  {kind: a,\n   path: b}\n",
        "camera:\n  kind: |\n    # no comment\n\n    path: b\n  path: b",
        "'camera' :\n    kind: a\n    roi:\n        x: 1   # left\n\n    # last\ntrigger: {}\n",
    ],
)
def test_however_a_section_is_written_it_can_be_changed(content: str) -> None:
    changed = set_values(content.encode(), PATH, "camera", {"kind": "c", "roi": {"x": 2, "y": 3}})

    before = values(content.encode())
    assert values(changed) == before | {"camera": (before.get("camera") or {}) | {"kind": "c", "roi": {"x": 2, "y": 3}}}
    for comment in ("# nothing", "# left", "# last"):
        assert (comment in changed.decode()) == (comment in content)


def test_what_cannot_be_changed_line_by_line_is_refused() -> None:
    with pytest.raises(ConfigError, match="cannot be changed line by line"):
        set_values(b"{camera: {kind: a}, trigger: {kind: b}}\n", PATH, "camera", {"kind": "c"})


def test_whatever_is_set_is_what_is_read() -> None:
    rng = random.Random(3)
    odd = [
        "no",
        "true",
        "null",
        "1e3",
        "1_000",
        "a: b",
        "# x",
        "'",
        '"',
        "ä ",
        "-",
        "0x1",
        "2020-01-01",
        "[",
        "%",
        ".5",
    ]
    content = SHIPPED
    for _ in range(60):
        section = rng.choice(list(values(SHIPPED)))
        mapping = {rng.choice(odd): rng.choice([*odd, 1, 0.5, None, True, odd[:3], {"a": {"b": rng.choice(odd)}}])}
        expected = values(content) | {section: {**values(content)[section], **mapping}}
        content = set_values(content, PATH, section, mapping)
        assert values(content) == expected
        assert yaml.safe_load(content) is not None


@pytest.mark.parametrize("content", [b"[1]\n", b"camera: 3\n", b"camera: [\n"])
def test_what_is_no_configuration_is_refused(content: bytes) -> None:
    with pytest.raises(ConfigError):
        set_values(content, PATH, "camera", {"kind": "folder"})
