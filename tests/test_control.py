"""The control socket: what it answers, and that no client can harm the daemon, whatever it sends or does not read."""

import json
import os
import socket
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from support import wait_for

import appliance.control
from appliance.cli.common import TABLES
from appliance.config import parse_config
from appliance.control import MAX_CLIENTS, ControlServer, Switches
from appliance.control_client import ask, ask_link, find_socket, order, server_path, watch
from appliance.control_requests import COMMANDS, MAX_REQUEST_BYTES, Request, read_request
from appliance.errors import StorageError, UsageError
from appliance.orders import CAPACITY, Answer, Order, Orders, Ticket

STATUS = {"state": "sorting", "items": 3, "outcomes": {"sorted": 2, "rejected": 1}}
CONFIG = """
machine: {state_dir: state}
camera: {kind: folder, path: pictures}
classifier: {kind: scripted, labels: [can], answers: [{label: can}]}
decision: {bins: {cans: {channel: 1, labels: [can]}, rest: {channel: 0}}, reject_bin: rest}
sorter: {kind: simulated}
"""


class Daemon:
    """A control server with a snapshot that a test can change."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.status: dict[str, Any] = dict(STATUS)
        self.switches = Switches()
        self.switches.orders = Orders(valid_s=0.5)
        self.passages = [{"number": number, "text": f"line {number}"} for number in range(1, 6)]
        self.server = ControlServer(path, lambda: self.status, self.switches, self._passages)

    def _passages(self, after: int) -> list[dict[str, Any]]:
        return [one for one in self.passages if one["number"] > after]

    def connect(self, timeout_s: float = 5.0) -> socket.socket:
        """A client; waits while the kernel's queue of connections is full."""
        client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        client.connect(str(self.path))
        client.settimeout(timeout_s)
        return client

    def talk(self, request: bytes) -> list[dict[str, Any]]:
        """Send bytes, end the sending, and read the answers until the server closes."""
        with closing(self.connect()) as client, client.makefile("rb") as answers:
            client.sendall(request)
            client.shutdown(socket.SHUT_WR)
            return [json.loads(line) for line in answers]


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    one = Daemon(tmp_path / "c.sock")
    yield one
    one.server.close()


# What it answers


def test_status_is_the_snapshot_and_whether_it_is_paused(daemon: Daemon) -> None:
    assert ask(daemon.path, "status") == STATUS | {"paused": False}
    daemon.status = STATUS | {"items": 4}
    assert ask(daemon.path, "status") == STATUS | {"items": 4, "paused": False}


def test_pause_and_resume_set_the_switch_and_answer_with_it(daemon: Daemon) -> None:
    assert ask(daemon.path, "pause")["paused"] is True
    assert daemon.switches.paused
    assert ask(daemon.path, "pause")["paused"] is True
    assert ask(daemon.path, "status")["paused"] is True
    assert ask(daemon.path, "resume")["paused"] is False
    assert not daemon.switches.paused


def test_watch_follows_the_snapshots(daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(appliance.control, "WATCH_EVERY_S", 0.02)
    seen = []
    stream = watch(daemon.path)
    for status in stream:
        seen.append(status["items"])
        daemon.status = STATUS | {"items": daemon.status["items"] + 1}
        if len(seen) == 5:
            break
    stream.close()  # type: ignore[attr-defined]
    assert seen == sorted(seen)
    assert seen[-1] > seen[0]


def test_a_watcher_may_go_on_asking(daemon: Daemon) -> None:
    with closing(daemon.connect()) as client, client.makefile("rb") as answers:
        client.sendall(b'{"cmd": "watch"}\n')
        assert json.loads(answers.readline())["ok"]
        client.sendall(b'{"cmd": "pause"}\n')
        wait_for(lambda: daemon.switches.paused)


def test_watch_ends_when_the_daemon_ends(tmp_path: Path) -> None:
    daemon = Daemon(tmp_path / "c.sock")
    stream = watch(daemon.path)
    assert next(stream)["state"] == "sorting"
    daemon.server.close()
    assert all(status["state"] == "sorting" for status in stream)


def test_several_requests_in_one_piece_are_answered_in_order(daemon: Daemon) -> None:
    answers = daemon.talk(b'{"cmd": "pause"}\n\n{"cmd": "resume"}\n  \n{"cmd": "status"}\n')
    assert [answer["status"]["paused"] for answer in answers] == [True, False, False]


def test_a_request_in_pieces_is_put_together(daemon: Daemon) -> None:
    with closing(daemon.connect()) as client, client.makefile("rb") as answers:
        for byte in b'{"cmd": "status"}\n':
            client.sendall(bytes([byte]))
            time.sleep(0.001)
        assert json.loads(answers.readline())["ok"]


def test_a_request_without_its_end_is_not_answered(daemon: Daemon) -> None:
    assert daemon.talk(b'{"cmd": "pause"}') == []
    assert not daemon.switches.paused


# Requests that make no sense


@pytest.mark.parametrize(
    ("request_line", "said"),
    [
        (b"status", "not JSON"),
        (b"{", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"[]", "unknown cmd None"),
        (b"7", "unknown cmd None"),
        (b"{}", "unknown cmd None"),
        (b'{"cmd": "move"}', f"unknown cmd 'move'; known: {', '.join(COMMANDS)}"),
        (b'{"cmd": "fire"}', "fire needs the name of a bin, not None"),
        (b'{"cmd": "fire", "bin": 3}', "fire needs the name of a bin, not 3"),
        (b'{"cmd": "fire", "bin": ""}', "fire needs the name of a bin"),
        (b'{"cmd": "fire", "bin": "' + b"x" * 65 + b'"}', "fire needs the name of a bin"),
        (b'{"cmd": "fire", "bin": "a\\nb"}', "fire needs the name of a bin"),
        (b'{"cmd": "link", "after": -1}', "`after` is a whole number from 0 on, not -1"),
        (b'{"cmd": "link", "after": true}', "not True"),
        (b'{"cmd": "link", "after": ' + b"9" * 4000 + b"}", "`after` is a whole number"),
        (b'{"cmd": ["status"]}', "unknown cmd"),
        (b'{"cmd": {"a": 1}}', "unknown cmd"),
        (b"9" * 4000, "unknown cmd None"),
        (b'{"cmd": "' + b"x" * 4000 + b'"}', "unknown cmd"),
    ],
)
def test_nonsense_is_answered_with_what_would_be_right(daemon: Daemon, request_line: bytes, said: str) -> None:
    (answer,) = daemon.talk(request_line + b"\n")
    assert answer["ok"] is False
    assert said in answer["error"]
    assert len(answer["error"]) <= 200
    assert ask(daemon.path, "status") == STATUS | {"paused": False}


@pytest.mark.parametrize("depth", [10, 500, 900, 940, 960, 970, 980, 985, 990, 995, 1000, 1100, 2000])
def test_deep_nesting_ends_nothing(daemon: Daemon, depth: int) -> None:
    (answer,) = daemon.talk(b'{"cmd": ' + b"[" * depth + b"]" * depth + b"}\n")
    assert answer["ok"] is False
    assert ask(daemon.path, "status") == STATUS | {"paused": False}


@pytest.mark.parametrize("end", [b"\n", b""])
def test_an_overlong_request_is_refused_and_its_sender_cut_off(daemon: Daemon, end: bytes) -> None:
    with closing(daemon.connect()) as client, client.makefile("rb") as answers:
        client.sendall(b" " * (MAX_REQUEST_BYTES + 1) + end)
        answer = json.loads(answers.readline())
        assert answer == {"ok": False, "error": f"a request is one line of at most {MAX_REQUEST_BYTES} bytes"}
        assert answers.readline() == b""
    assert ask(daemon.path, "status")["state"] == "sorting"


def test_the_longest_allowed_request_is_answered(daemon: Daemon) -> None:
    request_line = b'{"cmd": "status"}'.ljust(MAX_REQUEST_BYTES)
    (answer,) = daemon.talk(request_line + b"\n")
    assert answer["ok"] is True


def send_until_cut_off(client: socket.socket, content: bytes) -> None:
    try:
        for _ in range(10_000):
            client.sendall(content)
            time.sleep(0.0005)
    except (BrokenPipeError, ConnectionResetError):
        return
    pytest.fail("it may send for ever")


def test_a_sender_without_end_is_cut_off(daemon: Daemon) -> None:
    with closing(daemon.connect()) as client:
        send_until_cut_off(client, b"x" * 4096)
    assert ask(daemon.path, "status")["state"] == "sorting"


requests = st.binary(max_size=400) | st.lists(
    st.sampled_from(
        [
            b'{"cmd": "status"}',
            b'{"cmd": "watch"}',
            b'{"cmd": "resume"}',
            b"{}",
            b"\n",
            b'{"cmd":',
            b"\xff",
            b'{"cmd": "home"}',
            b'{"cmd": "fire", "bin": "cans"}',
            b'{"cmd": "link", "after": 3}',
        ]
    ),
    max_size=8,
).map(b"\n".join)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(requests, st.booleans())
@example(b"\x00" * 400 + b"\n", True)
@example(b'{"cmd": NaN}\n', True)
@example(b'{"cmd": "\\ud800"}\n', True)
def test_no_bytes_at_all_end_the_server(daemon: Daemon, content: bytes, abrupt: bool) -> None:
    with closing(daemon.connect()) as client:
        client.sendall(content + b"\n")
        if not abrupt:
            client.shutdown(socket.SHUT_WR)
            while client.recv(65_536):
                pass
    answer = ask(daemon.path, "status")
    assert answer == STATUS | {"paused": False}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=80),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@settings(deadline=None, max_examples=300)
@given(
    st.fixed_dictionaries(
        {"cmd": st.sampled_from(COMMANDS) | json_values}, optional={"bin": json_values, "after": json_values}
    )
)
@example({"cmd": "fire", "bin": "\ud800"})
@example({"cmd": "link", "after": 10**400})
@example({"cmd": "home", "bin": "cans"})
def test_a_request_is_understood_or_refused_in_a_short_sentence(told: dict[str, Any]) -> None:
    line = json.dumps(told).encode()
    try:
        request = read_request(line)
    except ValueError:
        with pytest.raises(ValueError, match=r"(?s)\A.{1,200}\Z"):
            read_request(line)
        return
    assert request.command == told["cmd"]
    assert (request.order is not None) == (request.command in ("fire", "home"))
    if request.command == "fire":
        assert request == Request("fire", Order("fire", told["bin"]))
        assert 1 <= len(told["bin"]) <= 64


# What shall move


def taken(daemon: Daemon) -> Ticket:
    """The order that waits, taken as the loop would take it."""
    found: list[Ticket] = []

    def look() -> bool:
        ticket = daemon.switches.orders.take()
        found.extend([ticket] if ticket else [])
        return bool(found)

    wait_for(look)
    return found[0]


def read_all(client: socket.socket) -> dict[str, Any]:
    with client.makefile("rb") as answers:
        told: dict[str, Any] = json.loads(answers.readline())
        return told


def test_nothing_is_ordered_while_it_is_not_paused(daemon: Daemon) -> None:
    for what in (Order("fire", "cans"), Order("home")):
        with pytest.raises(UsageError, match="not paused; pause it first with `appliance pause`. Nothing was moved"):
            order(daemon.path, what, movement_s=1)
    assert daemon.switches.orders.take() is None


def test_an_order_is_answered_when_the_loop_has_carried_it_out_and_others_are_served_meanwhile(daemon: Daemon) -> None:
    daemon.switches.pause()
    with closing(daemon.connect()) as client:
        client.sendall(b'{"cmd": "fire", "bin": "cans"}\n')
        ticket = taken(daemon)
        assert ticket.order == Order("fire", "cans")
        assert ask(daemon.path, "status")["paused"] is True
        ticket.give(Answer(result={"status": "done", "seq": 7}))
        ticket.refuse("a second answer changes nothing")
        assert read_all(client) == {"ok": True, "order": "fire cans", "result": {"status": "done", "seq": 7}}


def test_an_order_whose_asker_has_left_is_never_begun(daemon: Daemon) -> None:
    daemon.switches.pause()
    with closing(daemon.connect()) as client:
        client.sendall(b'{"cmd": "fire", "bin": "cans"}\n')
        wait_for(lambda: any(one.ticket for one in list(daemon.server._clients.values())))
    wait_for(lambda: not daemon.server._clients)
    assert daemon.switches.orders.take() is None


def test_an_order_that_cannot_begin_in_time_is_taken_back_and_says_why(daemon: Daemon) -> None:
    daemon.switches.pause()
    daemon.status = STATUS | {"trouble": "the link is down"}
    with pytest.raises(UsageError, match=r"could not begin within 0.5 s: the link is down; nothing was moved"):
        order(daemon.path, Order("home"), movement_s=1)
    assert daemon.switches.orders.take() is None


def test_whoever_resumes_takes_back_what_waits(daemon: Daemon) -> None:
    daemon.switches.pause()
    with closing(daemon.connect()) as client:
        client.sendall(b'{"cmd": "home"}\n')
        wait_for(lambda: any(one.ticket for one in list(daemon.server._clients.values())))
        ask(daemon.path, "resume")
        assert read_all(client)["error"] == "the machine was resumed; nothing was moved"
    assert daemon.switches.orders.take() is None


def test_one_order_at_a_time_and_no_more_than_the_queue_holds(daemon: Daemon) -> None:
    daemon.switches.orders = Orders(valid_s=60)
    daemon.switches.pause()
    clients = [daemon.connect() for _ in range(CAPACITY)]
    try:
        for client in clients:
            client.sendall(b'{"cmd": "home"}\n')
        clients[0].sendall(b'{"cmd": "home"}\n')
        assert "wait for the answer to your first order" in read_all(clients[0])["error"]
        wait_for(lambda: sum(one.ticket is not None for one in list(daemon.server._clients.values())) == CAPACITY)
        with pytest.raises(UsageError, match="others wait already; nothing was moved"):
            order(daemon.path, Order("home"), movement_s=1)
        assert [daemon.switches.orders.take() is not None for _ in range(CAPACITY + 1)] == [True] * CAPACITY + [False]
    finally:
        for client in clients:
            client.close()


def test_when_nobody_takes_orders_any_more_what_waits_is_refused(daemon: Daemon) -> None:
    daemon.switches.pause()
    with closing(daemon.connect()) as client:
        client.sendall(b'{"cmd": "home"}\n')
        wait_for(lambda: any(one.ticket for one in list(daemon.server._clients.values())))
        daemon.switches.orders.close("the appliance ends; nothing was moved")
        assert read_all(client)["error"] == "the appliance ends; nothing was moved"
    with pytest.raises(UsageError, match="the appliance ends"):
        order(daemon.path, Order("home"), movement_s=1)


def test_those_who_wait_for_a_movement_are_not_sent_away_for_others(daemon: Daemon) -> None:
    daemon.switches.orders = Orders(valid_s=60)
    daemon.switches.pause()
    with closing(daemon.connect()) as first:
        first.sendall(b'{"cmd": "home"}\n')
        ticket = taken(daemon)
        others = [daemon.connect() for _ in range(2 * MAX_CLIENTS)]
        assert ask(daemon.path, "status")["paused"]
        ticket.give(Answer(result={"status": "done"}))
        assert read_all(first)["ok"]
        for client in others:
            client.close()


def test_link_tells_how_it_stands_and_what_went_over_it(daemon: Daemon) -> None:
    daemon.status = STATUS | {"sorter": "line", "simulated": True, "link": {"state": "ready"}, "trouble": ""}
    told = ask_link(daemon.path, after=3)
    assert told == {
        "state": "sorting",
        "sorter": "line",
        "simulated": True,
        "trouble": "",
        "pid": os.getpid(),
        "said": {"state": "ready"},
        "passages": [{"number": 4, "text": "line 4"}, {"number": 5, "text": "line 5"}],
    }


# Clients that do not behave


def test_a_watcher_that_does_not_read_is_cut_off(daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(appliance.control, "WATCH_EVERY_S", 0.01)
    daemon.status = STATUS | {"bins": "x" * 200_000}
    with closing(daemon.connect(timeout_s=10)) as client:
        client.sendall(b'{"cmd": "watch"}\n')
        received = len(client.recv(1))
        wait_for(lambda: not daemon.server._clients)
        while chunk := client.recv(1_000_000):
            received += len(chunk)
        assert received < 10_000_000
    daemon.status = dict(STATUS)
    assert ask(daemon.path, "status")["state"] == "sorting"


def test_a_client_that_asks_and_does_not_read_is_cut_off(daemon: Daemon) -> None:
    daemon.status = STATUS | {"bins": "x" * 50_000}
    with closing(daemon.connect()) as client:
        send_until_cut_off(client, b'{"cmd": "status"}\n')
    daemon.status = dict(STATUS)
    assert ask(daemon.path, "status")["state"] == "sorting"


def test_a_slow_reader_gets_everything_that_it_asked_for(daemon: Daemon) -> None:
    daemon.status = STATUS | {"bins": "x" * 700_000}
    with closing(daemon.connect()) as client, client.makefile("rb") as answers:
        client.sendall(b'{"cmd": "status"}\n')
        time.sleep(0.1)
        assert json.loads(answers.readline())["status"] == daemon.status | {"paused": False}


def greeted(daemon: Daemon, command: str) -> socket.socket:
    """A client that has had its first answer."""
    client = daemon.connect()
    client.sendall(json.dumps({"cmd": command}).encode() + b"\n")
    assert client.recv(65_536)
    return client


def test_forgotten_connections_lock_nobody_out(daemon: Daemon) -> None:
    """The one that has been idle longest makes room; those that watch, or asked after it, stay."""
    clients = [greeted(daemon, "watch"), *(greeted(daemon, "status") for _ in range(MAX_CLIENTS - 1))]
    try:
        clients[1].sendall(b'{"cmd": "status"}\n')
        assert clients[1].recv(65_536)
        assert ask(daemon.path, "status")["state"] == "sorting"
        assert clients[2].recv(65_536) == b""
        clients[1].sendall(b'{"cmd": "status"}\n')
        assert clients[1].recv(65_536)
        assert len(daemon.server._clients) <= MAX_CLIENTS
    finally:
        for client in clients:
            client.close()


def test_no_more_watchers_than_the_limit_are_served(daemon: Daemon) -> None:
    clients = [greeted(daemon, "watch") for _ in range(MAX_CLIENTS)]
    try:
        with closing(daemon.connect()) as one_more:
            assert one_more.recv(4096) == b""
        clients.pop().close()
        wait_for(lambda: len(daemon.server._clients) < MAX_CLIENTS)
        assert ask(daemon.path, "status")["state"] == "sorting"
    finally:
        for client in clients:
            client.close()


def test_a_client_that_vanishes_frees_its_place(daemon: Daemon) -> None:
    for _ in range(3 * MAX_CLIENTS):
        daemon.connect().close()
    wait_for(lambda: not daemon.server._clients)
    assert ask(daemon.path, "status")["state"] == "sorting"


# The socket's file


def test_the_socket_is_for_its_owner_and_its_group(daemon: Daemon) -> None:
    status = daemon.path.stat()
    assert stat.S_ISSOCK(status.st_mode)
    assert stat.S_IMODE(status.st_mode) == 0o660


def test_making_the_socket_leaves_the_umask_as_it_was(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        daemon = Daemon(tmp_path / "c.sock")
        daemon.server.close()
        assert os.umask(0o027) == 0o027
    finally:
        os.umask(before)


def test_a_socket_that_a_killed_daemon_left_is_replaced(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as dead:
        dead.bind(str(tmp_path / "c.sock"))
    daemon = Daemon(tmp_path / "c.sock")
    assert ask(daemon.path, "status")["state"] == "sorting"
    daemon.server.close()


def test_closing_removes_the_socket_the_thread_and_the_clients(tmp_path: Path) -> None:
    before = set(os.listdir("/proc/self/fd"))
    daemon = Daemon(tmp_path / "c.sock")
    with closing(daemon.connect()) as client:
        client.sendall(b'{"cmd": "watch"}\n')
        client.recv(4096)
        daemon.server.close()
        while client.recv(4096):
            pass
    assert not daemon.path.exists()
    assert [thread for thread in threading.enumerate() if thread.name == "control"] == []
    assert set(os.listdir("/proc/self/fd")) <= before


@pytest.mark.parametrize("name", ["absent/c.sock", "x" * 120, "taken"])
def test_a_place_where_no_socket_can_be_is_refused_with_the_key_to_change(tmp_path: Path, name: str) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(StorageError) as refused:
        Daemon(tmp_path / name)
    assert "control.socket" in refused.value.remedy


# Finding and asking it


def test_the_socket_is_where_the_configuration_says_then_in_the_runtime_directory_then_in_the_state_directory() -> None:
    config = parse_config(CONFIG.encode(), Path("/etc/appliance/config.yaml"), TABLES)
    assert server_path(config, {}) == Path("/etc/appliance/state/control.sock")
    assert server_path(config, {"RUNTIME_DIRECTORY": "/run/appliance"}) == Path("/run/appliance/control.sock")
    assert server_path(config, {"RUNTIME_DIRECTORY": "/run/a:/run/b"}) == Path("/run/a/control.sock")
    named = parse_config(f"{CONFIG}control: {{socket: my.sock}}".encode(), Path("/etc/appliance/config.yaml"), TABLES)
    assert server_path(named, {"RUNTIME_DIRECTORY": "/run/appliance"}) == Path("/etc/appliance/my.sock")


def test_a_running_daemon_is_found_in_its_state_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RUNTIME_DIRECTORY", raising=False)
    config = parse_config(CONFIG.encode(), tmp_path / "config.yaml", TABLES)
    (tmp_path / "state").mkdir()
    with pytest.raises(UsageError, match="no socket at") as refused:
        find_socket(config)
    assert str(tmp_path / "state" / "control.sock") in str(refused.value)
    assert refused.value.exit_code == 2
    daemon = Daemon(tmp_path / "state" / "control.sock")
    try:
        assert ask(find_socket(config), "status")["state"] == "sorting"
    finally:
        daemon.server.close()


def test_asking_where_nobody_listens_is_a_usage_error(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as dead:
        dead.bind(str(tmp_path / "dead.sock"))
    for name in ("dead.sock", "absent.sock"):
        with pytest.raises(UsageError, match="no answer"):
            ask(tmp_path / name, "status")


def test_asking_for_what_it_does_not_know_is_a_usage_error_with_its_words(daemon: Daemon) -> None:
    with pytest.raises(UsageError, match="unknown cmd 'dance'"):
        ask(daemon.path, "dance")


@pytest.mark.parametrize("answer", [b"", b"nonsense\n", b"\xff\n"])
def test_a_far_end_that_answers_nonsense_is_a_usage_error(tmp_path: Path, answer: bytes) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(tmp_path / "odd.sock"))
        listener.listen()

        def play() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(100)
                connection.sendall(answer)

        thread = threading.Thread(target=play)
        thread.start()
        with pytest.raises(UsageError):
            ask(tmp_path / "odd.sock", "status")
        thread.join(5)


def test_a_far_end_that_never_answers_costs_no_more_than_the_deadline(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(tmp_path / "mute.sock"))
        listener.listen()
        began = time.monotonic()
        with pytest.raises(UsageError, match=rf"it runs \(pid {os.getpid()}\), and has not answered in 0.2 s"):
            ask(tmp_path / "mute.sock", "status", timeout_s=0.2)
        assert time.monotonic() - began < 3
