"""Can the sorter be reached? Nothing is moved: the port is opened, hands are shaken, the port is closed."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from appliance.clock import Deadline
from appliance.config import Config
from appliance.diagnose import Finding, Verdict, board
from appliance.history import last_failure
from appliance.sorter import Capabilities, Describes, Sorter
from appliance.wording import counted

__all__ = ["check", "from_daemon"]

_REAL = "set sorter.port to the real board before you rely on it"

_LISTEN_S = 1.0


def check(config: Config, sorter: Sorter) -> list[Finding]:
    """Open, shake hands, close.

    Raises:
        LinkError: not there, not permitted, held by another program, or silent.
    """
    try:
        capabilities = sorter.open()
        told = _told(sorter)
    finally:
        sorter.close()
    return [*_link(config, capabilities), *board.findings(config, capabilities, told)]


def _told(sorter: Sorter) -> Mapping[str, Any]:
    """What the far end says of itself, after a second of heartbeats in both directions, which shows what the line is
    worth; nothing is told of a far end without a heartbeat."""
    if not isinstance(sorter, Describes) or not sorter.link().get("board"):
        return {}
    deadline = Deadline(_LISTEN_S)
    while not deadline.expired:
        sorter.events(deadline.left_s)
    return sorter.link()


def _link(config: Config, capabilities: Capabilities) -> list[Finding]:
    name = capabilities.name
    if capabilities.simulated:
        return [Finding("link", Verdict.WARN, f"{name} answers, and calls itself SIMULATED", _REAL)]
    if not capabilities.confirms:
        remedy = "let the board answer each command and set sorter.reply"
        return [Finding("link", Verdict.WARN, f"{name} opens, but never confirms: items end uncertain", remedy)]
    if getattr(config.sorter, "ready", "") is None:
        remedy = "set sorter.hello and sorter.ready, so that the board itself can be asked"
        return [Finding("link", Verdict.WARN, f"{name} opens; whether a board listens was not asked", remedy)]
    return [Finding("link", Verdict.OK, f"{name} answers")]


def from_daemon(status: Mapping[str, Any]) -> list[Finding]:
    """What a running daemon says of its link, which it alone may open."""
    evidence = f"in use by the running appliance: {status['sorter']}"
    ends = status["outcomes"]
    if "link" in status["trouble"]:
        return [Finding("link", Verdict.FAIL, f"{evidence}; down now", "check the cable and the board's power", 11)]
    if ends["uncertain"] or ends["failed"]:
        counts = f"{ends['failed']} failed, {ends['uncertain']} uncertain of {counted(status['items'], 'item')}"
        last = last_failure(Path(status["state_dir"]))
        said = f"{evidence}; {counts}" + (f"; the last: {last}" if last else "")
        return [Finding("link", Verdict.WARN, said, "see `appliance history tail` for the reasons")]
    if status["simulated"]:
        return [Finding("link", Verdict.WARN, f"{evidence}, SIMULATED: nothing real moves", _REAL)]
    return [Finding("link", Verdict.OK, evidence)]
