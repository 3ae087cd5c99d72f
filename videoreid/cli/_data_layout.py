"""``videoreid data layout``: print the folder tree that a dataset must have, and where to request the data."""

import argparse

__all__ = ["HELP", "add_arguments", "run"]

HELP = "print the expected folder tree of a dataset and where to request the data; without a name, list all datasets"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's options."""
    parser.add_argument(
        "name", metavar="NAME", nargs="?", help="name of the dataset; without it, all are listed"
    )


def run(args: argparse.Namespace) -> int:
    """Print; return 0."""
    from videoreid.data.datasets import dataset_info, list_infos

    if args.name is None:
        for name in list_infos():
            info = dataset_info(name)
            print(f"{name:<18}{info.title:<24}{info.licence}")
        return 0
    info = dataset_info(args.name)
    print(info.title, "", info.layout.rstrip(), sep="\n")
    for head, text in (("Where from", info.provenance), ("Licence", info.licence), ("Cite", info.citation)):
        print(f"\n{head}: {text}")
    for part, counts in info.counts.items():
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
