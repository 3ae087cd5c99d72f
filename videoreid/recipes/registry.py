"""Look up recipes by name."""

from videoreid.recipes import bag_of_tricks, ilids_study, psta, streid, temporal, vpreid
from videoreid.recipes.record import Recipe
from videoreid.registry import Registry

__all__ = ["get_recipe", "list_recipes"]

_RECIPES: Registry[Recipe] = Registry("recipe")
for _recipe in (
    *vpreid.RECIPES,
    *psta.RECIPES,
    *temporal.RECIPES,
    *bag_of_tricks.RECIPES,
    *streid.RECIPES,
    *ilids_study.RECIPES,
):
    _RECIPES.register(_recipe.name)(_recipe)


def list_recipes() -> list[str]:
    """Return the names of the recipes, sorted."""
    return _RECIPES.names()


def get_recipe(name: str) -> Recipe:
    """Return a recipe by its name.

    Raises:
        UnknownNameError: no recipe has that name; the message suggests one.

    Example:
        >>> recipe = get_recipe("vpreid_gcm")
        >>> recipe.optimizer, recipe.learning_rate, recipe.batch_size, recipe.epochs
        ('adam', 0.0003, 32, 240)
    """
    return _RECIPES[name]
