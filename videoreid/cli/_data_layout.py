"""``videoreid data layout``: the tree a corpus must have, and where to ask for it."""

import argparse

__all__ = ["HELP", "add_arguments", "run"]

HELP = "print the expected tree of a corpus and where to ask for the data; without a name, list the corpora"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's options."""
    parser.add_argument("name", metavar="NAME", nargs="?", help="corpus; without it, all are listed")


def run(args: argparse.Namespace) -> int:
    """Print; return 0."""
    from videoreid.data.datasets import corpus_card, list_cards

    if args.name is None:
        for name in list_cards():
            card = corpus_card(name)
            print(f"{name:<18}{card.title:<24}{card.licence}")
        return 0
    card = corpus_card(args.name)
    print(card.title, "", card.layout.rstrip(), sep="\n")
    for head, text in (("Where from", card.provenance), ("Licence", card.licence), ("Cite", card.citation)):
        print(f"\n{head}: {text}")
    for part, counts in card.counts.items():
        known = [
            f"{value:,} {what}"
            for what, value in (
                ("ids", counts.ids),
                ("tracklets", counts.tracklets),
                ("images", counts.images),
            )
            if value is not None
        ]
        print(f"Published: {part}: {', '.join(known)}")
    return 0
