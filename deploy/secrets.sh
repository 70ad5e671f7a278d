#!/usr/bin/env bash
# Make what docker-compose.yml reads from deploy/.secrets: the store's password, once.
# The server key and the first namespace's key are made by the service `setup`.
source "$(dirname "$0")/lib.sh"

CHASEN_UID=10001 # the user of our images
SECRETS=${CHASEN_STACK_SECRETS:-$DEPLOY/.secrets}

umask 077
mkdir -p "$SECRETS"
chmod 700 "$SECRETS"
if [[ ! -s $SECRETS/couchdb.env ]]; then
  password=$(head -c 24 /dev/urandom | base64 | tr '+/' '-_')
  printf '%s' "$password" >"$SECRETS/couchdb_password"
  printf 'COUCHDB_USER=chasen\nCOUCHDB_PASSWORD=%s\n' "$password" >"$SECRETS/couchdb.env"
  if [[ $(id -u) == 0 ]]; then
    chown "$CHASEN_UID" "$SECRETS/couchdb_password"
    chmod 400 "$SECRETS/couchdb_password"
  else
    # The controllers run as another user; the folder, 0700, keeps everybody else out.
    chmod 444 "$SECRETS/couchdb_password"
  fi
fi
