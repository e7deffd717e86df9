"""`appliance setup --page` as a browser sees it: the real command, a SIMULATED device, real HTTP requests."""

import http.client
import json
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import cv2
import numpy as np
import pytest
import yaml
from support import ROOT, SCRIPTED, ConfigFile

from appliance.cli import main

DEVICE = {"kind": "simulated-device", "width": 800, "height": 600, "fps": 20,
          "roi": {"x": 200, "y": 100, "width": 400, "height": 300}}  # fmt: skip


class Answer(NamedTuple):
    status: int
    kind: str
    body: bytes


class Browser:
    """Asks the page of a running command."""

    def __init__(self, url: str) -> None:
        found = re.fullmatch(r"http://127\.0\.0\.1:(\d+)/([\w-]+)/", url)
        assert found is not None
        self.port, self.secret = int(found[1]), found[2]

    def get(self, path: str, **headers: str) -> Answer:
        """A path below the secret."""
        return self.raw(f"/{self.secret}/{path}", **headers)

    def raw(self, path: str, method: str = "GET", **headers: str) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request(method, path, headers=headers)
            response = connection.getresponse()
            return Answer(response.status, response.headers.get_content_type(), response.read())
        finally:
            connection.close()

    def until_there(self, path: str) -> Answer:
        deadline = time.monotonic() + 60
        while (answer := self.get(path)).status == 503:
            assert time.monotonic() < deadline, "no picture came"
            time.sleep(0.05)
        return answer


@pytest.fixture
def configured(config_file: ConfigFile) -> ConfigFile:
    config_file.change(camera=DEVICE, classifier=SCRIPTED)
    return config_file


@contextmanager
def setting_up(
    config_file: ConfigFile, live_s: float, *options: str
) -> "Iterator[tuple[subprocess.Popen[str], Browser]]":
    """The command, in its live step."""
    answers = config_file.path.with_name("answers.yaml")
    answers.write_text(yaml.safe_dump({"live_s": live_s, "roi": "0 0 300 200", "write": True}))
    command = [sys.executable, "-m", "appliance", "setup", "-c", str(config_file.path), "--answers", str(answers)]
    with subprocess.Popen(
        [*command, "--page", *options], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            line = ""
            while "open in a browser" not in line:
                line = process.stdout.readline()
                assert line, process.communicate()
            yield process, Browser(line.split()[-1])
        finally:
            if process.poll() is None:
                process.kill()


def picture(answer: Answer) -> Any:
    assert (answer.status, answer.kind) == (200, "image/jpeg")
    decoded = cv2.imdecode(np.frombuffer(answer.body, np.uint8), cv2.IMREAD_COLOR)
    assert decoded is not None
    return decoded


def is_closed(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def test_the_page_shows_the_live_picture_with_the_region_and_the_meters(configured: ConfigFile) -> None:
    with setting_up(configured, 600) as (process, browser):
        page = browser.get("")
        first = json.loads(browser.until_there("meters.json").body)
        one = picture(browser.get("picture.jpg"))
        deadline = time.monotonic() + 30
        while json.loads(browser.get("meters.json").body)["picture"] < first["picture"] + 20:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        other, later = picture(browser.get("picture.jpg?7")), json.loads(browser.get("meters.json").body)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)

    assert (page.status, page.kind) == (200, "text/html")
    assert not re.search(rb"(src|href)=.?https?:|@import|url\(", page.body), "something from elsewhere"
    assert one.shape == other.shape == (480, 640, 3)
    # The square of the SIMULATED device has wandered; the outline of the region has not.
    assert np.abs(one.astype(int) - other).max() > 50
    for shown in (one, other):
        edge = np.median(shown[80:320, 158:163].astype(int), axis=0)
        assert (edge.max(axis=0)[2] - edge.max(axis=0)[0]) > 60, "no outline at the left of the region"
    assert (first["size"], first["region"]) == ([800, 600], [200, 100, 400, 300])
    assert 0 < later["focus"] <= later["best"]
    assert later["brightness"] == pytest.approx(97, abs=3)
    assert 0 < later["left_s"] < first["left_s"] <= 600


def test_whoever_does_not_know_the_secret_or_comes_under_another_name_is_refused(configured: ConfigFile) -> None:
    with setting_up(configured, 600) as (process, browser):
        browser.until_there("meters.json")
        secret = browser.secret
        wrong = ["/", "/picture.jpg", "/meters.json", f"/{secret}x/", f"/{secret[:-1]}/", f"/{secret}"]
        not_found = {path: browser.raw(path).status for path in [*wrong, f"/{secret}/other", f"/{secret}/../{secret}/"]}
        names = [
            "evil.example",
            "evil.example:80",
            "127.0.0.1.evil.example",
            "",
            "[::1]",
            f"evil@127.0.0.1:{browser.port}",
        ]
        forbidden = {name: browser.get("meters.json", Host=name).status for name in names}
        tunnelled = [
            browser.get("meters.json", Host=name).status for name in ("localhost:9999", "127.0.0.1", "LOCALHOST")
        ]
        changing = browser.raw(f"/{secret}/", method="POST").status
        elsewhere = is_closed_for_others(browser.port)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)

    assert set(not_found.values()) == {404}
    assert set(forbidden.values()) == {403}
    assert tunnelled == [200, 200, 200]
    assert changing == 501
    assert elsewhere


def is_closed_for_others(port: int) -> bool:
    """Only 127.0.0.1 listens: not the other loopback addresses, which all interfaces together would include."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.2", port)) != 0


def test_the_page_ends_with_its_step(configured: ConfigFile) -> None:
    with setting_up(configured, 3) as (process, browser):
        browser.until_there("meters.json")
        # Somebody who connects and says nothing must not hold the step up.
        with socket.create_connection(("127.0.0.1", browser.port)):
            _, errors = process.communicate(timeout=120)

    assert process.returncode == 0, errors
    assert is_closed(browser.port)
    assert yaml.safe_load(configured.path.read_text())["camera"]["roi"] == {"x": 0, "y": 0, "width": 300, "height": 200}


def test_ctrl_c_while_somebody_looks_leaves_all_as_it_was(configured: ConfigFile) -> None:
    before = configured.path.read_bytes()
    with setting_up(configured, 600) as (process, browser), socket.create_connection(("127.0.0.1", browser.port)):
        browser.until_there("picture.jpg")
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)

    assert (process.returncode, "Traceback" in errors) == (130, False)
    assert is_closed(browser.port)
    assert configured.path.read_bytes() == before


def test_a_port_of_choice_and_one_that_is_taken(configured: ConfigFile, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        answers = configured.path.with_name("answers.yaml")
        answers.write_text("live_s: 1\n")
        command = ["setup", "-c", str(configured.path), "--answers", str(answers), "--page", str(port)]
        assert main(command) == 2
        assert f"port {port}" in capsys.readouterr().err
    with setting_up(configured, 600, str(port)) as (process, browser):
        assert browser.port == port
        process.kill()
        process.communicate()
