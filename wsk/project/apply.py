"""Carrying a plan out: requests in order, or in reverse to take everything back.

Every PUT overwrites, so that a run that was cut short is repeated and converges.
"""

from typing import Any

from wsk import feeds
from wsk.errors import WskError, doing
from wsk.hosts import with_scheme
from wsk.names import QualifiedName, encode, parse_entity
from wsk.project.managed import fetch
from wsk.project.planned import Plan, Planned, Route
from wsk.rules import switch
from wsk.session import Session

OVERWRITE = (("overwrite", "true"),)


def _what(entity: Planned) -> str:
    return f"{entity.collection[:-1]} '{entity.name}'"


def _route(entity: Planned) -> str:
    return f"{entity.collection}/{encode(entity.name)}"


def deploy(session: Session, namespace: str, plan: Plan) -> None:
    """PUT everything; stop at the first error."""
    for entity in plan.entities:
        put(session, namespace, entity)
    for route in plan.routes:
        with doing(f"Unable to create API '{route.base}{route.path}': "):
            create_route(session, route)


def put(session: Session, namespace: str, entity: Planned) -> None:
    """PUT one entity, tell its feed, activate its rule."""
    client = session.client
    with doing(f"Unable to deploy {_what(entity)}: "):
        if entity.feed:
            _forget_feed(session, namespace, entity)
        body = {"namespace": namespace, **entity.body}
        route = _route(entity)
        client.call("PUT", namespace, route, OVERWRITE, body, large=True)
        if entity.feed:
            name = QualifiedName(namespace, "", entity.name)
            feeds.tell(session, entity.feed, name, "CREATE", entity.feed_parameters)
        if entity.collection == "rules":
            switch(session, QualifiedName(namespace, "", entity.name), "active")
    session.out.hint(f"deployed {_what(entity)}")


def _forget_feed(session: Session, namespace: str, entity: Planned) -> None:
    """A feed that knows the trigger already would refuse to create it again."""
    from wsk.entities import annotation

    stored = fetch(session, namespace, entity)
    feed = annotation(stored, feeds.ANNOTATION)
    if not isinstance(feed, str):
        return
    try:
        name = QualifiedName(namespace, "", entity.name)
        feeds.tell(session, feed, name, "DELETE", {})
    except WskError as error:
        session.out.warn(error.message)


def create_route(session: Session, route: Route) -> None:
    """Add one route to the API gateway."""
    from wsk.api import manage, path_parameters

    name = parse_entity(route.action)
    host, package = with_scheme(session.config.apihost), name.package or "default"
    document: dict[str, Any] = {
        "namespace": "_",
        "apiName": route.title,
        "gatewayBasePath": route.base,
        "gatewayPath": route.path,
        "gatewayMethod": route.verb,
        "id": f"API:_:{route.base}",
        "action": {
            "name": name.path,
            "namespace": name.namespace,
            "backendMethod": route.verb,
            "backendUrl": (
                f"{host}/api/v1/web/{encode(name.namespace)}/{encode(package)}/"
                f"{encode(name.entity)}.{route.response}"
            ),
            "authkey": session.config.auth,
        },
    }
    named = path_parameters(route.path)
    if named:
        document["pathParameters"] = [
            {"name": item, "in": "path", "required": True, "type": "string",
             "description": f"Default description for '{item}'"}
            for item in named
        ]  # fmt: skip
    query = [("responsetype", route.response)]
    manage(session, "POST", "createApi", query, {"apidoc": document})


def undeploy(session: Session, namespace: str, plan: Plan) -> None:
    """Delete everything that is there, in reverse."""
    from wsk.api import manage

    for route in reversed(plan.routes):
        query = [("basepath", route.base), ("relpath", route.path)]
        query.append(("operation", route.verb))
        try:
            manage(session, "DELETE", "deleteApi", query)
        except WskError as error:
            session.out.warn(f"API '{route.base}{route.path}': {error.message}")
    for entity in reversed(plan.entities):
        delete(session, namespace, entity)


def delete(session: Session, namespace: str, entity: Planned) -> None:
    """Delete one entity, if it is there; its feed is told first."""
    from wsk.entities import annotation

    client = session.client
    with doing(f"Unable to undeploy {_what(entity)}: "):
        stored = fetch(session, namespace, entity)
        if stored is None:
            return
        feed = annotation(stored, feeds.ANNOTATION)
        if entity.collection == "triggers" and isinstance(feed, str):
            try:
                name = QualifiedName(namespace, "", entity.name)
                feeds.tell(session, feed, name, "DELETE", {})
            except WskError as error:
                session.out.warn_always(error.message)
        client.call("DELETE", namespace, _route(entity), large=True)
    session.out.hint(f"deleted {_what(entity)}")
