"""The inventory of examples/inventory: its README, line by line, on a real database."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from fixtures.house import BIN, ROOT, EmbeddedProcess, House

EXAMPLE = ROOT / "examples" / "inventory"
ID = r"[0-9a-f]{32}"
RECORD_WITHIN_S = 30


def printed_lines() -> list[str]:
    (block,) = re.findall(r"```sh\n(.*?)```", (EXAMPLE / "README.md").read_text(), re.S)
    return block.splitlines()


@pytest.fixture
def near_house(mongodb: str, tmp_path: Path) -> Iterator[House]:
    """A house whose actions may reach the database."""
    host = urlsplit(mongodb).hostname
    process = EmbeddedProcess(tmp_path, extra={"CHASEN_EGRESS_ALLOW": f"{host}/32"})
    process.start()
    house = process.house()
    yield house
    house.forget_users()
    assert process.stop() == 0


class Shell:
    """The shell of somebody who follows the README."""

    def __init__(self, house: House, folder: Path, uri: str) -> None:
        self.user = house.user()
        self._folder, self._uri = folder, uri
        config = folder / ".wskprops"
        config.write_text(f"APIHOST={house.api_host}\nAUTH={self.user.key}\n")
        config.chmod(0o600)
        self._environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith("WSK_")},
            "WSK_CONFIG_FILE": str(config),
            "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
        }

    def __call__(self, line: str) -> str:
        line = re.sub(r"mongodb://HOST:27017/", self._uri, line)
        line = re.sub(r"^pip ", f"{sys.executable} -m pip -q ", line)
        if not shutil.which("zip"):
            made = "python -m zipfile -c ../exec.zip *"
            line = line.replace("zip -qr ../exec.zip .", made)
        done = subprocess.run(
            ["sh", "-euc", line], cwd=self._folder, env=self._environment,
            capture_output=True, text=True, timeout=300,
        )  # fmt: skip
        assert done.returncode == 0, (line, done.stdout, done.stderr)
        return done.stdout

    def wait_for_the_action(self, fired: str) -> None:
        """Wait until the record of the action that a fire ran can be asked for."""
        (identifier,) = re.findall(ID, fired)
        (entry,) = self.user.record(identifier)["logs"]
        began = json.loads(entry)["activationId"]
        self.user.record(began, within_s=RECORD_WITHIN_S)
        late = time.monotonic() + RECORD_WITHIN_S
        while began not in self("wsk activation list --limit 1"):
            assert time.monotonic() < late, f"{began} is not the last record"
            time.sleep(0.1)


def test_a_restock_of_ten_and_two_sales(
    near_house: House, mongodb: str, tmp_path: Path
) -> None:
    """Starting from 29: 39, then 37."""
    folder = tmp_path / "inventory"
    shutil.copytree(EXAMPLE, folder)
    shell = Shell(near_house, folder, mongodb)
    lines = printed_lines()
    fires = [n for n, line in enumerate(lines) if " fire " in line]
    results = []

    for line in lines[: fires[0]]:
        shell(line)
    stock = "-r --param product_id 1 --param stock_change 29"
    first = json.loads(shell(f"wsk action invoke updateInventory {stock}"))
    assert first["count"] == 29, "the database was not empty"
    for line in lines[fires[0] :]:
        printed = shell(line)
        if " fire " in line:
            shell.wait_for_the_action(printed)
        else:
            results.append(json.loads(printed))

    assert results == [{"product_id": 1, "count": 39}, {"product_id": 1, "count": 37}]
