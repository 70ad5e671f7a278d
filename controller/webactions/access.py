"""Who may call a web action: what its annotations say, and the secret.

Source: WebActions.scala, confirmExportedAction and confirmAuthenticated.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from chasen.entities import Parameters

WEB_EXPORT = "web-export"
RAW_HTTP = "raw-http"
CUSTOM_OPTIONS = "web-custom-options"
REQUIRE_AUTH = "require-whisk-auth"
SECRET_HEADER = b"x-require-whisk-auth"


@dataclass(frozen=True, slots=True)
class WebExport:
    """The annotations of an exported action that the web has to know.

    ``secret`` is ``require-whisk-auth``: None or False asks for nothing, True for
    credentials, text or a number for that header; everything else lets nobody in.
    """

    raw: bool = False
    custom_options: bool = False
    secret: Any = field(default=None, repr=False)

    @classmethod
    def of(cls, annotations: Parameters) -> WebExport | None:
        """Answer None unless ``web-export`` is exactly true."""
        if annotations.get(WEB_EXPORT) is not True:
            return None
        return cls(
            raw=annotations.get(RAW_HTTP) is True,
            custom_options=annotations.get(CUSTOM_OPTIONS) is True,
            secret=annotations.get(REQUIRE_AUTH, False),
        )

    @property
    def wants_credentials(self) -> bool:
        return self.secret is True

    def admits(self, given: Sequence[bytes], *, has_identity: bool) -> bool:
        """Answer whether a caller with these secret headers may call.

        The secret is compared in constant time.
        """
        wanted = self.secret
        if wanted is False:
            return True
        if wanted is True:
            return has_identity
        if not isinstance(wanted, str | int | float) or len(given) != 1:
            return False
        text = wanted.encode() if isinstance(wanted, str) else orjson.dumps(wanted)
        return hmac.compare_digest(given[0], text)
