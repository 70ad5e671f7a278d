"""The transport against servers that misbehave, and what `-v` shows."""

import gzip
import ssl
import subprocess
from pathlib import Path

import pytest
from unit.wsk.conftest import KEY, Wsk
from unit.wsk.recorded import RecordedServer

from wsk import transport


@pytest.mark.parametrize(
    ("status", "raw", "text"),
    [
        (500, b"", "The connection failed, or timed out. (HTTP status code 500)"),
        (500, b'{"error":"x"}', "timed out. (HTTP status code 500)"),
        (413, b"<html>", "timed out. (HTTP status code 413)"),
        (400, b'{"error":{"a":1},"code":"t"}', '{"a":1} (code t)'),
        (200, b"", "The API host answered with something unexpected"),
        (200, b"[]", "The API host answered with something unexpected"),
    ],
)
def test_every_answer_ends_in_a_sentence(
    guest: Wsk, server: RecordedServer, status: int, raw: bytes, text: str
) -> None:
    """B093."""
    server.answer("GET", "rules/r", status, raw=raw)

    ran = guest("rule", "status", "r")

    assert text in ran.err
    assert ran.code == (3 if status == 200 else status % 256)


def test_a_huge_answer_is_not_read(guest: Wsk, server: RecordedServer) -> None:
    """B093: at most 10 MiB where nothing large is expected."""
    server.answer("GET", "rules/r", 200, raw=b'"' + b"x" * (11 << 20) + b'"')

    ran = guest("rule", "get", "r")

    assert "the answer is larger than 10 MiB" in ran.err
    assert ran.code == 3


def test_a_gzip_bomb_is_not_unpacked(guest: Wsk, server: RecordedServer) -> None:
    bomb = gzip.compress(b"0" * (64 << 20))
    headers = (("Content-Encoding", "gzip"),)
    server.answer("GET", "rules/r", 200, raw=bomb, headers=headers)

    ran = guest("rule", "get", "r")

    assert "the answer is larger than 10 MiB" in ran.err


def test_zipped_answers_are_understood(guest: Wsk, server: RecordedServer) -> None:
    raw = gzip.compress(b'{"name":"r","status":"active"}')
    headers = (("Content-Encoding", "gzip"),)
    server.answer("GET", "rules/r", 200, raw=raw, headers=headers)

    assert guest("rule", "status", "r").out == "ok: rule r is active\n"
    assert server.requests[0].headers["Accept-Encoding"] == "gzip"


def test_an_answer_that_breaks_off_is_a_network_error(
    guest: Wsk, server: RecordedServer
) -> None:
    headers = (("Content-Length", "100"), ("Connection", "close"))
    server.answer("GET", "rules/r", 200, raw=b"{", headers=headers)

    ran = guest("rule", "get", "r")

    assert ran.code == 3
    assert f'Get "{server.url}/api/v1/namespaces/_/rules/r": unexpected EOF' in ran.err


def test_redirects_are_followed_without_the_key_to_strangers(
    guest: Wsk, server: RecordedServer
) -> None:
    """B093: the key never goes to another host."""
    other = RecordedServer()
    try:
        other.answer("GET", "/there", 200, {"name": "r", "status": "active"})
        where = (("Location", f"{other.url}/there"),)
        server.answer("GET", "rules/r", 307, headers=where)
        own = (("Location", "/api/v1/namespaces/_/rules/r"),)
        server.answer("GET", "rules/s", 302, headers=own)

        assert guest("rule", "status", "r").code == 0
        assert guest("rule", "status", "s").code == 0

        assert "Authorization" not in other.requests[0].headers
        assert all("Authorization" in request.headers for request in server.requests)
    finally:
        other.close()


def test_a_redirect_loop_ends(guest: Wsk, server: RecordedServer) -> None:
    own = (("Location", "/api/v1/namespaces/_/rules/r"),)
    server.answer("GET", "rules/r", 302, headers=own)

    ran = guest("rule", "get", "r")

    assert ran.code == 3
    assert len(server.requests) == transport.REDIRECT_LIMIT


def test_safe_requests_are_repeated_and_others_not(
    guest: Wsk, server: RecordedServer
) -> None:
    """A POST that was answered 503 may have been carried out."""
    busy = {"error": "busy", "code": "t"}
    wait = (("Retry-After", "0"),)
    server.answer("GET", "rules/r", 503, busy, headers=wait)
    server.answer("GET", "rules/r", 429, busy, headers=wait)
    server.answer("GET", "rules/r", 200, {"status": "active"})
    server.answer("POST", "actions/a", 503, busy, headers=wait)

    assert guest("rule", "status", "r").code == 0
    assert guest("action", "invoke", "a").code == 247
    assert len(server.requests) == 4


def test_a_long_retry_after_is_told_at_once(guest: Wsk, server: RecordedServer) -> None:
    busy = {"error": "Too many requests", "code": "t"}
    server.answer("GET", "rules/r", 429, busy, headers=(("Retry-After", "45"),))

    assert guest("rule", "status", "r").code == 173
    assert len(server.requests) == 1


@pytest.mark.parametrize("flag", ["-v", "-d"])
def test_verbose_output_masks_the_key(
    guest: Wsk, server: RecordedServer, flag: str
) -> None:
    """Case 77."""
    record = {"activationId": "0" * 32, "response": {"result": {"x": "y" * 2000}}}
    server.answer("POST", "actions/echo", 200, record)

    ran = guest(flag, "action", "invoke", "echo", "-b", "-p", "big", "x" * 1000)

    assert ran.out.count("will be truncated") == (2 if flag == "-v" else 0)
    assert '"OpenWhisk-CLI/1.' in ran.out
    assert "Basic ********" in ran.out
    assert "REQUEST:\n[POST]\t" in ran.out
    assert "RESPONSE:Got response with code 200\n" in ran.out
    import base64

    for secret in (KEY, KEY.partition(":")[2], base64.b64encode(KEY.encode()).decode()):
        assert secret not in ran.out + ran.err


def test_verbose_output_masks_keys_in_bodies(
    guest: Wsk, server: RecordedServer
) -> None:
    server.answer("PUT", "triggers/t", 200, {})
    server.answer("POST", "actions/f", 200, {"activationId": "0" * 32})

    ran = guest("-v", "trigger", "create", "t", "--feed", "f")

    assert '"authKey":"********"' in ran.out.replace(": ", ":")
    assert KEY not in ran.out


def test_json_output_keeps_the_trace_off_stdout(
    guest: Wsk, server: RecordedServer
) -> None:
    server.answer("GET", "actions", 200, [])

    ran = guest("-v", "action", "list", "-o", "json")

    assert ran.out == "[]\n"
    assert "REQUEST:" in ran.err


@pytest.fixture
def certificate(home: Path) -> tuple[Path, Path]:
    """A self-signed certificate for 127.0.0.1."""
    key, certificate = home / "key.pem", home / "cert.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
         "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key, "-out", certificate,
         "-days", "1", "-subj", "/CN=localhost", "-addext",
         "subjectAltName=IP:127.0.0.1"],
        check=True, capture_output=True,
    )  # fmt: skip
    return certificate, key


def test_a_self_signed_server_is_refused_until_told_otherwise(
    guest: Wsk, server: RecordedServer, certificate: tuple[Path, Path]
) -> None:
    """B092: no silent acceptance."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    server.use_tls(context)
    server.answer("GET", "rules/r", 200, {"status": "active"})
    words = ("--apihost", server.url.replace("http:", "https:"), "rule", "status", "r")

    refused = guest(*words)
    assert "failed to verify certificate" in refused.err
    assert refused.code == 3
    assert server.requests == []

    assert guest(*words, "-i").code == 0
    assert guest(*words, "--cacert", str(certificate[0])).code == 0


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--cert", "c"], "The Key file is not configured. Please configure the "),
        (["--key", "k"], "The Cert file is not configured. Please configure the "),
    ],
)
def test_certificate_and_key_come_together(
    guest: Wsk, words: list[str], text: str
) -> None:
    ran = guest("rule", "list", *words)

    assert f"Unable to initialize server connection: {text}" in ran.err
    assert ran.code == 1


def test_a_key_pair_that_does_not_load_exits_1(guest: Wsk) -> None:
    ran = guest(
        "rule", "list", "--apihost", "https://127.0.0.1:1", "--cert", "c", "--key", "k"
    )

    assert "Unable to load the X509 key pair due to the following reason: " in ran.err
    assert ran.code == 1
