"""The manifest and the deployment file: where they are, what is in them."""

import os
from typing import Any, NamedTuple

from wsk import yamlread
from wsk.errors import GENERAL, WskError
from wsk.properties import Config
from wsk.session import Session

SIZE_LIMIT_BYTES = yamlread.SIZE_LIMIT_BYTES


class Source(NamedTuple):
    """A manifest as read: nothing checked yet."""

    path: str
    root: str  # files of actions lie below
    manifest: dict[str, Any]
    deployment: dict[str, Any]


def _find(folder: str, stem: str) -> str:
    for suffix in (".yaml", ".yml"):
        path = os.path.join(folder, stem + suffix)
        if os.path.isfile(path):
            return path
    return ""


def read(session: Session) -> Source:
    """Read the files that the flags name, or the project folder's.

    Raises:
        WskError: no manifest, or one that is not YAML of plain data.
    """
    call = session.call
    folder = call.text("project") or "."
    if call.operands and os.path.isdir(call.operands[0]):
        folder = call.operands[0]
    path = call.text("manifest") or _find(folder, "manifest")
    if not path or not os.path.isfile(path):
        where = call.text("manifest") or folder
        raise WskError(f"Manifest file not found at path [{where}].", GENERAL)
    root = os.path.dirname(os.path.abspath(path))
    stem = f"deployment.{call.text('env')}" if call.given("env") else "deployment"
    second = call.text("deployment") or _find(folder, stem)
    if (call.given("deployment") or call.given("env")) and not second:
        raise WskError(f"Deployment file not found at path [{folder}/{stem}.yaml].")
    manifest = _read_yaml(session, path)
    deployment = _read_yaml(session, second) if second else {}
    return Source(path, root, manifest, deployment)


def _read_yaml(session: Session, path: str) -> dict[str, Any]:
    try:
        if os.path.getsize(path) > SIZE_LIMIT_BYTES:
            raise WskError(f"{path}: it is larger than {SIZE_LIMIT_BYTES >> 20} MiB")
        with open(path, encoding="utf-8-sig") as file:
            text = file.read()
    except UnicodeDecodeError as error:
        raise WskError(f"{path}: it is not UTF-8 text") from error
    except OSError as error:
        raise WskError(f"{path}: {error.strerror}") from error
    doubts: list[str] = []
    try:
        found = yamlread.load(text, doubts)
    except ValueError as error:
        raise WskError(f"{path}: {error}") from error
    for doubt in doubts:
        session.out.warn(f"{path}: {doubt}")
    if not isinstance(found, dict):
        raise WskError(f"{path}: it is empty or no mapping; `packages:` is expected")
    return found


def project_of(manifest: dict[str, Any]) -> dict[str, Any]:
    """The optional `project:` wrapper."""
    found = manifest.get("project")
    return found if isinstance(found, dict) else {}


def project_name(session: Session, source: Source) -> str:
    name = session.call.text("projectname")
    return name or str(project_of(source.manifest).get("name", ""))


def credentials(session: Session, source: Source) -> Config:
    """Command line, then deployment file, manifest, properties file."""
    config = session.config
    typed = {"auth": session.call.text("auth"), "apihost": session.call.text("apihost")}
    places = (project_of(source.deployment), project_of(source.manifest))
    for field, key in (("auth", "credential"), ("apihost", "apiHost")):
        if typed[field]:
            continue
        for place in places:
            if isinstance(place.get(key), str) and place[key]:
                from wsk.project.values import interpolate

                config = config._replace(**{field: interpolate(place[key])})
                break
    return config
