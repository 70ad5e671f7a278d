"""After a 404 on a terminal: names that the user may have meant."""

from collections.abc import Iterator
from contextlib import contextmanager

from wsk.errors import WskError
from wsk.names import QualifiedName, encode
from wsk.session import Session
from wsk.typos import nearest


@contextmanager
def near_names(
    session: Session, collection: str, name: QualifiedName
) -> Iterator[None]:
    """Give a 404 inside a hint; costs one list request, on a terminal only."""
    try:
        yield
    except WskError as error:
        if error.status == 404 and session.out.errors_seen:
            error.hint = _hint(session, collection, name) or error.hint
        raise


def _hint(session: Session, collection: str, name: QualifiedName) -> str:
    route = collection
    if collection == "actions" and name.package:
        route = f"actions/{encode(name.package)}/"
    query = (("limit", "200"), ("skip", "0"))
    try:
        rows = session.client.rows(name.namespace, route, query)
    except WskError:
        return ""
    found = nearest(name.entity, [str(row.get("name", "")) for row in rows])
    if not found:
        return ""
    prefix = f"{name.package}/" if name.package else ""
    return f"did you mean '{prefix}{found[0]}'?"
