"""The report as one HTML file in both languages: no script, no links, readable for as long as there are browsers."""

from __future__ import annotations

from html import escape
from typing import Final

from penstock.improve.backtest.drawing import bilingual, draw_plots
from penstock.improve.backtest.measuring import Report
from penstock.improve.backtest.sheets import Bar, Cell, Flagged, Sheet, assumed, heading, sheets_of, title_of
from penstock.improve.backtest.words import WORDS, Word

_STYLE: Final = """
:root { color-scheme: light dark; --ink: #1c2530; --soft: #667; --line: #d5dae1; --one: #1766b5; --two: #18805b; --three: #c2491d; --paper: #fff; }
@media (prefers-color-scheme: dark) { :root { --ink: #e5e9ef; --soft: #9aa4b2; --line: #39424e; --one: #6db1f5; --two: #55c79a; --three: #f08a62; --paper: #14181d; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 1100px; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; margin: 0 0 .5rem; } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { vertical-align: top; text-align: left; padding: .25rem .8rem .25rem 0; border-bottom: 1px solid var(--line); white-space: nowrap; } th { color: var(--soft); font-weight: 600; }
.note, .legend { color: var(--soft); font-size: .85rem; } .missing { color: var(--three); } .warning, .bad { color: var(--three); font-weight: 600; } .good { color: var(--two); }
.bar { display: inline-block; width: 160px; height: .7em; background: var(--line); } .bar i { display: block; height: 100%; background: var(--one); }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(340px, 1fr)); gap: 1rem 2rem; } svg { width: 100%; font-size: 11px; }
svg text { fill: var(--soft); } .grid { stroke: var(--line); } polyline { fill: none; stroke-width: 2; } circle { stroke: none; }
.one { stroke: var(--one); fill: var(--one); background: var(--one); } .two { stroke: var(--two); fill: var(--two); background: var(--two); }
.three { stroke: var(--three); fill: var(--three); background: var(--three); } polyline.one, polyline.two, polyline.three { fill: none; }
.key { display: inline-block; width: .8em; height: .8em; margin: 0 .3em 0 .8em; }
body:has(#zh:checked) .en, body:not(:has(#zh:checked)) .zh { display: none; } .languages { float: right; }
"""

_LANGUAGES: Final = """
<p class="languages"><label><input type="radio" name="language" id="en" checked> English</label>
<label><input type="radio" name="language" id="zh"> 中文</label></p>
"""


def render_page(report: Report) -> str:
    """The whole page."""
    title = WORDS["title"]
    parts = [
        _LANGUAGES,
        f"<h1>{bilingual(title)} · {escape(title_of(report) or report.get('file', ''))}</h1>",
        *(f"<p>{bilingual(sentence)}</p>" for sentence in heading(report)),
        *_remarks(report),
        _plots(report),
        *(_table(sheet) for sheet in sheets_of(report)),
        f"<h2>{bilingual(WORDS['assumptions'])}</h2><ul>",
        *(f"<li>{bilingual(sentence)}</li>" for sentence in assumed(report)),
        f'</ul><p class="note">{bilingual(WORDS["definitions"])} {_provenance(report)}</p>',
    ]
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{escape(title.en)} · {escape(title.zh)}</title>'
    return f"<!doctype html>\n<html>\n<head>{head}<style>{_STYLE}</style></head>\n<body>\n{chr(10).join(parts)}\n</body>\n</html>\n"


def _remarks(report: Report) -> list[str]:
    return [
        f'<p class="{css}">{bilingual(WORDS[name])}: {bilingual(Word(**sentence))}</p>'
        for name, css in (("missing", "missing"), ("warnings", "warning"))
        for sentence in report[name]
    ]


def _plots(report: Report) -> str:
    drawn = "".join(f"<div><h2>{bilingual(name)}</h2>{drawing}</div>" for name, drawing in draw_plots(report))
    return f'<div class="plots">{drawn}</div>'


def _table(sheet: Sheet) -> str:
    head = "".join(f"<th>{bilingual(column)}</th>" for column in sheet.columns)
    rows = "".join(f"<tr>{''.join(f'<td>{_cell(cell)}</td>' for cell in row)}</tr>" for row in sheet.rows)
    note = f'<p class="note">{bilingual(sheet.note)}</p>' if sheet.note else ""
    table = f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'
    return f"<h2>{bilingual(sheet.title)}</h2>{table}{note}"


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
