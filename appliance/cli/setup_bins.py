"""What `appliance setup` asks about the bins: where each label goes, and the channel of a bin that is new."""

from collections.abc import Sequence
from typing import Any

from appliance.cli.setup_ask import Asking
from appliance.config import Config, DecisionOptions
from appliance.errors import UsageError

__all__ = ["ask_bins"]

_NEVER, _NOWHERE = "never", "nowhere"
_DOING = "choosing the bins"


def ask_bins(asking: Asking, config: Config, labels: Sequence[str]) -> dict[str, Any]:
    """The keys of the decision section to change: every label of the model goes into a bin, or never.

    A bin that is not there is made once its channel is told; one that nothing reaches any more is taken out.

    Raises:
        UsageError: a file of answers names a bin without a channel, or a label or a bin that is none.
    """
    sorting = _Sorting(asking, config.decision)
    for label in labels:
        # A person who answers wrongly is asked for this label again, not for all of them.
        asking.until(lambda label=label: sorting.ask(label))  # type: ignore[misc]
    sorting.refuse_what_is_left(labels)
    for name in sorting.unreached():
        print(f"  nothing goes to {name} any more: the bin is taken out of {config.path.name}")
    return sorting.changes()


class _Sorting:
    """Where each label goes, while that is being asked."""

    def __init__(self, asking: Asking, decision: DecisionOptions) -> None:
        self._asking, self._decision = asking, decision
        # What is written in the file and nothing else: a bin that stays keeps its line.
        self._bins = {name: one.model_dump(mode="json", exclude_unset=True) for name, one in decision.bins.items()}
        self._labels = {name: [*one.labels] for name, one in decision.bins.items()}
        self._never = [*decision.never]

    def ask(self, label: str) -> None:
        """Move one label, or leave it where it is.

        Raises:
            UsageError: it would be in no bin.
        """
        now = _NEVER if label in self._never else self._bin_of(label)
        question = f"Where does {label} go? {', '.join(self._labels)}, never, or a new bin's name:"
        where = self._asking.ask(f"bins.{label}", question, now)
        if where == now != _NOWHERE:
            return
        if where not in (_NEVER, *self._labels):
            self._make(where, label)
        for kept in (self._never, *self._labels.values()):
            kept[:] = [each for each in kept if each != label]
        (self._never if where == _NEVER else self._labels[where]).append(label)

    def refuse_what_is_left(self, labels: Sequence[str]) -> None:
        """A file's answers about something that is not there; a channel may be told again, not changed.

        Raises:
            UsageError: there are some.
        """
        if strange := self._asking.unasked("bins."):
            raise UsageError(_DOING, f"{', '.join(strange)}: no label of the model", f"its labels: {', '.join(labels)}")
        for key in self._asking.unasked("channels."):
            name = key.removeprefix("channels.")
            if name not in self._labels:
                raise UsageError(_DOING, f"{key}: no label goes to {name}", "send one there with bins, or leave it out")
            if _channel(key, self._asking.ask(key, f"Which channel has {name}?", "")) != self._action(name):
                raise UsageError(_DOING, f"{key}: {name} has another one", "change it in the configuration file")

    def unreached(self) -> list[str]:
        """The bins that no item goes to: without a label that is ever decided, and not the reject bin."""
        rest = self._decision.reject_bin
        return [name for name, own in self._labels.items() if name != rest and not set(own) - set(self._never)]

    def changes(self) -> dict[str, Any]:
        never = {} if self._never == [*self._decision.never] else {"never": self._never}
        if self._labels == {name: [*one.labels] for name, one in self._decision.bins.items()}:
            return never
        gone = self.unreached()
        return {"bins": {name: self._section(name) for name in self._bins if name not in gone}, **never}

    def _bin_of(self, label: str) -> str:
        return next((name for name, own in self._labels.items() if label in own), _NOWHERE)

    def _make(self, name: str, label: str) -> None:
        """A new bin, if its channel is told."""
        key = f"channels.{name}"
        question = f"There is no bin {name} yet. Its channel (0 to 255, or none if nothing has to move), or no:"
        said = self._asking.ask(key, question, "no")
        if said == "no":
            remedy = f"one of: {', '.join(self._labels)}, never; or tell the channel of a new bin ({key})"
            raise UsageError(f"choosing the bin of {label}", f"there is no {name!r}", remedy)
        self._bins[name], self._labels[name] = _channel(key, said), []

    def _action(self, name: str) -> dict[str, Any]:
        """What its section would have if it were new, with this channel."""
        said = {key: self._bins[name].get(key) for key in ("channel", "action")}
        return {key: value for key, value in said.items() if value not in (None, "move")}

    def _section(self, name: str) -> dict[str, Any]:
        """A bin's section with the labels that it has now."""
        section, own = self._bins[name], self._labels[name]
        if own == section.get("labels", []):
            return section
        kept = {key: value for key, value in section.items() if key != "labels"}
        return {**kept, "labels": own} if own else kept


def _channel(key: str, said: str) -> dict[str, Any]:
    """What a bin with this channel has in its section.

    Raises:
        UsageError: it is none.
    """
    if said == "none":
        return {"action": "none"}
    if not said.isdecimal() or not said.isascii() or int(said) > 255:
        raise UsageError(f"reading {key}", f"{said!r} is no channel", "a whole number from 0 to 255, or none")
    return {"channel": int(said)}
