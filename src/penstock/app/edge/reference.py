"""``/docs``: the OpenAPI document and the reason codes as one plain page, without scripts and without a network."""

from __future__ import annotations

import re
from html import escape
from typing import Any, Final

from penstock.contracts.reasons_doc import reason_views

_STYLE: Final = """
:root { color-scheme: light dark; --line: #8884; --soft: #8881; --accent: #0a6; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 72rem; padding: 1.5rem; }
h1 { margin-bottom: 0; } h2 { border-bottom: 1px solid var(--line); margin-top: 2.5rem; }
h3 { font-size: 1rem; margin: 1.6rem 0 .4rem; } code, pre { font: 13px/1.45 ui-monospace, monospace; }
.method { background: var(--accent); border-radius: .25rem; color: #fff; font: 700 12px ui-monospace, monospace;
  padding: .15rem .4rem; } table { border-collapse: collapse; width: 100%; }
th, td { border: 1px solid var(--line); padding: .3rem .5rem; text-align: left; vertical-align: top; }
th { background: var(--soft); } .wide { overflow-x: auto; } nav a { margin-right: 1rem; }
details { margin: .3rem 0; } summary { cursor: pointer; }
"""
#: The page may show itself and nothing else.
CONTENT_POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_CODE: Final = re.compile(r"`([^`]+)`")

Document = dict[str, Any]


def page(document: Document) -> str:
    """The reference as HTML."""
    info = document["info"]
    operations = [
        _operation(path, method, operation)
        for path, item in document["paths"].items()
        for method, operation in item.items()
    ]
    schemas = [_schema(name, schema) for name, schema in document["components"]["schemas"].items()]
    return "".join(
        [
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(info['title'])} API</title><style>{_STYLE}</style></head><body>",
            f"<h1>{escape(info['title'])} API</h1><p>Version {escape(info['version'])} · ",
            '<a href="/openapi.json">openapi.json</a> · <a href="/v1/reasons">reasons as JSON</a></p>',
            '<nav><a href="#routes">Routes</a><a href="#reasons">Reason codes 原因代码</a><a href="#schemas">Schemas</a></nav>',
            f"<p>{_text(info['description'])}</p>",
            '<h2 id="routes">Routes</h2>', *operations,
            '<h2 id="reasons">Reason codes 原因代码</h2>', _reasons(),
            '<h2 id="schemas">Schemas</h2>', *schemas,
            "</body></html>",
        ]
    )  # fmt: skip


def _text(text: str) -> str:
    return _CODE.sub(r"<code>\1</code>", escape(text))


def _operation(path: str, method: str, operation: Document) -> str:
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
    parameters = "".join(
        f"<li><code>{escape(p['name'])}</code> ({escape(p['in'])}) {_text(p.get('description') or p['schema'].get('description', ''))}</li>"
        for p in operation.get("parameters", [])
    )
    answers = "".join(
        f"<tr><td>{status}</td><td>{_text(answer['description'])}</td><td>{_shapes(answer)}</td></tr>"
        for status, answer in sorted(operation["responses"].items())
    )
    return (
        f'<h3 id="{escape(method + path)}"><span class="method">{method.upper()}</span> <code>{escape(path)}</code> '
        f"— {escape(operation.get('summary') or '')}</h3><p>{_text(operation.get('description') or '')}</p>"
        + (f"<ul>{parameters}</ul>" if parameters else "")
        + (f"<p>Body: {_shape(body)}</p>" if body else "")
        + f"<details><summary>Answers</summary><table>{answers}</table></details>"
    )


def _shapes(answer: Document) -> str:
    return ", ".join(_shape(content["schema"]) for content in answer.get("content", {}).values() if "schema" in content)


def _shape(schema: Document) -> str:
    """A schema in one line."""
    if "$ref" in schema:
        name = escape(schema["$ref"].rpartition("/")[2])
        return f'<a href="#schema-{name}">{name}</a>'
    for choice in ("anyOf", "oneOf"):
        if choice in schema:
            return " or ".join(dict.fromkeys(_shape(option) for option in schema[choice]))
    if "enum" in schema:
        return " · ".join(f"<code>{escape(str(value))}</code>" for value in schema["enum"])
    if schema.get("type") == "array":
        return f"array of {_shape(schema.get('items', {}))}"
    kind = schema.get("type", "any")
    return escape(" or ".join(kind) if isinstance(kind, list) else kind) + _bounds(schema)


def _bounds(schema: Document) -> str:
    words = {"minimum": "≥", "maximum": "≤", "maxLength": "at most", "format": ""}
    parts = [f"{word} {schema[name]}".strip() for name, word in words.items() if name in schema]
    return f" ({escape(', '.join(parts))})" if parts else ""


def _schema(name: str, schema: Document) -> str:
    required = set(schema.get("required", []))
    rows = [
        f"<tr><td><code>{escape(field)}</code>{'' if field in required else ' ?'}</td><td>{_shape(described)}</td>"
        f"<td>{_text(_sentence(described))}</td></tr>"
        for field, described in schema.get("properties", {}).items()
    ]
    table = f"<div class=wide><table>{''.join(rows)}</table></div>" if rows else f"<p>{_shape(schema)}</p>"
    return f'<h3 id="schema-{escape(name)}"><code>{escape(name)}</code></h3><p>{_text(schema.get("description", ""))}</p>{table}'


def _sentence(schema: Document) -> str:
    """A field's description, also when it lies in one of its choices."""
    choices: list[Document] = schema.get("anyOf") or schema.get("oneOf") or []
    return str(schema.get("description") or next((c["description"] for c in choices if "description" in c), ""))


def _reasons() -> str:
    rows = "".join(
        f'<tr id="{view.reason}"><td>{view.code}</td><td><code>{view.reason}</code></td><td>{view.status}</td>'
        f"<td>{escape(view.iso20022 or '–')}</td><td><code>{view.retry}</code></td>"
        f"<td>{escape(view.message['en'])}<br>{escape(view.message['zh'])}</td>"
        f"<td>{escape(view.next_step['en'])}<br>{escape(view.next_step['zh'])}</td></tr>"
        for view in reason_views()
    )
    head = "".join(
        f"<th>{name}</th>"
        for name in ("code", "reason", "HTTP", "ISO 20022", "retry", "message 说明", "next step 下一步")
    )
    return f"<div class=wide><table><thead><tr>{head}</tr></thead>{rows}</table></div>"
