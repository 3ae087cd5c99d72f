"""Train a stage of the video bag of tricks on MARS, then on PRID2011 from the weights of MARS.

The constants depend on the dataset: PRID2011 has its own, every other dataset takes those of MARS. Re-ranked scores,
which the published table shows in brackets, are printed below the plain ones. The sampling rules correct the published
rules, which miss the last frame and keep a 41st clip; ``recipe.differs`` names the published rules.
"""

from pathlib import Path

from videoreid.recipes import RunOptions, get_recipe, open_dataset, published_lines, train_recipe

STAGE, ROOT, OUTPUT = "tricks_attention", "/data", Path("log")  # or tricks_baseline, _bot, _osm, _centers

if __name__ == "__main__":
    weights = None
    for dataset in ("mars", "prid2011"):
        recipe = get_recipe(STAGE).on(dataset)
        splits = open_dataset(recipe, dataset, ROOT)
        folder = OUTPUT / f"{STAGE}_{dataset}"
        options = RunOptions(output_dir=folder, resume=True, workers=4, weights=weights)
        rankings = train_recipe(recipe, splits, options)
        print("\n".join([dataset, *published_lines(recipe, dataset, rankings)]))
        weights = folder / "best.pt"
