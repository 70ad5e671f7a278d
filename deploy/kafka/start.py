"""Start Kafka in a container from KAFKA_* variables, as the image apache/kafka does.

KAFKA_NODE_ID=1 becomes node.id=1 (`__` is an underscore, `___` a dash).  CLUSTER_ID,
KAFKA_HEAP_OPTS, KAFKA_JVM_PERFORMANCE_OPTS and KAFKA_OPTS mean what they mean there.
Source: the README of the official image.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

HOME = Path("/opt/kafka")
PROPERTIES = Path("/etc/kafka/server.properties")
CLUSTER_ID = "5L6g3nShT-eMCtK--X86sw"  # the official image's default

# Read by Kafka's own start scripts; not settings of the broker.
NOT_PROPERTIES = ("KAFKA_HEAP_OPTS", "KAFKA_JVM_PERFORMANCE_OPTS", "KAFKA_OPTS")


def property_name(variable: str) -> str:
    name = variable.removeprefix("KAFKA_").lower()
    name = name.replace("___", "-").replace("__", "\0").replace("_", ".")
    return name.replace("\0", "_")


def java(environment: dict[str, str]) -> list[str]:
    flags = " ".join(
        environment.get(name, default)
        for name, default in zip(
            NOT_PROPERTIES, ("-Xmx512m -Xms256m", "-XX:+UseG1GC", ""), strict=True
        )
    )
    logging = f"-Dlog4j2.configurationFile={HOME / 'log4j2.properties'}"
    return ["java", *shlex.split(flags), logging, "-cp", f"{HOME}/libs/*"]


def main() -> None:
    environment = dict(os.environ)
    settings = {
        property_name(variable): value
        for variable, value in environment.items()
        if variable.startswith("KAFKA_") and variable not in NOT_PROPERTIES
    }
    PROPERTIES.write_text(
        "".join(f"{name}={value}\n" for name, value in sorted(settings.items())),
        "utf-8",
    )
    command = java(environment)
    cluster = environment.get("CLUSTER_ID", CLUSTER_ID)
    storage = ["kafka.tools.StorageTool", "format", "--ignore-formatted"]
    if not (Path(settings["log.dirs"]) / "meta.properties").exists():
        subprocess.run(
            [*command, *storage, "--cluster-id", cluster, "--config", str(PROPERTIES)],
            check=True,
        )
    sys.stdout.flush()
    os.execvp(command[0], [*command, "kafka.Kafka", str(PROPERTIES)])


if __name__ == "__main__":
    main()
