"""Markdown tables of the recipes and their published scores."""

from collections.abc import Sequence

from videoreid.recipes.record import PublishedScore, Recipe

__all__ = ["recipe_table", "score_table"]


def recipe_table(recipes: Sequence[Recipe]) -> list[str]:
    """Return a table of the training settings, one line per recipe.

    Args:
        recipes: in the order of the table.
    """
    lines = [
        "| recipe | network | clip | batch | optimiser | rate falls | epochs | losses | test |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for recipe in recipes:
        steps = ", ".join(map(str, recipe.milestones))
        falls = f"every {steps}" if recipe.schedule == "single_step" else f"at {steps}"
        warmup = f", warm-up {recipe.warmup_epochs}" if recipe.warmup != "none" else ""
        batch = f"{recipe.batch_size} in random order"
        if recipe.instances > 1:
            batch = f"{recipe.batch_size // recipe.instances} x {recipe.instances}, {recipe.grouping}"
        losses = " + ".join(f"{weight:g} {name}" for name, weight in recipe.losses.items())
        cells = [
            f"`{recipe.name}`",
            f"`{recipe.model}`",
            f"{recipe.num_frames} x {recipe.height} x {recipe.width}, {recipe.sampling}, {recipe.augmentation}",
            batch,
            f"{recipe.optimizer} {recipe.learning_rate:g}, decay {recipe.weight_decay:g}",
            f"{falls} by {recipe.gamma:.4g}{warmup}",
            str(recipe.epochs),
            losses,
            f"{recipe.test_sampling}, {recipe.distance}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def score_table(recipes: Sequence[Recipe]) -> list[str]:
    """Return a table of the published scores, one line per score.

    Args:
        recipes: in the order of the table.
    """
    lines = [
        "| recipe | dataset | split | scored | mAP | Rank-1 | Rank-5 | Rank-10 | Rank-20 | where |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    return lines + [_row(recipe.name, score) for recipe in recipes for score in recipe.results]


def _row(name: str, score: PublishedScore) -> str:
    figures = [score.mAP, score.rank1, score.rank5, score.rank10, score.rank20]
    place = f"{score.place} ({score.remark})" if score.remark else score.place
    cells = [
        f"`{name}`",
        score.dataset,
        "-" if score.split_id is None else str(score.split_id),
        score.block,
        *("-" if figure is None else f"{figure:g}" for figure in figures),
        place,
    ]
    return f"| {' | '.join(cells)} |"
