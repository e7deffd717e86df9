"""`appliance diagnose`: what is wrong, and what to do."""

import json
from collections.abc import Sequence
from dataclasses import asdict

from appliance.cli.build import make_camera, make_classifier, make_sorter
from appliance.cli.common import TABLES, add_config_option, parser
from appliance.config import Config
from appliance.control_client import ask, find_running
from appliance.diagnose import (
    Context,
    Finding,
    Verdict,
    camera,
    config,
    drift,
    failed,
    host,
    link,
    model,
    worst_exit_code,
)
from appliance.errors import UsageError

__all__ = ["main"]

_EPILOG = """Nothing is moved. While an appliance runs, its camera and its link are not opened: it is asked instead.

exit code: 0 if nothing failed (warnings are no failure), else the one with which `appliance run` would end."""

_STYLES = {Verdict.OK: "green", Verdict.WARN: "yellow", Verdict.FAIL: "bold red", Verdict.NOT_RUN: "dim"}


def main(command: str, argv: Sequence[str]) -> int:
    """Exit codes: 0 nothing failed, else 10 camera, 11 link, 12 model, 13 storage, 78 configuration; 2 an appliance
    runs and does not answer."""
    options = parser(command, "Look at every part of this machine.", _EPILOG)
    add_config_option(options)
    options.add_argument("--json", action="store_true", help="one JSON object")
    arguments = options.parse_args(argv)
    findings = _look(*config.check(arguments.config, TABLES))
    code = worst_exit_code(findings)
    if arguments.json:
        rows = [asdict(finding) for finding in findings]
        print(json.dumps({"verdict": _worst(findings).value, "exit_code": code, "findings": rows}))
    else:
        _print(findings)
    return code


def _look(found: Config | None, findings: list[Finding]) -> list[Finding]:
    try:
        path = find_running(found) if found is not None else None
        daemon = ask(path, "status") if path is not None else None
    except UsageError as error:
        # Its camera and its link are not ours to open.
        return [*findings, failed("appliance", error), *host.check(Context(found))]
    context = Context(found, daemon)
    findings = [*findings, *host.check(context), *context.run("model", lambda one: model.check(one, make_classifier))]
    if daemon is not None:
        findings += [*camera.from_daemon(daemon), *context.run("drift", lambda one: drift.from_daemon(one, daemon))]
        return [*findings, *link.from_daemon(daemon)]
    findings += context.run("camera", lambda one: camera.check(one, make_camera(one)))
    findings += context.run("drift", drift.check)
    findings += context.run("link", lambda one: link.check(one, make_sorter(one)))
    return findings


def _worst(findings: Sequence[Finding]) -> Verdict:
    order = (Verdict.FAIL, Verdict.WARN, Verdict.OK)
    return next((verdict for verdict in order if any(one.verdict is verdict for one in findings)), Verdict.NOT_RUN)


def _print(findings: Sequence[Finding]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("part", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    table.add_column("what was seen, and what to do", overflow="fold")
    for one in findings:
        seen = Text(one.evidence)
        if one.remedy:
            seen.append(f"\n→ {one.remedy}", style="bold")
        table.add_row(one.check, Text(one.verdict.value, style=_STYLES[one.verdict]), seen)
    Console(highlight=False).print(table)
