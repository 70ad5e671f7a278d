"""Adapters of the bus port, and the feed that reads them."""
