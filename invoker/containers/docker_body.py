"""What a container looks like to the engine: one template, filled in, never merged.

What lives here: the body of ``POST /containers/create`` as a pure function.  Nothing of
a user's goes into it but the image's name and the memory limit.  Sources: flags of
ContainerFactory.scala, tightened; the two strict columns are ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chasen.entities.limits import MIB
from invoker.containers.docker_options import NO_NETWORK, DockerOptions
from invoker.ports import ContainerSpec

SOCKET_FOLDER = "/run/chasen"
SOCKET_NAME = "action.sock"
CODE_MB, DATA_MB = 512, 64
DATA_FILES = 20_000
SHARES_OF_ALL = 1024
OOM_SCORE_ADJ = 500  # under memory pressure actions go before the house

LABEL_INVOKER = "chasen.invoker"
LABEL_INCARNATION = "chasen.incarnation"
LABEL_KIND = "chasen.kind"
LABEL_HOUSE = "chasen.house"  # the socket directory: locks of its lives are there
LABEL_TOKEN = "chasen.token"  # noqa: S105 - names a container, opens nothing


@dataclass(frozen=True, slots=True)
class Birth:
    """What is new for each container: its name, user and socket directory."""

    token: str
    uid: int
    socket_folder: Path | None
    labels: dict[str, str]


def is_strict(spec: ContainerSpec, options: DockerOptions) -> bool:
    """Ours always; users' images when the operator says so."""
    return spec.ours or options.blackbox == "strict"


def container_body(
    spec: ContainerSpec, birth: Birth, *, options: DockerOptions, seccomp: str
) -> dict[str, Any]:
    """Answer the JSON of ``POST /containers/create``."""
    strict = is_strict(spec, options)
    body: dict[str, Any] = {
        "Image": spec.image,
        "Hostname": "action",  # the id would tell actions which container they share
        "Env": [f"{name}={value}" for name, value in _environment(spec).items()],
        "Labels": {**options.labels, **birth.labels},
        "Healthcheck": {"Test": ["NONE"]},  # would run beside, and in frozen ones
        "HostConfig": _host_config(spec, birth, options, seccomp, strict=strict),
    }
    if strict:
        body["User"] = f"{birth.uid}:{birth.uid}"
    return body


def _environment(spec: ContainerSpec) -> dict[str, str]:
    if not spec.ours:
        return spec.environment
    return {
        "HOME": "/tmp",  # noqa: S108 - the container's own, the only writable place
        **spec.environment,
        "CHASEN_SOCKET": f"{SOCKET_FOLDER}/{SOCKET_NAME}",
        "CHASEN_LOGS": "inband",
    }


def _host_config(
    spec: ContainerSpec,
    birth: Birth,
    options: DockerOptions,
    seccomp: str,
    *,
    strict: bool,
) -> dict[str, Any]:
    memory = spec.memory_mb * MIB
    files = options.files_limit
    config: dict[str, Any] = {
        "Memory": memory,
        "MemorySwap": memory,  # equal: no swap
        "CpuShares": cpu_shares(spec.memory_mb, options.user_memory_mb),
        "PidsLimit": options.pids_limit if strict else options.blackbox_pids_limit,
        "Ulimits": [
            {"Name": "nofile", "Soft": files, "Hard": files},
            {"Name": "core", "Soft": 0, "Hard": 0},
        ],
        "CapDrop": ["ALL"],
        "SecurityOpt": ["no-new-privileges", f"seccomp={seccomp}"],
        "OomScoreAdj": OOM_SCORE_ADJ,
        "Init": False,
        "RestartPolicy": {"Name": "no"},
        "NetworkMode": options.network if options.open_network else NO_NETWORK,
        # Ours answer with their logs, users' are read from the attached stream: the
        # engine need not write a second copy, which nobody bounds, to its disk.
        "LogConfig": {"Type": "none"},
    }
    if options.dns:
        config["Dns"] = list(options.dns)
    if strict:
        config |= _strict(birth)
    return config


def _strict(birth: Birth) -> dict[str, Any]:
    owner = f"uid={birth.uid},gid={birth.uid}"
    config: dict[str, Any] = {
        "ReadonlyRootfs": True,
        "IpcMode": "none",  # /dev/shm would be writable in spite of the former
        "Tmpfs": {
            "/tmp": f"rw,noexec,nosuid,nodev,size={DATA_MB}m,"  # noqa: S108
            f"nr_inodes={DATA_FILES},mode=0700,{owner}",
            "/action": f"rw,exec,nosuid,nodev,size={CODE_MB}m,mode=0700,{owner}",
        },
    }
    if birth.socket_folder is not None:
        config["Mounts"] = [
            {
                "Type": "bind",
                "Source": str(birth.socket_folder),
                "Target": SOCKET_FOLDER,
                "BindOptions": {"Propagation": "rprivate"},
            }
        ]
    return config


def cpu_shares(memory_mb: int, user_memory_mb: int) -> int:
    """Answer a share of the CPU as large as the share of the memory.

    OpenWhisk divides whole numbers, so that 513 of 1024 MB get everything; this does
    not.  Two is the kernel's least.
    """
    return max(2, SHARES_OF_ALL * memory_mb // max(user_memory_mb, memory_mb))
