"""Is the board well? From what a framed board tells of itself and has counted since it started. Pure."""

from collections.abc import Mapping
from typing import Any

from appliance.config import Config
from appliance.diagnose import Finding, Verdict
from appliance.sorter import Capabilities
from appliance.wording import counted

__all__ = ["findings"]

_DAMAGED = 0.01
"""At this share of damaged frames some commands come too late; a good cable is far below one in 10,000."""


def findings(config: Config, capabilities: Capabilities, told: Mapping[str, Any]) -> list[Finding]:
    """What `told` (see `appliance.sorter.Describes`) and the capabilities say; nothing of a far end that tells none."""
    said = told.get("board", {})
    if not said.get("firmware"):
        return []
    complaints = [*_channels(config, capabilities), *_reset(said), *_counters(told.get("counters", {}))]
    if complaints:
        return complaints
    counts = told.get("counters", {}).get("board", {})
    moved = counted(counts.get("moved", 0), "movement")
    lapses = counted(counts.get("lapsed", 0), "time")
    evidence = f"firmware {said['firmware']}, {said['channels']} channels; since it started: {moved}, {lapses} at rest"
    return [Finding("board", Verdict.OK, f"{evidence} because no living host was heard")]


def _channels(config: Config, capabilities: Capabilities) -> list[Finding]:
    there = capabilities.channels
    beyond = [
        f"{name} (channel {one.channel})"
        for name, one in config.decision.bins.items()
        if there is not None and one.channel is not None and one.channel >= there
    ]
    if not beyond:
        return []
    evidence = f"it has the channels 0 to {(there or 0) - 1}, which leaves out {', '.join(beyond)}"
    return [Finding("board", Verdict.FAIL, evidence, "correct decision.bins, or build the firmware with CHANNELS", 11)]


def _reset(said: Mapping[str, Any]) -> list[Finding]:
    cause = str(said.get("reset", ""))
    if "watchdog" in cause:
        remedy = "keep its supply and its cable away from motors; if it stays so, report it with the firmware's version"
        return [Finding("board", Verdict.WARN, "its program hung, and its watchdog started it again", remedy)]
    if "brown-out" in cause:
        remedy = "give the servos a supply of their own, with a common ground"
        return [Finding("board", Verdict.WARN, "its supply dipped so far that it started again", remedy)]
    return []


def _counters(counters: Mapping[str, Mapping[str, int]]) -> list[Finding]:
    found = []
    for end, where in (("board", "to the board"), ("host", "from the board")):
        counts = counters.get(end, {})
        bad, good = counts.get("bad_crc", 0) + counts.get("bad_frame", 0), counts.get("frames", 0)
        if bad > max(3, _DAMAGED * (good + bad)):
            evidence = f"{bad} of {good + bad} frames {where} were damaged"
            remedy = "shorten or shield the cable, keep it away from motors, connect the grounds"
            found.append(Finding("board", Verdict.WARN, evidence, remedy))
    lost = counters.get("board", {}).get("overrun", 0)
    if lost:
        found.append(
            Finding("board", Verdict.WARN, f"it lost {counted(lost, 'byte')} that came too fast", "lower baud")
        )
    return found
