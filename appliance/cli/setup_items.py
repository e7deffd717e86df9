"""The first items of `appliance setup`: first only said, then, after an explicit yes, moved by the real loop."""

import threading

from appliance.cli.build import limits_of, make_classifier, make_trigger, open_parts
from appliance.cli.camera_open import opened
from appliance.config import Config
from appliance.decide import Policy
from appliance.hearing import Hearing
from appliance.loop import SortingLoop
from appliance.records import Outcome
from appliance.viewing import frames_of

__all__ = ["move_items", "say_items"]

_SAY_S = 120.0


def say_items(config: Config, count: int) -> int:
    """Print what the model says of the next items and where they would go; how many came. Nothing moves."""
    region = config.camera.roi.region() if config.camera.roi else None
    classifier, trigger, hearing = make_classifier(config), make_trigger(config, region, "test"), Hearing()
    policy, said = Policy.from_options(config.decision, classifier.labels), 0
    try:
        with opened(config) as (camera, _):
            for frame in frames_of(camera, _SAY_S):
                for item in trigger.feed(frame) if frame is not None else ():
                    if hearing.closed(item) or (one := hearing.hear(item, classifier.classify, policy)) is None:
                        continue
                    hearing.close(item)
                    said += 1
                    label = one.label or "nothing sure"
                    print(f"  {label} ({one.confidence:.2f}) would go to {one.bin}: {one.rule.value}")
                if said >= count:
                    break
    finally:
        classifier.close()
    return said


def move_items(config: Config, count: int) -> int:
    """Let the machine sort so many items, with its journal; how many there were."""

    def say(outcome: Outcome) -> None:
        print(f"  {outcome.decision.label} -> {outcome.decision.bin}: {outcome.kind.value} {outcome.detail}".rstrip())

    with open_parts(config) as parts:
        SortingLoop(parts, limits_of(config, count), threading.Event(), on_outcome=say).run()
        assert parts.health.snapshot is not None, "the loop publishes one when it ends"
        return parts.health.snapshot.items
