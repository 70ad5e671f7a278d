"""docker-compose.yml keeps its promises, read as text: no engine is asked."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COMPOSE = (ROOT / "docker-compose.yml").read_text("utf-8")
LOCAL = (ROOT / "deploy" / "compose.local.yml").read_text("utf-8")
SECRET_WORDS = re.compile(r"password|secret|token|_key\b", re.IGNORECASE)


def without_comments(text: str) -> str:
    return re.sub(r"(?m)^\s*#.*\n|\s+#\s.*$", "", text)


def services(text: str) -> dict[str, str]:
    """Answer each service's block, as it is written."""
    block = re.search(r"(?ms)^services:\n(.*?)(?=^\S|\Z)", without_comments(text))
    assert block
    parts = re.split(r"(?m)^  ([\w-]+):.*\n", block[1])[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


def image(block: str) -> str | None:
    found = re.search(r"(?m)^    image: (\S+)$", block)
    return found[1] if found else None


def test_kafka_has_one_pinned_version_for_jars_and_images() -> None:
    pom = (ROOT / "deploy" / "kafka" / "pom.xml").read_text("utf-8")
    version = re.search(r"<kafka.version>(.+)</kafka.version>", pom)
    assert version

    assert image(services(COMPOSE)["kafka"]) == f"apache/kafka:{version[1]}"
    assert image(services(LOCAL)["kafka"]) == f"chasen/kafka:{version[1]}"


def test_the_local_house_differs_only_in_images_and_the_stores_health_check() -> None:
    keys = {
        name: set(re.findall(r"(?m)^    (\w+):", block))
        for name, block in services(LOCAL).items()
    }

    assert keys == {
        "kafka": {"image"},
        "couchdb": {"image", "healthcheck"},
        "nginx": {"image"},
    }
    assert re.findall(r"(?m)^(\w+):", LOCAL) == ["services"]


def test_every_local_image_is_one_that_the_build_script_makes() -> None:
    script = (ROOT / "deploy" / "images.sh").read_text("utf-8")
    wanted = {image(block) for block in services(LOCAL).values()}
    wanted |= set(re.findall(r"image: (chasen/\S+)", COMPOSE))
    for name in filter(None, wanted):
        short = name.removeprefix("chasen/").partition(":")[0]

        assert f"make_{short}()" in script, name


def test_our_own_images_are_never_pulled() -> None:
    """Nobody of ours owns that name at a registry; somebody else could."""
    owned = re.findall(
        r"image: chasen/\S+\n +pull_policy: (\w+)", without_comments(COMPOSE)
    )

    assert len(owned) == len(re.findall(r"image: chasen/", without_comments(COMPOSE)))
    assert set(owned) == {"never"}


def test_only_nginx_is_published_and_never_on_all_addresses() -> None:
    published = {
        name: re.findall(r'(?m)^      - "(\S+:\d+)"$', block)
        for name, block in services(COMPOSE).items()
        if re.search(r"(?m)^    ports:", block)
    }

    assert set(published) == {"nginx"}
    hosts = [port.split(":$", 1)[0] for port in published["nginx"]]
    assert hosts == [
        "127.0.0.1",
        "${CHASEN_STACK_ACTIONS:-10.88}.0.1:3233:8080",
        "${CHASEN_TLS_BIND:-127.0.0.1}",
    ]


def test_every_service_may_gain_no_privileges_and_comes_back() -> None:
    text = without_comments(COMPOSE)
    base = re.search(r"(?ms)^x-service: &service\n(.*?)^\S", text)
    assert base
    assert "no-new-privileges:true" in base[1]
    assert "restart: unless-stopped" in base[1]

    for name, block in services(COMPOSE).items():
        assert re.search(r"<<: \*(service|controller|invoker)\b", block), name
        assert ("restart:" in block) == (name == "setup"), name
        assert "privileged: true" not in block


def test_only_invokers_and_reaper_have_the_engines_socket() -> None:
    holders = {
        name for name, block in services(COMPOSE).items() if "docker.sock:" in block
    }

    assert holders == {"invoker0", "invoker1", "reaper"}


def test_no_secret_stands_in_a_command_or_a_value() -> None:
    for name, block in services(COMPOSE).items():
        for line in re.findall(r"(?m)^    command: (.*)$", block):
            words = re.sub(r"--key-file, \S+", "", line)
            assert not SECRET_WORDS.search(words), name
    for line in without_comments(COMPOSE).splitlines():
        if re.match(r" +\w*(PASSWORD|SECRET|KEY)\w*: ", line):
            assert re.search(r"_FILE: /", line), line


@pytest.mark.compose
def test_compose_reads_both_files(tmp_path: Path) -> None:
    """The program itself, for what text cannot show: anchors, merges, variables."""
    (tmp_path / "couchdb.env").write_text("COUCHDB_USER=chasen\n")
    (tmp_path / "couchdb_password").write_text("x")
    files = ["-f", "docker-compose.yml", "-f", "deploy/compose.local.yml"]
    compose = ["docker-compose"] if shutil.which("docker-compose") else []

    result = subprocess.run(
        [*(compose or ["docker", "compose"]), *files, "config", "--services"],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "CHASEN_STACK_SECRETS": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert result.returncode == 0, result.stderr
    # Compose v2 leaves out what stands in a profile, 1.29 does not.
    assert set(result.stdout.split()) | {"invoker1"} == set(services(COMPOSE))
