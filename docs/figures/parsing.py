"""Draw the pictures of docs/parsing.md: held-out people with their labels and predictions, and the confusions.

Usage: python docs/figures/parsing.py --parser runs/ce2p/model --world /tmp/lip
"""

import argparse
from pathlib import Path

from videoreid.data.datasets import build_parsing_dataset, read_pair
from videoreid.models import from_pretrained
from videoreid.models.ce2p import CE2P
from videoreid.parsing import (
    LABEL_TABLES,
    NetworkParser,
    count_pixels,
    draw_confusion,
    draw_parsing_sheet,
    parsing_protocol_line,
)

IMAGES = Path(__file__).parents[1] / "images"
SHOWN = 9


def main() -> None:
    """Draw both pictures."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    arguments.add_argument("--parser", type=Path, required=True, help="folder of save_pretrained, lip20")
    arguments.add_argument("--world", type=Path, required=True, help="world in LIP's layout")
    arguments.add_argument("--output", type=Path, default=IMAGES)
    args = arguments.parse_args()
    model = from_pretrained(args.parser)
    assert isinstance(model, CE2P)
    lip20, seed7 = LABEL_TABLES["lip20"], LABEL_TABLES["seed7"]
    parser = NetworkParser(model=model, table=lip20)
    pairs = build_parsing_dataset("lip", args.world).val
    step = len(pairs) // SHOWN
    read = [read_pair(pair, lip20.num_classes) for pair in pairs[step // 2 :: step][:SHOWN]]
    images = [image for image, _ in read]
    rows = [[labels for _, labels in read], parser(images)]
    titles = ["picture", "labels", "predicted"]
    draw_parsing_sheet(args.output / "parsing.jpg", images, rows, lip20, titles=titles, height=200)
    confusion = count_pixels(parser, pairs).regroup(seed7)
    scores = confusion.scores(parsing_protocol_line(parser, len(pairs), seed7, "lip val"))
    draw_confusion(scores, seed7, args.output / "parsing_confusion.png")


if __name__ == "__main__":
    main()
