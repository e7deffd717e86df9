"""A recipe survives being written down, and refuses what cannot be trained."""

import json
from dataclasses import replace
from typing import Any, get_args, get_type_hints

import pytest

from appliance.errors import UsageError
from appliance.preprocess import Preprocessing
from modelworks.recipe import (
    ARCHITECTURES,
    JOINED,
    OF_ANY_WIDTH,
    Distillation,
    Member,
    Stage,
    Teacher,
    TrainRecipe,
    Weights,
)

RECIPE = TrainRecipe(
    "bottles", "f" * 64, ("a", "b"), Preprocessing(), (Stage(160, 2), Stage(224, 3)), Weights("w", "0")
)


def test_a_recipe_comes_back_from_json_as_it_was() -> None:
    assert TrainRecipe.from_dict(json.loads(json.dumps(RECIPE.as_dict()))) == RECIPE


def test_the_epochs_follow_the_stages() -> None:
    assert [stage.size for stage in RECIPE.epoch_stages] == [160, 160, 224, 224, 224]


def test_a_recipe_with_everything_comes_back_too() -> None:
    full = replace(
        RECIPE,
        stages=(Stage(224, 3, "conv_pw_5_relu"),),
        views=4,
        distillation=Distillation((Teacher("big", "a" * 64), Teacher("wide", "b" * 64)), 3.0, 0.5),
        until="block_11_expand_relu",
        architecture="mobilenet_v2",
        optimizer="sgd",
        keep_statistics=True,
    )
    assert TrainRecipe.from_dict(json.loads(json.dumps(full.as_dict()))) == full


def test_a_recipe_of_the_time_of_one_teacher_is_read() -> None:
    """As the models that ship have it."""
    newer = ("distillation", "until", "levels", "pooling", "head_decay")
    old = {name: value for name, value in RECIPE.as_dict().items() if name not in newer}
    assert TrainRecipe.from_dict(old | {"teacher": None, "head_epochs": 200, "head_rate": 3e-3}) == RECIPE
    with pytest.raises(UsageError, match="teacher"):
        TrainRecipe.from_dict(old | {"teacher": {"name": "big", "sha256": ""}})


def test_every_architecture_has_a_name_and_a_weight() -> None:
    kinds = get_args(get_type_hints(TrainRecipe)["architecture"])
    assert kinds == (*ARCHITECTURES, JOINED)
    assert set(OF_ANY_WIDTH) < set(ARCHITECTURES)


def test_an_unknown_field_is_refused() -> None:
    with pytest.raises(UsageError, match="mood"):
        TrainRecipe.from_dict(RECIPE.as_dict() | {"mood": 1})


@pytest.mark.parametrize(
    "wrong",
    [
        {"pooling": "median"},
        {"head_decay": 0.0},
        {"stages": (), "views": 1, "distillation": Distillation((Teacher("big", ""),))},
        {"alpha": 0.0},
        {"batch": 1},
        {"learning_rate": 0.0},
        {"label_smoothing": 1.0},
        {"architecture": "resnet"},
        {"average": 1.0},
        {"cycles": 0},
        {"stages": (Stage(224, 1, "conv_pw_5_relu"),)},
        {"distillation": Distillation((Teacher("big", ""),))},
        {"architecture": "efficientnet_lite0", "alpha": 0.5},
    ],
)
def test_what_cannot_be_trained_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(
        ValueError, match=r"stage|alpha|batch|rate|architecture|average|cycles|views|pooling|decay|epochs"
    ):
        replace(RECIPE, **wrong)


def test_a_joined_network_without_members_is_refused() -> None:
    with pytest.raises(ValueError, match="two members, or one and its mirror image, not 0"):
        replace(RECIPE, architecture=JOINED, alpha=1.0)
    with pytest.raises(ValueError, match="joined of one that was trained"):
        replace(RECIPE, mirrored=True)


def test_patience_and_the_last_epoch_exclude_each_other() -> None:
    with pytest.raises(ValueError, match="the last one is to be kept"):
        replace(RECIPE, patience=3, last_epoch=True)


def test_what_was_learned_from_chooses_no_epoch_and_fits_no_temperature() -> None:
    member = Member("refit", "0" * 64, replace(RECIPE, last_epoch=True, refit=True))
    joined = {"architecture": JOINED, "alpha": 1.0, "stages": (), "members": (member,), "mirrored": True}
    with pytest.raises(ValueError, match="--last-epoch keeps the last"):
        replace(RECIPE, refit=True)
    with pytest.raises(ValueError, match="they fit no temperature"):
        replace(RECIPE, **joined, refit=True)
    assert replace(RECIPE, **joined, refit=True, temperature=0.7).temperature == 0.7
    for strange in ({"temperature": 0.7}, {**joined, "temperature": -0.7}):
        with pytest.raises(ValueError, match="temperature of a joined network is above 0"):
            replace(RECIPE, **strange)


def test_pictures_too_small_for_the_network_are_refused() -> None:
    with pytest.raises(ValueError, match="32"):
        Stage(16, 1)


@pytest.mark.parametrize("wrong", [{"temperature": 0.0}, {"weight": 0.0}, {"weight": 1.5}])
def test_teachers_that_say_nothing_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="temperature"):
        Distillation((Teacher("big", ""),), **wrong)


def test_a_distillation_without_teachers_is_refused() -> None:
    with pytest.raises(ValueError, match="one teacher at least"):
        Distillation(())
