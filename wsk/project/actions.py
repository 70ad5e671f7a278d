"""Actions of a manifest: code from file, folder, URL or in place; kind and limits."""

import os
from typing import TYPE_CHECKING, Any

from wsk import artifacts, web
from wsk.entities import to_pairs
from wsk.jsontext import integer
from wsk.project.paths import inside, zipped
from wsk.project.source import Source
from wsk.project.values import interpolate

if TYPE_CHECKING:
    from wsk.project.plan import Planner

KEYS = {
    "function", "code", "runtime", "main", "docker", "native", "conductor", "web",
    "web-export", "inputs", "parameters", "outputs", "limits", "annotations", "version",
    "include", "exclude", "namespace", "credential", "description", "exposedUrl",
}  # fmt: skip
# manifest key: entity's key, the platform document's bounds, bytes or ms in a unit
LIMITS = {
    "timeout": ("timeout", "action_duration", 1),
    "memorySize": ("memory", "action_memory", 1 << 20),
    "logSize": ("logs", "action_logs", 1 << 20),
    "concurrentActivations": ("concurrency", "", 1),
}


class ActionReader:
    """Makes PUT bodies of a manifest's actions."""

    def __init__(
        self, source: Source, planner: "Planner", platform: dict[str, Any]
    ) -> None:
        self._root = source.root
        self._planner = planner
        self._platform = platform

    def read(
        self, name: str, where: str, body: dict[str, Any], more: dict[str, Any]
    ) -> dict[str, Any]:
        """Body of the PUT.

        Raises:
            ValueError: no code, code twice, no kind, or a file out of reach.
        """
        planner = self._planner
        planner.unknown_keys(where, body, KEYS)
        put: dict[str, Any] = {"name": name, "exec": self._exec(body)}
        annotations = planner.annotations(where, body, more)
        if body.get("description"):
            annotations.setdefault("description", body["description"])
        mode = body.get("web", body.get("web-export"))
        if mode is not None:
            from wsk.project.plan import mode_text

            annotations |= web.mode(mode_text(mode))
        if body.get("conductor") is True:
            annotations["conductor"] = True
        if annotations:
            put["annotations"] = to_pairs(annotations)
        parameters = planner.inputs(where, body, more)
        if parameters:
            put["parameters"] = to_pairs(parameters)
        limits = self._limits(where, body.get("limits"))
        if limits:
            put["limits"] = limits
        if body.get("version"):
            put["version"] = str(body["version"])
        return put

    def _exec(self, body: dict[str, Any]) -> dict[str, Any]:
        function, code = body.get("function"), body.get("code")
        docker, native = body.get("docker"), body.get("native") is True
        if function and code:
            raise ValueError("function and code exclude each other")
        if not function and code is None and not docker:
            raise ValueError("function, code or docker is needed")
        kind = str(body.get("runtime") or "")
        extension, text = "", None
        if function:
            text, extension, found = self._code(body, str(interpolate(str(function))))
            kind = kind or found
        elif code is not None:
            text = str(code)
            if not kind and not docker and not native:
                raise ValueError("code in place needs a runtime")
        return self._with_kind(body, kind, extension, text)

    def _with_kind(
        self, body: dict[str, Any], kind: str, extension: str, text: str | None
    ) -> dict[str, Any]:
        executed: dict[str, Any] = {}
        if body.get("docker") or body.get("native") is True:
            executed["kind"] = "blackbox"
            image = str(interpolate(str(body.get("docker") or "")))
            executed["image"] = image or artifacts.SKELETON_IMAGE
        else:
            if not kind and extension in artifacts.LANGUAGES:
                kind = f"{artifacts.LANGUAGES[extension]}:default"
            if not kind:
                raise ValueError(f"runtime: it does not follow from '{extension}'")
            self._check_kind(kind)
            executed["kind"] = kind
        if text is not None:
            executed["code"] = text
        if body.get("main"):
            executed["main"] = str(body["main"])
        return executed

    def _code(self, body: dict[str, Any], function: str) -> tuple[str, str, str]:
        """Code as JSON carries it, the extension, and a folder's kind."""
        if function.startswith(("http://", "https://")):
            raise ValueError(f"'{function}' is not fetched; put the file beside it")
        path = inside(self._root, function)
        if os.path.isdir(path):
            needs_kind = not (body.get("runtime") or body.get("docker"))
            kind = artifacts.folder_kind(path) if needs_kind else ""
            include, exclude = body.get("include"), body.get("exclude")
            data = zipped(self._root, path, include, exclude)
            return artifacts.encoded(data, ".zip"), ".zip", kind
        extension = os.path.splitext(path)[1]
        with open(path, "rb") as file:
            data = file.read(artifacts.CODE_LIMIT_BYTES + 1)
        return artifacts.encoded(data, extension), extension, ""

    def _check_kind(self, kind: str) -> None:
        """Refuse what the server does not run, if it said what it runs."""
        runtimes = self._platform.get("runtimes")
        if not isinstance(runtimes, dict) or not runtimes:
            return
        language, _, version = kind.partition(":")
        known = [str(item.get("kind")) for item in runtimes.get(language) or []]
        # servers resolve short versions, such as python:3, that they do not list
        fits = version in ("", "default") or any(x.startswith(kind) for x in known)
        if not known or not fits:
            listed = [str(i.get("kind")) for items in runtimes.values() for i in items]
            raise ValueError(
                f"runtime: '{kind}' is not one of {', '.join(sorted(listed))}"
            )

    def _limits(self, where: str, stated: Any) -> dict[str, int]:
        found: dict[str, int] = {}
        bounds = self._platform.get("limits") or {}
        for key, value in (stated or {}).items():
            if key not in LIMITS:
                self._planner.warnings.append(f"{where}.limits.{key} is ignored")
                continue
            name, bound, unit = LIMITS[key]
            if isinstance(value, bool) or not isinstance(value, int):
                text = f"{where}.limits.{key}: a whole number is expected"
                self._planner.faults.append(text)
                continue
            low = integer(bounds.get(f"min_{bound}"), 0) // unit
            high = integer(bounds.get(f"max_{bound}"), 0) // unit
            if high and not low <= value <= high:
                text = f"{where}.limits.{key}: {value} is not in {low} to {high}"
                self._planner.faults.append(text)
            found[name] = value
        return found
