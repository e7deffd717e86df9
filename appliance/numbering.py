"""Which number the first command of a run gets: numbers are never used twice on one machine."""

import logging

from appliance.journal import Journal

__all__ = ["first_seq"]

log = logging.getLogger(__name__)

_TURN = 2**32
"""A board counts commands modulo this."""


def first_seq(journal: Journal, moved: int | None) -> int:
    """The number after the journal's last; after the board's (`moved`, None if it knows of none), if that has moved for
    commands that a power cut took out of the journal: then the journal gets an event."""
    beyond = 0 if moved is None else (moved - journal.last_seq) % _TURN
    if not 0 < beyond < _TURN // 2:
        return journal.next_seq
    log.warning("the board has moved for %d numbers beyond the journal's last, %d", beyond, journal.last_seq)
    journal.event("gap", {"journal_seq": journal.last_seq, "board_seq": journal.last_seq + beyond})
    return max(journal.next_seq, journal.last_seq + beyond + 1)
