"""From when to when a command may begin, in the board's time. Pure."""

from appliance.records import SortCommand
from appliance.sorter.board_clock import BoardClock

__all__ = ["WORST_ERROR_US", "is_known", "window_of"]

WORST_ERROR_US = 20_000
"""No command goes out while we may be wrong about the board's time by more."""
_FARTHEST_US = 1_200_000_000
"""Moments further ahead than 20 minutes would come near the turn of the board's 32 bits."""


def is_known(clock: BoardClock, now_ns: int) -> bool:
    """Is the board's time known well enough for a command?"""
    return clock.error_us(now_ns) <= WORST_ERROR_US


def window_of(command: SortCommand, clock: BoardClock, now_ns: int) -> tuple[int, int]:
    """`not_before` and `not_after` in the board's microseconds, modulo 2^32; the end is early by all that we may be
    wrong, so that nothing moves late."""
    error_us, here_us = clock.error_us(now_ns), clock.board_us(now_ns)
    # One that may begin at once must not wait for a board whose clock is behind our idea of it.
    before_us = clock.board_us(command.not_before_ns) if command.not_before_ns > now_ns else here_us - error_us
    after_us = min(clock.board_us(command.not_after_ns) - error_us, here_us + _FARTHEST_US)
    return int(min(before_us, after_us)) & 0xFFFF_FFFF, int(after_us) & 0xFFFF_FFFF
