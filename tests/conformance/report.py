"""The conformance table: passed and failed per section, and what is not covered.

``python tests/conformance/report.py [pytest options]`` runs the suite; a case counts
as passed when all tests with its number passed, on every house that was asked for.
"""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

SUITE = Path(__file__).parent
SECTIONS = {
    "Transport, info, authentication": (1, 22),
    "Limits endpoint and admin overrides": (23, 31),
    "Names, ids, shared key space": (32, 46),
    "Listing": (47, 65),
    "Action create, read, update, delete": (66, 110),
    "Invocation": (111, 140),
    "Sequences": (141, 157),
    "Conductors": (158, 167),
    "Triggers": (168, 183),
    "Rules": (184, 201),
    "Packages": (202, 219),
    "Activations": (220, 235),
    "Web actions": (236, 275),
    "API gateway": (276, 286),
    "Throttles, admin tool": (287, 297),
}
_NAME = re.compile(r"::test_((?:case_)?\d{3}\w*)")
_NUMBER = re.compile(r"(?:^|_)(?:case_)?(\d{3})(?=_|$)")
_PARAMETER = re.compile(r"\bcase_(\d{3})\b")


def cases_of(nodeid: str) -> set[int]:
    """Answer the numbers that a test stands for.

    One that names several has its own in the parameter's id, or proves all of them.
    """
    own = {int(number) for number in _PARAMETER.findall(nodeid.partition("[")[2])}
    if own:
        return own
    found = _NAME.search(nodeid)
    return {int(number) for number in _NUMBER.findall(found[1])} if found else set()


@dataclass
class Results:
    """A pytest plugin that keeps what became of each test."""

    passed: dict[int, set[str]] = field(default_factory=lambda: defaultdict(set))
    failed: dict[int, set[str]] = field(default_factory=lambda: defaultdict(set))
    tests: int = 0

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call":
            self.tests += 1
        bad = report.failed or report.skipped
        if not bad and report.when != "call":
            return
        for case in cases_of(report.nodeid):
            (self.failed if bad else self.passed)[case].add(report.nodeid)


def table(results: Results) -> Iterator[str]:
    """Answer the lines of the table."""
    yield f"{'section':<40} {'cases':>5} {'passed':>6} {'failed':>6}  not covered"
    totals = [0, 0, 0, 0]
    for section, (first, last) in SECTIONS.items():
        cases = set(range(first, last + 1))
        failed = cases & results.failed.keys()
        passed = (cases & results.passed.keys()) - failed
        missing = sorted(cases - failed - passed)
        counts = (len(cases), len(passed), len(failed), len(missing))
        totals = [total + count for total, count in zip(totals, counts, strict=True)]
        yield (
            f"{section:<40} {counts[0]:>5} {counts[1]:>6} {counts[2]:>6}  "
            f"{ranges(missing)}"
        )
        for case in sorted(failed):
            yield f"    {case:03}: {', '.join(sorted(results.failed[case]))}"
    yield f"{'all':<40} {totals[0]:>5} {totals[1]:>6} {totals[2]:>6}  {totals[3]}"


def ranges(numbers: list[int]) -> str:
    """Answer [1, 2, 3, 7] as "1-3, 7"."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and runs[-1][1] == number - 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ", ".join(
        str(first) if first == last else f"{first}-{last}" for first, last in runs
    )


def main(options: list[str]) -> int:
    results = Results()
    status = pytest.main([str(SUITE), "-q", *options], plugins=[results])
    print()
    print("\n".join(table(results)))
    print(f"{results.tests} tests; options: {' '.join(options) or 'none'}")
    return int(status)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
