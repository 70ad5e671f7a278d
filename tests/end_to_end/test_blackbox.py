"""Any image that speaks the protocol runs, on the distributed house."""

from __future__ import annotations

import docker
import pytest
from fixtures.docker import ROOTS, _build_images
from fixtures.house import House, result_of

pytestmark = [pytest.mark.compose, pytest.mark.docker]

WRITES = """
import os
def main(args):
    with open("/action/note", "w") as note:
        note.write(args["text"])
    print("wrote as", os.getuid())
    return {"uid": os.getuid(), "read": open("/action/note").read()}
"""


@pytest.fixture
def image() -> str:
    client = docker.from_env()
    _build_images(client)
    client.close()
    return ROOTS


def test_an_image_that_runs_as_root_and_writes_to_its_folder(
    distributed: House, image: str
) -> None:
    user = distributed.user()
    body = {"exec": {"kind": "blackbox", "image": image, "code": WRITES}}
    stored = user.client.put("actions/own-image", json=body).json()
    assert stored["exec"]["image"] == image

    answer = user.invoke("own-image", {"text": "hello"})

    assert result_of(answer) == {"uid": 0, "read": "hello"}
    record = user.record(answer.json()["activationId"])
    assert [line[30:] for line in record["logs"]] == [" stdout: wrote as 0"]
    noted = {each["key"]: each["value"] for each in record["annotations"]}
    assert noted["kind"] == "blackbox"
    distributed.forget_users()


def test_an_image_that_is_nowhere_is_the_developers_error(distributed: House) -> None:
    user = distributed.user()
    body = {"exec": {"kind": "blackbox", "image": "nobody/has-this:1"}}
    user.client.put("actions/missing", json=body).raise_for_status()

    answer = user.invoke("missing")

    assert answer.status_code == 502
    assert answer.json()["response"] == {
        "result": {"error": "Failed to pull container image 'nobody/has-this:1'."},
        "size": answer.json()["response"]["size"],
        "status": "action developer error",
        "success": False,
    }
    distributed.forget_users()
