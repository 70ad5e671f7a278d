#!/usr/bin/env bash
# The distributed house on this machine, from local images: docker-compose.yml with
# compose.local.yml over it.
#
#   deploy/stack.sh up       see that everything is there, build, start, wait
#   deploy/stack.sh key      print the key of the namespace guest
#   deploy/stack.sh status   which services run, and how they are
#   deploy/stack.sh logs [SERVICE...]
#   deploy/stack.sh compose ARGUMENT...    any other command of Compose, on this stack
#   deploy/stack.sh down     remove all of it; images and downloads stay
#
# CHASEN_STACK_ID=1..9 names one more stack beside the first, with names, ports and
# addresses of its own.
source "$(dirname "$0")/lib.sh"

READY_LIMIT_S=${CHASEN_STACK_LIMIT_S:-180}

# Every name that two stacks on one machine must not share; docker-compose.yml has the
# same defaults for the first.
set_names() {
  local id=${CHASEN_STACK_ID:-}
  if [[ -n $id ]]; then
    [[ $id =~ ^[1-9]$ ]] || fail "CHASEN_STACK_ID is $id; it must be 1 to 9."
    : "${COMPOSE_PROJECT_NAME:=chasen$id}" "${CHASEN_HTTP_PORT:=$((3233 + 100 * id))}"
    : "${CHASEN_TLS_PORT:=$((3443 + 100 * id))}"
    : "${CHASEN_STACK_BACKEND:=10.89.$id}" "${CHASEN_STACK_ACTIONS:=10.$((90 + id))}"
    : "${CHASEN_STACK_BRIDGE:=chasen$id}" "${CHASEN_STACK_ACTIONS_NAME:=chasen-actions-$id}"
    : "${CHASEN_STACK_RUN:=/run/chasen-$id}" "${CHASEN_STACK_SECRETS:=$DEPLOY/.secrets-$id}"
  fi
  export COMPOSE_PROJECT_NAME=${COMPOSE_PROJECT_NAME:-chasen}
  export CHASEN_HTTP_PORT=${CHASEN_HTTP_PORT:-3233}
  export CHASEN_TLS_PORT=${CHASEN_TLS_PORT:-3443}
  export CHASEN_STACK_BACKEND=${CHASEN_STACK_BACKEND:-10.89.0}
  export CHASEN_STACK_ACTIONS=${CHASEN_STACK_ACTIONS:-10.88}
  export CHASEN_STACK_BRIDGE=${CHASEN_STACK_BRIDGE:-chasen0}
  export CHASEN_STACK_ACTIONS_NAME=${CHASEN_STACK_ACTIONS_NAME:-chasen-actions}
  export CHASEN_STACK_RUN=${CHASEN_STACK_RUN:-/run/chasen}
  export CHASEN_STACK_SECRETS=${CHASEN_STACK_SECRETS:-$DEPLOY/.secrets}
}

compose() {
  "${COMPOSE[@]}" --project-directory "$ROOT" -f "$ROOT/docker-compose.yml" \
    -f "$DEPLOY/compose.local.yml" "$@"
}

# One line a service: NAME STATUS
services() {
  docker ps -a --filter "label=com.docker.compose.project=$COMPOSE_PROJECT_NAME" \
    --format '{{.Label "com.docker.compose.service"}} {{.Status}}' | sort
}

api_host() { echo "http://127.0.0.1:$CHASEN_HTTP_PORT"; }

up() {
  local start=$SECONDS
  "$DEPLOY/engine.sh"
  find_compose
  "$DEPLOY/images.sh"
  "$DEPLOY/secrets.sh"
  say "Starting the services:"
  if ! compose up -d --remove-orphans >"$LOG" 2>&1; then
    tail -n 20 "$LOG" >&2
    show_faults
    fail "The stack did not start. Everything that was started still runs; see: deploy/stack.sh logs"
  fi
  wait_ready
  say "The house is open after $((SECONDS - start)) s."
  say ""
  say "  API host   $(api_host)"
  local key="${CHASEN_STACK_ID:+CHASEN_STACK_ID=$CHASEN_STACK_ID }deploy/stack.sh key"
  say "  Key        $key"
  say "  wsk        wsk property set --apihost $(api_host) --auth \"\$($key)\""
}

# Up to date when each service that has a health check is healthy.
wait_ready() {
  local start=$SECONDS before='' now waiting
  while ((SECONDS - start < READY_LIMIT_S)); do
    now=$(services)
    waiting=$(grep -E '\(health: starting\)|\(unhealthy\)|Restarting' <<<"$now" | cut -d' ' -f1 | tr '\n' ' ') || true
    if [[ -z $waiting ]] && answers; then return; fi
    if [[ $waiting != "$before" ]]; then
      [[ -z $waiting ]] || say "  waiting for $waiting($((SECONDS - start)) s)"
      before=$waiting
    fi
    sleep 0.5
  done
  show_faults
  fail "The stack is not ready after $READY_LIMIT_S s. See: deploy/stack.sh logs"
}

answers() {
  python3 - "$(api_host)/ping" <<'PYTHON'
import sys, urllib.request

try:
    sys.exit(urllib.request.urlopen(sys.argv[1], timeout=3).status != 200)
except OSError:
    sys.exit(1)
PYTHON
}

show_faults() {
  local service
  services >&2
  for service in $(services | grep -vE '\(healthy\)|Exited \(0\)| Created' | cut -d' ' -f1); do
    say "--- the end of the log of $service" >&2
    compose logs --no-color --tail=15 "$service" >&2 || true
  done
}

key() { compose exec -T controller0 cat /var/lib/chasen/keys/guest.key; }

# Everything but images and the cache: containers, rules, networks, volumes, files.
down() {
  find_compose || fail "Compose is missing. Run: deploy/engine.sh"
  export COMPOSE_PROFILES=two-invokers # whatever was started
  "$DEPLOY/secrets.sh" # Compose reads the files even to remove what needs them
  compose stop -t 20 >"$LOG" 2>&1 || true
  local actions
  actions=$(docker ps -aq --filter "label=chasen.house=$CHASEN_STACK_RUN/sockets")
  if [[ -n $actions ]]; then xargs docker rm -f <<<"$actions" >/dev/null; fi
  remove_rules
  if ! compose down --volumes --remove-orphans -t 10 >>"$LOG" 2>&1; then
    tail -n 20 "$LOG" >&2
    fail "Something of the stack could not be removed."
  fi
  remove_files
  say "The house is gone; images and downloads ($CACHE) stay for the next time."
}

# The invoker's chains in the packet filter, by the program that made them.
remove_rules() {
  docker image inspect chasen/invoker >/dev/null 2>&1 || return 0
  docker run --rm --network host --cap-drop ALL --cap-add NET_ADMIN \
    --entrypoint python3 chasen/invoker -c "
from invoker.containers.docker_rules import Rules, take_out

take_out(Rules(bridge='$CHASEN_STACK_BRIDGE'))
"
}

# Made by the engine, so root's: removed by a container if we are not root.
remove_files() {
  rm -rf "$CHASEN_STACK_SECRETS"
  [[ -d $CHASEN_STACK_RUN ]] || return 0
  rm -rf "$CHASEN_STACK_RUN" 2>/dev/null ||
    docker run --rm --network none -v "$(dirname "$CHASEN_STACK_RUN"):/mnt" \
      chasen/base:bookworm rm -rf "/mnt/$(basename "$CHASEN_STACK_RUN")"
}

set_names
LOG=$(mktemp)
trap 'rm -f "$LOG"' EXIT
case ${1:-} in
  up | key | down) find_compose || [[ $1 == up ]] || fail "Compose is missing. Run: deploy/engine.sh" && "$1" ;;
  status) services ;;
  logs) find_compose && compose logs --no-color "${@:2}" ;;
  compose) find_compose && compose "${@:2}" ;;
  *) fail "Usage: deploy/stack.sh up | key | status | logs | compose | down" ;;
esac
