"""The times that L uses: this workstation's, a target's as measured there, or a target's by known ratios.

A file for `--latencies` is one of two, told apart by its keys:

- what `appliance bench --json` printed on the target, models found by the SHA-256 of their file. Its `invoke_ms` is the
  bare inference; p50 and p95 are taken.
- `{"machine": "...", "ratios": {"float32": 1.0, "int8-io": 0.31, ...}}`: how long each file takes there in units of
  what float32 takes there. L needs no more than ratios; the ms shown are float32's on this workstation times the ratio,
  and so are no times of the target. Other keys, such as a note on the source, are left alone.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from appliance.errors import UsageError
from modelworks.timing import Timing

__all__ = ["Latencies", "Workstation", "other_machine", "read_latencies", "with_latencies"]

REMEDY = (
    "what `appliance bench --model FILE.tflite ... --json` printed, or {machine, ratios}: docs/examples/pi4-like.json"
)


class Latencies(Protocol):
    """Where the times come from."""

    @property
    def source(self) -> str | dict[str, str]:
        """For people and JSON: "this workstation", or the file and its machine."""

    def times(self, own: Mapping[str, Timing]) -> dict[str, Timing]:
        """The time of each file, given this workstation's."""


@dataclass(frozen=True, slots=True)
class Workstation:
    """The times measured here."""

    source: str = "this workstation"

    def times(self, own: Mapping[str, Timing]) -> dict[str, Timing]:
        return dict(own)


@dataclass(frozen=True, slots=True)
class Measured:
    """The times measured on the target."""

    source: dict[str, str]
    known: Mapping[str, Timing]

    def times(self, own: Mapping[str, Timing]) -> dict[str, Timing]:
        return {name: self.known[name] for name in own}


@dataclass(frozen=True, slots=True)
class Ratios:
    """The target's times in units of the reference's there."""

    source: dict[str, str]
    ratios: Mapping[str, float]
    reference: str

    def times(self, own: Mapping[str, Timing]) -> dict[str, Timing]:
        unit, scale = own[self.reference], self.ratios[self.reference]
        factors = {name: self.ratios[name] / scale for name in own}
        return {
            name: replace(unit, median=round(unit.median * each, 4), p95=round(unit.p95 * each, 4))
            for name, each in factors.items()
        }


def other_machine(source: str | Mapping[str, Any]) -> str | None:
    """Whose times a record's `source` names, in a few words; None if they were measured here, along with the rest."""
    return None if isinstance(source, str) else str(source["machine"] or source["file"])


def read_latencies(path: Path, digests: Mapping[str, str], reference: str) -> Latencies:
    """The times in a file, for files given by name and SHA-256.

    Raises:
        UsageError: it cannot be read, is of neither form, lacks some file, or a value is no time.
    """
    doing = f"reading the latencies {path}"
    try:
        raw = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(doing, str(error), REMEDY) from error
    if isinstance(raw, dict) and isinstance(raw.get("models"), list):
        return _measured(raw, path.name, digests, doing)
    if isinstance(raw, dict) and isinstance(raw.get("ratios"), dict):
        return _ratios(raw, path.name, digests, reference, doing)
    raise UsageError(doing, "neither `models` nor `ratios` in it", REMEDY)


def with_latencies(validation: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """What validation.json holds, its `ms` those of the file at `path`: nothing is measured anew.

    Raises:
        UsageError: as `read_latencies`, or validation.json is damaged.
    """
    try:
        digests = {row["name"]: row["sha256"] for row in validation["rows"]}
        own = {row["name"]: Timing(**row["timings"][0]) for row in validation["rows"]}
        reference = str(validation["reference"])
    except (KeyError, TypeError, IndexError) as error:
        found = f"{error!r}: missing or damaged"
        raise UsageError("reading validation.json", found, "`modelworks validate` again") from error
    latencies = read_latencies(path, digests, reference)
    times = {name: used.as_dict() for name, used in latencies.times(own).items()}
    rows = [row | {"ms": times[row["name"]]} for row in validation["rows"]]
    return dict(validation) | {"latencies": {"source": latencies.source}, "rows": rows}


def _measured(raw: Mapping[str, Any], file: str, digests: Mapping[str, str], doing: str) -> Measured:
    try:
        by_digest = {model["digest"]: model["invoke_ms"] for model in raw["models"]}
        threads = int(raw["threads"])
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError(doing, f"not what `appliance bench --json` prints ({error!r})", REMEDY) from error
    _require({name for name, digest in digests.items() if digest not in by_digest}, doing, "bench those files, too")
    known = {name: _timing(by_digest[digest], threads, f"{doing}, {name}") for name, digest in digests.items()}
    return Measured({"file": file, "machine": str(raw.get("machine", ""))}, known)


def _ratios(raw: Mapping[str, Any], file: str, digests: Mapping[str, str], reference: str, doing: str) -> Ratios:
    ratios = raw["ratios"]
    _require({*digests, reference} - set(ratios), doing, "add their ratios")
    known = {name: _positive(ratios[name], f"{doing}, {name}") for name in {*digests, reference}}
    return Ratios({"file": file, "machine": str(raw.get("machine", ""))}, known, reference)


def _require(missing: set[str], doing: str, remedy: str) -> None:
    if missing:
        found = f"nothing about {', '.join(sorted(missing))}"
        raise UsageError(doing, found, f"{remedy}, or judge fewer files with --recipe")


def _timing(raw: Any, threads: int, doing: str) -> Timing:
    if not isinstance(raw, dict):
        raise UsageError(doing, f"invoke_ms is {raw!r}", REMEDY)
    median, p95 = (_positive(raw.get(key), f"{doing}, {key}") for key in ("p50", "p95"))
    return Timing(threads, "default", median, p95, 0)


def _positive(value: Any, doing: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not (0 < value < math.inf):
        raise UsageError(doing, f"{str(value)[:40]!r} is no time", "a number above 0")
    return float(value)
