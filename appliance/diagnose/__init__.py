"""What is wrong with this machine, and what to do: one file a check, each a list of Findings."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from appliance.config import Config
from appliance.errors import ApplianceError

log = logging.getLogger(__name__)

__all__ = ["Context", "Finding", "Verdict", "failed", "worst_exit_code"]


class Verdict(StrEnum):
    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    NOT_RUN = "not run"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at: what was seen, and what to do if it is not well."""

    check: str
    verdict: Verdict
    evidence: str
    remedy: str = ""
    exit_code: int = 0


@dataclass(frozen=True, slots=True)
class Context:
    """What the checks may use. `config` is None where it was refused; `daemon` is the status of a running one."""

    config: Config | None
    daemon: dict[str, Any] | None = None

    def run(self, name: str, check: Callable[[Config], list[Finding]]) -> list[Finding]:
        """The findings of a check that needs the configuration; an error it raises becomes one."""
        if self.config is None:
            return [Finding(name, Verdict.NOT_RUN, "there is no valid configuration", "mend the configuration first")]
        try:
            return check(self.config)
        except ApplianceError as error:
            return [failed(name, error)]
        except Exception as error:
            log.exception("the check %s broke", name)
            return [Finding(name, Verdict.FAIL, f"the check broke: {error}", "report it as a bug", 70)]


def failed(name: str, error: ApplianceError) -> Finding:
    """An error as a finding."""
    return Finding(name, Verdict.FAIL, f"{error.doing}: {error.found}", error.remedy, error.exit_code)


def worst_exit_code(findings: Sequence[Finding]) -> int:
    """0 if nothing failed, else the exit code with which `appliance run` would end: that of the first failure."""
    return next((finding.exit_code or 70 for finding in findings if finding.verdict is Verdict.FAIL), 0)
