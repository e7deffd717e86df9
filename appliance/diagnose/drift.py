"""Does the camera still show what it showed when the machine was set up?"""

from collections.abc import Mapping
from typing import Any

from appliance.config import Config
from appliance.diagnose import Finding, Verdict
from appliance.drift import REMEDIES
from appliance.history import open_history
from appliance.journal import JOURNAL_FILE
from appliance.reference import read_reference, reference_path
from appliance.wording import counted

__all__ = ["check", "from_daemon"]

_TAKE_ONE = "empty the region, then: appliance camera reference"
_RESTART = "restart it: systemctl restart appliance"
_WAIT = "wait until the region has been empty for a while; the trigger every-frame never says that it is"
_MEANT = "; if the change was meant: appliance camera reference --force"


def check(config: Config) -> list[Finding]:
    """What the reference is, and with which warnings the last run ended.

    Raises:
        StorageError: the reference or the journal cannot be read.
    """
    path = reference_path(config)
    reference = read_reference(path)
    if reference is None:
        return [Finding("drift", Verdict.NOT_RUN, f"there is no reference at {path}", _TAKE_ONE)]
    region = config.camera.roi.region() if config.camera.roi else None
    if misfit := reference.misfit(region, reference.size):
        return [Finding("drift", Verdict.WARN, misfit, f"{_TAKE_ONE} --force")]
    if open_warnings := _last_warnings(config, reference.taken):
        return [_warn(kind, f"the last run ended with: {said}") for kind, said in open_warnings.items()]
    watched = ", ".join(reference.watched)
    return [Finding("drift", Verdict.OK, f"reference of {reference.taken}; it can tell {watched}")]


def from_daemon(config: Config, status: Mapping[str, Any]) -> list[Finding]:
    """What a running daemon says of its drift; it knows the reference that was there when it started.

    Raises:
        StorageError: the reference cannot be read.
    """
    drift = status.get("drift") or {}
    reference = read_reference(reference_path(config))
    if reference is None and not drift:
        return [Finding("drift", Verdict.NOT_RUN, "the running appliance has no reference", _TAKE_ONE)]
    if reference is not None and reference.taken != drift.get("reference"):
        found = f"the running appliance does not know the reference of {reference.taken} yet"
        return [Finding("drift", Verdict.WARN, found, _RESTART)]
    if drift["misfit"]:
        return [Finding("drift", Verdict.WARN, drift["misfit"], f"{_TAKE_ONE} --force")]
    if drift["warnings"]:
        return [_warn(kind, said) for kind, said in drift["warnings"].items()]
    if not drift["compared"]:
        found = f"not compared yet with the reference of {drift['reference']}"
        return [Finding("drift", Verdict.NOT_RUN, found, _WAIT)]
    evidence = f"compared {counted(drift['compared'], 'time')} with the reference of {drift['reference']}"
    return [Finding("drift", Verdict.OK, evidence)]


def _warn(kind: str, said: str) -> Finding:
    return Finding("drift", Verdict.WARN, said, REMEDIES.get(kind, "") + _MEANT)


def _last_warnings(config: Config, taken: str) -> dict[str, str]:
    """The warnings of the last run that did not end in it; none if the reference is newer than the run."""
    if not (config.machine.state_dir / JOURNAL_FILE).exists():
        return {}
    active: dict[str, str] = {}
    with open_history(config.machine.state_dir) as history:
        runs = [run for run in history.runs() if run["started_wall"] >= taken]
        events = history.events(run_id=runs[-1]["run_id"], last=10_000) if runs else []
    for event in events:
        details = event["json"]
        if event["kind"] == "drift":
            active[details["kind"]] = details["detail"]
        elif event["kind"] == "drift-over":
            active.pop(details["kind"], None)
    return active
