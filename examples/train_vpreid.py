"""Train VPReID's whole system (GCM) on MARS and print both blocks of its log, "ori" and "re".

The numbers are those of the record ``vpreid_gcm`` (``videoreid recipes show vpreid_gcm``). The parts, the baseline,
AME and our interpretation of MRA have their own recipes. The same on the command line:
``videoreid train vpreid_gcm --dataset mars --root /data --two-blocks --output log``.
"""

from pathlib import Path

from videoreid.recipes import RunOptions, get_recipe, open_dataset, published_lines, train_recipe

NAME, DATASET, ROOT, OUTPUT = "vpreid_gcm", "mars", "/data", Path("log/vpreid_gcm")

if __name__ == "__main__":
    recipe = get_recipe(NAME).on(DATASET)
    splits = open_dataset(recipe, DATASET, ROOT)
    options = RunOptions(output_dir=OUTPUT, resume=True, workers=4, two_blocks=True)
    rankings = train_recipe(recipe, splits, options)
    print("\n".join(published_lines(recipe, DATASET, rankings)))
