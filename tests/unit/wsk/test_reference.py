"""docs/wsk.md is what the command tree says."""

from pathlib import Path

from wsk.reference import lines

PAGE = Path(__file__).resolve().parents[3] / "docs" / "wsk.md"


def test_the_reference_is_up_to_date() -> None:
    """If not: `python -m wsk.reference > docs/wsk.md`."""
    assert PAGE.read_text() == "\n".join(lines()) + "\n"
