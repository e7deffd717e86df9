"""The tables of kinds: built in, added by another distribution, missing, or broken."""

from pathlib import Path

import pytest

from appliance.camera import CAMERAS
from appliance.classifier import CLASSIFIERS
from appliance.errors import ConfigError
from appliance.plugins import Table
from appliance.sorter import SORTERS
from appliance.trigger import TRIGGERS

TABLES = {"camera": CAMERAS, "classifier": CLASSIFIERS, "sorter": SORTERS, "trigger": TRIGGERS}


@pytest.fixture
def another_distribution(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Table:
    """A distribution `carousel-extras` that is installed beside ours, and the table that it extends."""
    (tmp_path / "carousel_extras.py").write_text("class Carousel: ...\nclass Impostor: ...\nnot_a_class = 1\n")
    info = tmp_path / "carousel_extras-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: carousel-extras\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[appliance.test_part]\n"
        "carousel = carousel_extras:Carousel\n"
        "plain = carousel_extras:Impostor\n"
        "number = carousel_extras:not_a_class\n"
        "library = a_library_that_is_not_there:Thing\n"
        "attribute = carousel_extras:Missing\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    return Table("appliance.test_part", {"plain": "appliance.trigger.every_frame:EveryFrame"})


@pytest.mark.parametrize(("part", "kind"), [(part, kind) for part, table in TABLES.items() for kind in table.built_in])
def test_every_built_in_kind_loads_and_owns_its_options(part: str, kind: str) -> None:
    found = TABLES[part].load(kind)
    assert found.Options.model_config["extra"] == "forbid"
    assert found.Options.model_fields["kind"].annotation.__args__ == (kind,)


@pytest.mark.parametrize(("part", "table"), TABLES.items())
def test_a_tables_group_is_named_after_its_package(part: str, table: Table) -> None:
    assert table.group == f"appliance.{part}"


def test_an_unknown_kind_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="no such kind") as refused:
        SORTERS.load("conveyor")
    assert all(kind in refused.value.remedy for kind in SORTERS.kinds())


def test_another_distribution_adds_kinds_behind_the_built_in_ones(another_distribution: Table) -> None:
    assert another_distribution.kinds()[0] == "plain"
    assert set(another_distribution.kinds()) == {"plain", "carousel", "number", "library", "attribute"}
    assert another_distribution.load("carousel").__name__ == "Carousel"


def test_a_built_in_kind_cannot_be_replaced_from_outside(another_distribution: Table) -> None:
    assert another_distribution.load("plain").__name__ == "EveryFrame"


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        ("library", "No module named 'a_library_that_is_not_there'"),
        ("attribute", "has no attribute 'Missing'"),
        ("number", "not a class"),
    ],
)
def test_a_kind_that_cannot_be_loaded_is_a_sentence_and_not_a_traceback(
    another_distribution: Table, kind: str, sentence: str
) -> None:
    with pytest.raises(ConfigError, match=sentence) as refused:
        another_distribution.load(kind)
    assert repr(kind) in str(refused.value)
