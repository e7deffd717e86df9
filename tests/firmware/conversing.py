"""A host for one board in virtual time: says frames, lets time pass, and keeps what the board answered."""

from typing import Any

from appliance.sorter.frames import Arm, Beat, Command, Frame, Hello, StateTold, Welcome
from appliance.sorter.wire import Receiver, line_of
from appliance.twin_board import BoardOptions, TwinBoard

__all__ = ["MS", "SESSION", "Talk"]

MS = 1000
SESSION = 0xA1B2C3D4


class Talk:
    """`now` is the host's clock and, unless the options say otherwise, the board's: microseconds."""

    def __init__(self, **options: Any) -> None:
        self.board = TwinBoard(BoardOptions(**options))
        self.offset = options.get("board_time_us", 0)
        self.now = 0
        self.latch = 0
        self._receiver = Receiver()
        self._beat = 0

    def raw(self, data: bytes) -> list[Frame]:
        """Bytes over the line; what the board answers."""
        self.board.feed(data, self.now)
        return self.heard()

    def say(self, *frames: Frame) -> list[Frame]:
        return self.raw(b"".join(line_of(frame) for frame in frames))

    def heard(self) -> list[Frame]:
        frames = self._receiver.feed(self.board.take())
        for frame in frames:
            if isinstance(frame, Welcome | StateTold):
                self.latch = frame.latch
        return frames

    def wait(self, microseconds: int) -> list[Frame]:
        """Let time pass without a word of the host."""
        self.now += microseconds
        self.board.tick(self.now)
        return self.heard()

    def alive(self, microseconds: int) -> list[Frame]:
        """Let time pass with heartbeats; what came apart from their answers."""
        heard: list[Frame] = []
        end = self.now + microseconds
        while self.now < end:
            heard += self.wait(min(100 * MS, end - self.now))
            heard += [frame for frame in self.beat() if frame.TYPE != 0x86]
        return heard

    def beat(self, renew: int = 1, session: int = SESSION) -> list[Frame]:
        self._beat = (self._beat + 1) % 65536
        return self.say(Beat(session, self._beat, renew))

    def hello(self, session: int = SESSION) -> list[Frame]:
        return self.say(Hello(1, 0, session))

    def armed(self, session: int = SESSION) -> "Talk":
        self.hello(session)
        self.say(Arm(session, self.latch))
        return self

    @property
    def board_now(self) -> int:
        return (self.now + self.offset) % 2**32

    def command(self, seq: int, channel: int = 0, *, after: int = 0, within: int = 50 * MS, **other: int) -> Command:
        """A divert that may begin from `after` on, for `within`; of this session and latch."""
        not_before = (self.board_now + after) % 2**32
        fields = {
            "session": SESSION,
            "latch": self.latch,
            "action": 0,
            "not_before": not_before,
            "not_after": (not_before + within) % 2**32,
        }
        return Command(seq=seq, channel=channel, **{**fields, **other})
