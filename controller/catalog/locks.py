"""Locking parameters: what a user marks is sealed before the store sees it.

A sealed value opens only in the namespace that stored it, and only in an invoker, for
the run.  To be given back as it was shown is fine: it stays what it is.
Source: ParameterEncryption.scala; the mark on single parameters is ours.
"""

from __future__ import annotations

from dataclasses import replace

import orjson

from chasen.entities import Parameter, Parameters
from chasen.errors import BadInput
from chasen.seal import Seal, SealBroken

NO_LOCK = "Parameters cannot be encrypted here."


def lock(seal: Seal | None, namespace: str, parameters: Parameters) -> Parameters:
    """Answer the parameters as they are stored.

    Raises:
        BadInput: this house has no key to lock with.
    """
    if not any(each.encryption for each in parameters.items):
        return parameters
    if seal is None:
        raise BadInput(NO_LOCK)
    return Parameters(
        tuple(
            _locked(seal, namespace, each) if each.encryption else each
            for each in parameters.items
        )
    )


def refuse_locks(parameters: Parameters | None) -> None:
    """Raises BadInput; for what is not run by an invoker, so that nobody could open."""
    if parameters and any(each.encryption for each in parameters.items):
        raise BadInput(NO_LOCK)


def _locked(seal: Seal, namespace: str, given: Parameter) -> Parameter:
    if isinstance(given.value, str) and _is_sealed(seal, namespace, given.value):
        return given
    text = orjson.dumps(given.value).decode()
    return replace(given, value=seal.seal(text, namespace))


def _is_sealed(seal: Seal, namespace: str, text: str) -> bool:
    try:
        seal.open(text, namespace)
    except SealBroken:
        return False
    return True
