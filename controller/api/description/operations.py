"""Every route with its methods, rights, parameters, bodies and statuses: one table.

A route that is missing here fails a test, and so does one whose right is not held.
"""

from __future__ import annotations

from collections.abc import Mapping

from controller.api.description.operation import Operation, Right
from controller.api.description.schemas import Schema, listing, ref

NS = "/api/v1/namespaces/{namespace}"
JSON_OBJECT = ref("Document")

# 400 names and queries, 415 encoded requests, 429 too many failed logins, 503 a part
# of the house is down: anything with a key may end so.
_OPEN = (400, 415)
_KEYED = (400, 401, 415, 429, 503)
_OWN = (400, 401, 403, 415, 429, 503)
_ONE = (*_OWN, 404, 409)
_PAGE = ("limit", "skip", "count")
_WRITE = (*_ONE, 413)
_INVOKED: Mapping[int, Schema | str | None] = {
    200: {"anyOf": [ref("Activation"), ref("Result")]},
    202: ref("Accepted"),
    500: {"anyOf": [ref("Activation"), ref("Result"), ref("Error")]},
    502: {"anyOf": [ref("Activation"), ref("Result")]},
}


def _info() -> list[Operation]:
    def told(
        path: str, name: str, summary: str, answers: Mapping[int, Schema | str | None]
    ) -> Operation:
        return Operation("GET", path, name, summary, Right.NONE, answers, _OPEN)

    return [
        told(
            "/", "platform", "limits and runtimes of this house", {200: ref("Platform")}
        ),
        told("/ping", "ping", "a sign of life", {200: "text/plain"}),
        told("/openapi.json", "openapi", "this API as OpenAPI 3.1", {200: JSON_OBJECT}),
        told("/api/v1", "api", "this version of the API", {200: ref("ApiDescription")}),
        told("/api/v1/api-docs", "swagger", "as Swagger 2.0", {200: JSON_OBJECT}),
        told("/api/v1/docs", "docs", "to the page for readers", {308: None}),
        told(
            "/api/v1/docs/index.html", "page", "a page for readers", {200: "text/html"}
        ),
        Operation(
            "GET",
            "/api/v1/namespaces",
            "getNamespaces",
            "the namespace of this key",
            Right.KEY,
            {200: ref("Namespaces")},
            _KEYED,
        ),
        Operation(
            "GET",
            f"{NS}/limits",
            "getLimits",
            "what this namespace may do",
            Right.READ,
            {200: ref("NamespaceLimits")},
            _OWN,
        ),
        Operation(
            "GET",
            f"{NS}/limits/{{name}}",
            "getLimit",
            "refused: there is nothing below limits",
            Right.READ,
            {},
            _OWN,
        ),
    ]


def _actions() -> list[Operation]:
    return [
        *_action_lists(),
        *_one_action(f"{NS}/actions/{{name}}", "Action", in_package=False),
        *_one_action(
            f"{NS}/actions/{{package}}/{{name}}", "PackagedAction", in_package=True
        ),
    ]


def _action_lists() -> list[Operation]:
    rows = listing("ActionRow", "actions")
    of_package = f"{NS}/actions/{{package}}/"
    return [
        Operation(
            "GET",
            f"{NS}/actions",
            "listActions",
            "actions, newest first",
            Right.READ,
            {200: rows},
            _OWN,
            _PAGE,
        ),
        Operation(
            "GET",
            of_package,
            "listPackagedActions",
            "actions of a package",
            Right.READ,
            {200: rows},
            (*_ONE, 422),
            _PAGE,
            shared=True,
        ),
        *(
            Operation(
                method,
                of_package,
                f"{method.lower()}PackagedActions",
                "refused: a list is not written to",
                Right.KEY,
                {},
                (*_KEYED, 404),
            )
            for method in ("DELETE", "POST", "PUT")
        ),
    ]


def _one_action(path: str, suffix: str, *, in_package: bool) -> list[Operation]:
    action = {200: ref("Action")}
    one = (*_ONE, 422) if in_package else _ONE
    return [
        Operation(
            "GET",
            path,
            f"get{suffix}",
            "an action",
            Right.READ,
            action,
            one,
            ("code",),
            shared=in_package,
        ),
        Operation(
            "PUT",
            path,
            f"put{suffix}",
            "create or, with overwrite, change an action",
            Right.PUT,
            action,
            (*one, 413),
            ("overwrite",),
            "ActionPut",
        ),
        Operation(
            "DELETE",
            path,
            f"delete{suffix}",
            "delete an action",
            Right.DELETE,
            action,
            one,
        ),
        Operation(
            "POST",
            path,
            f"invoke{suffix}",
            "invoke an action",
            Right.ACTIVATE,
            _INVOKED,
            (*one, 413),
            ("blocking", "result", "timeout"),
            "Payload",
            body_required=False,
            hot=True,
            shared=in_package,
        ),
    ]


def _packages() -> list[Operation]:
    package = {200: ref("Package")}
    found = _collection("package", "binding or package", ref("Package"), "PackageRow")
    found[0] = Operation(
        "GET",
        f"{NS}/packages",
        "listPackages",
        "packages, newest first; of others only what is published",
        Right.KEY,
        {200: listing("PackageRow", "packages")},
        _KEYED,
        _PAGE,
    )
    found[1] = Operation(
        "GET",
        f"{NS}/packages/{{name}}",
        "getPackage",
        "a package or binding with its contents",
        Right.READ,
        package,
        (*_ONE, 422),
        shared=True,
    )
    found[3] = Operation(
        "DELETE",
        f"{NS}/packages/{{name}}",
        "deletePackage",
        "delete a package or binding",
        Right.DELETE,
        package,
        _ONE,
        ("force",),
    )
    return found


def _triggers() -> list[Operation]:
    return [
        *_collection("trigger", "trigger", ref("Trigger"), "TriggerRow"),
        Operation(
            "POST",
            f"{NS}/triggers/{{name}}",
            "fireTrigger",
            "fire a trigger; 204: no active rule",
            Right.ACTIVATE,
            {202: ref("Accepted"), 204: None},
            _WRITE,
            body="Payload",
            body_required=False,
            hot=True,
        ),
    ]


def _rules() -> list[Operation]:
    return [
        *_collection("rule", "rule", ref("Rule"), "RuleRow"),
        Operation(
            "POST",
            f"{NS}/rules/{{name}}",
            "setRuleState",
            "activate or deactivate a rule",
            Right.ACTIVATE,
            {200: "text/plain"},
            _WRITE,
            body="RuleStatus",
        ),
    ]


def _collection(kind: str, what: str, shape: Schema, row: str) -> list[Operation]:
    """List, read, write and delete, as all entities have them."""
    path, title = f"{NS}/{kind}s", kind.capitalize()
    one = f"{path}/{{name}}"
    return [
        Operation(
            "GET",
            path,
            f"list{title}s",
            f"{kind}s, newest first",
            Right.READ,
            {200: listing(row, f"{kind}s")},
            _OWN,
            _PAGE,
        ),
        Operation(
            "GET", one, f"get{title}", f"a {what}", Right.READ, {200: shape}, _ONE
        ),
        Operation(
            "PUT",
            one,
            f"put{title}",
            f"create or, with overwrite, change a {what}",
            Right.PUT,
            {200: shape},
            _WRITE,
            ("overwrite",),
            f"{title}Put",
            body_required=kind == "rule",
        ),
        Operation(
            "DELETE",
            one,
            f"delete{title}",
            f"delete a {what}",
            Right.DELETE,
            {200: shape},
            _ONE,
        ),
    ]


def _activations() -> list[Operation]:
    path = f"{NS}/activations"
    one = f"{path}/{{identifier}}"

    def part(suffix: str, name: str, what: str, shape: str) -> Operation:
        return Operation(
            "GET",
            one + suffix,
            name,
            f"{what} of an activation",
            Right.READ,
            {200: ref(shape)},
            (*_OWN, 404),
            route=f"{one}/{{part}}" if suffix else "",
        )

    rows = {
        "anyOf": [
            {"type": "array", "items": ref("Activation")},
            *listing("ActivationRow", "activations")["anyOf"],
        ]
    }
    return [
        Operation(
            "GET",
            path,
            "listActivations",
            "activations, newest first",
            Right.READ,
            {200: rows},
            _OWN,
            (*_PAGE, "docs", "since", "upto", "activation_name"),
        ),
        part("", "getActivation", "the record", "Activation"),
        part("/result", "getActivationResult", "the result", "Response"),
        part("/logs", "getActivationLogs", "the logs", "Logs"),
    ]


def _web() -> list[Operation]:
    """The answer is the action's own; a path may follow its name."""
    return [
        Operation(
            method,
            "/api/v1/web/{namespace}/{package}/{action}",
            f"{method.lower()}WebAction",
            "a web action; package default is none",
            Right.NONE,
            {},
            route="/api/v1/web/{address:path}",
            hot=True,
        )
        for method in ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")
    ]


OPERATIONS: tuple[Operation, ...] = (
    *_info(),
    *_actions(),
    *_packages(),
    *_triggers(),
    *_rules(),
    *_activations(),
    *_web(),
)
