"""Is the configuration one that can be run?"""

from collections.abc import Mapping
from pathlib import Path

from appliance.config import Config, load_config
from appliance.diagnose import Finding, Verdict, failed
from appliance.errors import ConfigError
from appliance.plugins import Table

__all__ = ["check"]


def check(path: Path, tables: Mapping[str, Table]) -> tuple[Config | None, list[Finding]]:
    """The configuration, if it is valid, and what there is to say of it."""
    try:
        config = load_config(path, tables)
    except ConfigError as error:
        return None, [failed("config", error)]
    kinds = ", ".join(f"{name} {getattr(config, name).kind}" for name in tables)
    return config, [Finding("config", Verdict.OK, f"{path}: {kinds}; bins {', '.join(config.decision.bins)}")]
