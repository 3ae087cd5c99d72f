"""The tables of the page are those of the records."""

from pathlib import Path

from videoreid.recipes import get_recipe, list_recipes
from videoreid.recipes.table import recipe_table, score_table

PAGE = Path(__file__).parents[2] / "docs" / "recipes.md"


def test_the_page_shows_the_records() -> None:
    recipes = [get_recipe(name) for name in list_recipes()]
    text = PAGE.read_text(encoding="utf-8")
    assert "\n".join(recipe_table(recipes)) in text
    assert "\n".join(score_table(recipes)) in text
    for recipe in recipes:
        if recipe.differs:
            assert f"| `{recipe.name}` | {'; '.join(recipe.differs)} |" in text


def test_rows_of_the_tables() -> None:
    (row,) = recipe_table([get_recipe("psta")])[2:]
    assert row == (
        "| `psta` | `psta` | 8 x 256 x 128, random_interval, psta | 8 x 4, psta | adam 0.00035, decay 0.0005 | "
        "at 70, 140, 210, 310, 410 by 0.3, warm-up 10 | 500 | 1 cross-entropy + 1 triplet | begin_interval, cosine |"
    )
    assert (
        "32 in random order | sgd 0.1, decay 0.0005 | every 40 by 0.1 | 60 |"
        in recipe_table([get_recipe("streid_pcb")])[2]
    )
    rows = score_table([get_recipe("vpreid_gcm")])[2:]
    assert (
        rows[0]
        == "| `vpreid_gcm` | mars | - | ori | 85.4 | 90.2 | 97.1 | 98 | - | Mars_log/log_test.txt, epoch 220 |"
    )
    assert rows[2].startswith("| `vpreid_gcm` | prid2011 | 9 | ori | - | 92.1 |")


def test_the_chain_on_the_page_is_the_recorded_one() -> None:
    recorded = (PAGE.parents[1] / "benchmarks" / "results" / "streid_chain.md").read_text(encoding="utf-8")
    rows = [line for line in recorded.splitlines() if line.startswith("| ")]
    assert len(rows) == 6
    assert "\n".join(rows[1:]) in PAGE.read_text(encoding="utf-8")
