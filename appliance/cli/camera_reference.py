"""`appliance camera reference`: the picture of the empty region that drift is measured against."""

import argparse
import json

from appliance.cli.reference_taking import reference_of
from appliance.config import Config
from appliance.drift import REMEDIES
from appliance.errors import UsageError
from appliance.reference import Reference, reference_path, write_reference

__all__ = ["take"]


def take(config: Config, arguments: argparse.Namespace) -> int:
    """Take the reference of the empty region; the old one is replaced only with --force."""
    path = reference_path(config)
    if path.exists() and not arguments.force:
        raise UsageError(f"taking the reference {path}", "there is one", "add --force to replace it")
    reference = reference_of(config, arguments.seconds)
    write_reference(path, reference)
    told = {"reference": str(path), "watched": list(reference.watched), **reference.view.measures.as_dict()}
    print(json.dumps(told) if arguments.json else _said(path, reference))
    return 0


def _said(path: object, reference: Reference) -> str:
    blind = [kind for kind in REMEDIES if kind not in reference.watched]
    told = f"{path}: taken, {reference.size[0]}x{reference.size[1]}; it can tell {', '.join(reference.watched)}"
    return told + (f". Nothing in the empty region shows {' or '.join(blind)}" if blind else "")
