"""Reports as one HTML file in two languages: no script, nothing from outside, readable as long as there are browsers."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Final, NamedTuple


class Word(NamedTuple):
    """A thing in English and Chinese."""

    en: str
    zh: str

    def as_dict(self) -> dict[str, str]:
        """For JSON."""
        return {"en": self.en, "zh": self.zh}

    def filled(self, **values: str | Word) -> Word:
        """The same with values in its places; a value may itself be in both languages."""
        return Word(
            self.en.format(**{name: value.en if isinstance(value, Word) else value for name, value in values.items()}),
            self.zh.format(**{name: value.zh if isinstance(value, Word) else value for name, value in values.items()}),
        )


_STYLE: Final = """
:root { color-scheme: light dark; --ink: #1c2530; --soft: #667; --line: #d5dae1; --one: #1766b5; --two: #18805b; --three: #c2491d; --four: #7a4fb5; --paper: #fff; }
@media (prefers-color-scheme: dark) { :root { --ink: #e5e9ef; --soft: #9aa4b2; --line: #39424e; --one: #6db1f5; --two: #55c79a; --three: #f08a62; --four: #b596ea; --paper: #14181d; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 1100px; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; margin: 0 0 .5rem; } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { vertical-align: top; text-align: left; padding: .25rem .8rem .25rem 0; border-bottom: 1px solid var(--line); white-space: nowrap; } th { color: var(--soft); font-weight: 600; }
.note, .legend { color: var(--soft); font-size: .85rem; } .missing { color: var(--three); } .warning, .bad { color: var(--three); font-weight: 600; } .good { color: var(--two); }
.bar { display: inline-block; width: 160px; height: .7em; background: var(--line); } .bar i { display: block; height: 100%; background: var(--one); }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(340px, 1fr)); gap: 1rem 2rem; } svg { width: 100%; font-size: 11px; }
svg text { fill: var(--soft); } .grid { stroke: var(--line); } polyline { fill: none; stroke-width: 2; } circle { stroke: none; }
.one { stroke: var(--one); fill: var(--one); background: var(--one); } .two { stroke: var(--two); fill: var(--two); background: var(--two); }
.three { stroke: var(--three); fill: var(--three); background: var(--three); } .four { stroke: var(--four); fill: var(--four); background: var(--four); }
polyline.one, polyline.two, polyline.three, polyline.four { fill: none; }
.named { white-space: nowrap; } .key { display: inline-block; width: .8em; height: .8em; margin: 0 .3em 0 .8em; }
body:has(#zh:checked) .en, body:not(:has(#zh:checked)) .zh { display: none; } .languages { float: right; }
"""

_LANGUAGES: Final = """
<p class="languages"><label><input type="radio" name="language" id="en" checked> English</label>
<label><input type="radio" name="language" id="zh"> 中文</label></p>
"""


def document(title: Word, parts: Sequence[str]) -> str:
    """A whole page of parts in HTML, with a switch between its languages."""
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{escape(title.en)} · {escape(title.zh)}</title>'
    body = "\n".join((_LANGUAGES, *parts))
    return f"<!doctype html>\n<html>\n<head>{head}<style>{_STYLE}</style></head>\n<body>\n{body}\n</body>\n</html>\n"


def bilingual(word: Word) -> str:
    """Both languages; the page shows one."""
    if word.en == word.zh:
        return escape(word.en)
    return f'<span class="en" lang="en">{escape(word.en)}</span><span class="zh" lang="zh">{escape(word.zh)}</span>'


def sheet(title: Word, columns: Sequence[Word], rows: Sequence[Sequence[str]], note: Word | None = None) -> str:
    """A titled table, of cells in HTML."""
    head = "".join(f"<th>{bilingual(column)}</th>" for column in columns)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    told = f'<p class="note">{bilingual(note)}</p>' if note else ""
    table = f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
    return f"<h2>{bilingual(title)}</h2>{table}{told}"


def plots(drawings: Sequence[tuple[Word, str]]) -> str:
    """Drawings beside one another, each with its title."""
    drawn = "".join(f"<div><h2>{bilingual(name)}</h2>{drawing}</div>" for name, drawing in drawings)
    return f'<div class="plots">{drawn}</div>'
