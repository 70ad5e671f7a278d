"""What travels, as JSON Schema.  Members that are not named here are ignored in bodies;
answers may gain some.  Source: the swagger file of OpenWhisk's controller.
"""

from __future__ import annotations

from typing import Any

from chasen.entities.limits import BLOCKING_WAIT_MS_MAX, PAGE_DEFAULT, PAGE_MAX
from controller.api.query import SKIP_MAX

Schema = dict[str, Any]

NAME = r"^[A-Za-z0-9_]([A-Za-z0-9_@ .&-]{0,254}[A-Za-z0-9_@.&-])?$"
_VERSION = r"^[0-9]+\.[0-9]+\.[0-9]+$"
_STRING: Schema = {"type": "string"}
_INTEGER: Schema = {"type": "integer"}
_BOOLEAN: Schema = {"type": "boolean"}
_STATE: Schema = {"type": "string", "enum": ["active", "inactive"]}
_MOMENT: Schema = {"type": "integer", "description": "milliseconds since 1970"}


def ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def array(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def obj(required: str = "", /, **properties: Schema) -> Schema:
    """Answer an object; ``required`` names members with spaces between."""
    schema: Schema = {"type": "object", "properties": properties}
    return schema | ({"required": required.split()} if required else {})


_KEY_VALUES = array(ref("KeyValue"))
_ENTITY: dict[str, Schema] = {
    "namespace": {"type": "string", "description": "with /package where there is one"},
    "name": _STRING,
    "version": {"type": "string", "pattern": _VERSION},
    "publish": _BOOLEAN,
    "annotations": _KEY_VALUES,
    "updated": _MOMENT,
}
_ENTITY_MEMBERS = "namespace name version publish annotations updated"
_GIVEN: dict[str, Schema] = {
    "version": {"type": "string", "pattern": _VERSION},
    "publish": _BOOLEAN,
    "annotations": _KEY_VALUES,
}
_RECORD: dict[str, Schema] = {
    "namespace": _STRING,
    "name": _STRING,
    "version": _STRING,
    "publish": _BOOLEAN,
    "annotations": _KEY_VALUES,
    "activationId": {"type": "string", "pattern": "^[0-9a-f]{32}$"},
    "start": _MOMENT,
    "end": _MOMENT,
    "duration": {"type": "integer", "description": "milliseconds"},
    "cause": {"type": "string", "description": "id of the activation that led here"},
}
_RECORD_MEMBERS = "namespace name version publish annotations activationId start"

SCHEMAS: dict[str, Schema] = {
    "Error": obj("error code", error=_STRING, code=_STRING)
    | {"description": "what is wrong, and the transaction id to ask the operator with"},
    "KeyValue": obj(
        "key",
        key={"type": "string"},
        value={"description": "any JSON"},
        init=_BOOLEAN,
        encryption={"type": "string", "description": "how a locked value is sealed"},
    ),
    "Reference": obj("path name", path=_STRING, name=_STRING),
    "Accepted": obj("activationId", activationId=_STRING),
    "Result": {"description": "what the action answered: an object or an array"},
    "Payload": {"type": "object", "description": "arguments of the activation"},
    "Namespaces": array(_STRING),
    "NamespaceLimits": obj(
        "invocationsPerMinute concurrentInvocations firesPerMinute",
        invocationsPerMinute=_INTEGER,
        concurrentInvocations=_INTEGER,
        firesPerMinute=_INTEGER,
        minActionMemory=_INTEGER,
        maxActionMemory=_INTEGER,
        minActionLogs=_INTEGER,
        maxActionLogs=_INTEGER,
        minActionTimeout=_INTEGER,
        maxActionTimeout=_INTEGER,
        minActionConcurrency=_INTEGER,
        maxActionConcurrency=_INTEGER,
        maxParameterSize=_STRING,
        maxActionInstances=_INTEGER,
        allowedKinds=array(_STRING),
        storeActivations=_BOOLEAN,
    ),
    "ActionLimits": obj(
        timeout={"type": "integer", "description": "milliseconds"},
        memory={"type": "integer", "description": "MB"},
        logs={"type": "integer", "description": "MB"},
        concurrency=_INTEGER,
        instances=_INTEGER,
    ),
    "Exec": obj(
        "kind",
        kind={"type": "string", "description": "nodejs:20, blackbox, sequence, ..."},
        code={"type": "string", "description": "text, or base64 of an archive"},
        binary=_BOOLEAN,
        main=_STRING,
        image={"type": "string", "description": "of a blackbox"},
        components=array(_STRING),
    ),
    "ActionPut": obj(
        exec=ref("Exec"),
        parameters=_KEY_VALUES,
        limits=ref("ActionLimits"),
        delAnnotations=array(_STRING),
        **_GIVEN,
    ),
    "Action": obj(
        f"{_ENTITY_MEMBERS} exec parameters limits",
        exec=ref("Exec"),
        parameters=_KEY_VALUES,
        limits=ref("ActionLimits"),
        binding={"type": "string", "description": "ns/package it was reached by"},
        **_ENTITY,
    ),
    "ActionRow": obj(
        f"{_ENTITY_MEMBERS} exec limits",
        exec=obj("binary", binary=_BOOLEAN),
        limits=ref("ActionLimits"),
        **_ENTITY,
    ),
    "Binding": obj("namespace name", namespace=_STRING, name=_STRING),
    "PackagePut": obj(binding=ref("Binding"), parameters=_KEY_VALUES, **_GIVEN),
    "PackageContent": obj(
        "name version annotations",
        name=_STRING,
        version=_STRING,
        annotations=_KEY_VALUES,
    ),
    "Package": obj(
        f"{_ENTITY_MEMBERS} parameters binding",
        parameters=_KEY_VALUES,
        binding={"anyOf": [ref("Binding"), {"type": "object", "maxProperties": 0}]},
        actions=array(ref("PackageContent")),
        feeds=array(ref("PackageContent")),
        **_ENTITY,
    ),
    "PackageRow": obj(
        f"{_ENTITY_MEMBERS} binding",
        binding={"anyOf": [ref("Binding"), {"const": False}]},
        **_ENTITY,
    ),
    "TriggerPut": obj(parameters=_KEY_VALUES, **_GIVEN),
    "Trigger": obj(
        f"{_ENTITY_MEMBERS} parameters",
        parameters=_KEY_VALUES,
        limits={"type": "object"},
        rules={
            "type": "object",
            "additionalProperties": obj(
                "action status", action=ref("Reference"), status=_STRING
            ),
        },
        **_ENTITY,
    ),
    "TriggerRow": obj(_ENTITY_MEMBERS, **_ENTITY),
    "RulePut": obj(
        trigger=ref("GivenReference"), action=ref("GivenReference"), **_GIVEN
    ),
    "GivenReference": {
        "anyOf": [_STRING, ref("Reference")],
        "description": "/namespace/[package/]name, or path and name; _ is your own",
    },
    "RuleStatus": obj("status", status=_STATE),
    "Rule": obj(
        f"{_ENTITY_MEMBERS} trigger action status",
        trigger=ref("Reference"),
        action=ref("Reference"),
        status=_STATE,
        **_ENTITY,
    ),
    "RuleRow": obj(
        f"{_ENTITY_MEMBERS} trigger action",
        trigger=ref("Reference"),
        action=ref("Reference"),
        **_ENTITY,
    ),
    "Response": obj(
        "success status",
        result={"description": "any JSON"},
        size=_INTEGER,
        success=_BOOLEAN,
        status=_STRING,
    ),
    "Logs": obj("logs", logs=array(_STRING)),
    "Activation": obj(
        f"{_RECORD_MEMBERS} subject logs response",
        subject=_STRING,
        logs=array(_STRING),
        response=ref("Response"),
        **_RECORD,
    ),
    "ActivationRow": obj(_RECORD_MEMBERS, statusCode=_INTEGER, **_RECORD),
    "Platform": obj(
        "description support api_paths limits runtimes",
        description=_STRING,
        support={"type": "object", "additionalProperties": _STRING},
        api_paths=array(_STRING),
        limits={"type": "object", "additionalProperties": _INTEGER},
        runtimes={"type": "object"},
    ),
    "ApiDescription": obj(
        "description api_version api_version_path build buildno swagger_paths",
        description=_STRING,
        api_version=_STRING,
        api_version_path=_STRING,
        build=_STRING,
        buildno=_STRING,
        swagger_paths={"type": "object", "additionalProperties": _STRING},
    ),
    "Document": {"type": "object"},
}


def listing(row: str, collection: str) -> Schema:
    """A list's answer: rows, or with ``count`` how many there are."""
    count = obj(collection, **{collection: _INTEGER})
    return {"anyOf": [array(ref(row)), count]}


# Parameters: where, what, and how it looks -------------------------------------------


def _in_path(sentence: str, pattern: str = NAME) -> Schema:
    return {
        "in": "path",
        "required": True,
        "description": sentence,
        "schema": {"type": "string", "pattern": pattern},
    }


def _in_query(sentence: str, **schema: Any) -> Schema:
    return {"in": "query", "description": sentence, "schema": schema}


def _flag(sentence: str, *, default: bool = False) -> Schema:
    return _in_query(sentence, type="boolean", default=default)


PARAMETERS: dict[str, Schema] = {
    "namespace": _in_path("a namespace; _ is that of your key"),
    "package": _in_path("a package"),
    "name": _in_path("the entity's name"),
    "identifier": _in_path("the activation's id", "^[0-9a-f]{32}$"),
    "action": _in_path(
        "an action; .json, .html, .http, .svg or .text behind it says how to answer"
    ),
    "limit": _in_query(
        "how many rows at most; 0 is as many as there may be",
        type="integer",
        minimum=0,
        maximum=PAGE_MAX,
        default=PAGE_DEFAULT,
    ),
    "skip": _in_query(
        "how many rows to leave out", type="integer", minimum=0, maximum=SKIP_MAX
    ),
    "count": _flag("only tell how many there are"),
    "overwrite": _flag("change what is there"),
    "code": _flag("with the code", default=True),
    "force": _flag("with its contents, if they are actions"),
    "blocking": _flag("wait for the result"),
    "result": _flag("answer the result alone, not the whole record"),
    "timeout": _in_query(
        "how many milliseconds to wait at most",
        type="integer",
        minimum=1,
        maximum=BLOCKING_WAIT_MS_MAX,
    ),
    "docs": _flag("whole records"),
    "since": _in_query("not before, in ms", type="integer", minimum=0),
    "upto": _in_query("not behind, in ms", type="integer", minimum=0),
    "activation_name": {
        **_in_query("of this action only", type="string"),
        "name": "name",
    },
}
