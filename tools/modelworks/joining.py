"""Which trained networks may be joined into one, and the recipe of what comes out."""

from collections.abc import Sequence

from appliance.errors import UsageError
from modelworks.recipe import JOINED, Member, TrainRecipe, Weights

__all__ = ["joined_recipe"]


def joined_recipe(members: Sequence[Member], *, mirrored: bool = False, temperature: float = 0.0) -> TrainRecipe:
    """The recipe of a network whose logits are a multiple of its members' mean: the same pictures, classes and split.

    Several networks that err in different ways are right more often together: Hansen and Salamon, Neural Network
    Ensembles, https://doi.org/10.1109/34.58871. With `mirrored` each looks at the picture's mirror image too, and one
    member is enough: Krizhevsky et al., https://doi.org/10.1145/3065386, section 4.1, who took ten such looks.
    `temperature`: the temperature (0: fitted to the validation pictures).

    Raises:
        UsageError: there are fewer than two and none is mirrored, one is given twice, they do not belong together, or
            they have learned from the validation pictures and no temperature is given.
    """
    first, doing = members[0].recipe, f"joining {' and '.join(member.name for member in members)}"
    if len(members) + mirrored == 1:
        raise UsageError(doing, "only one network", "another one as well, or --mirror to join it with its mirror image")
    if len({member.sha256 for member in members}) < len(members):
        remedy = "networks of different architectures, or trained with different options"
        raise UsageError(doing, "the same network twice", remedy)
    for member in members[1:]:
        for what, mine, its in _to_agree_on(first, member.recipe):
            if mine != its:
                found = f"{member.name} has another {what} than {members[0].name}"
                remedy = "train them on the same pictures, all with the same --seed, split options, --size and --refit"
                raise UsageError(doing, found, remedy)
    if first.refit and not temperature:
        found = "they have learned from the validation pictures (--refit), so those fit no temperature"
        raise UsageError(doing, found, "join the runs before the refit, then --temperature with theirs (trained.json)")
    return TrainRecipe(
        first.data_name,
        first.data,
        first.labels,
        first.preprocessing,
        (),
        Weights("none"),
        first.split,
        architecture=JOINED,
        alpha=1.0,
        seed=first.seed,
        members=tuple(members),
        mirrored=mirrored,
        refit=first.refit,
        temperature=temperature,
    )


def _to_agree_on(one: TrainRecipe, other: TrainRecipe) -> list[tuple[str, object, object]]:
    return [
        ("list of classes", one.labels, other.labels),
        ("set of pictures", one.data, other.data),
        ("preprocessing (--size)", one.preprocessing, other.preprocessing),
        ("split", one.split, other.split),
        ("use of the validation pictures (--refit)", one.refit, other.refit),
    ]
