"""The description for readers: one page, made here, without scripts and without links
to other hosts."""

from __future__ import annotations

from functools import cache
from html import escape
from itertools import groupby

from chasen import __version__
from controller.api.description.openapi import DESCRIPTION, TITLE, tag_of
from controller.api.description.operation import Operation
from controller.api.description.operations import OPERATIONS

# Nothing is loaded or run; the page is text.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"
_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;margin:2em auto;max-width:64em;"
    "padding:0 1em;color:#222;background:#fff}"
    "table{border-collapse:collapse;width:100%}"
    "td{border-top:1px solid #ddd;padding:.4em .6em .4em 0;vertical-align:top}"
    "code{font-size:.9em}"
    "@media(prefers-color-scheme:dark){body{color:#ddd;background:#181818}"
    "a{color:#9cf}td{border-color:#444}}"
)


@cache
def page() -> str:
    """Answer the HTML."""
    tables = "".join(
        f"<h2>{escape(tag)}</h2><table>{''.join(map(_row, operations))}</table>"
        for tag, operations in groupby(OPERATIONS, tag_of)
    )
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{escape(TITLE)}</title><style>{_STYLE}</style>"
        f"<h1>{escape(TITLE)}</h1><p>{escape(DESCRIPTION)} Version {__version__}.</p>"
        '<p>For programs: <a href="/openapi.json">OpenAPI 3.1</a>, '
        '<a href="/api/v1/api-docs">Swagger 2.0</a>.</p>'
        f"{tables}</html>"
    )


def _row(operation: Operation) -> str:
    query = "".join(f" {name}" for name in operation.query)
    statuses = sorted({*operation.answers, *operation.errors})
    told = " ".join(map(str, statuses)) or "as the action answers"
    return (
        f"<tr><td><code>{operation.method}</code><td><code>{escape(operation.path)}"
        f"</code><br>{escape(operation.summary)}"
        + (f"<br>query:<code>{escape(query)}</code>" if query else "")
        + f"<td>{escape(operation.right)}<td>{told}"
    )
