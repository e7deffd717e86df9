"""A host, a bad line and a board in virtual time: the appliance's own conversation against the firmware's own core.

Items arrive and have a time within which they must be moved; what happens to them is kept for `link_judge`, which
asks neither end.
"""

import itertools
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from noisy_wire import Noise, NoisyWire

from appliance.records import Ack, AckStatus, SortCommand
from appliance.sorter.conversation import Conversation, Phase
from appliance.sorter.frames import MAJOR, MINOR, Hello
from appliance.sorter.wire import line_of
from appliance.twin_board import BoardOptions, TwinBoard

__all__ = ["Item", "Moved", "Plan", "World"]

MS = 1_000_000
S = 1000 * MS
BOOTLOADER_NS = 1 * S
"""An Uno's eats what comes in its first second."""
GREETED_NS = 5 * S
"""The default of sorter.ready_timeout_s: without an answer the port is opened again, which resets the board."""
REOPENED_NS = 500 * MS
AFTERWARDS_NS = 4 * S
"""After the last item: its time, and the second in which its last word is asked for."""
ROUND_US = 2**32


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run is made of. `trouble_s`: so often on the average something worse than noise happens; None: never."""

    noise: Noise
    items: int
    seed: int
    trouble_s: float | None = None
    rate_hz: float = 20.0
    window_s: float = 0.5
    ahead_s: float = 0.4
    """Every second item is known up to so long before it may be moved; the others may be at once."""


@dataclass(slots=True)
class Item:
    """True times. `ended`: every outcome that the host gave it, and when."""

    seq: int
    channel: int
    not_before_ns: int
    not_after_ns: int
    ended: list[tuple[AckStatus, int]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Moved:
    """A movement that the machine saw, in true time."""

    seq: int
    channel: int
    started_ns: int
    ended_ns: int
    whole: bool


class PoweredBoard:
    """A board from one start of it: its clock is wrong by up to 0.5 %, and begins anywhere, often close to its turn."""

    def __init__(self, now_ns: int, rng: random.Random) -> None:
        self._born_ns = now_ns
        self._rate = (1 + rng.uniform(-0.005, 0.005)) / 1000
        near_turn = ROUND_US - rng.randrange(30_000_000)
        self.board = TwinBoard(
            BoardOptions(
                boot=rng.randrange(1, 2**32), board_time_us=rng.choice([0, near_turn, rng.randrange(ROUND_US)])
            )
        )

    def us(self, at_ns: int) -> int:
        return int((at_ns - self._born_ns) * self._rate)

    def ns(self, at_us: int) -> int:
        return self._born_ns + int(at_us / self._rate)

    def due_ns(self) -> int | None:
        due_us = self.board.due_us()
        return None if due_us is None else self.ns(due_us + 1)

    def moved(self) -> Iterable[Moved]:
        for one in self.board.movements():
            yield Moved(one.seq, one.channel, self.ns(one.started_us), self.ns(one.ended_us), one.code == 0)

    def power_off(self, now_ns: int) -> list[Moved]:
        """What moved until then; a session that nobody began ends all that still goes on."""
        self.board.feed(b"\0" + line_of(Hello(MAJOR, MINOR, 0xFFFF_FFFE)), self.us(now_ns))
        found = list(self.moved())
        self.board.close()
        return found


class World:
    """`run` lets it all happen; `items` and `moved` are what came of it."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.items: dict[int, Item] = {}
        self.moved: list[Moved] = []
        self.troubles: dict[str, int] = dict.fromkeys(self._kinds(), 0)
        self.handshakes = 0
        self._rng = rng = random.Random(plan.seed)
        self._now_ns = rng.randrange(10**15)
        self.began_ns = self._now_ns
        self._there, self._back = (NoisyWire(plan.noise, random.Random(rng.random())) for _ in range(2))
        self._seqs = itertools.count(rng.choice([1, 2**32 - plan.items // 2]))
        self._waiting: list[Item] = []
        self._without_end: dict[int, Item] = {}
        self._open = True
        self._hung_until_ns = self._reopen_ns = self._boot_ns = 0
        self._board: PoweredBoard | None = PoweredBoard(self._now_ns, rng)
        self._next_item_ns: int | None = self._now_ns + 3 * S
        self._end_ns = 1 << 62
        self._next_trouble_ns = self._after(plan.trouble_s)
        self._new_host()

    def _kinds(self) -> dict[str, Callable[[], None]]:
        return {
            "board reset": self._reset_board,
            "port reopened": self._lose_port,
            "program restarted": self._restart_program,
            "loop hung": self._hang_loop,
        }

    def run(self) -> "World":
        """Until every item has had its time, and its outcome was due."""
        while self._now_ns < self._end_ns:
            self._step()
        self._collect(self._board.power_off(self._now_ns) if self._board else ())
        return self

    # Time

    def _step(self) -> None:
        self._now_ns = max(self._now_ns, min(at_ns for at_ns in self._moments() if at_ns is not None))
        now_ns = self._now_ns
        self._let_board_boot()
        self._let_items_come()
        if now_ns >= self._next_trouble_ns:
            self._next_trouble_ns = self._after(self.plan.trouble_s)
            kinds = self._kinds()
            kind = self._rng.choice(list(kinds))
            self.troubles[kind] += 1
            kinds[kind]()
        self._turn_host(self._back.read(now_ns))
        self._turn_board(self._there.read(now_ns))

    def _moments(self) -> list[int | None]:
        host_ns = self._host.due_ns if self._open else self._reopen_ns
        return [
            self._there.due_ns,
            self._back.due_ns,
            host_ns,
            self._board.due_ns() if self._board else self._boot_ns,
            self._next_item_ns,
            min(self._next_trouble_ns, self._end_ns),
        ]

    def _after(self, mean_s: float | None) -> int:
        return self._now_ns + (1 << 62 if mean_s is None else int(self._rng.expovariate(1 / mean_s) * S))

    # The board

    def _let_board_boot(self) -> None:
        if self._board is None and self._now_ns >= self._boot_ns:
            self._there.read(self._now_ns)
            self._board = PoweredBoard(self._now_ns, self._rng)

    def _turn_board(self, data: bytes) -> None:
        if self._board is None:
            return
        now_us = self._board.us(self._now_ns)
        self._board.board.feed(data, now_us)
        self._back.write(self._board.board.take(), self._now_ns)
        self._collect(self._board.moved())

    def _collect(self, moved: Iterable[Moved]) -> None:
        self.moved += moved

    # The host

    def _new_host(self) -> None:
        self._host = Conversation(lambda: self._rng.randrange(1, 2**32 - 2))
        self._greet()

    def _greet(self) -> None:
        self.handshakes += 1
        self._host.start(self._now_ns)
        self._greeted_ns = self._now_ns

    def _turn_host(self, data: bytes) -> None:
        now_ns, host = self._now_ns, self._host
        if not self._open:
            if now_ns < self._reopen_ns:
                return
            self._open = True
            self._greet()
            data = b""
        if now_ns >= self._hung_until_ns:
            host.alive(now_ns)
        host.feed(data, now_ns)
        if host.phase is Phase.FAILED:
            self._greet()
        elif host.phase is Phase.GREETING and now_ns - self._greeted_ns >= GREETED_NS:
            self._lose_port()
            return
        host.tick(now_ns)
        if now_ns >= self._hung_until_ns:
            self._hand_over()
        self._there.write(host.take_bytes(), now_ns)
        self._hear()

    def _hand_over(self) -> None:
        """As the sorting loop does: an item waits for the link only as long as it is young enough."""
        while self._waiting:
            item = self._waiting[0]
            if self._now_ns > item.not_after_ns:
                self._end(item.seq, AckStatus.FAILED)
            elif self._host.ready(self._now_ns):
                self._host.submit(
                    SortCommand(item.seq, "bin", item.channel, item.not_before_ns, item.not_after_ns), self._now_ns
                )
            else:
                return
            self._waiting.pop(0)

    def _hear(self) -> None:
        for event in self._host.take_events():
            if isinstance(event, Ack):
                self._end(event.seq, event.status)

    def _end(self, seq: int, status: AckStatus) -> None:
        self._without_end.pop(seq, None)
        self.items[seq].ended.append((status, self._now_ns))

    def _let_items_come(self) -> None:
        while self._next_item_ns is not None and self._now_ns >= self._next_item_ns:
            rng, plan = self._rng, self.plan
            self._next_item_ns = self._after(1 / plan.rate_hz)
            ahead_ns = int(rng.random() * plan.ahead_s * S) if rng.random() < 0.5 else 0
            begin_ns = self._now_ns + ahead_ns
            item = Item(next(self._seqs), rng.randrange(8), begin_ns, begin_ns + int(plan.window_s * S))
            self.items[item.seq] = self._without_end[item.seq] = item
            self._waiting.append(item)
            if len(self.items) == plan.items:
                self._next_item_ns, self._end_ns = None, self._now_ns + AFTERWARDS_NS

    # Troubles

    def _reset_board(self) -> None:
        """Somebody presses the button; what is on the line still arrives."""
        if self._board is not None:
            self._collect(self._board.power_off(self._now_ns))
        self._board, self._boot_ns = None, self._now_ns + BOOTLOADER_NS

    def _lose_port(self) -> None:
        """The port breaks, and what is on the line with it; opened again it resets the board, on every second one."""
        self._host.fail("the port broke", self._now_ns)
        self._hear()
        self._open, self._reopen_ns = False, self._now_ns + REOPENED_NS
        self._there.cut()
        self._back.cut()
        if self._rng.random() < 0.5:
            self._reset_board()

    def _restart_program(self) -> None:
        """Killed, and started again at once. What was unanswered is uncertain in the journal, as the loop writes it."""
        for item in self._waiting:
            self._end(item.seq, AckStatus.FAILED)
        self._waiting.clear()
        for seq in list(self._without_end):
            self._end(seq, AckStatus.UNKNOWN)
        self._hung_until_ns = 0
        self._new_host()

    def _hang_loop(self) -> None:
        self._hung_until_ns = self._now_ns + int(self._rng.uniform(0.3, 2.0) * S)
