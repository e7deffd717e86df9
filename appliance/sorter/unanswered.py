"""Commands on their way: when each is sent again, when it is given up, and what its end means. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from appliance.records import Ack, AckStatus, SortCommand
from appliance.sorter.frames import Code, Command
from appliance.sorter.round_trip import backed_off
from appliance.sorter.wire import line_of

__all__ = ["LAST_WORD_NS", "Unanswered", "meaning_of"]

WINDOW = 32
"""The board keeps the answers of so many sequence numbers."""
LAST_WORD_NS = 1_000_000_000
"""For so long after the last moment at which a movement can end its last word is asked for: it may be lost as well."""
_SAME_TIME_OUT = 3
"""So many repetitions keep the time-out before it doubles: this line loses, it is not congested."""
_TRIES = 12
"""A command is said so often within its time, however long the line takes now and then: it costs 27 bytes."""
_SHORTEST_NS = 15_000_000
_SHARE_NS = 6_000_000
"""A repetition takes 2.3 ms of a line of 115,200 baud: so all of them take two fifths of it at most, and a line that
holds up what it carries is not buried under them."""
_MASK = 0xFFFF_FFFF

_MEANINGS: dict[int, tuple[AckStatus, str]] = {
    Code.LATE: (AckStatus.FAILED, "the command came too late"),
    Code.NOT_ARMED: (AckStatus.FAILED, "the board was at rest"),
    Code.CHANNEL: (AckStatus.FAILED, "the board has no such channel"),
    Code.FULL: (AckStatus.FAILED, "the board's queue was full"),
    Code.HORIZON: (AckStatus.FAILED, "the command was for a moment too far ahead"),
    Code.TOO_OLD: (AckStatus.UNKNOWN, "the board keeps no answer to a command that old"),
    Code.CANCELLED: (AckStatus.FAILED, "the board came to rest before the movement began"),
    Code.INTERRUPTED: (AckStatus.UNKNOWN, "the board came to rest during the movement"),
    Code.JAMMED: (AckStatus.FAILED, "the machine is jammed: nothing moved"),
}


def meaning_of(code: int) -> tuple[AckStatus, str]:
    """What a failure makes of the item, and in words; of a code that we do not know, nobody can tell."""
    return _MEANINGS.get(code, (AckStatus.UNKNOWN, f"the board failed for a reason that is not known here ({code})"))


@dataclass(slots=True)
class _Sent:
    """A command that went out, in our time. `again_ns` comes from the time-out `wait_ns`, at most `longest_ns`."""

    seq: int
    line: bytes
    frame: Command
    give_up_ns: int
    again_ns: int
    wait_ns: int
    longest_ns: int
    moves_until_ns: int
    repeats: int = 0
    accepted: bool = False


class Unanswered:
    """Every command that is added gets exactly one Ack from this class."""

    def __init__(self) -> None:
        self._sent: dict[int, _Sent] = {}
        self._given_up: list[int] = []
        self._newest: int | None = None
        self.repeated = 0

    def __len__(self) -> int:
        return len(self._sent)

    @property
    def due_ns(self) -> int | None:
        """When something has to be done next."""
        return min((min(one.again_ns, one.give_up_ns) for one in self._sent.values()), default=None)

    def has_room(self, queue: int) -> bool:
        """May another be sent: has the board room, and will it still know the oldest?"""
        if not self._sent or self._newest is None:
            return True
        oldest = next(iter(self._sent))
        return len(self._sent) < queue and (self._newest + 1 - oldest) & _MASK < WINDOW

    def add(self, command: SortCommand, frame: Command, movement_ns: int, wait_ns: int, now_ns: int) -> bytes:
        """A command goes out now as `frame`; the bytes to write. A movement takes at most `movement_ns`."""
        line = line_of(frame)
        longest_ns = max((command.not_after_ns - now_ns) // _TRIES, _SHORTEST_NS)
        wait_ns = min(wait_ns, longest_ns)
        self._newest = frame.seq
        self._sent[frame.seq] = _Sent(
            command.seq,
            line,
            frame,
            give_up_ns=command.not_after_ns + movement_ns + LAST_WORD_NS,
            again_ns=now_ns + wait_ns,
            wait_ns=wait_ns,
            longest_ns=longest_ns,
            moves_until_ns=max(command.not_before_ns, now_ns) + movement_ns,
        )
        return line

    def accepted(self, number: int, now_ns: int, wait_ns: int) -> None:
        """The board has it: unless the last word is lost, it comes by itself when the movement has ended."""
        sent = self._sent.get(number)
        if sent is None or sent.accepted:
            return
        sent.accepted, sent.wait_ns, sent.repeats = True, min(wait_ns, sent.longest_ns), 0
        sent.again_ns = max(sent.moves_until_ns, now_ns) + sent.wait_ns

    def ended(self, number: int, status: AckStatus, now_ns: int, detail: str = "") -> Ack | None:
        """The board's last word on a command; None if nobody waits for it."""
        sent = self._sent.pop(number, None)
        return None if sent is None else Ack(sent.seq, status, now_ns, detail)

    def was_given_up(self, number: int) -> bool:
        """Does this word come for a command that was given up? Told once."""
        if number not in self._given_up:
            return False
        self._given_up.remove(number)
        return True

    def repeats(self, now_ns: int) -> Iterator[tuple[Command, bytes]]:
        """What has to be sent again now: the very same bytes."""
        for sent in self._sent.values():
            if now_ns >= sent.again_ns:
                if sent.repeats >= _SAME_TIME_OUT:
                    sent.wait_ns = min(backed_off(sent.wait_ns), sent.longest_ns)
                sent.again_ns = now_ns + max(sent.wait_ns, len(self._sent) * _SHARE_NS)
                sent.repeats += 1
                self.repeated += 1
                yield sent.frame, sent.line

    def overdue(self, now_ns: int) -> Iterator[Ack]:
        """The commands that can no longer begin and whose end nobody told."""
        late = [number for number, sent in self._sent.items() if now_ns >= sent.give_up_ns]
        for number in late:
            heard = "accepted it, and never said how it ended" if self._sent[number].accepted else "never answered"
            yield self._give_up(number, f"the board {heard}", now_ns)

    def give_up_all(self, why: str, now_ns: int) -> list[Ack]:
        """Nobody will know what became of them."""
        return [self._give_up(number, why, now_ns) for number in list(self._sent)]

    def _give_up(self, number: int, why: str, now_ns: int) -> Ack:
        self._given_up = [*self._given_up[1 - WINDOW :], number]
        return Ack(self._sent.pop(number).seq, AckStatus.UNKNOWN, now_ns, why)
