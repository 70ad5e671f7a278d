"""The annotation by which a project knows its own entities.

whisk-managed: {"projectName", "projectHash", "projectDeps", "file"}
"""

import hashlib
from typing import Any

from wsk.entities import annotation
from wsk.errors import WskError
from wsk.lists import everything
from wsk.names import encode
from wsk.project.planned import Plan, Planned
from wsk.project.source import Source
from wsk.session import Session

KEY = "whisk-managed"
COLLECTIONS = ("rules", "triggers", "actions", "packages")


def project_hash(source: Source) -> str:
    """SHA-1 as the original computes it, so that both tools agree."""
    with open(source.path, "rb") as file:
        content = file.read()
    text = b"OpenWhisk " + str(len(content)).encode() + b"\0" + content
    return hashlib.sha1(text).hexdigest()  # noqa: S324 - a name, not a defence


def mark(plan: Plan, source: Source, name: str) -> None:
    """Annotate everything in a plan as this project's."""
    bound = [
        f"/{p.body['binding']['namespace']}/{p.body['binding']['name']}"
        for p in plan.packages
        if "binding" in p.body
    ]
    value = {
        "projectName": name,
        "projectHash": project_hash(source),
        "projectDeps": bound,
        "file": source.path,
    }
    for entity in plan.entities:
        pairs = entity.body.setdefault("annotations", [])
        pairs.append({"key": KEY, "value": value})


def owner(row: Any) -> tuple[str, str]:
    """Project name and hash of a row of a list; empty for strangers."""
    value = annotation(row, KEY)
    if not isinstance(value, dict):
        return "", ""
    return str(value.get("projectName", "")), str(value.get("projectHash", ""))


def owned(
    session: Session, namespace: str, name: str, *, but: str = ""
) -> list[Planned]:
    """What belongs to a project, except what has the hash `but`; ends come first."""
    found: list[Planned] = []
    for collection in COLLECTIONS:
        rows = everything(session, namespace, collection)
        for row in rows:
            project, digest = owner(row)
            if project == name and (not but or digest != but):
                package = str(row.get("namespace", "")).partition("/")[2]
                path = f"{package}/{row['name']}" if package else str(row["name"])
                feed = annotation(row, "feed")
                feed = feed if isinstance(feed, str) else ""
                found.append(Planned(collection, path, {}, feed))
    return found


def fetch(session: Session, namespace: str, entity: Planned) -> Any:
    """The stored entity, None when there is none."""
    route = f"{entity.collection}/{encode(entity.name)}"
    code = (("code", "true"),) if entity.collection == "actions" else ()
    try:
        return session.client.call("GET", namespace, route, code, large=True)
    except WskError as error:
        if error.status == 404:
            return None
        raise
