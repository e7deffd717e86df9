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
from appliance.control import (
    MAX_CLIENTS,
    MAX_REQUEST_BYTES,
    ControlServer,
    Switches,
    ask,
    find_socket,
    server_path,
    watch,
)
from appliance.errors import StorageError, UsageError

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
        self.server = ControlServer(path, lambda: self.status, self.switches)

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
        (b'{"cmd": "fire"}', "unknown cmd 'fire'; known: status, watch, pause, resume"),
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
        [b'{"cmd": "status"}', b'{"cmd": "watch"}', b'{"cmd": "resume"}', b"{}", b"\n", b'{"cmd":', b"\xff"]
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
    with pytest.raises(UsageError, match="unknown cmd 'fire'"):
        ask(daemon.path, "fire")


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
        with pytest.raises(UsageError, match="no answer"):
            ask(tmp_path / "mute.sock", "status", timeout_s=0.2)
        assert time.monotonic() - began < 3
