"""The twin beside a run, and the comparison of the two logs afterwards."""

from contextlib import AbstractContextManager
from pathlib import Path

from appliance.agreement import Agreement, compare, moved_by_hand
from appliance.config import Config
from appliance.errors import UsageError
from appliance.history import open_history
from appliance.state import hold_state_dir
from appliance.twin import read_log
from appliance.twin_process import twin_running

__all__ = ["compare_logs", "twin_for"]

_EVENTS = 100_000
"""More than a rehearsal has."""


def twin_for(config: Config) -> AbstractContextManager[None]:
    """A twin at the configuration's sorter.port, with a fresh log.

    Raises:
        UsageError: the configuration's sorter is no port on a path of its own.
        StorageError: another run holds the state directory, or it cannot be written.
    """
    port = getattr(config.sorter, "port", "")
    kind = config.sorter.kind
    if kind not in ("line", "framed") or "://" in port or port.startswith(("usb:", "/dev/")):
        raise UsageError(
            "starting the twin",
            f"sorter is {kind} on {port or 'no port'}",
            "use --twin only with `sorter: {kind: line, port: FILE}` or kind framed, where FILE is no device",
        )
    if kind == "line" and "{seq}" not in config.sorter.template:
        found = f"sorter.template is {config.sorter.template!r}: without {{seq}} the two logs cannot be compared"
        raise UsageError("starting the twin", found, r'template: "SORT {channel} {seq}\n", reply: "^OK (?P<seq>\d+)"')
    # A run that holds the directory has a twin of its own there: that is said before a second one is in its way.
    with hold_state_dir(config.machine.state_dir):
        pass
    return twin_running(Path(port), _log_of(config), "--protocol", kind)


def compare_logs(config: Config, run_id: str) -> Agreement:
    """Does the twin's log agree with what the journal says of the run?"""
    channels = {name: one.channel for name, one in config.decision.bins.items()}
    with open_history(config.machine.state_dir) as history:
        by_hand = moved_by_hand(history.events(run_id=run_id, last=_EVENTS))
        return compare([*history.items(run_id=run_id), *by_hand], read_log(_log_of(config)), channels)


def _log_of(config: Config) -> Path:
    return config.machine.state_dir / "twin.jsonl"
