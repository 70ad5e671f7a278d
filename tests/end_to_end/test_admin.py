"""``chasen admin`` on running houses: what the conformance cases do not ask."""

from __future__ import annotations

import json
import secrets
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from fixtures.house import EmbeddedProcess, House, User, an_address

KEY = f"0b5b6d3e-9f3e-4c5e-8e57-6d0a4a0b6c11:{'k' * 64}"
OPEN = ("/live", "/ready", "/metrics", "/invokers", "/invokers/healthy/count")
CLOSED = (
    "user/create",
    "user/delete",
    "user/keys",
    "user/whois",
    "user/identities",
    "user/block",
    "user/unblock",
    "limits/set",
    "limits/get",
    "limits/delete",
    "db/get",
    "no/such",
)


def listed(user: User) -> int:
    return user.client.get("actions", headers=an_address()).status_code


def test_a_revoked_key_is_out_within_two_seconds(house: House) -> None:
    """S41; the new one is in at once."""
    someone = house.user()
    assert listed(someone) == 200

    new = house.admin("user", "create", someone.namespace, "-r")

    uuid, _, secret = new.strip().partition(":")
    someone_again = someone.client.get("actions", auth=(uuid, secret))
    assert someone_again.status_code == 200
    time.sleep(2)
    for _ in range(4):  # whichever controller answers
        assert listed(someone) == 401


def test_a_limit_holds_within_two_seconds(house: House, user: User) -> None:
    user.put_action("quick", "def main(args):\n    return {}")
    assert user.invoke("quick").status_code == 200

    house.admin("limits", "set", user.namespace, "--invocationsPerMinute", "0")

    time.sleep(2)
    for _ in range(4):
        assert user.invoke("quick").status_code == 429


def test_wrong_words_give_one_line_and_change_nothing(house: House) -> None:
    """B069."""
    someone = house.user()
    name = someone.namespace
    before = house.admin("limits", "get", name)

    for words in (
        ("limits", "set", name, "--firesPerMinute", "-1"),
        ("limits", "set", name, "--firesPerMinute", "abc"),
        ("limits", "set", name, "--firesPerMinute", "1", "--firesPerMinute", "2"),
        ("limits", "set", name, "--maxPayloadSize", "1 parsec"),
        ("limits", "set", name),
        ("user", "create", "mallory-1", "-ns", name),
        ("user", "create", "mallory-1", "-u", someone.key),
        ("user", "whois", someone.key),
        ("user", "list", name, "-p", "0"),
        ("db", "get", "nonsense"),
    ):
        status, printed = house.attempt(*words)
        assert status in (1, 2), words
        assert printed.count("\n") == 1, printed
        assert "Traceback" not in printed

    status, printed = house.attempt(
        "user", "create", "mallory-1", "-u", "-", stdin=someone.key
    )
    assert (status, printed) == (1, "authorization id is not unique\n")
    assert house.attempt("user", "get", "mallory-1")[0] == 1
    assert house.admin("limits", "get", name) == before
    assert listed(someone) == 200


def test_many_are_blocked_at_once_and_the_status_counts_failures(house: House) -> None:
    first, second = house.user(), house.user()
    missing = f"missing{secrets.token_hex(4)}"

    status, printed = house.attempt(
        "user", "block", first.namespace, missing, " ", second.namespace
    )

    assert status == 1
    assert printed.splitlines() == [
        f'"{first.namespace}" blocked successfully',
        f'Failed to block "{missing}" (there is no subject "{missing}")',
        f'"{second.namespace}" blocked successfully',
    ]


def test_the_stores_are_shown_without_open_keys(house: House, user: User) -> None:
    user.put_action("shown", "def main(args):\n    return {}")

    printed = house.admin("db", "get", "subjects", "--docs")
    heading, _, table = printed.partition("\n")

    assert heading == "getting contents for subjects (primary index)"
    rows = {row["id"]: row for row in json.loads(table)["rows"]}
    assert user.namespace in rows
    assert user.key.partition(":")[2] not in printed
    whisks = house.admin("db", "get", "whisks", "-w", "whisks.v2.1.0/actions")
    assert f'"id": "{user.namespace}/shown"' in whisks


# The operator port, reachable only where the house runs ------------------------------


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedProcess]:
    process = EmbeddedProcess(tmp_path_factory.mktemp("admin"))
    process.start()
    yield process
    if process.process is not None and process.process.poll() is None:
        process.stop()


@pytest.fixture
def operator(process: EmbeddedProcess) -> Iterator[httpx.Client]:
    url = f"http://127.0.0.1:{process.operator_port}"
    with httpx.Client(base_url=url) as client:
        yield client


@pytest.fixture
def token(process: EmbeddedProcess) -> str:
    path = process.scratch / "data" / "keys" / "operator.token"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    return path.read_text().strip()


def test_the_operator_port_asks_for_its_token(
    operator: httpx.Client, token: str
) -> None:
    for path in OPEN:
        assert operator.get(path).status_code == 200
    for path in CLOSED:
        for headers in (
            {},
            {"authorization": "Bearer nonsense"},
            {"authorization": "Bearer"},
            {"authorization": f"Basic {token}"},
            {"authorization": f"Bearer {token}x"},
        ):
            answer = operator.post(f"/admin/{path}", headers=headers, json={})
            assert answer.status_code == 401, (path, headers)
            assert token not in answer.text


def test_the_token_is_no_key_of_the_public_port(
    process: EmbeddedProcess, token: str
) -> None:
    for path in ("/admin/user/keys", "/metrics", "/invokers", "/live", "/ready"):
        answer = httpx.post(
            f"{process.api_host}{path}", headers={"authorization": f"Bearer {token}"}
        )
        assert answer.status_code == 404


def test_a_member_that_is_given_twice_is_refused(
    operator: httpx.Client, token: str
) -> None:
    """S34: which of the two would count?"""
    headers = {"authorization": f"Bearer {token}"}

    for body in (
        b'{"namespace":"guest","limits":{"firesPerMinute":1,"firesPerMinute":2}}',
        b'{"namespace":"guest","namespace":"x","limits":{"firesPerMinute":1}}',
    ):
        answer = operator.post("/admin/limits/set", headers=headers, content=body)
        assert answer.status_code == 400
        assert "given twice" in answer.json()["error"]
    asked = operator.post("/admin/limits/get", headers=headers, json={"namespace": "x"})
    assert asked.json() == {"value": None}
    for body in (b"[]", b"{", b"\xff", b'{"namespace":5}', b"x" * 70_000):
        answer = operator.post("/admin/limits/get", headers=headers, content=body)
        assert answer.status_code in (400, 413)


def test_a_stranger_on_the_port_does_not_get_the_token(
    process: EmbeddedProcess, tmp_path: Path
) -> None:
    """Somebody else's house, and a house that this token does not belong to."""
    stranger = EmbeddedProcess(tmp_path, operator_port=process.operator_port)
    keys = tmp_path / "data" / "keys"

    for token in (None, "x" * 43):
        if token is not None:
            keys.mkdir(parents=True, exist_ok=True)
            (keys / "operator.token").write_text(token)
            (keys / "operator.token").chmod(0o600)
        status, printed = stranger.house().attempt("user", "get", "guest")
        assert status == 1
        assert "as the running house has them" in printed
        assert not (tmp_path / "data" / "chasen.db").exists()


def test_keys_are_given_by_file_and_handed_over_by_file(
    process: EmbeddedProcess, tmp_path: Path
) -> None:
    house = process.house()
    file = tmp_path / "alice.key"
    file.write_text(KEY)
    file.chmod(0o600)
    handed = tmp_path / "handed.key"

    assert house.attempt("user", "create", "alice", "-u", str(file), "-s") == (0, "")
    assert house.admin("user", "get", "alice").strip() == KEY
    assert house.attempt("user", "create", "alice", "-u", KEY)[0] == 2
    generated = house.admin("user", "create", "bobby", "-g")
    assert house.attempt("user", "whois", "-", stdin=generated) == (
        0,
        "Subject id is not recognized\n",
    )
    words = ("user", "create", "alice", "--if-absent", "--key-file", str(handed))
    assert house.admin(*words) == ""
    assert handed.read_text().strip() == KEY
    assert stat.S_IMODE(handed.stat().st_mode) == 0o600


def test_the_store_is_opened_when_no_house_runs(process: EmbeddedProcess) -> None:
    """The same words, the same answers, before, while and after the house runs."""
    house = process.house()
    while_it_runs = house.admin("user", "get", "guest")
    process.stop()

    assert house.admin("user", "get", "guest") == while_it_runs
    created = house.admin("user", "create", "between-runs")
    process.start()

    uuid, _, secret = created.strip().partition(":")
    url = f"{process.api_host}/api/v1/namespaces"
    assert httpx.get(url, auth=(uuid, secret)).json() == ["between-runs"]
    assert house.admin("user", "get", "between-runs") == created
