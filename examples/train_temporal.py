"""Train temporal pooling, attention, an LSTM and 3-D convolutions over ResNet-50 on MARS, one after the other.

Each has its own recipe and learning rate; schedule and margin are the published ones.
"""

from pathlib import Path

from videoreid.recipes import RunOptions, get_recipe, open_dataset, published_lines, train_recipe

DATASET, ROOT, OUTPUT = "mars", "/data", Path("log")

if __name__ == "__main__":
    for name in ("temporal_pooling", "temporal_attention", "temporal_rnn", "temporal_3d"):
        recipe = get_recipe(name).on(DATASET)
        splits = open_dataset(recipe, DATASET, ROOT)
        rankings = train_recipe(recipe, splits, RunOptions(output_dir=OUTPUT / name, resume=True, workers=4))
        print("\n".join([name, *published_lines(recipe, DATASET, rankings)]))
