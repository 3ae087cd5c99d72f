"""Score a parser on labelled pictures, and say under which protocol."""

from collections.abc import Sequence

from videoreid.data.datasets import ParsingPair, read_pair
from videoreid.errors import ConfigError
from videoreid.parsing.parsers import Parser
from videoreid.parsing.scores import Confusion, ParsingScores
from videoreid.parsing.tables import LabelTable, get_table

__all__ = ["count_pixels", "evaluate_parser", "parsing_protocol_line"]


def evaluate_parser(
    parser: Parser,
    pairs: Sequence[ParsingPair],
    *,
    table: LabelTable | str | None = None,
    dataset: str = "",
    batch_size: int = 16,
    progress: bool = True,
) -> ParsingScores:
    """Compare predicted label maps with the labels on disk, pixel by pixel in the pictures' own size.

    Args:
        parser: see `Parser`.
        pairs: pictures with labels.
        table: by which both are read: a parser of "lip20" can be scored in "seed7". By default the parser's own.
        dataset: data set and split, for the protocol line.
        batch_size: pictures at once.
        progress: show a bar on standard error.

    Returns:
        The scores, with the protocol line.

    Raises:
        ConfigError: a pair has no labels.
        DatasetError: a picture cannot be used, or the parser's table does not cover its labels.
        ProtocolError: the table does not read the parser's classes, or nothing is left to score.
    """
    chosen = parser.table if table is None else get_table(table)
    confusion = count_pixels(parser, pairs, batch_size=batch_size, progress=progress)
    if chosen.classes != parser.table.classes:
        confusion = confusion.regroup(chosen)
    return confusion.scores(parsing_protocol_line(parser, len(pairs), chosen, dataset))


def count_pixels(
    parser: Parser, pairs: Sequence[ParsingPair], *, batch_size: int = 16, progress: bool = True
) -> Confusion:
    """Return the confusion matrix of a parser in its own classes; see `evaluate_parser`."""
    from tqdm import tqdm

    unlabelled = [pair.image for pair in pairs if not pair.label]
    if unlabelled:
        raise ConfigError(
            f"{len(unlabelled)} of {len(pairs)} pictures have no labels, such as {unlabelled[0]}"
        )
    table = parser.table
    confusion = Confusion(table.num_classes)
    with tqdm(total=len(pairs), unit="picture", disable=not progress, leave=False) as bar:
        for start in range(0, len(pairs), batch_size):
            read = [read_pair(pair, len(table.sources)) for pair in pairs[start : start + batch_size]]
            for (_, labels), predicted in zip(read, parser([image for image, _ in read]), strict=True):
                confusion.add(table.map(labels), predicted)
            bar.update(len(read))
    return confusion


def parsing_protocol_line(parser: Parser, pictures: int, table: LabelTable, dataset: str = "") -> str:
    """Return the line that every parsing score is printed with."""
    name = f"{dataset} | " if dataset else ""
    return (
        f"{name}{pictures} pictures in their own size | classes {table.name} | {parser.description} | "
        "255 left out, absent classes count as 0"
    )
