"""Where the command is served: at the operator port, or at the store itself."""

from __future__ import annotations

import http.client
import json
import secrets
import urllib.parse
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Protocol

from chasen.errors import BadInput, ChasenError
from chasen.seal import (
    open_seal,
    operator_proof,
    operator_token_file,
    read_secret,
)
from chasen.settings import Settings

ANSWERS_WITHIN_S = 30


class Counter(Protocol):
    """Where operations are carried out by name; ``Desk`` is one."""

    async def call(self, operation: str, arguments: Mapping[str, Any]) -> Any: ...

    def rows(self, arguments: Mapping[str, Any]) -> AsyncIterator[dict[str, Any]]: ...


@asynccontextmanager
async def open_counter(settings: Settings) -> AsyncIterator[Counter]:
    """Answer the running house's counter, or the store's when nothing answers."""
    house = RunningHouse(settings)
    if house.answers():
        house.show_token()
        yield house
        return
    # Only now: the stores' libraries take their time to load.
    from chasen.stores.open import open_stores
    from controller.administration.desk import Desk

    async with open_stores(
        settings.store_url, password=settings.store_password()
    ) as stores:
        yield Desk(stores, open_seal(settings.key_file))


class RunningHouse:
    """The operator port, by plain HTTP on this machine."""

    def __init__(self, settings: Settings) -> None:
        host: str
        host, port = settings.operator_listen
        self._host: str = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
        self._port: int = port
        self._token_file = operator_token_file(settings.key_file)
        self._headers: dict[str, str] = {"content-type": "application/json"}

    def answers(self) -> bool:
        """Whether anybody listens there; raises when nobody can tell."""
        connection = self._connection()
        try:
            connection.connect()
        except ConnectionRefusedError:
            return False
        except OSError as error:
            raise self._fault(
                f"cannot be reached ({error.strerror or error})"
            ) from None
        finally:
            connection.close()
        return True

    def show_token(self) -> None:
        """Show the token, once the other side has proved that it knows it."""
        if not self._token_file.exists():
            raise self._fault(f"is taken by another program; no {self._token_file}")
        token = read_secret(self._token_file).decode().strip()
        nonce = secrets.token_hex(16)
        status, body = self._ask("GET", f"/admin/proof?nonce={nonce}")
        proof = body.get("proof") if status == 200 else None
        if proof != operator_proof(token, nonce):
            raise self._fault(f"does not know the token in {self._token_file}")
        self._headers["authorization"] = f"Bearer {token}"

    async def call(self, operation: str, arguments: Mapping[str, Any]) -> Any:
        path = urllib.parse.quote(f"/admin/{operation.replace(' ', '/')}")
        status, body = self._ask("POST", path, arguments)
        return _value(status, body)["value"]

    async def rows(self, arguments: Mapping[str, Any]) -> AsyncIterator[dict[str, Any]]:
        connection = self._connection()
        try:
            connection.request(
                "POST", "/admin/db/get", json.dumps(dict(arguments)), self._headers
            )
            answer = connection.getresponse()
            if answer.status != 200:
                _value(answer.status, json.loads(answer.read()))
            for line in answer:
                row = json.loads(line)
                if "error" in row:
                    raise ChasenError(row["error"])
                yield row
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise self._fault(f"broke off ({error})") from None
        finally:
            connection.close()

    def _ask(
        self, method: str, path: str, arguments: Mapping[str, Any] | None = None
    ) -> tuple[int, dict[str, Any]]:
        body = None if arguments is None else json.dumps(dict(arguments))
        connection = self._connection()
        try:
            connection.request(method, path, body, self._headers)
            answer = connection.getresponse()
            decoded = json.loads(answer.read())
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise self._fault(f"does not answer as a house does ({error})") from None
        finally:
            connection.close()
        return answer.status, decoded if isinstance(decoded, dict) else {}

    def _connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(
            self._host, self._port, timeout=ANSWERS_WITHIN_S
        )

    def _fault(self, what: str) -> ChasenError:
        return ChasenError(
            f"The operator port {self._host}:{self._port} {what}. Give "
            "CHASEN_STATE_DIR and CHASEN_OPERATOR_LISTEN as the running house has them."
        )


def _value(status: int, body: dict[str, Any]) -> dict[str, Any]:
    """Answer the body; an error becomes what it was on the other side."""
    if status == 200:
        return body
    sentence = str(body.get("error", f"The house answered {status}."))
    raise BadInput(sentence) if status == 400 else ChasenError(sentence)
