"""How a framed link stands, as one record for people and for diagnose."""

from dataclasses import dataclass

from appliance.sorter.frames import Counters, State, Welcome
from appliance.sorter.wire import LineCounters

__all__ = ["LinkReport"]


@dataclass(frozen=True, slots=True)
class LinkReport:
    """`state` is the board's, WAITING while nobody talks; `trouble` says why the link is down. `board` and `counters`
    are the board's own words, None where it has not said them; `line` counts what came in here. `clock_error_us` is
    infinite while the board's time is not known."""

    board: Welcome | None
    counters: Counters | None
    line: LineCounters
    state: State
    rested: str
    trouble: str
    round_trip_ms: float | None
    clock_error_us: float
    drift_ppm: float | None
    commands_repeated: int
    beats: int
    beats_unanswered: int
