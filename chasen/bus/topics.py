"""The names of the topics, once."""

HEALTH = "health"
FIRES = "fires"
SEQUENCES = "sequences"  # primaries of compositions, too
CACHE_INVALIDATION = "cacheInvalidation"


def invoker(number: int) -> str:
    """Activations for one invoker."""
    return f"invoker{number}"


def completed(controller: str) -> str:
    """Acks and stored ids for one controller."""
    return f"completed{controller}"
