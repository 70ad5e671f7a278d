"""Fixtures of the conformance suite."""

from fixtures.old_kinds import old_house

__all__ = ["old_house"]
