"""A SIMULATED sorter in this process: moves nothing, answers like a machine, with faults on order."""

import time
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from appliance.clock import Clock
from appliance.config import Options
from appliance.errors import LinkError
from appliance.records import Ack, AckStatus, LinkEvent, SensorEvent, SortCommand
from appliance.sorter import Capabilities, Passage
from appliance.sorter.line_record import LineRecord

__all__ = ["SimulatedSorter", "SimulatedSorterOptions"]


class SimulatedSorterOptions(Options):
    """Every `refuse_every`-th command is refused, every `silent_every`-th never answered; 0 means never."""

    kind: Literal["simulated"]
    delay_ms: Annotated[int, Field(ge=0, le=60_000)] = 20
    timeout_s: Annotated[float, Field(gt=0, le=60)] = 1.0
    refuse_every: Annotated[int, Field(ge=0)] = 0
    silent_every: Annotated[int, Field(ge=0)] = 0
    recovery_s: Annotated[float, Field(ge=0, le=3600)] = 5.0


class SimulatedSorter:
    """Answers by the clock; has no thread."""

    Options = SimulatedSorterOptions

    def __init__(self, options: SimulatedSorterOptions, clock: Clock = time.monotonic_ns) -> None:
        self._options = options
        self._clock = clock
        self._due: list[Ack] = []
        self._received = 0
        self._record = LineRecord("commands", "home", clock=clock)
        self._open = self._stopped = False
        self.recovery_s = options.recovery_s

    def open(self) -> Capabilities:
        if self._open:
            raise LinkError("opening the SIMULATED sorter", "it is open already", "close it first")
        self._open, self._stopped = True, False
        answer_s = max(self._options.timeout_s, self._options.delay_ms / 1000)
        return Capabilities("SIMULATED", True, answer_s, simulated=True)

    @property
    def ready(self) -> bool:
        return self._open and not self._stopped and not self._due

    def submit(self, command: SortCommand) -> None:
        self._take(command, f"SORT {command.channel} {command.seq}", "commands")

    def home(self, command: SortCommand) -> None:
        self._take(command, f"HOME {command.seq}", "home")

    def events(self, timeout_s: float) -> list[Ack | LinkEvent | SensorEvent]:
        if self._due:
            wait_s = (self._due[0].done_at_ns - self._clock()) / 1e9
            time.sleep(max(0.0, min(wait_s, timeout_s)))
        elif timeout_s > 0:
            time.sleep(timeout_s)
        now_ns = self._clock()
        ripe = [ack for ack in self._due if ack.done_at_ns <= now_ns]
        self._due = [ack for ack in self._due if ack.done_at_ns > now_ns]
        for ack in ripe:
            self._record.heard(f"{ack.status.value} {ack.seq}, {ack.detail}")
        return [*ripe]

    def link(self) -> Mapping[str, Any]:
        state = ("busy" if self._due else "ready") if self._open and not self._stopped else "closed"
        counters = {"host": self._record.counts()}
        return {"state": state, "why": "", "device": "", "board": {"simulated": True}, "counters": counters}

    def passages(self, after: int) -> list[Passage]:
        return self._record.after(after)

    def stop(self) -> None:
        self._stopped = True

    def close(self) -> None:
        now_ns = self._clock()
        self._due = [
            ack if ack.done_at_ns <= now_ns else Ack(ack.seq, AckStatus.UNKNOWN, now_ns, "SIMULATED: closed")
            for ack in self._due
        ]
        self._open = False

    def _take(self, command: SortCommand, text: str, counted_as: str) -> None:
        now_ns = self._clock()
        self._record.sent(text.encode())
        self._record.count(counted_as)
        if not self._open or self._stopped:
            self._due.append(Ack(command.seq, AckStatus.FAILED, now_ns, "SIMULATED: closed, nothing was sent"))
            return
        if now_ns > command.not_after_ns:
            self._due.append(Ack(command.seq, AckStatus.FAILED, now_ns, "SIMULATED: too late, nothing was sent"))
            return
        self._received += 1
        self._due.append(self._answer(command.seq, now_ns))

    def _answer(self, seq: int, now_ns: int) -> Ack:
        options = self._options
        if options.silent_every and self._received % options.silent_every == 0:
            at_ns = now_ns + int(options.timeout_s * 1e9)
            return Ack(seq, AckStatus.UNKNOWN, at_ns, "SIMULATED: no answer")
        at_ns = now_ns + options.delay_ms * 1_000_000
        if options.refuse_every and self._received % options.refuse_every == 0:
            return Ack(seq, AckStatus.FAILED, at_ns, "SIMULATED: refused")
        return Ack(seq, AckStatus.DONE, at_ns, "SIMULATED: done")
