# Shared by the scripts of this folder: where things are, and how they speak.
# Sourced, never run.
# shellcheck shell=bash

set -euo pipefail

DEPLOY=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
ROOT=$(dirname "$DEPLOY")
CACHE=${CHASEN_CACHE:-$HOME/.cache/chasen}

say() { printf '%s\n' "$*"; }

fail() {
  printf '%s\n' "$*" >&2
  exit 1
}

has() { command -v "$1" >/dev/null 2>&1; }

engine_answers() { has docker && docker version --format '{{.Server.Version}}' >/dev/null 2>&1; }

# Compose v2 is a plug-in of the docker command, 1.29 a program of its own.
find_compose() {
  if docker compose version >/dev/null 2>&1; then
    COMPOSE=(docker compose)
  elif has docker-compose; then
    COMPOSE=(docker-compose)
  else
    return 1
  fi
}

# The one pinned version of Kafka, for the jars and for the official image's tag.
kafka_version() { sed -n 's:.*<kafka.version>\(.*\)</kafka.version>.*:\1:p' "$DEPLOY/kafka/pom.xml"; }
