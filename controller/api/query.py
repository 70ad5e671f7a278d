"""Query parameters: booleans, windows on lists, waits; each with OpenWhisk's words."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl

from chasen.entities import EntityPath
from chasen.entities.limits import BLOCKING_WAIT_MS_MAX, PAGE_DEFAULT, PAGE_MAX
from chasen.errors import BadInput, MalformedQuery
from chasen.ports.stores import Page

SKIP_MAX = 10_000
_EPOCH_MS_MAX = 253_402_300_799_999  # the end of the year 9999
_INTEGER = re.compile(r"-?\d{1,18}", re.ASCII)
_YES = frozenset({"true", "1", "yes", "on"})
_NO = frozenset({"false", "0", "no", "off"})


class Query:
    """The parameters of one request; of a repeated one the first counts."""

    def __init__(self, raw: bytes) -> None:
        self._values: dict[str, str] = {}
        if not raw:
            return
        try:
            pairs = parse_qsl(
                raw.decode("ascii"),
                keep_blank_values=True,
                max_num_fields=100,
                errors="strict",
            )
        except (UnicodeDecodeError, ValueError):
            raise BadInput("The query of the request is not valid.") from None
        for key, value in pairs:
            self._values.setdefault(key, value)

    def text(self, name: str) -> str | None:
        return self._values.get(name)

    def flag(self, name: str, default: bool = False) -> bool:
        value = self._values.get(name)
        if value is None:
            return default
        if value.lower() in _YES:
            return True
        if value.lower() in _NO:
            return False
        raise MalformedQuery(
            name,
            f"'{value[:64]}' is not a valid Boolean value",
        )

    def wait_ms(self) -> int:
        """``timeout``: how long a blocking caller waits, 1 to 60000."""
        value = self._values.get("timeout")
        if value is None:
            return BLOCKING_WAIT_MS_MAX
        number = int(value) if _INTEGER.fullmatch(value) else 0
        if not 1 <= number <= BLOCKING_WAIT_MS_MAX:
            raise MalformedQuery(
                "timeout",
                f"Timeout must be number of milliseconds up to {BLOCKING_WAIT_MS_MAX}.",
            )
        return number

    def page(self, collection: str) -> Page:
        """``limit``, ``skip``, ``since`` and ``upto``."""
        limit = self._integer("limit", PAGE_DEFAULT, collection)
        if not 0 <= limit <= PAGE_MAX:
            raise MalformedQuery(
                "limit",
                f"The value '{limit}' is not in the range of 0 to {PAGE_MAX} "
                f"for {collection}.",
            )
        skip = self._integer("skip", 0, collection)
        if skip < 0:
            raise MalformedQuery(
                "skip",
                f"The value '{skip}' is not greater than or equal to 0 "
                f"for {collection}.",
            )
        if skip > SKIP_MAX:
            raise MalformedQuery(
                "skip",
                f"The value '{skip}' is greater than {SKIP_MAX}. "
                "Use since and upto to go further.",
            )
        return Page(
            skip=skip,
            limit=limit or PAGE_MAX,
            since_ms=self._instant("since"),
            upto_ms=self._instant("upto"),
        )

    def activation_name(self) -> str | None:
        """``name``: "action" or "package/action"; None for no filter."""
        value = self._values.get("name")
        if not value:
            return None
        try:
            if value.count("/") > 1:
                raise BadInput
            for part in value.split("/"):
                EntityPath.parse(part)
        except BadInput:
            raise MalformedQuery(
                "name",
                "Parameter may be a 'simple' name or 'package-name/simple' name: "
                f"{value[:64]}",
            ) from None
        return value

    def _integer(self, name: str, default: int, collection: str) -> int:
        value = self._values.get(name)
        if value is None:
            return default
        if not _INTEGER.fullmatch(value):
            raise MalformedQuery(
                name, f"The value '{value[:64]}' is not an integer for {collection}."
            )
        return int(value)

    def _instant(self, name: str) -> int | None:
        value = self._values.get(name)
        if value is None:
            return None
        number = int(value) if _INTEGER.fullmatch(value) else -1
        if not 0 <= number <= _EPOCH_MS_MAX:
            raise MalformedQuery(
                name,
                f"Parameter is not a valid value for epoch seconds: {value[:64]}",
            )
        return number
