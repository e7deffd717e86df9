"""config.yaml -> a validated, frozen Config; every complaint names its key path, its line and what would be right.

The sections `camera`, `trigger`, `classifier` and `sorter` are validated by the `Options` of the chosen kind, so this
file knows no device.
"""

import difflib
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal, Self, Union

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    create_model,
    model_validator,
)
from pydantic_core import ErrorDetails

from appliance.errors import ConfigError
from appliance.plugins import Table
from appliance.preprocess import Region
from appliance.yaml_lines import MAX_BYTES, KeyPath, read_yaml

__all__ = [
    "Bin",
    "Config",
    "ConfigPath",
    "ControlOptions",
    "DecisionOptions",
    "DriftBand",
    "DriftOptions",
    "EvidenceOptions",
    "JournalOptions",
    "MachineOptions",
    "Options",
    "Problem",
    "RegionOptions",
    "check_labels",
    "json_schema",
    "load_config",
    "parse_config",
]


class Options(BaseModel):
    """Base of every section: frozen, no unknown keys, no conversion from one type to another."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


def _resolved(path: Path, info: ValidationInfo) -> Path:
    base = (info.context or {}).get("base")
    expanded = path.expanduser()
    return expanded if base is None or expanded.is_absolute() else Path(base) / expanded


ConfigPath = Annotated[Path, AfterValidator(_resolved)]
"""A path; a relative one starts at the directory of config.yaml."""

Name = Annotated[str, Field(pattern=r"^[^\x00-\x1f]{1,64}$")]
Share = Annotated[float, Field(ge=0, le=1)]


class RegionOptions(Options):
    """The part of the frame that shows items, in pixels."""

    x: Annotated[int, Field(ge=0)]
    y: Annotated[int, Field(ge=0)]
    width: Annotated[int, Field(ge=8)]
    height: Annotated[int, Field(ge=8)]

    def region(self) -> Region:
        return Region(self.x, self.y, self.width, self.height)


class MachineOptions(Options):
    """Who this machine is and where it keeps what must not be lost."""

    name: Name = "sorter"
    state_dir: ConfigPath = Field("state", validate_default=True, strict=False)


class Bin(Options):
    """Where items go. `channel` is what the actuator calls it; `action: none` means that nothing has to move."""

    channel: Annotated[int, Field(ge=0, le=255)] | None = None
    labels: tuple[Name, ...] = ()
    action: Literal["move", "none"] = "move"


class DecisionOptions(Options):
    """Labels -> bins, and when the machine is not sure enough."""

    bins: Annotated[dict[Name, Bin], Field(min_length=1)]
    reject_bin: Name
    threshold: Share = 0.6
    thresholds: dict[Name, Share] = {}
    frames: Annotated[int, Field(ge=1, le=32)] = 1
    agreement: Share = 0.6
    never: tuple[Name, ...] = ()
    max_age_ms: Annotated[int, Field(ge=1, le=10_000)] = 200


class JournalOptions(Options):
    """The history. `max_days` is heeded only while the clock is known to be right."""

    max_mb: Annotated[int, Field(ge=1, le=100_000)] = 200
    max_days: Annotated[int, Field(ge=1, le=36_500)] | None = None
    flush_s: Annotated[float, Field(gt=0, le=60)] = 5.0
    give_up_s: Annotated[float, Field(ge=0.1, le=3600)] = 30.0


class EvidenceOptions(Options):
    """Pictures kept for people. `every` keeps one in so many of the sorted ones beside all the others."""

    keep: Literal["all", "unsure", "none"] = "unsure"
    every: Annotated[int, Field(ge=0)] = 20
    budget_mb: Annotated[int, Field(ge=1, le=100_000)] = 50
    quality: Annotated[int, Field(ge=10, le=100)] = 85


class ControlOptions(Options):
    """The socket for `appliance status`; null means control.sock in $RUNTIME_DIRECTORY or the state directory."""

    socket: ConfigPath | None = None


class DriftBand(Options):
    """A warning begins beyond `warn` and ends below `well`."""

    warn: Annotated[float, Field(gt=0, le=10)]
    well: Annotated[float, Field(gt=0, le=10)]

    @model_validator(mode="after")
    def _apart(self) -> Self:
        if self.well >= self.warn:
            raise ValueError("well must be less than warn, or the warning comes and goes")
        return self


class DriftOptions(Options):
    """How the empty picture is compared with the reference; `appliance.drift.compare` says in which units.

    `reference: null` is reference.json in the state directory. Without the file nothing is compared.
    """

    reference: ConfigPath | None = None
    every_s: Annotated[float, Field(gt=0, le=3600)] = 5.0
    focus: DriftBand = DriftBand(warn=0.4, well=0.25)
    brightness: DriftBand = DriftBand(warn=0.25, well=0.15)
    colour: DriftBand = DriftBand(warn=0.1, well=0.06)
    shift: DriftBand = DriftBand(warn=0.02, well=0.01)


_PLAIN: Mapping[str, tuple[type[Options], bool]] = {
    "machine": (MachineOptions, False),
    "decision": (DecisionOptions, True),
    "journal": (JournalOptions, False),
    "evidence": (EvidenceOptions, False),
    "control": (ControlOptions, False),
    "drift": (DriftOptions, False),
}
_DEFAULT_KIND = {"trigger": "every-frame"}
_SECTIONS = (
    "machine",
    "camera",
    "trigger",
    "classifier",
    "decision",
    "sorter",
    "journal",
    "evidence",
    "control",
    "drift",
)


@dataclass(frozen=True, slots=True)
class Problem:
    """One complaint: where in the file, and a sentence that says what would be right."""

    path: KeyPath
    sentence: str


@dataclass(frozen=True, slots=True)
class Config:
    """The whole configuration. `camera`, `trigger`, `classifier`, `sorter` are their kind's own Options."""

    machine: MachineOptions
    camera: Any
    trigger: Any
    classifier: Any
    decision: DecisionOptions
    sorter: Any
    journal: JournalOptions
    evidence: EvidenceOptions
    control: ControlOptions
    drift: DriftOptions
    path: Path
    digest: str
    lines: Mapping[KeyPath, int] = field(repr=False)

    def as_dict(self) -> dict[str, Any]:
        """All values, defaults included, as JSON types."""
        return {name: getattr(self, name).model_dump(mode="json") for name in _SECTIONS}

    def error(self, problems: Sequence[Problem]) -> ConfigError:
        """The exception that lists the problems with their lines."""
        return _error(self.path, problems, self.lines)


def load_config(path: Path, tables: Mapping[str, Table]) -> Config:
    """Read and validate a config.yaml; `tables` maps section -> the table of its kinds.

    Raises:
        ConfigError: unreadable, not YAML, or any value refused.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ConfigError(
            f"reading the configuration {path}",
            error.strerror or str(error),
            "name the file with -c FILE, or run where config.yaml is",
        ) from error
    return parse_config(content, path, tables)


def parse_config(content: bytes, path: Path, tables: Mapping[str, Table]) -> Config:
    """Validate the bytes of a config.yaml that lies (or would lie) at `path`.

    Raises:
        ConfigError: with every problem that was found, each with its line.
    """
    raw, lines = read_yaml(content, path)
    if not isinstance(raw, dict):
        sections = f"sections: {', '.join(_SECTIONS)}"
        raise ConfigError(f"reading the configuration {path}", "the file is not a mapping of sections", sections)
    chosen: dict[str, type[Any]] = {}
    problems = _unknown((), raw, _SECTIONS)
    for name, table in tables.items():
        kind, problem = _kind(name, raw.get(name), table)
        if problem:
            problems.append(problem)
        else:
            chosen[name] = table.load(kind).Options
    values, more = _validate(_model(chosen), raw, path.absolute().parent)
    problems += [problem for problem in more if problem.path[:1] not in {p.path[:1] for p in problems}]
    if problems or values is None:
        raise _error(path, problems, lines)
    fields = {name: getattr(values, name) for name in _SECTIONS}
    digest = hashlib.sha256(values.model_dump_json().encode()).hexdigest()
    config = Config(**fields, path=path, digest=digest, lines=lines)
    if problems := _check_bins(config.decision, getattr(config.trigger, "kind", "")) + _check_times(config):
        raise config.error(problems)
    return config


def check_labels(config: Config, labels: Sequence[str]) -> list[Problem]:
    """What does not fit between the model's labels and the bins, in both directions."""
    decision, known = config.decision, set(labels)
    listed = {label for one in decision.bins.values() for label in one.labels}
    hint = f"the model knows {', '.join(labels)}"
    problems = [
        Problem(("decision", "bins"), f"the model's label {label!r} is in no bin; list it in one, or in decision.never")
        for label in labels
        if label not in listed and label not in decision.never
    ]
    for name, one in decision.bins.items():
        problems += [
            Problem(("decision", "bins", name, "labels", at), f"{label!r} is not a label of the model; {hint}")
            for at, label in enumerate(one.labels)
            if label not in known
        ]
    problems += [
        Problem(("decision", "thresholds", label), f"{label!r} is not a label of the model; {hint}")
        for label in decision.thresholds
        if label not in known
    ]
    problems += [
        Problem(("decision", "never", at), f"{label!r} is not a label of the model; {hint}")
        for at, label in enumerate(decision.never)
        if label not in known
    ]
    return problems


def json_schema(tables: Mapping[str, Table]) -> dict[str, Any]:
    """The JSON Schema of config.yaml with every kind, so that an editor completes the file."""
    unions: dict[str, Any] = {}
    for name, table in tables.items():
        models = tuple(table.load(kind).Options for kind in table.kinds())
        union: Any = Union.__getitem__(models)
        unions[name] = Annotated[union, Field(discriminator="kind")] if len(models) > 1 else models[0]
    schema = _model(unions).model_json_schema()
    return schema | {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "appliance config.yaml"}


def _model(chosen: Mapping[str, Any]) -> type[BaseModel]:
    """The model of the whole file, with the given models for the sections that have kinds."""
    fields: dict[str, Any] = {}
    for name, (model, required) in _PLAIN.items():
        fields[name] = (model, ... if required else Field(default_factory=model))
    for name, model in chosen.items():
        fields[name] = (model, Field(default_factory=model) if name in _DEFAULT_KIND else ...)
    return create_model("Config", __base__=Options, **{name: fields[name] for name in _SECTIONS if name in fields})


def _kind(name: str, section: Any, table: Table) -> tuple[str, Problem | None]:
    if section is None and name in _DEFAULT_KIND:
        return _DEFAULT_KIND[name], None
    known = f"one of: {', '.join(table.kinds())}"
    if section is None:
        return "", Problem((name,), f"missing; write `{name}: {{kind: ...}}` with {known}")
    if not isinstance(section, dict):
        return "", Problem((name,), f"must be a mapping with a kind, {known}")
    kind = section.get("kind", _DEFAULT_KIND.get(name))
    if kind is None:
        return "", Problem((name, "kind"), f"missing; {known}")
    if kind not in table.kinds():
        close = difflib.get_close_matches(str(kind), table.kinds(), 1)
        hint = f"did you mean {close[0]!r}? " if close else ""
        return "", Problem((name, "kind"), f"{kind!r} is not a kind of {name}; {hint}{known}")
    return kind, None


def _validate(model: type[BaseModel], raw: Any, base: Path) -> tuple[Any, list[Problem]]:
    # Strict validation in JSON mode: lists may become tuples and strings paths, but "1" never becomes 1.
    # An absent `machine` is validated like an empty one, so that its relative default path is resolved.
    known = {"machine": {}} | {name: raw[name] for name in model.model_fields if name in raw}
    try:
        text = json.dumps(known)
        return model.model_validate_json(text, strict=True, context={"base": base}), []
    except ValidationError as error:
        return None, [_problem(details, model) for details in error.errors(include_url=False, include_context=True)]


def _problem(details: ErrorDetails, model: type[BaseModel]) -> Problem:
    path = tuple(part for part in details["loc"] if part != "[key]")
    if details["type"] == "extra_forbidden":
        return _unknown_key(path, _keys_at(model, path[:-1]))
    if details["type"] == "missing":
        return Problem(path, "missing; this key is required")
    given = details["input"]
    found = f", not {given!r}" if isinstance(given, str | int | float | bool) or given is None else ""
    return Problem(path, _sentence(details["msg"]) + found)


def _sentence(message: str) -> str:
    return message.removeprefix("Value error, ").replace("Input should be", "must be")


def _keys_at(model: Any, path: KeyPath) -> list[str]:
    """The keys that the model allows at `path`; none where it cannot be told."""
    for part in path:
        field_info = getattr(model, "model_fields", {}).get(part)
        if field_info is None:
            candidates = [model]
        else:
            candidates = [field_info.annotation, *getattr(field_info.annotation, "__args__", ())]
        model = next((one for one in candidates if hasattr(one, "model_fields")), None)
        if model is None:
            return []
    return list(getattr(model, "model_fields", {}))


def _unknown(path: KeyPath, raw: Mapping[Any, Any], known: Iterable[str]) -> list[Problem]:
    keys = list(known)
    return [_unknown_key((*path, key), keys) for key in raw if key not in keys]


def _unknown_key(path: KeyPath, known: Sequence[str]) -> Problem:
    close = difflib.get_close_matches(str(path[-1]), known, 1)
    hint = f"did you mean {close[0]!r}?" if close else f"allowed here: {', '.join(known)}" if known else ""
    return Problem(path, f"unknown key; {hint}".rstrip("; "))


def _check_bins(decision: DecisionOptions, trigger: str) -> list[Problem]:
    """What a single value cannot show: bins nobody reaches, labels in two bins, channels missing."""
    at: KeyPath = ("decision",)
    bins = decision.bins
    problems = []
    if decision.reject_bin not in bins:
        known = ", ".join(bins)
        problems.append(Problem((*at, "reject_bin"), f"{decision.reject_bin!r} is not one of the bins: {known}"))
    owner: dict[str, str] = {}
    for name, one in bins.items():
        here: KeyPath = (*at, "bins", name)
        if one.action == "move" and one.channel is None:
            problems.append(Problem(here, "needs a channel (a whole number 0..255), or `action: none`"))
        if one.action == "none" and one.channel is not None:
            problems.append(Problem((*here, "channel"), "a bin with `action: none` has no channel; remove one of them"))
        if name != decision.reject_bin and not set(one.labels) - set(decision.never):
            problems.append(Problem(here, "nothing reaches this bin; give it labels, or make it the reject_bin"))
        for index, label in enumerate(one.labels):
            if label in owner:
                problems.append(Problem((*here, "labels", index), f"{label!r} already goes to {owner[label]!r}"))
            owner.setdefault(label, name)
    if decision.frames > 1 and trigger == "every-frame":
        problems.append(Problem((*at, "frames"), "the trigger every-frame gives one frame an item; set frames: 1"))
    return problems


def _check_times(config: Config) -> list[Problem]:
    """A trigger that knows about time needs pictures that tell it."""
    if getattr(config.trigger, "kind", "") != "presence" or getattr(config.camera, "tells_time", True):
        return []
    sentence = "the trigger presence must know when pictures were taken; add `fps: 10` (and `paced: false` to not wait)"
    return [Problem(("camera",), sentence)]


def _error(path: Path, problems: Sequence[Problem], lines: Mapping[KeyPath, int]) -> ConfigError:
    said = []
    for problem in sorted(problems, key=lambda one: _line(one.path, lines)):
        dotted = ".".join(map(str, problem.path)) or "the file"
        said.append(f"{path}:{_line(problem.path, lines)}: {dotted}: {problem.sentence}")
    return ConfigError("checking the configuration", "\n  ".join(["", *said]) if len(said) > 1 else said[0])


def _line(path: KeyPath, lines: Mapping[KeyPath, int]) -> int:
    """The line of the key, or of the nearest one above it."""
    while path and path not in lines:
        path = path[:-1]
    return lines.get(path, 1)
