"""The report on a terminal: tables, with bars made of blocks."""

from __future__ import annotations

from typing import Final

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from penstock.improve.backtest.measuring import Report
from penstock.improve.backtest.sheets import Bar, Cell, Flagged, Sheet, assumed, heading, sheets_of, title_of
from penstock.improve.backtest.words import WORDS
from penstock.kit.pages import Word

_WIDTH: Final = 12
_EIGHTHS: Final = " ▏▎▍▌▋▊▉"


def show_report(report: Report, console: Console) -> None:
    """Print everything, in English."""
    console.print(Text(f"{WORDS['title'].en}  {title_of(report)}", style="bold"))
    for sentence in heading(report):
        console.print(Text(sentence.en))
    for missing in report["missing"]:
        console.print(Text(f"{WORDS['missing'].en}: {missing['en']}", style="yellow"))
    for warning in report["warnings"]:
        console.print(Text(f"{WORDS['warnings'].en}: {warning['en']}", style="bold red"))
    for sheet in sheets_of(report):
        console.print(_table(sheet))
    console.print(Text(WORDS["assumptions"].en, style="bold"))
    for sentence in assumed(report):
        console.print(Text(f"- {sentence.en}", style="dim"))
    console.print(Text(WORDS["definitions"].en, style="dim"))


def _table(sheet: Sheet) -> Table:
    titled = any(column.en for column in sheet.columns)
    table = Table(
        title=sheet.title.en,
        caption=sheet.note.en if sheet.note else None,
        show_header=titled,
        title_justify="left",
        caption_justify="left",
        title_style="bold",
        box=SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )
    rows = [[_cell(cell) for cell in row] for row in sheet.rows]
    for number, column in enumerate(sheet.columns):
        longest = max((len(word) for row in rows for word in row[number].plain.split()), default=0)
        table.add_column(column.en, min_width=max(longest, *map(len, column.en.split()), 1))
    for row in rows:
        table.add_row(*row)
    return table


def _cell(cell: Cell) -> Text:
    match cell:
        case Bar(share):
            return Text(draw_bar(share))
        case Flagged(text, good):
            return Text(text, style="green" if good else "red")
        case Word(en, _):
            return Text(en)
        case _:
            return Text(cell)


def draw_bar(share: float | None, width: int = _WIDTH) -> str:
    """A bar in eighths of a character, as long as the share of the width."""
    if share is None:
        return ""
    eighths = round(max(0.0, min(1.0, share)) * width * 8)
    return "█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip()
