"""The language of the house: entities, messages, ports and their adapters."""

__version__ = "0.1.0"
__build__ = "2026-11-22"  # the date that clients are shown
