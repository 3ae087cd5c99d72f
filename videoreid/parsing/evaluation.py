"""Evaluation of a parser on labelled pictures, with its protocol line."""

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
    """Compare predicted label maps with the labels on disk, pixel by pixel in the original size of the pictures.

    Args:
        parser: see `Parser`.
        pairs: pictures with labels.
        table: classes to score: a parser of "lip20" can be scored in "seed7". None means the classes of the parser.
        dataset: dataset and split, for the protocol line.
        batch_size: number of pictures per call of the parser.
        progress: show a progress bar on standard error.

    Returns:
        The scores, with the protocol line.

    Raises:
        ConfigError: a pair has no labels.
        DatasetError: a picture cannot be used, or the parser's table does not cover its labels.
        ProtocolError: the table does not group the parser's classes, or nothing is left to score.
    """
    chosen = parser.table if table is None else get_table(table)
    confusion = count_pixels(parser, pairs, batch_size=batch_size, progress=progress)
    if chosen.classes != parser.table.classes:
        confusion = confusion.regroup(chosen)
    return confusion.scores(parsing_protocol_line(parser, len(pairs), chosen, dataset))


def count_pixels(
    parser: Parser, pairs: Sequence[ParsingPair], *, batch_size: int = 16, progress: bool = True
) -> Confusion:
    """Return the confusion matrix of a parser in the parser's classes; see `evaluate_parser`."""
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
    """Return the protocol line that is printed with every parsing score."""
    name = f"{dataset} | " if dataset else ""
    return (
        f"{name}{pictures} pictures in their own size | classes {table.name} | {parser.description} | "
        "255 left out, absent classes count as 0"
    )
