"""Adapters of the store ports."""
