#!/bin/bash
# As the official image's: source what lies in /docker-entrypoint.d, fill in the
# templates, become nginx.
set -euo pipefail

for hook in /docker-entrypoint.d/*.envsh; do
  # shellcheck disable=SC1090
  if [[ -x $hook ]]; then source "$hook"; fi
done

# Only names that are set: nginx's own $variables stay.
names=$(env | sed -n 's/^\([A-Za-z_][A-Za-z0-9_]*\)=.*/\1/p' |
  { grep -E "${NGINX_ENVSUBST_FILTER:-}" || true; } | sed 's/.*/${&}/' | tr '\n' ' ')
for template in /etc/nginx/templates/*.template; do
  envsubst "$names" <"$template" >"/etc/nginx/conf.d/$(basename "$template" .template)"
done

exec "$@"
