"""From a manifest to entities: everything is checked before anything is sent.

Faults are collected, not raised one by one, and name their place in the manifest.
What the entities become on the wire is `apply`'s.
"""

from typing import Any

from wsk import web
from wsk.entities import to_pairs
from wsk.errors import GENERAL, WskError
from wsk.names import parse_entity
from wsk.project import references
from wsk.project.actions import ActionReader
from wsk.project.planned import Plan, Planned, Route
from wsk.project.source import Source, project_of
from wsk.project.values import Unset, interpolate, resolve
from wsk.typos import nearest

TOP_KEYS = {"project", "packages", "package"}
PACKAGE_KEYS = {
    "version", "license", "public", "description", "annotations", "inputs",
    "parameters", "dependencies", "actions", "sequences", "compositions", "triggers",
    "rules", "apis", "repositories", "namespace", "credential", "apiHost",
}  # fmt: skip
DEFAULT_PACKAGE = "default"


class Planner:
    """Reads one manifest; faults and warnings gather in lists."""

    def __init__(
        self,
        source: Source,
        overrides: dict[str, Any],
        platform: dict[str, Any] | None = None,
    ) -> None:
        self.source = source
        self.overrides = overrides
        self.faults: list[str] = []
        self.warnings: list[str] = []
        self.plan = Plan([], [], [], [], [], [])
        self._actions = ActionReader(source, self, platform or {})

    def build(self) -> Plan:
        """The plan.

        Raises:
            WskError: the manifest has faults; all of them are listed.
        """
        packages = self._packages()
        extra = _packages_of(self.source.deployment)
        for name, body in packages.items():
            where = f"packages.{name}"
            try:
                shown = str(interpolate(str(name)))
            except Unset as error:
                self.faults.append(f"{where}: {error}")
                continue
            self._package(shown, where, _mapping(body), _mapping(extra.get(name)))
        self.faults += references.faults(self.plan)
        if self.faults:
            head = f"{self.source.path}: nothing was changed, because of"
            text = "\n".join(f"  {fault}" for fault in self.faults)
            raise WskError(f"{head}\n{text}", GENERAL)
        return self.plan

    def _packages(self) -> dict[str, Any]:
        for key in self.source.manifest:
            if key not in TOP_KEYS:
                close = nearest(str(key), TOP_KEYS)
                hint = f"; did you mean '{close[0]}'?" if close else ""
                self.faults.append(f"'{key}' is not known here{hint}")
        found = _packages_of(self.source.manifest)
        if not found and not self.faults:
            self.faults.append("there are no packages in it")
        return found

    def _package(
        self, name: str, where: str, body: dict[str, Any], more: dict[str, Any]
    ) -> None:
        self.unknown_keys(where, body, PACKAGE_KEYS)
        prefix = "" if name == DEFAULT_PACKAGE else f"{name}/"
        if prefix:
            self.plan.packages.append(self._package_entity(name, where, body, more))
        for kind, read in (
            ("dependencies", self._dependency),
            ("actions", self._action),
            ("sequences", self._sequence),
            ("triggers", self._trigger),
            ("rules", self._rule),
        ):
            entries = _mapping(body.get(kind))
            others = _mapping(more.get(kind))
            for item, content in entries.items():
                place = f"{where}.{kind}.{item}"
                try:
                    shown = str(interpolate(str(item)))
                    other = _mapping(others.get(item))
                    read(prefix, shown, place, _mapping(content), other)
                except (ValueError, WskError) as error:
                    text = error.message if isinstance(error, WskError) else error
                    self.faults.append(f"{place}: {text}")
        self._apis(prefix, where, _mapping(body.get("apis")))

    def unknown_keys(self, where: str, body: dict[str, Any], known: set[str]) -> None:
        """Unknown keys below the top are only warned about: others may use them."""
        for key in body:
            if key not in known:
                close = nearest(str(key), known)
                hint = f"; did you mean '{close[0]}'?" if close else ""
                self.warnings.append(f"{where}.{key} is ignored{hint}")

    def _package_entity(
        self, name: str, where: str, body: dict[str, Any], more: dict[str, Any]
    ) -> Planned:
        put: dict[str, Any] = {"name": name}
        if "public" in body:
            put["publish"] = truth(body["public"])
        if body.get("version"):
            put["version"] = str(body["version"])
        annotations = self.annotations(where, body, more)
        if body.get("description"):
            annotations.setdefault("description", body["description"])
        if annotations:
            put["annotations"] = to_pairs(annotations)
        parameters = self.inputs(where, body, more)
        if parameters:
            put["parameters"] = to_pairs(parameters)
        return Planned("packages", name, put)

    def annotations(
        self, where: str, body: dict[str, Any], more: dict[str, Any]
    ) -> dict[str, Any]:
        merged = {
            **_mapping(body.get("annotations")),
            **_mapping(more.get("annotations")),
        }
        try:
            return interpolate(merged)
        except Unset as error:
            self.faults.append(f"{where}.annotations: {error}")
            return {}

    def inputs(
        self, where: str, body: dict[str, Any], more: dict[str, Any]
    ) -> dict[str, Any]:
        """Inputs of one entity: deployment file and --param come on top."""
        stated = _mapping(body.get("inputs") or body.get("parameters"))
        above = _mapping(more.get("inputs") or more.get("parameters"))
        found: dict[str, Any] = {}
        for name in {**stated, **above}:
            try:
                override = self.overrides.get(name, interpolate(above.get(name)))
                value = interpolate(stated.get(name, above.get(name)))
                found[name] = resolve(f"inputs.{name}", value, override)
            except ValueError as error:
                self.faults.append(f"{where}: {error}")
        return found

    def _dependency(
        self,
        prefix: str,
        name: str,
        where: str,
        body: dict[str, Any],
        more: dict[str, Any],
    ) -> None:
        location = str(interpolate(body.get("location") or ""))
        if not location.startswith("/"):
            raise ValueError(
                f"location: '{location}' is not a package such as /whisk.system/alarms;"
                " other sources are not fetched: deploy them first"
            )
        target = parse_entity(location)
        put: dict[str, Any] = {
            "name": name,
            "binding": {"namespace": target.namespace, "name": target.entity},
        }
        parameters = self.inputs(where, body, more)
        annotations = self.annotations(where, body, more)
        put |= {"parameters": to_pairs(parameters)} if parameters else {}
        put |= {"annotations": to_pairs(annotations)} if annotations else {}
        self.plan.packages.append(Planned("packages", name, put))

    def _action(
        self,
        prefix: str,
        name: str,
        where: str,
        body: dict[str, Any],
        more: dict[str, Any],
    ) -> None:
        put = self._actions.read(prefix + name, where, body, more)
        self.plan.actions.append(Planned("actions", prefix + name, put))

    def _sequence(
        self,
        prefix: str,
        name: str,
        where: str,
        body: dict[str, Any],
        more: dict[str, Any],
    ) -> None:
        listed = body.get("actions") or ""
        parts = listed if isinstance(listed, list) else str(listed).split(",")
        names = [str(interpolate(str(part))).strip() for part in parts]
        if not any(names):
            raise ValueError("actions: a list of actions is expected")
        components = [self.local(prefix, part) for part in names if part]
        put: dict[str, Any] = {
            "name": prefix + name,
            "exec": {"kind": "sequence", "components": components},
        }
        annotations = self.annotations(where, body, more)
        mode = body.get("web", body.get("web-export"))
        if mode is not None:
            annotations |= web.mode(mode_text(mode))
        put |= {"annotations": to_pairs(annotations)} if annotations else {}
        parameters = self.inputs(where, body, more)
        put |= {"parameters": to_pairs(parameters)} if parameters else {}
        self.plan.sequences.append(Planned("actions", prefix + name, put))

    def local(self, prefix: str, name: str) -> str:
        """`a` means this package's; `pkg/a` and `/ns/a` mean what they say."""
        if name.startswith("/"):
            return name
        if "/" not in name:
            return f"/_/{prefix}{name}"
        return f"/{name}" if name.count("/") == 2 else f"/_/{name}"

    def _trigger(
        self,
        prefix: str,
        name: str,
        where: str,
        body: dict[str, Any],
        more: dict[str, Any],
    ) -> None:
        feed = str(interpolate(body.get("feed") or body.get("source") or ""))
        annotations = self.annotations(where, body, more)
        parameters = self.inputs(where, body, more)
        put: dict[str, Any] = {"name": name}
        if feed:
            feed = parse_entity(feed).full
            annotations["feed"] = feed
        put |= {"annotations": to_pairs(annotations)} if annotations else {}
        if parameters and not feed:
            put["parameters"] = to_pairs(parameters)
        given = parameters if feed else {}
        self.plan.triggers.append(Planned("triggers", name, put, feed, given))

    def _rule(
        self,
        prefix: str,
        name: str,
        where: str,
        body: dict[str, Any],
        more: dict[str, Any],
    ) -> None:
        trigger, action = (
            str(interpolate(body.get(key) or "")) for key in ("trigger", "action")
        )
        if not trigger or not action:
            raise ValueError("a rule has a trigger and an action")
        put: dict[str, Any] = {
            "name": name,
            "status": "",
            "trigger": self.local("", trigger),
            "action": self.local(prefix, action),
        }
        annotations = self.annotations(where, body, more)
        put |= {"annotations": to_pairs(annotations)} if annotations else {}
        self.plan.rules.append(Planned("rules", name, put))

    def _apis(self, prefix: str, where: str, apis: dict[str, Any]) -> None:
        for title, bases in apis.items():
            for base, paths in _mapping(bases).items():
                for path, actions in _mapping(paths).items():
                    for action, how in _mapping(actions).items():
                        self._route(prefix, where, (title, base, path, action), how)

    def _route(self, prefix: str, where: str, names: tuple[Any, ...], how: Any) -> None:
        title, base, path, action = (str(name) for name in names)
        # both `hello: get` and `hello: {method: get, response: http}` are written
        stated = how if isinstance(how, dict) else {"method": how}
        verb = str(stated.get("method", "")).upper()
        if verb not in ("GET", "PUT", "POST", "DELETE", "PATCH", "HEAD", "OPTIONS"):
            self.faults.append(f"{where}.apis.{title}: '{verb}' is not a verb")
            return
        response = str(stated.get("response", "http"))
        target = self.local(prefix, action)
        self.plan.routes.append(
            Route(title, _slashed(base), _slashed(path), verb, target, response)
        )


def _packages_of(manifest: dict[str, Any]) -> dict[str, Any]:
    """Packages of either skeleton, with or without `project:`."""
    inner = project_of(manifest)
    found: dict[str, Any] = {}
    for place in (manifest, inner):
        found |= _mapping(place.get("packages"))
    return found


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _slashed(path: str) -> str:
    return path if path.startswith("/") else f"/{path}"


def mode_text(value: Any) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


def truth(value: Any) -> bool:
    return value is True or str(value).lower() in ("yes", "true")
