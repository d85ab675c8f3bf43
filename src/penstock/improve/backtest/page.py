"""The report as one HTML file in both languages: no script, no links, readable for as long as there are browsers."""

from __future__ import annotations

from html import escape

from penstock.improve.backtest.drawing import draw_plots
from penstock.improve.backtest.measuring import Report
from penstock.improve.backtest.sheets import Bar, Cell, Flagged, Sheet, assumed, heading, sheets_of, title_of
from penstock.improve.backtest.words import WORDS
from penstock.kit.pages import Word, bilingual, document, plots, sheet


def render_page(report: Report) -> str:
    """The whole page."""
    title = WORDS["title"]
    parts = [
        f"<h1>{bilingual(title)} · {escape(title_of(report) or report.get('file', ''))}</h1>",
        *(f"<p>{bilingual(sentence)}</p>" for sentence in heading(report)),
        *_remarks(report),
        plots(draw_plots(report)),
        *(_table(each) for each in sheets_of(report)),
        f"<h2>{bilingual(WORDS['assumptions'])}</h2><ul>",
        *(f"<li>{bilingual(sentence)}</li>" for sentence in assumed(report)),
        f'</ul><p class="note">{bilingual(WORDS["definitions"])} {_provenance(report)}</p>',
    ]
    return document(title, parts)


def _remarks(report: Report) -> list[str]:
    return [
        f'<p class="{css}">{bilingual(WORDS[name])}: {bilingual(Word(**sentence))}</p>'
        for name, css in (("missing", "missing"), ("warnings", "warning"))
        for sentence in report[name]
    ]


def _table(each: Sheet) -> str:
    return sheet(each.title, each.columns, [[_cell(cell) for cell in row] for row in each.rows], each.note)


def _cell(cell: Cell) -> str:
    match cell:
        case Bar(None):
            return ""
        case Bar(share):
            return f'<span class="bar"><i style="width:{max(0.0, min(1.0, share or 0.0)):.1%}"></i></span>'
        case Flagged(text, good):
            return f'<span class="{"good" if good else "bad"}">{escape(text).replace(chr(10), "<br>")}</span>'
        case Word():
            return bilingual(cell)
        case _:
            return escape(cell).replace("\n", "<br>")


def _provenance(report: Report) -> str:
    """Hashes of what was measured, so that the page can be matched with its file and model."""
    named = [("file", report["file_sha256"]), *((model["name"], model["onnx_sha256"]) for model in report["models"])]
    if report["pack"]:
        named.append((report["pack"]["name"], report["pack"]["sha256"]))
    return escape("; ".join(f"{name} sha256 {digest}" for name, digest in named if digest))
