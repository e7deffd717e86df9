"""A framed link's thread: reads the port, does what is due, and opens the port again when it went away."""

import secrets
import threading
import time

from appliance.clock import Clock, Deadline
from appliance.errors import LinkError
from appliance.records import LinkEvent, SortCommand
from appliance.sorter.back_off import BackOff
from appliance.sorter.conversation import DIVERT, Conversation, Phase
from appliance.sorter.frames import Welcome
from appliance.sorter.link_report import LinkReport
from appliance.sorter.mailbox import Mailbox
from appliance.sorter.other_language import text_in
from appliance.sorter.port_options import PortOptions
from appliance.sorter.serial_port import PORT_ERRORS, SerialPort, trouble_in
from appliance.sorter.trace import Traced

__all__ = ["Link"]

_TURN_S = 0.015
"""The thread looks up so often at least: the shortest time-out of a command that another thread has just sent."""
_STANDSTILL_S = 1.0
"""More than a turn can take, whose writes give up after half a second."""
_STOP_S = 0.3
_JOIN_S = 2.0
_ASK_AGAIN_S = 0.2


class Link:
    """What happens is posted to `mail`. A command is written in the thread that submits it.

    `_turn` guards the conversation and the writing side of the port, and is notified after every turn of the thread.
    """

    def __init__(self, options: PortOptions, clock: Clock = time.monotonic_ns) -> None:
        self._options = options
        self._clock = clock
        self._conversation = Conversation(lambda: 1 + secrets.randbelow(2**32 - 1))
        self._turn = threading.Condition()
        self._back_off = BackOff()
        self._port: SerialPort | None = None
        self._broken = ""
        self._opened = self._stopping = False
        self._greeted_until_ns = self._alive_ns = 0
        self._due_ns: int | None = None
        self._turned_ns: int | None = None
        self._ending = threading.Event()
        self._thread: threading.Thread | None = None
        self.mail = Mailbox()

    def open(self, *, arm: bool = True) -> Welcome:
        """Open the port, shake hands, and wait until commands are taken; opening is a sign of life of the loop's.

        Without `arm` it is none: the board stays at rest, and the handshake is all that is waited for; a far end that
        does not answer goes on being greeted and listened to, until `close`.

        Raises:
            LinkError: as SerialPort, no answer in time, or another version of the protocol.
        """
        self._opened = self._stopping = False
        self._ending.clear()
        self._turned_ns = None
        self._back_off.succeeded()
        self._begin(SerialPort(self._options.port, self._options.baud, "framed"))
        self._thread = threading.Thread(target=self._serve, name="link", daemon=True)
        self._thread.start()
        try:
            board = self._wait_until_ready(arm)
        except BaseException:
            if arm:
                self.close()
            raise
        self._opened = True
        return board

    @property
    def ready(self) -> bool:
        """Can a command be submitted now?"""
        with self._turn:
            return not self._ending.is_set() and self._conversation.ready(self._clock())

    def alive(self) -> None:
        """The sorting loop turns."""
        self._alive_ns = self._clock()

    def submit(self, command: SortCommand, action: int = DIVERT) -> None:
        """Write the command, or answer at once why not."""
        with self._turn:
            self._conversation.submit(command, self._clock(), action)
            self._write()
            self._pass_on()

    def stop(self) -> None:
        """Ask the board to rest."""
        with self._turn:
            self._stopping = True
            self._conversation.stop(self._clock())
            self._write()

    def close(self) -> None:
        """Let the board rest, give it a moment to say so, and let go of the port."""
        if self._thread is not None:
            self.stop()
            self._let_it_stop()
            self._ending.set()
            self._thread.join(_JOIN_S)
            self._thread = None
        with self._turn:
            port, self._port = self._port, None
            self._conversation.close(self._clock())
            self._pass_on()
        if port is not None:
            port.close()

    def report(self) -> LinkReport:
        """How the link stands, with the counters that the board told last; asked for every few seconds."""
        with self._turn:
            return self._conversation.report(self._clock())

    def refresh(self, timeout_s: float) -> None:
        """Ask for the board's counters and wait for them."""
        deadline, again, conversation = Deadline(timeout_s), Deadline(0), self._conversation
        with self._turn:
            before = conversation.counted
            while conversation.counted == before and not deadline.expired:
                if again.expired:
                    again = Deadline(_ASK_AGAIN_S)
                    conversation.ask(self._clock())
                    self._write()
                self._turn.wait(min(deadline.left_s, again.left_s))

    @property
    def device(self) -> str:
        """What the kernel calls the port; empty while none is open."""
        port = self._port
        return "" if port is None else port.device

    def trace(self, after: int = 0) -> list[Traced]:
        """The newest frames that went by, those with a number above `after`."""
        with self._turn:
            return self._conversation.trace(after)

    # In the thread

    def _serve(self) -> None:
        while not self._ending.is_set():
            port = self._port
            if port is None:
                self._turned_ns = None
                self._reconnect()
                continue
            try:
                self._take_a_turn(port)
            except PORT_ERRORS as error:
                self._lose(port, error.found if isinstance(error, LinkError) else trouble_in(error))

    def _take_a_turn(self, port: SerialPort) -> None:
        """Read, do what is due, write. Raises one of PORT_ERRORS."""
        data = port.read(self._patience_s())
        with self._turn:
            if self._broken:
                raise OSError(self._broken)
            now_ns, conversation = self._clock(), self._conversation
            self._notice_standstill(now_ns)
            conversation.alive(self._alive_ns)
            conversation.feed(data, now_ns)
            self._greet_again(port, now_ns)
            conversation.tick(now_ns)
            self._due_ns = conversation.due_ns
            self._write()
            self._pass_on()
            self._turn.notify_all()

    def _notice_standstill(self, now_ns: int) -> None:
        """The program did not run: it was stopped, or the computer slept or was far too busy."""
        before_ns, self._turned_ns = self._turned_ns, now_ns
        stood_s = 0.0 if before_ns is None else (now_ns - before_ns) / 1e9
        if stood_s > _STANDSTILL_S:
            detail = f"for {stood_s:.1f} s; what passed the camera meanwhile was not seen"
            self.mail.tell(LinkEvent("program-stood-still", now_ns, detail))

    def _patience_s(self) -> float:
        if self._due_ns is None:
            return _TURN_S
        return min(max((self._due_ns - self._clock()) / 1e9, 0.0), _TURN_S)

    def _greet_again(self, port: SerialPort, now_ns: int) -> None:
        """A conversation that failed begins anew; one that finds nobody for too long needs the port opened again.

        Raises:
            LinkError: nobody answered, or the board speaks another version.
        """
        conversation = self._conversation
        refused = conversation.phase is Phase.FAILED and conversation.board is None
        if conversation.phase is Phase.TALKING:
            self._back_off.succeeded()
        elif self._stopping or (refused and not self._opened):
            return  # After `stop` nothing more is said; `open` tells by itself what is wrong.
        elif refused:
            raise LinkError("shaking hands", conversation.trouble)
        elif conversation.phase is Phase.FAILED:
            if now_ns >= conversation.greet_ns:
                self._greet(port, now_ns)
        elif self._opened and now_ns >= self._greeted_until_ns:
            raise LinkError("shaking hands", f"no answer in {self._options.ready_timeout_s:g} s")

    def _reconnect(self) -> None:
        """One attempt, after a pause that grows with the attempts that failed."""
        self._ending.wait(self._back_off.pause_s)
        if self._ending.is_set() or self._stopping:
            return
        try:
            port = SerialPort(self._options.port, self._options.baud, "framed")
        except LinkError as error:
            self._tell_attempt(f"{error.doing}: {error.found}")
            return
        self._begin(port)

    def _lose(self, port: SerialPort, why: str) -> None:
        """The port is of no use: let go of it before it is opened again, or USB gives it another name."""
        with self._turn:
            talked = self._conversation.phase is Phase.TALKING
            self._conversation.fail(why, self._clock())
            self._port = None
            self._pass_on()
            self._turn.notify_all()
        if not talked:
            self._tell_attempt(f"{port.device}: {why}")
        # Outside the lock: closing a UART may wait for bytes that nobody reads.
        port.close()

    def _tell_attempt(self, reason: str) -> None:
        if self._back_off.failed(reason):
            self.mail.tell(LinkEvent("link-still-down", self._clock(), reason[:300]))

    # In either

    def _begin(self, port: SerialPort) -> None:
        with self._turn:
            self._port, self._broken = port, ""
            self._greet(port, self._clock())

    def _greet(self, port: SerialPort, now_ns: int) -> None:
        self._greeted_until_ns = now_ns + int(self._options.ready_timeout_s * 1e9)
        self._conversation.start(now_ns, port.device)
        self._due_ns = now_ns

    def _wait_until_ready(self, arm: bool) -> Welcome:
        deadline, conversation = Deadline(self._options.ready_timeout_s), self._conversation
        with self._turn:
            while not (conversation.ready(self._clock()) if arm else conversation.board is not None):
                refused = conversation.phase is Phase.FAILED and conversation.board is None
                if refused or deadline.expired:
                    raise self._why_not_ready()
                if arm:
                    self.alive()
                self._turn.wait(min(deadline.left_s, 0.05))
            assert conversation.board is not None
            return conversation.board

    def _why_not_ready(self) -> LinkError:
        doing, line = f"shaking hands on {self._options.port}", self._conversation.report(self._clock()).line
        if self._conversation.phase is Phase.FAILED and self._conversation.board is None:
            return LinkError(doing, self._conversation.trouble, "flash the firmware that came with this version")
        if self._conversation.board is not None:
            found = f"the board answered, but took no commands: {self._conversation.trouble or 'it did not arm'}"
            rival, noise = "stop the other program", "keep the cable away from motors, and try a shorter one"
            return LinkError(doing, found, rival if self._conversation.has_rival else noise)
        if text := self._heard_text():
            remedy = "set sorter.kind to line, or flash the framed firmware"
            return LinkError(doing, f"a board that speaks lines of text is there; it said {text!r}", remedy)
        if line.bad:
            found = f"only noise came in {self._options.ready_timeout_s:g} s, no frame"
            return LinkError(doing, found, "check sorter.baud, and that the board runs the framed firmware")
        found = f"no answer in {self._options.ready_timeout_s:g} s"
        return LinkError(doing, found, "check the cable, sorter.baud, and that the board runs the framed firmware")

    def _heard_text(self) -> str:
        return next((text for one in self._conversation.trace() if (text := text_in(one.noise))), "")

    def _let_it_stop(self) -> None:
        """The word that the board rests may be on its way."""
        deadline = Deadline(_STOP_S)
        with self._turn:
            while self._stopping and not self._conversation.at_rest and not deadline.expired:
                self._turn.wait(deadline.left_s)

    def _write(self) -> None:
        """Write what the conversation has to say. A write that broke may have left a part of a frame: start afresh."""
        data = self._conversation.take_bytes()
        if not data or self._port is None:
            return
        try:
            self._port.write(data)
        except PORT_ERRORS as error:
            self._broken = f"the write broke: {trouble_in(error)}"
            self._conversation.fail(self._broken, self._clock())

    def _pass_on(self) -> None:
        happened = self._conversation.take_events()
        if happened:
            self.mail.post(happened)
