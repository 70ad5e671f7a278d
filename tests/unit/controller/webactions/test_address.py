"""Paths of web requests, and the host names they may come for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chasen.errors import NoDocument
from controller.webactions.address import Extension, Hosts, parse


@pytest.mark.parametrize(
    ("path", "name", "extension", "rest"),
    [
        (b"ns/default/act", "ns/act", ".http", ""),
        (b"ns/default/act.json", "ns/act", ".json", ""),
        (b"ns/pkg/act.html/x/y", "ns/pkg/act", ".html", "/x/y"),
        (b"ns/pkg/act.svg/", "ns/pkg/act", ".svg", "/"),
        (b"ns/pkg/act.text//a%2Fb", "ns/pkg/act", ".text", "//a%2Fb"),
        (b"ns/pkg/act.xyz", "ns/pkg/act.xyz", ".http", ""),
        (b"ns/pkg/a.json.http/..a", "ns/pkg/a.json", ".http", "/..a"),
        (b"my%20ns/pkg/my%20act.json", "my ns/pkg/my act", ".json", ""),
    ],
)
def test_a_path_names_an_action_a_shape_and_a_rest(
    path: bytes, name: str, extension: str, rest: str
) -> None:
    address, found = parse(b"/api/v1/web/" + path)

    assert str(address.fqn) == name
    assert (address.extension, found) == (Extension(extension), rest)


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        (b"", "could not be found"),
        (b"ns", "could not be found"),
        (b"ns/default", "could not be found"),
        (b"ns/default/", "could not be found"),
        (b"ns//act", "could not be found"),
        (b"ns/default/.json", "does not exist"),
        (b"ns/default/a%2Fb.json", "does not exist"),
        (b"ns/default/a%00", "does not exist"),
        (b"ns/default/a%0a", "does not exist"),
        (b"ns/default/%ff", "does not exist"),
        (b"ns/default/%zz", "does not exist"),
        (b"ns/default/\xd0\xb0", "does not exist"),
        (b"ns/default/" + b"a" * 50_000, "does not exist"),
        (b"ns/default/..", "does not exist"),
        (b"ns/default/a.json/../../../metrics", "does not exist"),
        (b"ns/default/a.json/%2e%2e/x", "does not exist"),
        (b"ns/default/a.json/x%2f..%2f..%2fmetrics", "does not exist"),
        (b"ns/default/a.json/.", "does not exist"),
        (b"ns/default/a.json/..\\x", "does not exist"),
    ],
)
def test_what_names_no_action_is_not_there(path: bytes, sentence: str) -> None:
    with pytest.raises(NoDocument, match=sentence):
        parse(b"/api/v1/web/" + path)


@given(st.binary(max_size=60))
def test_any_path_is_an_address_or_not_there(path: bytes) -> None:
    try:
        address, rest = parse(b"/api/v1/web/" + path)
    except NoDocument:
        return
    assert rest == "" or rest.startswith("/")
    assert "/" not in address.fqn.name


@pytest.mark.parametrize(
    "host",
    [
        b"",
        b"localhost:3233",
        b"127.0.0.1:3233",
        b"[::1]:3233",
        b"10.88.0.1",
        b"controller0",
        b"box.local:80",
        b"faas.example.org:443",
        b"FAAS.example.org.",
        b"guest.faas.example.org",
        b"apps.example.net",
    ],
)
def test_local_and_named_hosts_are_ours(host: bytes) -> None:
    hosts = Hosts.of("https://faas.example.org:443", "apps.example.net")

    assert hosts.are_ours(host)


@pytest.mark.parametrize(
    "host",
    [b"evil.example", b"xfaas.example.org", b"example.org", b"127.0.0.1.evil.io"],
)
def test_other_hosts_are_not(host: bytes) -> None:
    """A stranger's name that points here would share our pages with him."""
    assert not Hosts.of("https://faas.example.org", "").are_ours(host)


def test_pages_under_the_name_for_the_web_are_alone() -> None:
    hosts = Hosts.of("http://127.0.0.1:3233", "apps.example.net")

    assert hosts.is_for_web(b"apps.example.net:80")
    assert not hosts.is_for_web(b"127.0.0.1:3233")
    assert not Hosts().is_for_web(b"127.0.0.1:3233")
