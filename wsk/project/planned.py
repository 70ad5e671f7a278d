"""What a plan is made of: entities to PUT, and routes of the API gateway."""

from typing import Any, NamedTuple


class Planned(NamedTuple):
    """One entity to PUT; with a feed, the parameters that go to it."""

    collection: str
    name: str
    body: dict[str, Any]
    feed: str = ""
    feed_parameters: dict[str, Any] = {}  # noqa: RUF012 - never changed


class Route(NamedTuple):
    """One route of an API."""

    title: str
    base: str
    path: str
    verb: str
    action: str
    response: str


class Plan(NamedTuple):
    """A whole project, in the order in which it is deployed."""

    packages: list[Planned]
    actions: list[Planned]
    sequences: list[Planned]
    triggers: list[Planned]
    rules: list[Planned]
    routes: list[Route]

    @property
    def entities(self) -> list[Planned]:
        return [
            *self.packages,
            *self.actions,
            *self.sequences,
            *self.triggers,
            *self.rules,
        ]
