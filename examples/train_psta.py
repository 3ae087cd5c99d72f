"""Train PSTA on DukeMTMC-VideoReID, and score it by the dense rule of its published score.

On MARS, ``get_recipe("psta").on("mars")`` scores one clip of eight frames, as published. The same on the command line:
``videoreid train psta --dataset dukemtmcvidreid --root /data --output log``.
"""

from pathlib import Path

from videoreid.recipes import RunOptions, get_recipe, open_dataset, published_lines, train_recipe

DATASET, ROOT, OUTPUT = "dukemtmcvidreid", "/data", Path("log/psta")

if __name__ == "__main__":
    recipe = get_recipe("psta").on(DATASET)
    splits = open_dataset(recipe, DATASET, ROOT)
    rankings = train_recipe(recipe, splits, RunOptions(output_dir=OUTPUT, resume=True, workers=4))
    print("\n".join(published_lines(recipe, DATASET, rankings)))
