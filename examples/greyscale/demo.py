"""The main job, from an empty folder to a grey photograph; what ``make demo`` runs."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
BIN = Path(sys.executable).parent
PILLOW = "pillow==13.0.0"


def main() -> None:
    """Run the demo in build/demo below the working folder."""
    build = Path("build/demo").resolve()
    shutil.rmtree(build, ignore_errors=True)
    build.mkdir(parents=True)
    archive = make_archive(build)
    environment, house = start_house(build)
    try:
        run_session(build, archive, environment)
    finally:
        house.send_signal(signal.SIGINT)
        house.wait(60)
    check(build)


def step(text: str) -> None:
    print(f"\n== {text}", flush=True)


def make_archive(build: Path) -> Path:
    """Vendor Pillow next to the action and zip both, as users do."""
    step(f"pip install -t: {PILLOW}")
    vendored = build / "action"
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
    command += ["--disable-pip-version-check", "--only-binary=:all:"]
    subprocess.run([*command, "-t", str(vendored), PILLOW], check=True)
    shutil.copy(HERE / "__main__.py", vendored)
    archive = build / "grey.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as target:
        for path in sorted(vendored.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                target.write(path, path.relative_to(vendored))
    print(f"{archive} has {archive.stat().st_size / 1e6:.1f} MB")
    return archive


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start_house(build: Path) -> tuple[dict[str, str], subprocess.Popen[str]]:
    """Start the embedded house; answer the environment for ``wsk``, and the process."""
    step("chasen up: the embedded house")
    environment = {
        **{key: value for key, value in os.environ.items() if "WSK" not in key},
        "CHASEN_STATE_DIR": str(build / "data"),
        "CHASEN_LISTEN": f"127.0.0.1:{free_port()}",
        "CHASEN_OPERATOR_LISTEN": f"127.0.0.1:{free_port()}",
        "WSK_CONFIG_FILE": str(build / "wskprops"),
    }
    with open(build / "house.log", "w") as log:
        house = subprocess.Popen(
            [BIN / "chasen", "up"],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    assert house.stdout is not None
    host = key = None
    for line in house.stdout:
        print(re.sub(r"(Key +\S{8})\S+", r"\1...", line), end="", flush=True)
        host = line.split()[-1] if line.startswith("API host") else host
        key = line.split()[-1] if line.startswith("Key") else key
        if line.startswith("Ctrl-C"):
            break
    if host is None or key is None:
        sys.exit(f"the house did not start:\n{(build / 'house.log').read_text()}")
    set_up = [BIN / "wsk", "property", "set", "--apihost", host, "--auth", "-"]
    subprocess.run(set_up, input=key, text=True, env=environment, check=True)
    return environment, house


def run_session(build: Path, archive: Path, environment: dict[str, str]) -> None:
    """Store, invoke, bind, fire and read, all with ``wsk``."""

    def wsk(*words: str) -> str:
        print("$ wsk " + " ".join(words), flush=True)
        done = subprocess.run(
            [BIN / "wsk", *words], env=environment, capture_output=True, text=True
        )
        if done.returncode:
            sys.exit(f"{done.stdout}{done.stderr}wsk ended with {done.returncode}")
        return done.stdout

    photo = base64.b64encode((HERE / "photo.png").read_bytes()).decode()
    parameters = build / "photo.json"
    parameters.write_text(json.dumps({"image": photo}))

    step("an action, invoked blocking")
    print(wsk("action", "create", "grey", str(archive), "--kind", "python:default"))
    answer = wsk(
        "action", "invoke", "grey", "--result", "--param-file", str(parameters)
    )
    (build / "grey.png").write_bytes(base64.b64decode(json.loads(answer)["image"]))

    step("a trigger, bound to it by a rule, and fired")
    print(wsk("trigger", "create", "photo-taken"))
    print(wsk("rule", "create", "grey-it", "photo-taken", "grey"))
    print(wsk("trigger", "fire", "photo-taken", "--param-file", str(parameters)))
    fired = wait_for_record(wsk, cause="photo-taken")

    step("the activation record of the blocking call, and that of the rule")
    for record in sorted(fired, key=lambda each: each["start"]):
        show(record)


def wait_for_record(wsk, cause: str) -> list[dict]:
    """Answer the records of the action, once the fired one is among them."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        listing = json.loads(
            wsk("activation", "list", "grey", "--limit", "10", "--full", "-o", "json")
        )
        if len(listing) >= 2:
            return [read_record(wsk, each["activationId"]) for each in listing]
        time.sleep(0.3)
    sys.exit(f"no record of an activation by {cause} after 30 s")


def read_record(wsk, activation_id: str) -> dict:
    text = wsk("activation", "get", activation_id)
    return json.loads(text[text.index("{") :])


def show(record: dict) -> None:
    record["response"]["result"] = {
        key: f"{value[:24]}..." if isinstance(value, str) else value
        for key, value in record["response"]["result"].items()
    }
    print(json.dumps(record, indent=2))
    noted = {each["key"]: each["value"] for each in record["annotations"]}
    print(
        f"waitTime {noted['waitTime']} ms, initTime {noted.get('initTime', '- (warm)')}"
        f" ms, duration {record['duration']} ms, {len(record['logs'])} log lines"
    )
    if not record["logs"] or not record["response"]["success"]:
        sys.exit("the record has no logs, or no success")


def check(build: Path) -> None:
    """Every pixel of the result has R = G = B, and its size is the input's."""
    step("checking every pixel")
    sys.path.insert(0, str(build / "action"))
    from PIL import Image

    photo, grey = Image.open(HERE / "photo.png"), Image.open(build / "grey.png")
    if photo.size != grey.size or grey.mode != "RGB":
        sys.exit(f"size or mode is wrong: {grey.size} {grey.mode}, not {photo.size}")
    red, green, blue = (band.tobytes() for band in grey.split())
    if not red == green == blue or len(set(red)) < 2:
        sys.exit("the picture is not grey")
    print(f"{build / 'grey.png'}: {len(red)} pixels, all of them grey")


if __name__ == "__main__":
    main()
