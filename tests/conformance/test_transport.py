"""Appendix A, "Transport, info, authentication": cases 1 to 22.

Case 10 is in ``test_admin.py``.
"""

from __future__ import annotations

import json
import uuid

import httpx
import pytest
from fixtures.house import House, User
from fixtures.rest import done, put, refused, the_exec

METHODS = "GET, DELETE, POST, PUT, HEAD"
HEADERS = "Authorization, Origin, X-Requested-With, Content-Type, Accept, User-Agent"
LIMITS = {
    "actions_per_minute": 60,
    "triggers_per_minute": 60,
    "concurrent_actions": 30,
    "sequence_length": 50,
    "default_min_action_duration": 100,
    "default_max_action_duration": 300000,
    "default_min_action_memory": 134217728,
    "default_max_action_memory": 536870912,
    "default_min_action_logs": 0,
    "default_max_action_logs": 10485760,
    "min_action_duration": 100,
    "max_action_duration": 300000,
    "min_action_memory": 134217728,
    "max_action_memory": 536870912,
    "min_action_logs": 0,
    "max_action_logs": 10485760,
}
# A request that no gateway has touched, made where the controller is.
STRAIGHT = """
import json, os, urllib.error, urllib.request
from chasen.settings import Settings
port = Settings.from_environment(os.environ).listen[1]
request = urllib.request.Request(
    f"http://127.0.0.1:{{port}}/api/v1/namespaces/_/actions",
    headers={{"X-Request-ID": {given!r}}},
)
try:
    urllib.request.urlopen(request)
except urllib.error.HTTPError as error:
    print(json.dumps([dict(error.headers), json.load(error)]))
"""


def get(house: House, path: str, **more: object) -> httpx.Response:
    return httpx.get(f"{house.api_host}{path}", **more)  # pyright: ignore


def test_case_001_the_api_tells_what_it_is(house: House) -> None:
    told = done(get(house, "/api/v1"))

    assert told["description"] == "OpenWhisk API"
    assert (told["api_version"], told["api_version_path"]) == ("1.0.0", "v1")
    assert isinstance(told["build"], str)
    assert isinstance(told["buildno"], str)
    assert isinstance(told["swagger_paths"], dict)
    assert done(get(house, "/api/v1/")) == told


def test_case_002_the_platform_tells_its_limits_and_kinds(house: House) -> None:
    told = done(get(house, "/"))

    assert told["api_paths"] == ["/api/v1"]
    assert told["limits"] == LIMITS
    assert told["runtimes"]
    assert {"github", "slack"} <= told["support"].keys()
    for entries in told["runtimes"].values():
        for entry in entries:
            assert set(entry) == {
                "kind",
                "image",
                "deprecated",
                "default",
                "attached",
                "requireMain",
            }


def test_case_003_ping(house: House) -> None:
    answer = get(house, "/ping")

    assert (answer.status_code, answer.text) == (200, "pong")


def test_case_005_the_namespaces_of_a_key_are_one(user: User) -> None:
    address = f"{user.house.api_host}/api/v1/namespaces"

    for each in (address, f"{address}/"):
        assert done(user.client.get(each)) == [user.namespace]


def test_case_006_without_credentials_is_401(house: House) -> None:
    answer = get(house, "/api/v1/namespaces/_/actions")

    error = refused(answer, 401)
    assert error == (
        "The resource requires authentication, which was not supplied with the request"
    )
    assert isinstance(answer.json()["code"], str)
    assert answer.headers["www-authenticate"] == (
        'Basic realm="OpenWhisk secure realm"'
    )


def test_case_007_a_wrong_key_is_401(user: User) -> None:
    identifier = user.key.partition(":")[0]
    answer = user.client.get("actions", auth=(identifier, "x" * 64))

    assert refused(answer, 401) == "The supplied authentication is invalid"


def test_case_008_a_user_that_is_no_uuid_is_401(user: User) -> None:
    secret = user.key.partition(":")[2]

    refused(user.client.get("actions", auth=("guest", secret)), 401, "is invalid")


def test_case_009_a_key_of_63_characters_is_401(user: User) -> None:
    identifier, _, secret = user.key.partition(":")

    refused(user.client.get("actions", auth=(identifier, secret[:63])), 401)
    refused(user.client.get("actions", auth=(str(uuid.uuid4()), "y" * 64)), 401)


def test_case_011_every_response_has_a_request_id(user: User) -> None:
    good = user.client.get("actions")
    bad = user.client.get("actions/nothing")

    assert good.headers["x-request-id"]
    assert bad.json()["code"] == bad.headers["x-request-id"]


def test_case_012_the_callers_request_id_is_taken_up(house: House) -> None:
    headers, body = json.loads(house.python(STRAIGHT.format(given="abc123")))

    assert body["code"] == "abc123"
    assert {key.lower(): value for key, value in headers.items()}[
        "x-request-id"
    ] == "abc123"


def test_case_013_but_not_one_of_the_systems(house: House) -> None:
    _, body = json.loads(house.python(STRAIGHT.format(given="sid_x")))

    assert body["code"] != "sid_x"


@pytest.mark.parametrize(
    "path",
    [
        pytest.param("/api/v1/namespaces/_/actions", id="case_014"),
        pytest.param("/api/v1/does/not/exist", id="case_015"),
    ],
)
def test_case_014_and_case_015_options_asks_for_no_credentials(
    house: House, path: str
) -> None:
    answer = httpx.options(f"{house.api_host}{path}")

    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["access-control-allow-methods"] == METHODS
    assert answer.headers["access-control-allow-headers"] == HEADERS


def test_case_016_answers_may_be_read_by_any_page(user: User) -> None:
    answer = user.client.get("actions")

    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == "*"
    missing = user.client.get("actions/none")
    assert missing.headers["access-control-allow-origin"] == "*"


def test_case_017_an_unknown_collection_is_404(user: User) -> None:
    refused(user.client.get("bogus"), 404, "The requested resource could not be found.")


def test_case_018_a_collection_cannot_be_posted_to(user: User) -> None:
    answer = user.client.post("actions", json={})

    refused(answer, 405, "HTTP method not allowed, supported methods: GET")
    assert answer.headers["allow"] == "GET"


def test_case_019_only_json_is_taken(user: User) -> None:
    text = json.dumps({"exec": the_exec()})
    plain = {"content-type": "text/plain"}

    refused(
        user.client.put("actions/a", content=text, headers=plain),
        415,
        "The request's Content-Type [text/plain] is not supported. Expected:\n"
        "application/json",
    )
    refused(user.client.get("actions/a"), 404)


def test_case_020_broken_json_is_400(user: User) -> None:
    headers = {"content-type": "application/json"}
    error = refused(user.client.put("actions/a", content="{", headers=headers), 400)

    assert error.startswith("The request content was malformed:\n")


def test_case_021_no_body_is_400_or_415(user: User) -> None:
    headers = {"content-type": "application/json"}

    refused(
        user.client.put("actions/a", headers=headers),
        400,
        "Request entity expected but not supplied",
    )
    refused(user.client.put("actions/a"), 415)


def test_case_022_unknown_fields_are_ignored(user: User) -> None:
    stored = put(user, "actions/a", exec=the_exec(), bogus=1, namespace="x", name="y")

    assert "bogus" not in stored
    assert (stored["namespace"], stored["name"]) == (user.namespace, "a")
