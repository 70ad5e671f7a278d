"""Writes the tables of settings and metrics into operating.md, from the code.

    .venv/bin/python docs/tables.py

They lie between marks in the page.  A test compares the page with what this writes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from prometheus_client import Counter, Gauge, Histogram
from prometheus_client.metrics import MetricWrapperBase

from chasen import metrics
from chasen.settings import KNOBS

PAGE = Path(__file__).with_name("operating.md")
KINDS: dict[type[MetricWrapperBase], tuple[str, str]] = {
    Counter: ("counter", "_total"),
    Gauge: ("gauge", ""),
    Histogram: ("histogram", ""),
}


def settings_table() -> str:
    rows = ["| setting | default | meaning |", "|---|---|---|"]
    for knob in KNOBS:
        default = f"`{knob.default}`" if knob.default else ""
        rows.append(f"| `{knob.variable}` | {default} | {knob.sentence} |")
    return "\n".join(rows)


def metrics_table() -> str:
    rows = ["| metric | kind | labels | meaning |", "|---|---|---|---|"]
    for metric in _metrics():
        kind, ending = KINDS[type(metric)]
        (family,) = metric.describe()
        labels = ", ".join(f"`{name}`" for name in metric._labelnames)
        text = family.documentation
        rows.append(f"| `{family.name}{ending}` | {kind} | {labels} | {text} |")
    return "\n".join(rows)


def _metrics() -> Iterator[MetricWrapperBase]:
    """Answer each metric once; its children are bound in the same module."""
    for value in vars(metrics).values():
        if isinstance(value, MetricWrapperBase) and not value._labelvalues:
            yield value


def filled(page: str) -> str:
    """Answer the page with the tables of today between its marks."""
    for mark, table in (("settings", settings_table()), ("metrics", metrics_table())):
        begin, end = f"<!-- {mark}: docs/tables.py -->", f"<!-- end of {mark} -->"
        pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
        assert pattern.search(page), f"operating.md has no mark for {mark}"
        page = pattern.sub(lambda _: f"{begin}\n{table}\n{end}", page)  # noqa: B023
    return page


if __name__ == "__main__":
    PAGE.write_text(filled(PAGE.read_text("utf-8")), "utf-8")
    print(PAGE)
