"""Adapters of the container port: processes and Docker."""
