"""Web actions of a house of their own: another host name, and guessed keys."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fixtures.house import EmbeddedProcess, House
from fixtures.web import check_error, put_web, web

APPS = "apps.example.net"
PAGE = "def main(args): return {'html': '<p/>'}"


@pytest.fixture(scope="module")
def own_house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    scratch = tmp_path_factory.mktemp("web-house")
    process = EmbeddedProcess(scratch, extra={"CHASEN_WEB_HOST": APPS})
    process.start()
    yield process.house()
    assert process.stop() == 0


def test_pages_under_the_name_for_the_web_are_not_sandboxed(own_house: House) -> None:
    """They share that origin with nothing but each other."""
    user = own_house.user()
    put_web(user, "page", PAGE)

    api, apps = (
        web(user, "default/page.html", headers={"host": host})
        for host in ("localhost", APPS)
    )

    assert "content-security-policy" in api.headers
    assert (apps.status_code, apps.text) == (200, "<p/>")
    assert "content-security-policy" not in apps.headers
    own_house.forget_users()


def test_who_guesses_keys_is_a_stranger_and_slowed_down(own_house: House) -> None:
    """Web actions are no place to try keys, and no place to be locked out of."""
    user = own_house.user()
    put_web(user, "open", PAGE)
    put_web(user, "closed", PAGE, require_whisk_auth=True)
    wrong = user.key[:-8] + "wrongkey"

    answers = [web(user, "default/closed.html", key=wrong) for _ in range(45)]

    statuses = [each.status_code for each in answers]
    assert statuses[:20] == [401] * 20
    assert 429 in statuses, "the 21st in a minute is one too many"
    late = answers[statuses.index(429)]
    check_error(late, 429, "Too many failed logins")
    assert int(late.headers["retry-after"]) > 0
    assert web(user, "default/open.html", key=wrong).status_code == 200
    own_house.forget_users()
