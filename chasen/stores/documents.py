"""Entities as documents: one plain JSON object each, read back strictly.

Shared by every adapter, so that a document looks the same wherever it lies.  What does
not live here: records of activations (``records.py``) and subjects (``subjects.py``).
Users' keys stand below ``parameters``, ``annotations`` and ``rules``, never at the top,
where CouchDB refuses a leading underscore.  Source: WhiskAction.scala and its sisters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import orjson

from chasen.entities import (
    BLACKBOX,
    SEQUENCE,
    Action,
    ActionLimits,
    BlackBoxExec,
    CodeExec,
    Entity,
    EntityPath,
    Executable,
    FullyQualifiedEntityName,
    Package,
    Parameters,
    ReducedRule,
    Rule,
    SemVer,
    SequenceExec,
    Status,
    Trigger,
)
from chasen.errors import BadInput, CorruptDocument, MalformedContent, WrongCollection

Document = dict[str, Any]
T = TypeVar("T")
E = TypeVar("E", bound=Entity)

ENTITY_TYPE = "entityType"
_KINDS: dict[str, type[Entity]] = {
    "action": Action,
    "trigger": Trigger,
    "rule": Rule,
    "package": Package,
}
_KIND_NAMES = {kind: name for name, kind in _KINDS.items()}
SHARED_PACKAGE = "package, shared"


def kind_name(kind: type[Entity]) -> str:
    """Answer what stands in ``entityType``: action, trigger, rule or package."""
    return _KIND_NAMES[kind]


def list_name(kind: type[Entity], *, shared: bool) -> str:
    """Answer under which name the lists of this kind are kept."""
    assert kind is Package or not shared, "only packages are shared"
    return SHARED_PACKAGE if shared else kind_name(kind)


def encode_document(document: Document) -> bytes:
    """Answer the document as JSON text; MalformedContent for what JSON cannot say."""
    try:
        return orjson.dumps(document)
    except TypeError as error:
        raise MalformedContent(f"a value cannot be stored as JSON ({error})") from error


def decode_document(text: bytes) -> Document:
    """Answer the document in the text; CorruptDocument when it is none."""
    with corrupt_unless_readable():
        document = orjson.loads(text)
        if not isinstance(document, dict):
            raise TypeError("not an object")
        return document


@contextmanager
def corrupt_unless_readable() -> Iterator[None]:
    """Whatever goes wrong while a document is read, the document is corrupt."""
    try:
        yield
    except (LookupError, TypeError, ValueError, AttributeError, BadInput) as error:
        raise CorruptDocument from error


def taken(document: Document, key: str, kind: type[T]) -> T:
    """Answer the member, which must be there and of this very type."""
    value = document[key]
    if type(value) is not kind:
        raise TypeError(f"{key} is not {kind.__name__}")
    return value


# Writing -----------------------------------------------------------------------------


def entity_document(entity: Entity) -> Document:
    """Answer the document, without its revision.

    ``{"entityType": "action", "namespace": "ns[/package]", "name", "version",
    "publish", "annotations": [...], "updated": ms, ...}``
    """
    return {
        ENTITY_TYPE: kind_name(type(entity)),
        "namespace": str(entity.fqn.path),
        "name": entity.fqn.name,
        "version": str(entity.version),
        "publish": entity.publish,
        "annotations": entity.annotations.to_json(),
        "updated": entity.updated_ms,
    } | _own_members(entity)


def _own_members(entity: Entity) -> Document:
    match entity:
        case Action():
            return {
                "exec": _executable_document(entity.exec),
                "parameters": entity.parameters.to_json(),
                "limits": entity.limits.to_json(),
            }
        case Trigger():
            return {
                "parameters": entity.parameters.to_json(),
                "rules": _rules_document(entity),
            }
        case Rule():
            return {
                "trigger": _reference(entity.trigger),
                "action": _reference(entity.action),
            }
        case Package():
            return {
                "parameters": entity.parameters.to_json(),
                "binding": entity.binding and _reference(entity.binding),
            }
    raise AssertionError(f"no document for {type(entity).__name__}")


def _executable_document(executable: Executable) -> Document:
    if isinstance(executable, SequenceExec):
        components = [_reference(each) for each in executable.components]
        return {"kind": SEQUENCE, "components": components}
    document: Document = {
        "kind": executable.kind,
        "digest": executable.digest,
        "size": executable.size_bytes,
        "binary": executable.binary,
        "main": executable.main,
    }
    if isinstance(executable, BlackBoxExec):
        document["image"] = executable.image
    return document


def _rules_document(trigger: Trigger) -> Document | None:
    if trigger.rules is None:
        return None
    return {
        name: {"action": _reference(rule.action), "status": str(rule.status)}
        for name, rule in trigger.rules.items()
    }


def _reference(name: FullyQualifiedEntityName) -> Document:
    document = {"path": str(name.path), "name": str(name.name)}
    return document | ({"qualifier": name.qualifier} if name.qualifier else {})


# Reading -----------------------------------------------------------------------------


def decode_entity(
    kind: type[E], document: Document, identifier: str, revision: str
) -> E:
    """Answer the entity in the document that lies under this name.

    Raises:
        WrongCollection: the document holds another kind.
        CorruptDocument: anything is missing, of a wrong type, or another's.
    """
    with corrupt_unless_readable():
        stored = _KINDS[taken(document, ENTITY_TYPE, str)]
    if stored is not kind:
        raise WrongCollection
    with corrupt_unless_readable():
        path = EntityPath.parse(taken(document, "namespace", str))
        fqn = FullyQualifiedEntityName.of(
            path.namespace, taken(document, "name", str), path.package
        )
        if str(fqn) != identifier:
            raise ValueError(f"{fqn} lies under {identifier}")
        return kind(
            fqn=fqn,
            version=SemVer.parse(document["version"]),
            publish=taken(document, "publish", bool),
            annotations=Parameters.from_json(document["annotations"]),
            updated_ms=taken(document, "updated", int),
            revision=revision,
            **_OWN_READERS[kind](document),
        )


def _read_action(document: Document) -> dict[str, Any]:
    return {
        "exec": _read_executable(taken(document, "exec", dict)),
        "parameters": Parameters.from_json(document["parameters"]),
        "limits": _read_limits(taken(document, "limits", dict)),
    }


def _read_limits(document: Document) -> ActionLimits:
    for key in ActionLimits().to_json():
        taken(document, key, int)  # the reader would take a default for a lost one
    return ActionLimits.from_json(document)


def _read_executable(document: Document) -> Executable:
    if document["kind"] == SEQUENCE:
        components = taken(document, "components", list)
        return SequenceExec(tuple(_read_reference(each) for each in components))
    size = taken(document, "size", int)
    binary = taken(document, "binary", bool)
    main = _text_or_none(document, "main")
    if document["kind"] == BLACKBOX:
        image = taken(document, "image", str)
        digest = _text_or_none(document, "digest")
        return BlackBoxExec(image, digest, size, binary, main)
    kind, digest = taken(document, "kind", str), taken(document, "digest", str)
    return CodeExec(kind, digest, size, binary, main)


def _read_trigger(document: Document) -> dict[str, Any]:
    rules = document["rules"]
    return {
        "parameters": Parameters.from_json(document["parameters"]),
        "rules": None if rules is None else _read_rules(rules),
    }


def _read_rules(document: Document) -> dict[str, ReducedRule]:
    return {
        name: ReducedRule(_read_reference(rule["action"]), Status(rule["status"]))
        for name, rule in document.items()
    }


def _read_rule(document: Document) -> dict[str, Any]:
    return {
        "trigger": _read_reference(document["trigger"]),
        "action": _read_reference(document["action"]),
    }


def _read_package(document: Document) -> dict[str, Any]:
    binding = document["binding"]
    return {
        "parameters": Parameters.from_json(document["parameters"]),
        "binding": None if binding is None else _read_reference(binding),
    }


_OWN_READERS: dict[type[Entity], Callable[[Document], dict[str, Any]]] = {
    Action: _read_action,
    Trigger: _read_trigger,
    Rule: _read_rule,
    Package: _read_package,
}


def _read_reference(document: Document) -> FullyQualifiedEntityName:
    path = EntityPath.parse(taken(document, "path", str))
    name = FullyQualifiedEntityName.of(
        path.namespace, taken(document, "name", str), path.package
    )
    qualifier = document.get("qualifier")
    if qualifier is None:
        return name
    return FullyQualifiedEntityName(name.path, name.name, str(qualifier))


def _text_or_none(document: Document, key: str) -> str | None:
    return None if document[key] is None else taken(document, key, str)
