"""Parts by name: kind -> "module:Class", imported only when asked for, extended by entry points."""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from appliance.errors import ConfigError

__all__ = ["Table"]


@dataclass(frozen=True, slots=True)
class Table:
    """The kinds of one replaceable part.

    `group` is also the entry point group by which another distribution adds kinds, for example "appliance.camera".
    Every class has an `Options` model that validates its section of config.yaml.
    """

    group: str
    built_in: Mapping[str, str]

    def kinds(self) -> tuple[str, ...]:
        """All known kinds, the built-in ones first."""
        return (*self.built_in, *(name for name in self._added() if name not in self.built_in))

    def load(self, kind: str) -> type[Any]:
        """The class of one kind.

        Raises:
            ConfigError: no such kind, or its library is not installed.
        """
        target = self.built_in.get(kind)
        if target is None:
            added = self._added().get(kind)
            if added is None:
                known = ", ".join(self.kinds())
                raise ConfigError(f"looking up {self.group} {kind!r}", "no such kind", f"one of: {known}")
            target = added.value
        module, _, name = target.partition(":")
        try:
            found = getattr(importlib.import_module(module), name)
        except (ImportError, AttributeError) as error:
            raise ConfigError(
                f"loading {self.group} {kind!r} from {target}", str(error), "install the library that it needs"
            ) from error
        if not isinstance(found, type):
            raise ConfigError(f"loading {self.group} {kind!r} from {target}", "it is not a class")
        return found

    def _added(self) -> dict[str, EntryPoint]:
        return {point.name: point for point in entry_points(group=self.group)}
