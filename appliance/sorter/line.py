"""A board that takes plain text lines, one command at a time, on any serial port."""

import logging
import re
import threading
import time
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from appliance.clock import Clock, Deadline
from appliance.errors import LinkError
from appliance.records import Ack, AckStatus, LinkEvent, SensorEvent, SortCommand
from appliance.sorter import Capabilities, Passage
from appliance.sorter.back_off import BackOff
from appliance.sorter.line_protocol import LineBuffer, Patterns, Reply, check_line, check_template, encode, has_seq
from appliance.sorter.line_record import LineRecord
from appliance.sorter.mailbox import Mailbox
from appliance.sorter.other_language import speaks_frames
from appliance.sorter.port_options import PortOptions
from appliance.sorter.serial_port import PORT_ERRORS, SerialPort, trouble_in

__all__ = ["LineOptions", "LineSorter"]

log = logging.getLogger(__name__)

_HELLO_EVERY_S = 0.5
_COUNTED = (
    *("commands", "done", "refused", "not-sent", "unanswered"),
    *("late-reply", "unexpected", "board-restart", "link-down", "link-up"),
)


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"not a regular expression: {error}") from error
    return text


Pattern = Annotated[str, AfterValidator(_pattern)]
Line = Annotated[str, AfterValidator(check_line)]


class LineOptions(PortOptions):
    """`template` is what is sent, `reply` and `refusal` are searched for in every line that comes back; a group
    `(?P<seq>\\d+)` ties an answer to its command. `reply: null` is a board that never confirms. `hello` is repeated
    until a line fits `ready`, at start and after every reconnection: opening the port resets many boards.
    """

    kind: Literal["line"]
    template: Annotated[str, AfterValidator(check_template)] = "SORT {channel}\n"
    reply: Pattern | None = "^OK"
    refusal: Pattern | None = "^ERR"
    timeout_s: Annotated[float, Field(gt=0, le=60)] = 2.0
    hello: Line | None = None
    ready: Pattern | None = None
    settle_s: Annotated[float, Field(ge=0, le=30)] = 0.0
    stop: Line | None = None

    @model_validator(mode="after")
    def _words_fit_together(self) -> Self:
        numbered = [text for text in (self.reply, self.refusal) if text and has_seq(re.compile(text))]
        if numbered and "{seq}" not in self.template:
            raise ValueError(f"{numbered[0]!r} expects a number that the template never sends; add {{seq}} to template")
        if self.hello is not None and self.ready is None:
            raise ValueError("hello without ready is never answered; set ready to the pattern of the board's answer")
        return self


class LineSorter:
    """One thread reads the line, times answers out, and opens the port again when it went away.

    A command whose fate is unknown is never repeated: when the line breaks or no answer comes, it is answered UNKNOWN.
    """

    Options = LineOptions

    def __init__(self, options: LineOptions, clock: Clock = time.monotonic_ns) -> None:
        self._options = options
        self._clock = clock
        self._patterns = Patterns(*(re.compile(text) if text else None for text in _texts(options)))
        self._mail = Mailbox()
        self._record = LineRecord(*_COUNTED, clock=clock)
        self._greeting = ""
        self._writing = threading.Lock()
        self._port: SerialPort | None = None
        self._broken: str | None = None
        self._back_off = BackOff()
        self._quiet_until_ns = 0
        self._simulated = False
        self._ending = threading.Event()
        self._thread: threading.Thread | None = None
        self.recovery_s = options.recovery_s

    def open(self) -> Capabilities:
        self._ending.clear()
        self._broken, self._quiet_until_ns = None, 0
        self._back_off.succeeded()
        self._port = self._connect()
        self._thread = threading.Thread(target=self._serve, name="link", daemon=True)
        self._thread.start()
        options = self._options
        return Capabilities(f"line on {options.port}", options.reply is not None, options.timeout_s, self._simulated)

    @property
    def ready(self) -> bool:
        return (
            self._port is not None
            and self._broken is None
            and not self._ending.is_set()
            and not self._mail.unanswered
            and self._clock() >= self._quiet_until_ns
        )

    def submit(self, command: SortCommand) -> None:
        data = encode(self._options.template, command.channel, command.seq, command.bin)
        with self._writing:
            now_ns = self._clock()
            self._mail.expect(command.seq, now_ns)
            if self._port is None or self._broken is not None or self._ending.is_set():
                self._refuse(command.seq, "the link was down", now_ns)
                return
            if now_ns > command.not_after_ns:
                self._refuse(command.seq, "too late", now_ns)
                return
            try:
                self._port.write(data)
            except PORT_ERRORS as error:
                # A part of the line may lie in the board's buffer and would run into the next one: start afresh.
                self._broken = f"the write broke: {trouble_in(error)}"
                self._give_up(command.seq, self._broken)
                return
            self._record.sent(data)
            self._record.count("commands")
        if self._options.reply is None:
            self._mail.answer(command.seq, AckStatus.UNCONFIRMED, self._clock(), "this line never confirms")

    def events(self, timeout_s: float) -> list[Ack | LinkEvent | SensorEvent]:
        return self._mail.take(timeout_s)

    def link(self) -> Mapping[str, Any]:
        port, broken = self._port, self._broken
        return {
            "state": self._state(),
            "why": broken or ("" if port is not None else self._back_off.reason),
            "device": port.device if port is not None else "",
            "board": {"greeting": self._greeting, "simulated": self._simulated},
            "counters": {"host": self._record.counts()},
        }

    def passages(self, after: int) -> list[Passage]:
        return self._record.after(after)

    def stop(self) -> None:
        self._ending.set()
        with self._writing:
            if self._options.stop is None or self._port is None:
                return
            try:
                self._port.write(self._options.stop.encode("ascii"))
                self._record.sent(self._options.stop.encode("ascii"))
            except PORT_ERRORS as error:
                log.warning("the stop command did not go out: %s", error)

    def close(self) -> None:
        self._ending.set()
        if self._thread is not None:
            self._thread.join(self._options.ready_timeout_s + 2)
            self._thread = None
        self._drop_port("closed")

    def _connect(self) -> SerialPort:
        """Open the port and shake hands.

        Raises:
            LinkError: as SerialPort, or no line that fits `ready` in time.
        """
        options = self._options
        port = SerialPort(options.port, options.baud)
        try:
            self._shake_hands(port)
        except PORT_ERRORS as error:
            port.close()
            if isinstance(error, LinkError):
                raise
            raise LinkError(f"shaking hands on {options.port}", trouble_in(error), "check the cable") from error
        except BaseException:
            port.close()
            raise
        return port

    def _shake_hands(self, port: SerialPort) -> None:
        options, lines = self._options, LineBuffer()
        self._wait(Deadline(options.settle_s))
        if self._patterns.ready is None:
            port.read()
            return
        deadline, next_hello = Deadline(options.ready_timeout_s), Deadline(0)
        heard, hellos = "", 0
        while not deadline.expired and not self._ending.is_set():
            if options.hello is not None and next_hello.expired:
                port.write(options.hello.encode("ascii"))
                self._record.sent(options.hello.encode("ascii"))
                next_hello = Deadline(_HELLO_EVERY_S)
                hellos += 1
            for line in lines.feed(port.read()):
                heard = line
                self._record.heard(line)
                if self._patterns.read(line).kind == "ready":
                    self._greeting, self._simulated = line, "SIMULATED" in line
                    # A slow board answers every hello; a second answer must not look like a restart.
                    while hellos > 1 and port.read() and not deadline.expired:
                        pass
                    return
        doing = f"waiting for the board on {options.port}"
        if not heard and self._thread is None and speaks_frames(port):
            raise LinkError(doing, "a board of the framed protocol is there", "set sorter.kind to framed")
        found = f"it said {heard!r}, which does not fit {options.ready!r}" if heard else "no answer"
        raise LinkError(
            doing,
            f"{found} in {options.ready_timeout_s:g} s",
            "check that the board runs its program, the baud rate, and sorter.hello and sorter.ready",
        )

    def _serve(self) -> None:
        """The link's thread: reads until the end, reconnecting for as long as the loop lets it."""
        lines = LineBuffer()
        while not self._ending.is_set():
            port = self._port
            if port is None:
                lines.reset()
                self._reconnect()
                continue
            try:
                for line in lines.feed(port.read()):
                    self._hear(self._patterns.read(line))
            except PORT_ERRORS as error:
                self._broken = trouble_in(error)
            self._expire()
            if self._broken is not None:
                self._drop_port(self._broken)

    def _state(self) -> str:
        """In a word; `quiet` is after a missing answer, which could still come."""
        if self._ending.is_set() or self._port is None or self._broken is not None:
            return "closed" if self._ending.is_set() else "down"
        if self._mail.unanswered:
            return "busy"
        return "ready" if self._clock() >= self._quiet_until_ns else "quiet"

    def _hear(self, reply: Reply) -> None:
        trouble = self._take_in(reply)
        self._record.heard(reply.text, trouble)
        if trouble:
            self._tell(trouble, reply.text)

    def _take_in(self, reply: Reply) -> str:
        """Give the answer that a line is; what else it is worth telling as, or nothing."""
        unanswered = self._mail.unanswered
        if reply.kind in ("done", "failed"):
            pattern = self._patterns.done if reply.kind == "done" else self._patterns.failed
            seq = reply.seq if has_seq(pattern) else (unanswered[0] if unanswered else None)
            status = AckStatus.DONE if reply.kind == "done" else AckStatus.FAILED
            if seq is not None and self._mail.answer(seq, status, self._clock(), reply.text):
                self._record.count("done" if reply.kind == "done" else "refused")
                return ""
            return "late-reply"
        if reply.kind == "ready" and unanswered:
            # The board started again in the middle of a command.
            for seq in unanswered:
                self._give_up(seq, f"the board restarted: {reply.text}")
            return "board-restart"
        return "unexpected" if reply.kind == "other" and self._options.reply is not None else ""

    def _expire(self) -> None:
        for seq in self._mail.overdue(self._clock() - int(self._options.timeout_s * 1e9)):
            self._give_up(seq, f"no answer in {self._options.timeout_s:g} s")

    def _refuse(self, seq: int, why: str, now_ns: int) -> None:
        self._record.count("not-sent")
        self._mail.answer(seq, AckStatus.FAILED, now_ns, f"{why}; nothing was sent")

    def _give_up(self, seq: int, why: str) -> None:
        """Nobody will know what became of the command. Its answer may still come, and must not fit the next one."""
        now_ns = self._clock()
        if self._options.reply is not None and not self._patterns.carries_seq:
            self._quiet_until_ns = now_ns + int(self._options.timeout_s * 1e9)
        if self._mail.answer(seq, AckStatus.UNKNOWN, now_ns, why):
            self._record.count("unanswered")

    def _reconnect(self) -> None:
        """One attempt, after a pause that grows with the attempts that failed."""
        self._wait(Deadline(self._back_off.pause_s))
        if self._ending.is_set():
            return
        try:
            port = self._connect()
        except LinkError as error:
            if self._back_off.failed(error.found):
                self._tell("link-still-down", f"{error.doing}: {error.found}")
            return
        self._back_off.succeeded()
        with self._writing:
            self._port, self._broken = port, None
        self._tell("link-up", port.device)

    def _drop_port(self, why: str) -> None:
        with self._writing:
            port, self._port = self._port, None
            for seq in self._mail.unanswered:
                self._give_up(seq, f"the link broke: {why}")
        if port is None:
            return
        if not self._ending.is_set():
            self._tell("link-down", why)
        # Before the port is opened again, or USB gives it another name; outside the lock, because closing a UART may
        # wait for bytes that nobody reads.
        port.close()

    def _tell(self, kind: str, detail: str) -> None:
        self._record.count(kind)
        self._mail.tell(LinkEvent(kind, self._clock(), detail[:300]))

    def _wait(self, deadline: Deadline) -> None:
        self._ending.wait(deadline.left_s)


def _texts(options: LineOptions) -> tuple[str | None, str | None, str | None]:
    return options.reply, options.refusal, options.ready
