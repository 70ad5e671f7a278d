"""The helper process that makes, stops and ends sandboxes, and ends with its parent.

One thread, no event loop library, standard library only: forking here is safe and
quick.  It talks with ``channel`` over a SOCK_SEQPACKET pair, a JSON object a packet:

    -> {"do": "begin", "style": "namespaces", ...}  <- {"event": "ready"}
    -> {"do": "start", "name": ..., "argv": ...}    <- {"event": "started", "pid": 42}
    -> {"do": "stop"|"continue"|"kill", "name": ...}  <- {"event": "done", ...}
    <- {"event": "exited", "name": ..., "status": -9, "stderr": "..."}

When the pair ends, the platform is gone: every sandbox is killed, then we go too.  When
*we* are killed, the kernel kills the sandboxes (PR_SET_PDEATHSIG).
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import time
from typing import Any

from . import linux, root, sandbox
from .cgroups import Groups

PACKET_BYTES = 1 << 18
STDERR_BYTES = 4 << 10
END_LIMIT_S = 2
NAMESPACES = (
    linux.CLONE_NEWUSER
    | linux.CLONE_NEWNS
    | linux.CLONE_NEWPID
    | linux.CLONE_NEWIPC
    | linux.CLONE_NEWUTS
)


class Sandbox:
    """A child: its pid is ours to signal until we have reaped it."""

    def __init__(self, order: sandbox.Order, pid: int, stderr: int) -> None:
        self.order = order
        self.pid = pid
        self.stderr = stderr
        self.executed = False
        self.doomed = False
        self.report = -1  # errors before execute come here; closed by execute
        self.gate = -1

    def close(self) -> None:
        for handle in (self.stderr, self.report, self.gate):
            if handle >= 0:
                os.close(handle)
        self.stderr = self.report = self.gate = -1


class Zygote:
    """The loop: packets from the platform, exits of children."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._sandboxes: dict[str, Sandbox] = {}
        self._poll = select.poll()
        self._reports: dict[int, Sandbox] = {}
        self._groups = Groups({}, "")
        self._namespaced = True
        self._own_network = -1
        self._leftovers: set[str] = set()

    def serve(self) -> None:
        """Work until the platform is gone."""
        wake, notify = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(notify)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self._poll.register(self._control, select.POLLIN)
        self._poll.register(wake, select.POLLIN)
        while True:
            for handle, _ in self._poll.poll():
                if handle == wake:
                    os.read(wake, 4096)
                    self._reap()
                elif handle == self._control.fileno():
                    if not self._obey():
                        return self._end()
                elif found := self._reports.pop(handle, None):
                    self._poll.unregister(handle)
                    self._read_report(found)

    # --- packets ----------------------------------------------------------------------

    def _obey(self) -> bool:
        """Carry out one packet; false when there will be no more."""
        try:
            packet, handles, _, _ = socket.recv_fds(self._control, PACKET_BYTES, 1)
        except ConnectionError:
            return False
        if not packet:
            return False
        message = json.loads(packet)
        try:
            match message["do"]:
                case "begin":
                    self._begin(message)
                case "start":
                    self._start(message, handles)
                case "stop":
                    self._signal_all(message["name"], signal.SIGSTOP)
                case "continue":
                    self._signal_all(message["name"], signal.SIGCONT)
                case "kill":
                    self._kill(message["name"])
        except (OSError, ValueError) as error:
            self._tell(event="failed", name=message.get("name", ""), why=str(error))
        for handle in handles:
            os.close(handle)
        return True

    def _tell(self, **event: Any) -> None:
        try:
            self._control.send(json.dumps(event).encode())
        except OSError:
            pass  # the platform is gone; the next read says so

    def _begin(self, message: dict[str, Any]) -> None:
        self._groups = Groups(message["groups"], message["label"])
        self._namespaced = message["style"] == "namespaces"
        linux.prctl(linux.PR_SET_CHILD_SUBREAPER, 1)
        if self._namespaced:
            user, group = os.getuid(), os.getgid()
            linux.unshare(linux.CLONE_NEWNS | (0 if user == 0 else linux.CLONE_NEWUSER))
            if user != 0:
                _map_users("self", user, user, group, group)
            root.enter(message["base"], message["visible"], message["resolv_conf"])
            self._own_network = os.open("/proc/self/ns/net", os.O_RDONLY)
        self._tell(event="ready", name="")

    # --- starting ---------------------------------------------------------------------

    def _start(self, message: dict[str, Any], handles: list[int]) -> None:
        message.pop("do")
        order = sandbox.Order(**message)
        try:
            if order.bounded_memory:
                self._groups.make(order.name, order.memory_mb, order.pids)
            child = self._fork(order, handles[0] if handles else None)
        except OSError:
            self._groups.remove(order.name)
            raise
        self._sandboxes[order.name] = child
        self._reports[child.report] = child
        self._poll.register(child.report, select.POLLIN)
        try:
            if self._namespaced:
                outside = order.uid or os.getuid()
                inside = root.USER_ID
                group = order.uid or os.getgid()
                _map_users(str(child.pid), inside, outside, inside, group)
            if order.bounded_memory:
                self._groups.join(order.name, child.pid)
            os.write(child.gate, b"m")
        except OSError:
            os.kill(child.pid, signal.SIGKILL)  # it is reported when it is reaped
            raise

    def _fork(self, order: sandbox.Order, network: int | None) -> Sandbox:
        mapped, gate = os.pipe2(os.O_CLOEXEC)
        report, told = os.pipe2(os.O_CLOEXEC)
        stderr, printed = os.pipe2(os.O_CLOEXEC)
        flags = NAMESPACES if self._namespaced else 0
        if order.own_network:
            flags |= linux.CLONE_NEWNET
        if network is not None:
            linux.setns(network, linux.CLONE_NEWNET)
        pid = linux.clone(flags)  # the child stays in that network, its parent does not
        if pid == 0:
            self._become(order, mapped, gate, told, printed)
        if network is not None:
            linux.setns(self._own_network, linux.CLONE_NEWNET)
        for handle in (mapped, told, printed):
            os.close(handle)
        os.set_blocking(stderr, False)
        child = Sandbox(order, pid, stderr)
        child.report, child.gate = report, gate
        return child

    def _become(
        self, order: sandbox.Order, mapped: int, gate: int, told: int, printed: int
    ) -> None:
        """In the child: never returns."""
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os.close(gate)
            nothing = os.open("/dev/null", os.O_RDWR)
            os.dup2(nothing, 0)
            os.dup2(printed, 1)
            os.dup2(printed, 2)
            if self._namespaced:
                sandbox.enter(order, mapped)
            else:
                sandbox.enter_plain(order, mapped)
        except BaseException as error:
            os.write(told, f"{sandbox.Step.name}: {error}".encode()[:2000])
        os._exit(1)

    def _read_report(self, child: Sandbox) -> None:
        text = os.read(child.report, 4096).decode(errors="replace")
        os.close(child.report)
        os.close(child.gate)
        child.report = child.gate = -1
        if text:
            self._tell(event="failed", name=child.order.name, why=text)
        else:
            child.executed = True
            self._tell(event="started", name=child.order.name, pid=child.pid)

    # --- stopping and ending ----------------------------------------------------------

    def _signal_all(self, name: str, number: int) -> None:
        """Signal all processes of a sandbox, until no new one turns up."""
        if child := self._sandboxes.get(name):
            reached: set[int] = set()
            while fresh := set(_family(child.pid)) - reached:
                for pid in fresh:
                    _send(pid, number)
                reached |= fresh
        self._tell(event="done", name=name)

    def _kill(self, name: str) -> None:
        if child := self._sandboxes.get(name):
            self._strike(child)
        else:
            self._clear(name)

    def _clear(self, name: str) -> None:
        if not self._groups.remove(name):
            self._leftovers.add(name)  # tried again whenever a child ends
        self._tell(event="gone", name=name)

    def _strike(self, child: Sandbox) -> None:
        child.doomed = True
        # The first process of a pid namespace takes all others with it.
        if not self._namespaced:
            for pid in _family(child.pid):
                _send(pid, signal.SIGSTOP)
            for pid in _family(child.pid):
                _send(pid, signal.SIGKILL)
        _send(child.pid, signal.SIGKILL)
        self._groups.thaw(child.order.name)

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                break
            if pid == 0:
                break
            for child in self._sandboxes.values():
                if child.pid == pid:
                    self._bury(child, os.waitstatus_to_exitcode(status))
                    break
        if not self._namespaced:
            self._kill_orphans()
        self._leftovers -= {
            name for name in self._leftovers if self._groups.remove(name)
        }

    def _bury(self, child: Sandbox, status: int) -> None:
        name = child.order.name
        if self._reports.pop(child.report, None):
            self._poll.unregister(child.report)
            self._read_report(child)
        try:
            stderr = os.read(child.stderr, STDERR_BYTES).decode(errors="replace")
        except BlockingIOError:
            stderr = ""
        child.close()
        del self._sandboxes[name]
        self._tell(event="exited", name=name, status=status, stderr=stderr)
        if child.doomed:
            self._clear(name)

    def _kill_orphans(self) -> None:
        """Without a pid namespace, daemons become our children: they have to go."""
        known = {child.pid for child in self._sandboxes.values()}
        for pid in _children(os.getpid()):
            if pid not in known:
                _send(pid, signal.SIGKILL)

    def _end(self) -> None:
        names = list(self._sandboxes)
        for child in self._sandboxes.values():
            self._strike(child)
        deadline = time.monotonic() + END_LIMIT_S
        while self._sandboxes and time.monotonic() < deadline:
            self._reap()
            time.sleep(0.005)
        for name in {*names, *self._leftovers}:
            self._groups.remove(name)
        self._groups.remove_all()


def _map_users(
    process: str, inside: int, outside: int, group_inside: int, group_outside: int
) -> None:
    if os.getuid() != 0 or process == "self":
        try:
            _write(f"/proc/{process}/setgroups", "deny")
        except OSError:
            pass  # the kernel knows no such file, or it is denied already
    _write(f"/proc/{process}/gid_map", f"{group_inside} {group_outside} 1")
    _write(f"/proc/{process}/uid_map", f"{inside} {outside} 1")


def _write(path: str, text: str) -> None:
    with open(path, "w") as file:
        file.write(text)


def _family(pid: int) -> list[int]:
    """Answer a process and all its descendants, parents first."""
    found = [pid]
    for parent in found:
        found.extend(_children(parent))
    return found


def _children(pid: int) -> list[int]:
    found: list[int] = []
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/children") as file:
                found.extend(int(child) for child in file.read().split())
    except OSError:
        pass  # it ended meanwhile
    return found


def _send(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


def main(handle: int) -> None:
    """Serve the platform at the other end of an inherited socket."""
    os.umask(0o022)
    control = socket.socket(fileno=handle)
    control.set_inheritable(False)
    Zygote(control).serve()
