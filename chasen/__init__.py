"""The language of the house: entities, messages, ports and their adapters."""

__version__ = "0.1.0"
