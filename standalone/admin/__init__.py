"""``chasen admin``: subjects, keys and limits; OpenWhisk's wskadmin in its own words.

Speaks to the operator port of the house that runs, and opens the store itself only when
nothing answers there.  Keys come from files or stdin, never as arguments.  What the
operations mean is ``controller.administration``.
"""

from __future__ import annotations

import argparse
import asyncio

from chasen.settings import Settings
from standalone.admin.grammar import add_to

__all__ = ["add_to", "run"]


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Carry out one command; answer its exit status."""
    from standalone.admin.commands import carry_out

    return asyncio.run(carry_out(arguments, settings))
