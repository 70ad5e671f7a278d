#!/usr/bin/env bash
# See that everything the stack needs from the machine is there: a Docker engine that
# answers, Compose, and the tools that fetch and build.  Idempotent.
#
# Without CHASEN_STACK_INSTALL=1 nothing is installed or started: the exact commands
# are printed and the exit code is 1.
source "$(dirname "$0")/lib.sh"

missing=()

want() { # want PACKAGE PROGRAM...: the package is missing if none of the programs is there
  local package=$1 program
  shift
  for program in "$@"; do
    if has "$program"; then return; fi
  done
  missing+=("$package")
}

list_missing() {
  missing=()
  if ! engine_answers; then
    want docker.io dockerd
    want iptables iptables
  fi
  find_compose || missing+=(docker-compose)
  if [[ -z ${CHASEN_BASE_IMAGE:-} && ! -e $CACHE/debian-bookworm.tar ]]; then
    want debootstrap debootstrap
    [[ -e /usr/share/keyrings/debian-archive-keyring.gpg ]] || missing+=(debian-archive-keyring)
  fi
  want default-jre-headless java
  want maven mvn
  want nodejs node
  want npm npm
}

# A pid file whose number another program has by now would keep the engine from starting.
forget_stale_pid() { # forget_stale_pid FILE NAME
  local pid
  pid=$(cat "$1" 2>/dev/null) || return 0
  [[ $(cat "/proc/$pid/comm" 2>/dev/null) == "$2" ]] || rm -f "$1"
}

start_dockerd() {
  forget_stale_pid /var/run/docker.pid dockerd
  forget_stale_pid /var/run/docker/containerd/containerd.pid containerd
  # A session of its own, so that it outlives this script and its terminal.
  setsid dockerd >>/var/log/chasen-dockerd.log 2>&1 </dev/null &
  local pid=$!
  for _ in $(seq 80); do
    if engine_answers; then return 0; fi
    kill -0 "$pid" 2>/dev/null || return 1
    sleep 0.5
  done
  return 1
}

start_engine() {
  if [[ -d /run/systemd/system ]]; then
    systemctl start docker
    for _ in $(seq 60); do
      if engine_answers; then return; fi
      sleep 0.5
    done
  else
    # No service manager (a container, a minimal machine).  After a death by SIGKILL
    # the first start may fail over what was left behind; the second finds it gone.
    for _ in 1 2 3; do
      if start_dockerd; then return; fi
    done
  fi
  fail "The Docker engine was started but does not answer. Read /var/log/chasen-dockerd.log or: journalctl -u docker"
}

start_command() {
  if [[ -d /run/systemd/system ]]; then echo "systemctl start docker"; else echo "dockerd   (and leave it running)"; fi
}

why_no_engine() {
  if [[ -S /var/run/docker.sock && ! -w /var/run/docker.sock ]]; then
    fail "A Docker engine runs, but you may not use it. Run: sudo usermod -aG docker $(id -un), then log in again."
  fi
}

engine_answers || why_no_engine
list_missing
if ((${#missing[@]})) || ! engine_answers; then
  if [[ ${CHASEN_STACK_INSTALL:-} != 1 || $(id -u) != 0 ]]; then
    say "The stack needs some things that this machine does not have yet. Run:" >&2
    ((${#missing[@]})) && say "  sudo apt-get update && sudo apt-get install -y --no-install-recommends ${missing[*]}" >&2
    engine_answers || say "  sudo $(start_command)" >&2
    fail "or, as root, let this script do it: CHASEN_STACK_INSTALL=1 make stack"
  fi
  if ((${#missing[@]})); then
    say "Installing: ${missing[*]}"
    apt-get update -q >/dev/null
    DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}" >/dev/null
  fi
  engine_answers || start_engine
fi
find_compose || fail "Compose is missing although it was installed. Is its folder on the PATH?"
say "Docker engine $(docker version --format '{{.Server.Version}}'), $("${COMPOSE[@]}" version --short 2>/dev/null || true) compose"
