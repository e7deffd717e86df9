"""Which language a far end speaks that did not understand ours. Nothing that is sent to find out moves anything."""

from appliance.clock import Deadline
from appliance.sorter.frames import Beat, Lease
from appliance.sorter.serial_port import SerialPort
from appliance.sorter.wire import Receiver, line_of

__all__ = ["QUESTION", "speaks_frames", "text_in"]

QUESTION = line_of(Beat(session=0, n=0, renew=Lease.KEEP))
"""Session 0 is nobody's: a board of the framed protocol answers FOREIGN, and stays as it is. To what speaks text it is
no line and no letter: none of its bytes is a line end or can be printed."""
_ANSWER_S = 0.3
_SHORTEST = 4


def speaks_frames(port: SerialPort) -> bool:
    """Does a board of the framed protocol answer? Raises one of PORT_ERRORS."""
    port.write(QUESTION)
    receiver, deadline = Receiver(), Deadline(_ANSWER_S)
    while not deadline.expired:
        if receiver.feed(port.read()):
            return True
    return False


def text_in(heard: bytes) -> str:
    """The first line, if these are lines of text and not noise; "" if not."""
    text = heard.decode("ascii", errors="replace")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    whole = all(line.isprintable() and line.isascii() for line in lines)
    return lines[0] if lines and whole and "\n" in text and len(lines[0]) >= _SHORTEST else ""
