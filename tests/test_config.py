"""The configuration: what is refused, with which key path and line; what is accepted, and how it is shown again."""

import contextlib
import copy
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.cli import main
from appliance.cli.common import TABLES
from appliance.config import Config, check_labels, json_schema, load_config, parse_config
from appliance.errors import ConfigError

ROOT = Path(__file__).resolve().parents[1]
SHIPPED = ROOT / "config.yaml"
PATH = Path("/etc/appliance/config.yaml")

VALID = """\
machine:
  name: left
  state_dir: state
camera:
  kind: folder
  path: pictures
  fps: 10
  roi: {x: 0, y: 0, width: 64, height: 48}
trigger:
  kind: every-frame
classifier:
  kind: scripted
  labels: [can, pet, empty]
  answers:
    - {label: can}
    - {label: pet, confidence: 0.5}
decision:
  bins:
    cans:
      channel: 1
      labels: [can]
    plastic:
      channel: 2
      labels: [pet]
    nothing:
      action: none
      labels: [empty]
    rest:
      channel: 0
  reject_bin: rest
  threshold: 0.6
  thresholds:
    pet: 0.7
  frames: 1
  agreement: 0.6
  never: []
  max_age_ms: 200
sorter:
  kind: simulated
  delay_ms: 5
journal:
  max_mb: 10
evidence:
  keep: all
control:
  socket: null
"""


def parse(text: str | bytes, path: Path = PATH) -> Config:
    return parse_config(text.encode() if isinstance(text, str) else text, path, TABLES)


def refused(text: str | bytes) -> str:
    with pytest.raises(ConfigError) as error:
        parse(text)
    assert error.value.exit_code == 78
    return str(error.value)


def line_of(text: str, fragment: str) -> int:
    """The number of the one line that holds the fragment."""
    lines = [number for number, line in enumerate(text.splitlines(), 1) if fragment in line]
    assert len(lines) == 1, f"{fragment!r} is on lines {lines}"
    return lines[0]


def test_a_valid_configuration_is_read_whole() -> None:
    config = parse(VALID)
    assert (config.machine.name, config.machine.state_dir) == ("left", Path("/etc/appliance/state"))
    assert (config.camera.kind, config.camera.path, config.camera.fps) == (
        "folder",
        Path("/etc/appliance/pictures"),
        10,
    )
    assert config.decision.bins["nothing"].action == "none"
    assert config.decision.bins["nothing"].channel is None
    assert config.decision.thresholds == {"pet": 0.7}
    assert (config.sorter.kind, config.sorter.delay_ms) == ("simulated", 5)
    assert (config.journal.max_mb, config.journal.flush_s) == (10, 5.0)
    assert len(config.digest) == 64


# A change to one place of the valid file, the key path that must be named, the fragment of the line that must be
# named, and a word of what would be right.
WRONG = {
    "unknown section": (("control:", "contrl:"), "contrl", "contrl:", "did you mean 'control'?"),
    "unknown key": (("state_dir: state", "statedir: state"), "machine.statedir", "statedir",
                    "did you mean 'state_dir'?"),
    "unknown key, nothing like it": (("  name: left", "  qqq: left"), "machine.qqq", "qqq", "name, state_dir"),
    "unknown key of a kind": (("  fps: 10", "  fsp: 10"), "camera.fsp", "fsp", "did you mean 'fps'?"),
    "unknown key in a part": (("{x: 0,", "{z: 0, x: 0,"), "camera.roi.z", "roi:", "x, y, width, height"),
    "unknown key in a list": (("{label: can}", "{label: can, confidance: 1}"), "classifier.answers.0.confidance",
                              "confidance", "did you mean 'confidence'?"),
    "unknown key of a bin": (("channel: 2", "chanel: 2"), "decision.bins.plastic.chanel", "chanel: 2",
                             "did you mean 'channel'?"),
    "text for a number": (("threshold: 0.6", "threshold: high"), "decision.threshold", "threshold: high", "number"),
    "quoted number": (("delay_ms: 5", 'delay_ms: "5"'), "sorter.delay_ms", "delay_ms", "integer"),
    "share for a count": (("frames: 1", "frames: 1.5"), "decision.frames", "frames: 1.5", "integer"),
    "truth for a number": (("max_mb: 10", "max_mb: true"), "journal.max_mb", "max_mb", "integer"),
    "number for a text": (("name: left", "name: 7"), "machine.name", "name: 7", "string"),
    "list for a part": (("  roi: {x: 0, y: 0, width: 64, height: 48}", "  roi: [0, 0]"), "camera.roi", "roi", "object"),
    "text for a section": (("evidence:\n  keep: all", "evidence: all"), "evidence", "evidence:", "object"),
    "list for a section": (("trigger:\n  kind: every-frame", "trigger: [1]"), "trigger", "trigger:", "mapping"),
    "word not allowed": (("keep: all", "keep: some"), "evidence.keep", "keep: some", "'unsure'"),
    "above its range": (("threshold: 0.6", "threshold: 1.5"), "decision.threshold", "threshold: 1.5",
                        "less than or equal to 1"),
    "below its range": (("delay_ms: 5", "delay_ms: -5"), "sorter.delay_ms", "delay_ms", "greater than or equal to 0"),
    "channel out of range": (("channel: 2", "channel: 256"), "decision.bins.plastic.channel", "channel: 256", "255"),
    "not a number": (("threshold: 0.6", "threshold: .nan"), "decision.threshold", "threshold: .nan", "finite"),
    "infinite": (("fps: 10", "fps: .inf"), "camera.fps", "fps", "finite"),
    "threshold of a label": (("    pet: 0.7", "    pet: 7"), "decision.thresholds.pet", "pet: 7", "equal to 1"),
    "no kind": (("  kind: simulated\n", ""), "sorter.kind", "sorter:", "line, simulated"),
    "unknown kind": (("kind: simulated", "kind: simulate"), "sorter.kind", "kind: simulate",
                     "did you mean 'simulated'? one of: framed, line, simulated"),
    "unknown kind, nothing like it": (("kind: folder", "kind: 7"), "camera.kind", "kind: 7",
                                      "folder, opencv, picamera2, simulated"),
    "missing key": (("  path: pictures\n", ""), "camera.path", "camera:", "required"),
    "missing bins": (("  reject_bin: rest\n", ""), "decision.reject_bin", "decision:", "required"),
    "key given twice": (("  name: left", "  name: left\n  name: right"), "'name'", "name: right", "twice"),
    "reject bin that is none": (("reject_bin: rest", "reject_bin: bin"), "decision.reject_bin", "reject_bin",
                                "cans, plastic, nothing, rest"),
    "bin without labels": (("      channel: 2\n      labels: [pet]", "      channel: 2"), "decision.bins.plastic",
                           "plastic:", "nothing reaches this bin"),
    "bin whose labels are never decided": (("never: []", "never: [pet]"), "decision.bins.plastic", "plastic:",
                                           "nothing reaches this bin"),
    "label in two bins": (("labels: [pet]", "labels: [pet, can]"), "decision.bins.plastic.labels.1",
                          "labels: [pet, can]", "'can' already goes to 'cans'"),
    "bin without a channel": (("    plastic:\n      channel: 2", "    plastic:"), "decision.bins.plastic", "plastic:",
                              "needs a channel"),
    "channel that nothing moves": (("action: none", "action: none\n      channel: 7"), "decision.bins.nothing.channel",
                                   "channel: 7", "has no channel"),
    "frames that the trigger cannot give": (("frames: 1", "frames: 3"), "decision.frames", "frames: 3", "every-frame"),
}  # fmt: skip


@pytest.mark.parametrize(("change", "path", "fragment", "right"), WRONG.values(), ids=WRONG.keys())
def test_a_mistake_is_refused_at_its_key_and_line_with_what_would_be_right(
    change: tuple[str, str], path: str, fragment: str, right: str
) -> None:
    assert VALID.count(change[0]) == 1
    text = VALID.replace(*change)
    said = refused(text)
    assert path in said
    assert right in said
    number = line_of(text, fragment)
    assert f":{number}: " in said or f"line {number}:" in said


@pytest.mark.parametrize("section", ["camera", "classifier", "sorter", "decision"])
def test_a_missing_section_is_named(section: str) -> None:
    value = yaml.safe_load(VALID)
    del value[section]
    assert re.search(rf":1: {section}: missing", refused(yaml.safe_dump(value)))


def test_sections_with_good_defaults_may_be_left_out() -> None:
    value = yaml.safe_load(VALID)
    for section in ("machine", "trigger", "journal", "evidence", "control", "drift"):
        value.pop(section, None)
    config = parse(yaml.safe_dump(value))
    assert config.machine.state_dir == Path("/etc/appliance/state")
    assert config.trigger.kind == "every-frame"


def test_every_mistake_is_told_at_once_in_the_order_of_the_lines() -> None:
    text = (
        VALID.replace("threshold: 0.6", "threshold: 2").replace("max_mb: 10", "max_mb: 0").replace("fps: 10", "fps: 0")
    )
    lines = [int(number) for number in re.findall(r"config\.yaml:(\d+): ", refused(text))]
    assert lines == [line_of(text, "fps: 0"), line_of(text, "threshold: 2"), line_of(text, "max_mb: 0")]


def test_a_bin_called_no_stays_a_name() -> None:
    config = parse(VALID.replace("    plastic:", "    no:").replace("name: left", "name: off"))
    assert list(config.decision.bins) == ["cans", "no", "nothing", "rest"]
    assert config.machine.name == "off"


@pytest.mark.parametrize("text", ["", "# only a comment\n", "---\n", "null\n"])
def test_an_empty_file_is_told_what_is_missing(text: str) -> None:
    said = refused(text)
    assert "camera" in said


@pytest.mark.parametrize(
    "content",
    [
        b"\xff\xfe\x00",
        b"machine: [",
        b"machine: {name: a\n",
        b"\tmachine: 1",
        b"a: b: c",
        b"- 1\n- 2\n",
        b"just words",
        b"%YAML 9.9\n---\na: 1",
        b"--- a\n--- b\n",
        b"? [a, b]\n: 1\n",
        b"a: !!python/object/apply:os.system [id]\n",
        b"a: !!binary aGFsbG8=\n",
        b"a: !!timestamp 2026-01-01\n",
        b"a: !!timestamp nonsense\n",
        b"a: !!bool nonsense\n",
        b"a: !!int nonsense\n",
        b'a: !!int ""\n',
        b'a: !!float ""\n',
        b"a: !!set x\n",
        b"a: !!omap x\n",
        b"a: " + b"9" * 5000 + b"\n",
        b"a: " + b"[" * 5000 + b"\n",
        b"a: " + b"[" * 100 + b"]" * 100 + b"\n",
        b'machine: {name: "\\uD800"}\n',
        b"\x00",
        b"#" * 1_000_001,
    ],
    ids=lambda content: repr(content[:24]),
)
def test_a_file_that_is_no_configuration_is_refused_in_words(content: bytes) -> None:
    assert refused(content)


@pytest.mark.parametrize("levels", [1, 7])
def test_aliases_are_refused_before_they_can_multiply(levels: int) -> None:
    """Seven lines of ten aliases each would be ten million values."""
    bomb = "a0: &a0 x\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, levels + 1))
    said = refused(bomb)
    assert "line 2" in said
    assert "alias" in said


def test_a_file_that_is_not_there_names_the_option_that_would_name_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file") as error:
        load_config(tmp_path / "absent.yaml", TABLES)
    assert "-c FILE" in error.value.remedy
    with pytest.raises(ConfigError, match="directory"):
        load_config(tmp_path, TABLES)


# The model's labels against the bins, in both directions


def complaints(text: str, labels: list[str]) -> list[str]:
    config = parse(text)
    problems = check_labels(config, labels)
    said = str(config.error(problems)) if problems else ""
    return re.findall(r"config\.yaml:(\d+: .*)", said)


def test_labels_and_bins_that_fit_leave_nothing_to_say() -> None:
    assert complaints(VALID, ["can", "pet", "empty"]) == []
    assert complaints(VALID.replace("never: []", "never: [battery]"), ["can", "pet", "empty", "battery"]) == []


def test_a_label_in_no_bin_is_named_with_the_line_of_the_bins() -> None:
    (said,) = complaints(VALID, ["can", "pet", "empty", "glass"])
    assert said.startswith(f"{line_of(VALID, 'bins:')}: decision.bins: the model's label 'glass' is in no bin")


@pytest.mark.parametrize(
    ("change", "path", "fragment"),
    [
        (("labels: [can]", "labels: [can, tin]"), "decision.bins.cans.labels.1", "tin"),
        (("    pet: 0.7", "    tin: 0.7"), "decision.thresholds.tin", "tin"),
        (("never: []", "never: [tin]"), "decision.never.0", "tin"),
    ],
)
def test_a_label_that_the_model_does_not_know_is_named_at_its_line(
    change: tuple[str, str], path: str, fragment: str
) -> None:
    text = VALID.replace(*change)
    (said,) = complaints(text, ["can", "pet", "empty"])
    assert said.startswith(f"{line_of(text, fragment)}: {path}: 'tin' is not a label of the model")
    assert "can, pet, empty" in said


# Properties

names = st.from_regex(r"[^\x00-\x1f\ud800-\udfff]{1,12}", fullmatch=True)
shares = st.floats(0, 1)


@st.composite
def configurations(draw: st.DrawFn) -> dict[str, Any]:
    """A valid configuration with names of all alphabets."""
    labels = draw(st.lists(names, min_size=1, max_size=5, unique=True))
    bins = draw(st.lists(names, min_size=len(labels) + 1, max_size=len(labels) + 1, unique=True))
    moves = draw(st.lists(st.booleans(), min_size=len(labels), max_size=len(labels)))
    channels = st.integers(0, 255)
    decision_bins: dict[str, Any] = {
        name: {"channel": draw(channels), "labels": [label]} if move else {"action": "none", "labels": [label]}
        for name, label, move in zip(bins, labels, moves, strict=False)
    }
    decision_bins[bins[-1]] = {"channel": draw(channels)}
    return {
        "machine": {"name": draw(names), "state_dir": "/var/lib/x"},
        "camera": {"kind": "folder", "path": "/p", "fps": draw(st.none() | st.floats(0.1, 1000))},
        "classifier": {
            "kind": "scripted",
            "labels": labels,
            "answers": [{"label": draw(st.none() | st.sampled_from(labels))}],
        },
        "decision": {
            "bins": decision_bins,
            "reject_bin": bins[-1],
            "threshold": draw(shares),
            "thresholds": draw(st.dictionaries(st.sampled_from(labels), shares)),
        },
        "sorter": {"kind": "simulated", "delay_ms": draw(st.integers(0, 60_000))},
    }


@settings(deadline=None, max_examples=25)
@given(configurations())
def test_what_config_show_prints_is_the_same_configuration(value: dict[str, Any]) -> None:
    config = parse(yaml.safe_dump(value))
    shown = yaml.safe_dump(config.as_dict(), sort_keys=False)
    again = parse(shown)
    assert again.as_dict() == config.as_dict()
    assert again.digest == config.digest


@settings(deadline=None, max_examples=100)
@given(st.binary(max_size=200))
def test_arbitrary_bytes_raise_nothing_but_config_error(content: bytes) -> None:
    with pytest.raises(ConfigError):
        parse(content)


yaml_text = st.text(
    alphabet=" \n\t-:?[]{}&*!|>'\"%@`#,~<=.0123456789_+eExob" + "abnyfT" + "é\u2028\x85\ufeff", max_size=60
)
tags = st.sampled_from(
    ["", "!!int ", "!!float ", "!!bool ", "!!null ", "!!timestamp ", "!!binary ", "!!set ", "!!x ", "! "]
)
tagged = st.builds("machine: {{name: {}{!r}}}\n".format, tags, st.text(alphabet="0_xb:.+-eE1Tty", max_size=8))


@settings(deadline=None, max_examples=250)
@given(yaml_text | tagged)
def test_arbitrary_yaml_raises_nothing_but_config_error(text: str) -> None:
    with pytest.raises(ConfigError):
        parse(text)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def key_paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths of all keys of all mappings in a document."""
    if isinstance(value, dict):
        return [one for key, inner in value.items() for one in ((*path, key), *key_paths(inner, (*path, key)))]
    if isinstance(value, list):
        return [one for at, inner in enumerate(value) for one in key_paths(inner, (*path, at))]
    return []


def at(value: Any, path: tuple[Any, ...]) -> Any:
    for part in path:
        value = value[part]
    return value


KEYS = key_paths(yaml.safe_load(VALID))
NAMED_BY_PEOPLE = {("decision", "bins"), ("decision", "thresholds")}
"""Mappings whose keys are names that people give: any other name is not unknown there."""


@settings(deadline=None, max_examples=40)
@given(st.sampled_from(KEYS), json_values)
def test_any_value_in_any_place_is_accepted_or_refused_with_config_error(path: tuple[Any, ...], value: Any) -> None:
    document = copy.deepcopy(yaml.safe_load(VALID))
    at(document, path[:-1])[path[-1]] = value
    with contextlib.suppress(ConfigError):
        assert parse(json.dumps(document)).path == PATH


@settings(deadline=None, max_examples=30)
@given(
    st.sampled_from([path for path in KEYS if path[:-1] not in NAMED_BY_PEOPLE]),
    st.from_regex(r"[a-z_]{3,9}x9", fullmatch=True),
)
def test_a_misspelt_key_is_always_refused_at_its_own_line(path: tuple[Any, ...], name: str) -> None:
    document = yaml.safe_load(VALID)
    parent = at(document, path[:-1])
    renamed = {name if key == path[-1] else key: value for key, value in parent.items()}
    parent.clear()
    parent.update(renamed)
    text = yaml.safe_dump(document, sort_keys=False)
    said = refused(text)
    dotted = ".".join(map(str, (*path[:-1], name)))
    if path[-1] == "kind" and len(path) == 2 and path[0] != "trigger":
        assert f"{path[0]}.kind: missing" in said  # without a kind nobody knows which keys there are
        return
    assert f"{PATH}:{line_of(text, name)}: {dotted}: unknown key" in said


# A trigger that knows about time


def test_presence_wants_pictures_that_tell_the_time() -> None:
    presence = VALID.replace("kind: every-frame", "kind: presence")
    parse(presence.replace("fps: 10", "fps: 10\n  paced: false"))
    assert "camera: the trigger presence must know when pictures were taken" in refused(presence.replace("fps: 10", ""))


# What ships


def test_the_shipped_configuration_is_valid_and_complete() -> None:
    """Every key of every section that ships is written out, so that a reader finds it."""
    config = load_config(SHIPPED, TABLES)
    written = yaml.safe_load(SHIPPED.read_text(encoding="utf-8"))
    assert {
        name: set(section)
        for name, section in written.items()
        if name in ("machine", "decision", "journal", "evidence", "control", "drift")
    } == {
        name: set(type(getattr(config, name)).model_fields)
        for name in ("machine", "decision", "journal", "evidence", "control", "drift")
    }
    assert config.machine.state_dir == ROOT / "state"


def test_the_shipped_configuration_suggests_only_what_is_valid() -> None:
    """Every other section, written as a comment, becomes valid by removing its number signs."""
    text = SHIPPED.read_text(encoding="utf-8")
    alternatives = re.findall(r"^# ((?:camera|sorter):.*\n(?:# {3}.*\n)*)", text, re.MULTILINE)
    assert len(alternatives) == 8
    shipped = yaml.safe_load(text)
    for alternative in alternatives:
        section = yaml.safe_load(re.sub(r"^# ", "", alternative, flags=re.MULTILINE))
        parse(yaml.safe_dump(shipped | section), SHIPPED)


def test_the_schema_accepts_what_ships() -> None:
    schema = json_schema(TABLES)
    document = yaml.safe_load(SHIPPED.read_text(encoding="utf-8"))
    assert set(schema["required"]) == {"camera", "classifier", "decision", "sorter"}
    assert _why_not(document, schema, schema) is None
    assert json.loads(json.dumps(schema)) == schema


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("camera", "kind"), "webcam"),
        (("camera", "pth"), "x"),
        (("sorter", "baud"), "fast"),
        (("decision", "threshold"), 2),
        (("decision", "bins", "glass", "action"), "push"),
        (("sections",), {}),
    ],
)
def test_the_schema_refuses_what_the_program_refuses(path: tuple[str, ...], value: Any) -> None:
    document = yaml.safe_load(SHIPPED.read_text(encoding="utf-8"))
    at(document, path[:-1])[path[-1]] = value
    schema = json_schema(TABLES)
    assert _why_not(document, schema, schema) is not None
    assert refused(yaml.safe_dump(document))


def test_every_kind_has_its_own_part_of_the_schema() -> None:
    schema = json_schema(TABLES)
    kinds = {
        name: {
            one
            for option in part["properties"].get("kind", {}).items()
            if option[0] in ("const", "enum")
            for one in (option[1] if isinstance(option[1], list) else [option[1]])
        }
        for name, part in schema["$defs"].items()
    }
    offered = set().union(*kinds.values())
    assert {kind for table in TABLES.values() for kind in table.kinds()} <= offered


_TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,), "array": (list,), "string": (str,), "integer": (int,), "number": (int, float),
    "boolean": (bool,), "null": (type(None),),
}  # fmt: skip


def _why_not(value: Any, rule: dict[str, Any], root: dict[str, Any], path: str = "") -> str | None:
    """The first reason why the value does not fit the JSON Schema, in the subset that ours uses."""
    if "$ref" in rule:
        return _why_not(value, at(root, tuple(rule["$ref"].removeprefix("#/").split("/"))), root, path)
    for word in ("anyOf", "oneOf"):
        if word in rule:
            reasons = [_why_not(value, one, root, path) for one in rule[word]]
            if None not in reasons:
                return " / ".join(map(str, reasons))
    if "const" in rule and value != rule["const"]:
        return f"{path} is not {rule['const']}"
    if "enum" in rule and value not in rule["enum"]:
        return f"{path} is none of {rule['enum']}"
    if "type" in rule:
        fits = isinstance(value, _TYPES[rule["type"]]) and (rule["type"] == "boolean" or not isinstance(value, bool))
        if not fits:
            return f"{path} is no {rule['type']}"
    if isinstance(value, int | float) and not isinstance(value, bool):
        if value < rule.get("minimum", value) or value > rule.get("maximum", value):
            return f"{path} is out of range"
        if value <= rule.get("exclusiveMinimum", value - 1):
            return f"{path} is out of range"
    if isinstance(value, str) and not re.search(rule.get("pattern", ""), value):
        return f"{path} does not fit {rule['pattern']}"
    if isinstance(value, list):
        return next((why for one in value if (why := _why_not(one, rule.get("items", {}), root, path))), None)
    if isinstance(value, dict):
        return _why_not_mapping(value, rule, root, path)
    return None


def _why_not_mapping(value: dict[str, Any], rule: dict[str, Any], root: dict[str, Any], path: str) -> str | None:
    missing = set(rule.get("required", ())) - set(value)
    if missing:
        return f"{path} lacks {missing}"
    for key, inner in value.items():
        fitting = [part for pattern, part in rule.get("patternProperties", {}).items() if re.search(pattern, key)]
        part = rule.get("properties", {}).get(key, fitting[0] if fitting else rule.get("additionalProperties", {}))
        if part is False:
            return f"{path}.{key} is unknown"
        if part is not True and (why := _why_not(inner, part, root, f"{path}.{key}")):
            return why
    return None


# The command


@pytest.fixture
def config_file(tmp_path: Path) -> Path:
    path = tmp_path / "config.yaml"
    path.write_text(VALID, encoding="utf-8")
    return path


def test_config_check_says_ok_and_names_labels_and_bins(config_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "check", "-c", str(config_file)]) == 0
    said = capsys.readouterr().out
    assert "ok. SCRIPTED knows can, pet, empty; bins: cans, plastic, nothing, rest" in said


def test_config_check_compares_the_bins_with_the_models_labels(
    config_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config_file.write_text(VALID.replace("[can, pet, empty]", "[can, pet, empty, glass]"), encoding="utf-8")
    assert main(["config", "check", "-c", str(config_file)]) == 78
    said = capsys.readouterr().err
    assert f"{config_file}:{line_of(VALID, 'bins:')}: decision.bins" in said
    assert "'glass'" in said


@pytest.mark.parametrize("option", [[], ["--json"]])
def test_config_show_prints_a_configuration_that_is_the_same(
    config_file: Path, capsys: pytest.CaptureFixture[str], option: list[str]
) -> None:
    assert main(["config", "show", "-c", str(config_file), *option]) == 0
    shown = capsys.readouterr().out
    assert parse(shown, config_file).as_dict() == load_config(config_file, TABLES).as_dict()


def test_config_schema_prints_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "schema"]) == 0
    assert json.loads(capsys.readouterr().out) == json_schema(TABLES)
