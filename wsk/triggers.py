"""wsk trigger: create, update, get, delete, list, fire; with and without a feed."""

from typing import Any

from wsk import entities, feeds, lists
from wsk.action_get import show, summary
from wsk.entities import annotation
from wsk.errors import GENERAL, REFUSED, WskError, doing
from wsk.hints import near_names
from wsk.names import QualifiedName, parse_entity, parse_namespace
from wsk.parameters import collect, payload
from wsk.session import Session


class _Given:
    """What the command line says about a trigger: its own and its feed's part."""

    def __init__(self, session: Session, feed: str) -> None:
        letters = {letter for letter, _, _ in session.call.pairs}
        call = session.call
        self.old_style = bool(letters & {"p", "P"}) or bool(call.sequence)
        self.new_style = bool(letters & {"F", "T"})
        if self.old_style and self.new_style:
            raise WskError(
                "Incorrect usage. Cannot combine --feed-param or --trigger-param flag "
                "with neither --param nor --param-file flag",
                REFUSED,
            )
        self.annotations = collect(session, "aA")
        parameters = collect(session, "pP")
        self.feed_given = "F" in letters
        self.trigger_given = "T" in letters
        own = parameters if not feed else {}
        self.own: dict[str, Any] = {**own, **collect(session, "T")}
        feeds_part = parameters if feed else {}
        self.feed: dict[str, Any] = {**feeds_part, **collect(session, "F")}


def create(session: Session) -> int:
    """PUT, then CREATE to the feed; the trigger is removed if that fails."""
    name = parse_entity(session.call.operands[0])
    feed = session.call.text("feed")
    given = _Given(session, feed)
    return _create(session, name, feed, given)


def _create(session: Session, name: QualifiedName, feed: str, given: _Given) -> int:
    if given.feed_given and not feed:
        raise WskError(
            "Incorrect usage. Trigger without a feed cannot have feed parameters",
            REFUSED,
        )
    if feed:
        given.annotations[feeds.ANNOTATION] = parse_entity(feed).full
    with doing(f"Unable to create trigger '{name.path}': "):
        stored = _put(session, name, given, overwrite=False)
        if feed:
            try:
                record = feeds.tell(session, feed, name, "CREATE", given.feed)
            except WskError:
                _remove(session, name)
                raise
            feeds.show_record(session, feed, record, invoked=True)
    session.out.done(f"created trigger {session.out.bold(name.path)}", stored)
    return 0


def _put(
    session: Session, name: QualifiedName, given: _Given, *, overwrite: bool
) -> Any:
    body: dict[str, Any] = {"name": name.path}
    if given.annotations:
        body["annotations"] = entities.to_pairs(given.annotations)
    if given.own:
        body["parameters"] = entities.to_pairs(given.own)
    query = (("overwrite", "true" if overwrite else "false"),)
    return session.client.entity("PUT", "triggers", name, query, body)


def _remove(session: Session, name: QualifiedName) -> None:
    """Take back a trigger whose feed refused it."""
    try:
        found = session.client.entity("GET", "triggers", name)
        feed = annotation(found, feeds.ANNOTATION)
        if isinstance(feed, str):
            try:
                feeds.tell(session, feed, name, "DELETE", {})
            except WskError as error:
                session.out.warn(error.message)
        session.client.entity("DELETE", "triggers", name)
    except WskError as error:
        session.out.warn_always(
            f"the trigger '{name.path}' could not be removed again: {error.message}"
        )
        return
    session.out.ok(f"deleted trigger {session.out.bold(name.path)}")


def update(session: Session) -> int:
    """PUT over it, tell its feed; a missing trigger is created."""
    name = parse_entity(session.call.operands[0])
    try:
        found = session.client.entity("GET", "triggers", name)
    except WskError as error:
        if error.status == 404:
            return _create(session, name, "", _Given(session, ""))
        raise error.within(f"Unable to get trigger '{name.path}': ") from None
    stored_feed = annotation(found, feeds.ANNOTATION)
    feed = stored_feed if isinstance(stored_feed, str) else ""
    given = _Given(session, feed)
    stored = found
    only_feed = feed and not given.new_style and not given.annotations
    if not only_feed:
        if feed and given.annotations:
            # annotations are replaced as a whole; the feed must not get lost
            given.annotations.setdefault(feeds.ANNOTATION, feed)
        with doing(f"Unable to update trigger '{name.path}': "):
            stored = _put(session, name, given, overwrite=True)
    if given.feed_given and not feed:
        raise WskError(
            f"Unable to configure feed '{name.path}': "
            "this trigger does not contain a feed",
            GENERAL,
        )
    if feed and (only_feed or given.feed_given):
        with doing(f"Unable to update trigger '{name.path}': "):
            record = feeds.tell(session, feed, name, "UPDATE", given.feed)
        feeds.show_record(session, feed, record, invoked=False)
    session.out.done(f"updated trigger {session.out.bold(name.path)}", stored)
    return 0


def get(session: Session) -> int:
    """Show a trigger, with what its feed says of it."""
    call, out = session.call, session.out
    name = parse_entity(call.operands[0])
    wanted = call.operands[1] if len(call.operands) == 2 else ""
    key = entities.field_name(wanted, entities.TRIGGER) if wanted else ""
    with (
        doing(f"Unable to get trigger '{name.path}': "),
        near_names(session, "triggers", name),
    ):
        found = session.client.entity("GET", "triggers", name)
    if call.on("summary"):
        out.line(summary(session, "trigger", found))
        return 0
    extra: dict[str, Any] = {}
    feed = annotation(found, feeds.ANNOTATION)
    if isinstance(feed, str) and not key:
        try:
            record = feeds.tell(session, feed, name, "READ", {})
            extra["feed"] = entities.in_order(feeds.result_of(record))
        except WskError as error:
            extra["feedError"] = error.message
            out.warn_always(error.message)
    shown = entities.trigger(found) | extra
    show(session, "trigger", name.path, found | extra, shown, wanted, key)
    return 0


def delete(session: Session) -> int:
    """Tell the feed, then DELETE; a feed's failure is only a warning."""
    call, out = session.call, session.out
    name = parse_entity(call.operands[0])
    with (
        doing(f"Unable to get trigger '{name.path}': "),
        near_names(session, "triggers", name),
    ):
        found = session.client.entity("GET", "triggers", name)
    feed = annotation(found, feeds.ANNOTATION)
    if isinstance(feed, str):
        try:
            record = feeds.tell(session, feed, name, "DELETE", {})
            feeds.show_record(session, feed, record, invoked=False)
        except WskError as error:
            if call.on("keep-on-feed-error"):
                raise error.within(
                    f"Unable to delete trigger '{name.path}': "
                ) from None
            out.warn_always(f"{error.message}; the trigger is deleted all the same")
    with doing(f"Unable to delete trigger '{name.path}': "):
        gone = session.client.entity("DELETE", "triggers", name)
    out.done(f"deleted trigger {out.bold(name.path)}", gone)
    return 0


def fire(session: Session) -> int:
    """POST the event."""
    out = session.out
    name = parse_entity(session.call.operands[0])
    body = payload(session)
    with (
        doing(f"Unable to fire trigger '{name.path}': "),
        near_names(session, "triggers", name),
    ):
        found = session.client.entity("POST", "triggers", name, body=body)
    identifier = str((found or {}).get("activationId", ""))
    text = f"triggered {out.bold(name.full)} with id {out.bold(identifier)}"
    out.done(text, found or {"activationId": None})
    return 0


def list_(session: Session) -> int:
    namespace = parse_namespace(session.call.operands)
    rows = lists.fetch(session, "triggers", namespace)
    lists.show(session, "triggers", rows, lists.trigger_row)
    return 0
