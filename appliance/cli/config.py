"""`appliance config check|show|schema`."""

import json
from collections.abc import Sequence

import yaml

from appliance.cli.build import make_classifier
from appliance.cli.common import TABLES, add_config_option, load, parser
from appliance.config import json_schema

__all__ = ["main"]

_EPILOG = """check   validates the file, and its bins against the model's labels
show    prints every value, defaults included
schema  prints a JSON Schema; in an editor:  # yaml-language-server: $schema=config.schema.json"""


def main(command: str, argv: Sequence[str]) -> int:
    """Exit codes: 0 ok, 12 model, 78 configuration."""
    options = parser(command, "Check, show, or describe the configuration.", _EPILOG)
    options.add_argument("action", choices=("check", "show", "schema"))
    add_config_option(options)
    options.add_argument("--json", action="store_true", help="show: JSON instead of YAML")
    arguments = options.parse_args(argv)
    if arguments.action == "schema":
        print(json.dumps(json_schema(TABLES), indent=2))
        return 0
    config = load(arguments.config)
    if arguments.action == "show":
        values = config.as_dict()
        print(json.dumps(values) if arguments.json else yaml.safe_dump(values, sort_keys=False), end="")
        return 0
    classifier = make_classifier(config)
    bins = ", ".join(config.decision.bins)
    print(f"{arguments.config}: ok. {classifier.name} knows {', '.join(classifier.labels)}; bins: {bins}")
    classifier.close()
    return 0
