"""Tables that can be written as Markdown, LaTeX or CSV."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass

from videoreid.errors import ConfigError

__all__ = ["Table"]

_LATEX = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_",
    "{": r"\{", "}": r"\}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "±": r"$\pm$", "×": r"$\times$",
    "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}",
}  # fmt: skip


@dataclass(frozen=True)
class Table:
    """Rows of text under named columns, with notes.

    Args:
        columns: names of the columns; the first column holds the names of the rows.
        rows: one text per column.
        notes: lines below the table, such as protocol lines and the meaning of marks.

    Raises:
        ConfigError: a row is longer or shorter than the columns.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: Sequence[str] = ()

    def __post_init__(self) -> None:
        for number, row in enumerate(self.rows):
            if len(row) != len(self.columns):
                raise ConfigError(
                    f"row {number} of the table has {len(row)} cells, expected {len(self.columns)}"
                )

    def __str__(self) -> str:
        return self.markdown()

    def _repr_markdown_(self) -> str:
        return self.markdown()

    def write(self, form: str) -> str:
        """Return the table as "markdown", "latex" or "csv".

        Raises:
            ConfigError: the form is unknown.
        """
        forms = {"markdown": self.markdown, "latex": self.latex, "csv": self.csv}
        if form not in forms:
            raise ConfigError(f"unknown form of a table {form!r}; choose one of {', '.join(forms)}")
        return forms[form]()

    def markdown(self) -> str:
        """Return a GitHub Markdown table with aligned columns, and the notes below it."""
        cells = [[_one_line(cell).replace("|", r"\|") for cell in row] for row in (self.columns, *self.rows)]
        widths = [max(3, *(len(row[column]) for row in cells)) for column in range(len(self.columns))]

        def line(row: Sequence[str]) -> str:
            padded = [
                cell.ljust(width) if column == 0 else cell.rjust(width)
                for column, (cell, width) in enumerate(zip(row, widths, strict=True))
            ]
            return f"| {' | '.join(padded)} |"

        rule = [
            "-" * width if column == 0 else "-" * (width - 1) + ":" for column, width in enumerate(widths)
        ]
        lines = [line(cells[0]), line(rule), *(line(row) for row in cells[1:])]
        return "\n".join([*lines, *(f"\n{_one_line(note)}" for note in self.notes)]) + "\n"

    def latex(self) -> str:
        """Return a ``tabular`` with the rules of the package booktabs; notes become comments, one per line."""
        lines = [f"% {_one_line(note)}" for note in self.notes]
        lines += [rf"\begin{{tabular}}{{l{'r' * (len(self.columns) - 1)}}}", r"\toprule"]
        lines += [_latex_row(self.columns), r"\midrule", *(_latex_row(row) for row in self.rows)]
        return "\n".join([*lines, r"\bottomrule", r"\end{tabular}"]) + "\n"

    def csv(self) -> str:
        """Return comma-separated values with a header; without notes, so that every program can read them."""
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([self.columns, *self.rows])
        return text.getvalue()


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _latex_row(row: Sequence[str]) -> str:
    cells = ["".join(_LATEX.get(letter, letter) for letter in _one_line(cell)) for cell in row]
    return " & ".join(cells) + r" \\"
