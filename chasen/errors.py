"""Every error of the domain, drawn as a tree, each with the sentence a user reads.

What an error means for HTTP is decided in ``controller/api/errors.py`` alone.

    ChasenError
    ├── BadInput                 the caller has to change the request
    │   ├── MalformedContent     the body does not fit; the detail is quoted
    │   └── MalformedQuery       a query parameter does not fit
    ├── TooLarge                 something is bigger than its limit
    ├── Unauthenticated          no or wrong credentials
    ├── NotAuthorized            known, but not allowed
    ├── NoDocument               nothing under this name
    ├── WrongCollection          something else under this name
    ├── DocumentExists           create found something
    ├── DocumentConflict         somebody else wrote in between
    ├── NotEmpty                 a package that still holds actions
    ├── Circular                 a stored thing that refers to itself
    ├── CorruptDocument          stored, but not readable
    ├── Throttled                too often, or too many at once
    ├── Unavailable              a part of the house is down; try again
    │   ├── StoreUnavailable
    │   ├── BusUnavailable
    │   └── NoInvokers
    ├── ContainerError           a container did not do its duty
    │   ├── ContainerStartError  ours could not be started: a whisk error
    │   ├── ImageError           the user's image could not be: a developer error
    │   └── ContainerGone        it vanished before it took the work
    └── InvalidTransition        a state machine met an event it does not know
"""

from __future__ import annotations


class ChasenError(Exception):
    """The root; ``str(error)`` is the sentence for the user."""

    sentence = "There was an internal server error."

    def __init__(self, sentence: str | None = None) -> None:
        super().__init__(sentence or self.sentence)


class BadInput(ChasenError):
    sentence = "The request is not valid."


class MalformedContent(BadInput):
    def __init__(self, detail: str) -> None:
        super().__init__(f"The request content was malformed:\n{detail}")


class MalformedQuery(BadInput):
    def __init__(self, name: str, detail: str) -> None:
        super().__init__(f"The query parameter '{name}' was malformed:\n{detail}")


class TooLarge(ChasenError):
    def __init__(self, what: str, size_bytes: int, limit_bytes: int) -> None:
        super().__init__(
            f"{what} larger than allowed: {size_bytes} > {limit_bytes} bytes."
        )


class Unauthenticated(ChasenError):
    sentence = "The supplied authentication is invalid"


class NotAuthorized(ChasenError):
    sentence = "The supplied authentication is not authorized to access this resource."


class NoDocument(ChasenError):
    sentence = "The requested resource does not exist."


class WrongCollection(ChasenError):
    sentence = "Resource by this name exists but is not in this collection."


class DocumentExists(ChasenError):
    sentence = "resource already exists"


class DocumentConflict(ChasenError):
    sentence = "Concurrent modification to resource detected."


class NotEmpty(ChasenError):
    sentence = "The package is not empty."


class Circular(ChasenError):
    sentence = "The resource refers to itself."


class CorruptDocument(ChasenError):
    sentence = "Resource is corrupted and cannot be read."


class Throttled(ChasenError):
    """Carries how long to wait, in whole seconds."""

    def __init__(self, sentence: str, *, retry_after_s: int) -> None:
        super().__init__(sentence)
        self.retry_after_s = retry_after_s


class Unavailable(ChasenError):
    """A part of the house is down for now.

    ``activation_id`` is set when the work may have been accepted all the same, so
    that the caller can look for its record.
    """

    sentence = (
        "The server is currently unavailable"
        " (because it is overloaded or down for maintenance)."
    )
    retry_after_s = 2

    def __init__(
        self, sentence: str | None = None, *, activation_id: str | None = None
    ) -> None:
        super().__init__(sentence)
        self.activation_id = activation_id


class StoreUnavailable(Unavailable):
    sentence = "The store is not reachable at the moment. Please try again."


class BusUnavailable(Unavailable):
    sentence = "The message bus is not reachable at the moment. Please try again."


class NoInvokers(Unavailable):
    sentence = "No invokers available to run the action. Please try again."


class ContainerError(ChasenError):
    sentence = "Failed to provision resources to run the action."


class ContainerStartError(ContainerError):
    pass


class ImageError(ContainerError):
    pass


class ContainerGone(ContainerError):
    sentence = "The container went away."


class InvalidTransition(ChasenError):
    pass
