"""The feed protocol: a feed is an action told of a trigger's life by the client.

POST actions/F?blocking=true&result=false
{..., "lifecycleEvent": "CREATE", "triggerName": "/_/t", "authKey": "uuid:key"}
"""

from typing import Any

from wsk import jsontext
from wsk.errors import TIMED_OUT, WskError, doing
from wsk.invoke import post
from wsk.names import QualifiedName, parse_entity
from wsk.session import Session

ANNOTATION = "feed"


def tell(
    session: Session,
    feed: str,
    trigger: QualifiedName,
    event: str,
    parameters: dict[str, Any],
) -> Any:
    """Tell a feed one event and answer its activation record.

    Raises:
        WskError: the feed is missing, failed, or took too long.
    """
    name = parse_entity(feed)
    body = {
        **parameters,
        "lifecycleEvent": event,
        "triggerName": trigger.full,
        "authKey": session.config.auth,
    }
    with doing(f"Unable to configure feed '{name.full}': "):
        answer = post(session, name, body, blocking=True, result=False)
        found = session.client.parsed(answer)
        if answer.status == 202:
            identifier = (found or {}).get("activationId", "")
            text = f"it has not yet finished; its activation is {identifier}"
            raise WskError(text, TIMED_OUT)
    return found


def show_record(session: Session, feed: str, record: Any, *, invoked: bool) -> None:
    """The feed's record, which scripts look for on stdout; -q leaves it out."""
    out = session.out
    if not out.is_text or out.quiet:
        return
    if invoked:
        identifier = (record or {}).get("activationId", "")
        out.ok(f"invoked {out.bold(parse_entity(feed).full)} with id {identifier}")
    out.line(jsontext.pretty(record))


def result_of(record: Any) -> Any:
    response = record.get("response") if isinstance(record, dict) else None
    return response.get("result") if isinstance(response, dict) else None
