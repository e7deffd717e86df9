"""From a configuration to open parts. The only place where real devices are made."""

import itertools
import logging
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import cv2

from appliance import __version__
from appliance.camera import CAMERAS, Camera
from appliance.classifier import CLASSIFIERS, Classifier
from appliance.config import Config, check_labels
from appliance.control import Switches
from appliance.decide import Policy
from appliance.drift_watch import DriftWatch
from appliance.errors import StorageError
from appliance.evidence import Evidence
from appliance.health import Health, Notifier
from appliance.intake import Patience
from appliance.journal import Journal, RunInfo
from appliance.loop import Limits, Parts
from appliance.preprocess import Region
from appliance.reference import read_reference, reference_path
from appliance.sorter import SORTERS, Sorter
from appliance.state import hold_state_dir
from appliance.trigger import TRIGGERS, Trigger

__all__ = ["labels_of", "limits_of", "make_camera", "make_classifier", "make_sorter", "make_trigger", "open_parts"]

log = logging.getLogger(__name__)


def make_classifier(config: Config) -> Classifier:
    """The classifier, loaded, warm, and fitting the bins.

    Raises:
        ModelError: the model will not do.
        ConfigError: its labels and the bins do not fit together.
    """
    classifier = _load_classifier(config)
    if problems := check_labels(config, classifier.labels):
        classifier.close()
        raise config.error(problems)
    return classifier


def labels_of(config: Config) -> tuple[str, ...]:
    """What the model knows, whether it fits the bins or not.

    Raises:
        ModelError: the model will not do.
    """
    classifier = _load_classifier(config)
    classifier.close()
    return tuple(classifier.labels)


def make_camera(config: Config) -> Camera:
    """The camera, not yet open."""
    camera: Camera = CAMERAS.load(config.camera.kind)(config.camera)
    return camera


def make_sorter(config: Config) -> Sorter:
    """The sorter, not yet open."""
    sorter: Sorter = SORTERS.load(config.sorter.kind)(config.sorter)
    return sorter


def make_trigger(config: Config, region: Region | None, run_id: str = "") -> Trigger:
    """The trigger, whose items are numbered within the run."""
    kind: Any = TRIGGERS.load(config.trigger.kind)
    counter = itertools.count(1)
    trigger: Trigger = kind(config.trigger, lambda: f"{run_id}-{next(counter)}", region)
    return trigger


def limits_of(config: Config, items: int | None) -> Limits:
    return Limits(
        config.machine.name,
        str(config.machine.state_dir),
        config.decision.max_age_ms,
        Patience(config.camera.stall_s, config.camera.recovery_s),
        config.journal.give_up_s,
        items,
    )


@contextmanager
def open_parts(config: Config) -> Iterator[Parts]:
    """Everything the loop needs, open; closed in the opposite order at the end.

    Raises:
        StorageError, ModelError, ConfigError, CameraError, LinkError: what is missing; the rest is closed again.
    """
    # OpenCV's own threads would compete with the interpreter's for the same few cores.
    cv2.setNumThreads(1)
    with ExitStack() as stack:
        state_dir = stack.enter_context(hold_state_dir(config.machine.state_dir))
        classifier = make_classifier(config)
        stack.callback(classifier.close)
        journal = _open_journal(config, state_dir, classifier, stack)
        region = config.camera.roi.region() if config.camera.roi else None
        evidence = Evidence(state_dir / "evidence", config.evidence, region)
        stack.callback(evidence.close)
        camera = make_camera(config)
        camera.open()
        stack.callback(camera.close)
        sorter = make_sorter(config)
        capabilities = sorter.open()
        stack.callback(sorter.close)
        if capabilities.simulated:
            log.warning("the far end calls itself SIMULATED: nothing real moves")
        if not capabilities.confirms:
            log.warning("the sorter never confirms: every moved item will be counted as uncertain")
        trigger = make_trigger(config, region, journal.run_id)
        policy = Policy.from_options(config.decision, classifier.labels)
        health, drift = Health(Notifier(os.environ)), _watch_drift(config, region)
        yield Parts(
            camera, trigger, classifier, policy, sorter, capabilities, journal, evidence, health, Switches(), region,
            drift,
        )  # fmt: skip


def _load_classifier(config: Config) -> Classifier:
    region = config.camera.roi.region() if config.camera.roi else None
    classifier: Classifier = CLASSIFIERS.load(config.classifier.kind)(config.classifier, region)
    return classifier


def _watch_drift(config: Config, region: Region | None) -> DriftWatch | None:
    """The eye on drift, where there is a reference; a damaged one is no reason not to sort."""
    try:
        reference = read_reference(reference_path(config))
    except StorageError as error:
        log.warning("drift is not watched: %s", error)
        return None
    return None if reference is None else DriftWatch(reference, config.drift, region)


def _open_journal(config: Config, state_dir: Path, classifier: Classifier, stack: ExitStack) -> Journal:
    journal = Journal(state_dir, config.journal, RunInfo(__version__, config.digest, classifier.name))

    def end() -> None:
        journal.event("run-end", {})
        if not journal.close():
            log.error("the disk refused the last entries; the next start will find them among the intents")

    stack.callback(end)
    if journal.recovered:
        log.warning("the last run did not end cleanly; items taken over from it: %d", journal.recovered)
    return journal
