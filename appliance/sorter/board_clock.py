"""What the board's clock says at a moment of ours, and how wrong that can be. Pure: moments in, an estimate out.

An exchange is a question of ours and the board's answer. The board received it not before we wrote it, and answered
not after we read the answer: two bounds that need no assumption about the way. A line through the middles of the
exchanges with the shortest way gives offset and drift; the bounds, carried along that line, say how far off it can be.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["BoardClock"]

_WINDOW_US = 60_000_000
_BUCKET_US = 2_000_000
"""Of each two seconds the exchange with the shortest way is kept: 30 of them, whatever comes in."""
_NOMINAL = 1000.0
"""Our nanoseconds in a microsecond of the board."""
_WORST_DRIFT = 0.01
"""A ceramic resonator is within 0.5 % over its life and temperatures (the Uno's CSTCE16M0V53: 0.5 %); taken twice."""
_WANDER = 0.1
"""So much (of 1000: 100 ppm) the rate may change within the window: a resonator that warms up by 20 K."""
_MASK, _HALF = 0xFFFF_FFFF, 0x8000_0000


@dataclass(frozen=True, slots=True)
class _Exchange:
    """At `board_us` our clock stood between `low_ns` and `high_ns`."""

    board_us: int
    low_ns: int
    high_ns: int

    @property
    def width_ns(self) -> int:
        return self.high_ns - self.low_ns

    @property
    def middle_ns(self) -> float:
        return (self.low_ns + self.high_ns) / 2


@dataclass(frozen=True, slots=True)
class _Estimate:
    """At `board_us` our clock stood at `host_ns` within `error_ns`; from there it runs at `rate` within `slack`, both
    in our nanoseconds a microsecond of the board."""

    board_us: int
    host_ns: float
    error_ns: float
    rate: float
    slack: float


class BoardClock:
    """One board from one start of it. Its 32-bit microseconds are carried on beyond 2^32."""

    def __init__(self) -> None:
        self._kept: deque[_Exchange] = deque()
        self._estimate: _Estimate | None = None
        self.restarts = 0
        """How often the bounds contradicted each other (our clock or the board's jumped), and all but the newest
        exchange was forgotten."""

    @property
    def drift_ppm(self) -> float | None:
        """How much faster than ours the board's clock runs; None before the first exchange."""
        return None if self._estimate is None else (_NOMINAL / self._estimate.rate - 1) * 1e6

    def exchanged(self, written_ns: int, received_us: int, sent_us: int, read_ns: int) -> None:
        """We wrote, the board received and sent (32-bit microseconds), we read."""
        received = self._carried_on(received_us)
        busy_us = (sent_us - received_us) & _MASK
        newest = self._estimate.board_us if self._estimate is not None else None
        if (newest is not None and received <= newest) or busy_us >= _HALF:
            return  # An echo of an old answer, or nonsense: it tells nothing new.
        exchange = _Exchange(received, written_ns, read_ns - int(busy_us * _NOMINAL * (1 - _WORST_DRIFT)))
        if exchange.width_ns < 0:
            return
        self._keep(exchange)
        self._estimate = _estimated([*self._kept, exchange])
        if self._estimate is None:
            self.restarts += 1
            self._kept = deque([exchange])
            self._estimate = _estimated([exchange])

    def error_us(self, at_ns: int) -> float:
        """How far off `board_us` can be at a moment of ours; infinite before the first exchange."""
        now = self._estimate
        if now is None:
            return float("inf")
        return (now.error_ns + now.slack * abs(at_ns - now.host_ns) / now.rate) / now.rate

    def board_us(self, at_ns: int) -> float:
        """The board's time, carried on beyond 32 bits, at a moment of ours."""
        now = self._known()
        return now.board_us + (at_ns - now.host_ns) / now.rate

    def host_ns(self, board_us: int) -> int:
        """Our time at a moment of the board (32-bit microseconds) within half an hour of the newest exchange."""
        now = self._known()
        return int(now.host_ns + (self._carried_on(board_us) - now.board_us) * now.rate)

    def _known(self) -> _Estimate:
        if self._estimate is None:
            raise ValueError("nothing is known of the board's time before the first exchange")
        return self._estimate

    def _carried_on(self, board_us: int) -> int:
        if self._estimate is None:
            return board_us
        newest = self._estimate.board_us
        return newest + ((board_us - newest + _HALF) & _MASK) - _HALF

    def _keep(self, exchange: _Exchange) -> None:
        """The exchange, if it is the best of its two seconds; without those that are too old."""
        kept = self._kept
        while kept and exchange.board_us - kept[0].board_us > _WINDOW_US:
            kept.popleft()
        if kept and kept[-1].board_us // _BUCKET_US == exchange.board_us // _BUCKET_US:
            if kept[-1].width_ns <= exchange.width_ns:
                return
            kept.pop()
        kept.append(exchange)


def _estimated(exchanges: Sequence[_Exchange]) -> _Estimate | None:
    """The line through the exchanges, oldest first, and its error at the newest; None if their bounds contradict."""
    slowest, fastest = _rate_bounds(exchanges)
    if slowest > fastest:
        return None
    middle_us, middle_ns, rate = _line(_short_ones(exchanges))
    rate = min(max(rate, slowest), fastest)
    slack = max(fastest - rate, rate - slowest)
    newest = exchanges[-1].board_us
    low_ns = max(one.low_ns + (newest - one.board_us) * (rate - slack) for one in exchanges)
    high_ns = min(one.high_ns + (newest - one.board_us) * (rate + slack) for one in exchanges)
    if low_ns > high_ns:
        return None
    host_ns = min(max(middle_ns + (newest - middle_us) * rate, low_ns), high_ns)
    return _Estimate(newest, host_ns, max(host_ns - low_ns, high_ns - host_ns), rate, slack)


def _rate_bounds(exchanges: Sequence[_Exchange]) -> tuple[float, float]:
    """Between which rates the board's clock must run, by the bounds of the first and every later exchange.

    They hold the mean rate between the two, so that the rate of any moment may be the wander away.
    """
    slowest, fastest = _NOMINAL * (1 - _WORST_DRIFT), _NOMINAL * (1 + _WORST_DRIFT)
    first = exchanges[0]
    for one in exchanges[1:]:
        span_us = one.board_us - first.board_us
        if span_us > 0:
            slowest = max(slowest, (one.low_ns - first.high_ns) / span_us - _WANDER)
            fastest = min(fastest, (one.high_ns - first.low_ns) / span_us + _WANDER)
    return slowest, fastest


def _short_ones(exchanges: Sequence[_Exchange]) -> list[_Exchange]:
    """Without those that took more than twice as long as the shortest: their middle says little."""
    limit_ns = 2 * min(one.width_ns for one in exchanges) + 100_000
    return [one for one in exchanges if one.width_ns <= limit_ns]


def _line(exchanges: Sequence[_Exchange]) -> tuple[float, float, float]:
    """Least squares: a point of the line (board us, our ns) and its rate."""
    first, count = exchanges[0], len(exchanges)
    xs = [one.board_us - first.board_us for one in exchanges]
    ys = [one.middle_ns - first.low_ns for one in exchanges]
    mean_x, mean_y = sum(xs) / count, sum(ys) / count
    spread = sum((x - mean_x) ** 2 for x in xs)
    rate = sum((x - mean_x) * (y - mean_y) for x, y in zip(xs, ys, strict=True)) / spread if spread else _NOMINAL
    return first.board_us + mean_x, first.low_ns + mean_y, rate
