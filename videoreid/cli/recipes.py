"""``videoreid recipes``: list the published recipes, or show every setting of one."""

import argparse
from collections.abc import Iterable

__all__ = ["HELP", "add_arguments", "run"]

HELP = "list the published recipes, or show every setting of one"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the two sub-commands."""
    commands = parser.add_subparsers(dest="what", required=True, metavar="list|show")
    commands.add_parser("list", help="print one recipe per line, its name first")
    showing = commands.add_parser("show", help="print every setting and published score of one recipe")
    showing.add_argument("name", help="name of the recipe")
    showing.add_argument("--dataset", help="use the settings that are published for this dataset")


def run(args: argparse.Namespace) -> int:
    """Print the list, or the recipe; return 0."""
    for line in _list() if args.what == "list" else _show(args.name, args.dataset):
        print(line)
    return 0


def _list() -> Iterable[str]:
    from videoreid.recipes import get_recipe, list_recipes

    names = list_recipes()
    width = max(map(len, names))
    for name in names:
        yield f"{name:<{width}}  {get_recipe(name).title}"


def _show(name: str, dataset: str | None) -> Iterable[str]:
    from videoreid.recipes import get_recipe, settings_of
    from videoreid.recipes.running import describe_score

    published = get_recipe(name)
    recipe = published if dataset is None else published.on(dataset)
    yield f"{recipe.name}: {recipe.title}"
    yield f"source: {recipe.source}"
    yield "losses: " + ", ".join(f"{weight:g} {term}" for term, weight in recipe.losses.items())
    for key, value in settings_of(recipe).items():
        if key != "name":
            yield f"{key} = {value!r}"
    for other, numbers in recipe.variants.items():
        yield f"on {other}: " + ", ".join(f"{key} = {value!r}" for key, value in numbers.items())
    for text in recipe.differs:
        yield f"differs: {text}"
    for score in recipe.results if dataset is None else recipe.scores_on(dataset):
        yield describe_score(score)
    if not recipe.results or (dataset is not None and not recipe.scores_on(dataset)):
        yield "nothing is published" + (f" on {dataset}" if dataset else "")
