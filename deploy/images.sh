#!/usr/bin/env bash
# Build our images, and stand-ins for the official ones, without an image registry.
#
#   deploy/images.sh                all of them
#   deploy/images.sh ours           only controller, invoker and the action images
#   deploy/images.sh NAME...        base kafka couch-standin nginx libraries controller
#                                   invoker, or a folder of runtimes/ (python nodejs)
#
# The base comes from debootstrap, unless CHASEN_BASE_IMAGE names a Debian 12 image to
# start from.  An unchanged image takes a second: every context is streamed, and the
# engine compares contents.
source "$(dirname "$0")/lib.sh"

# The classic builder: Debian's engine brings no other.
export DOCKER_BUILDKIT=0
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT

fetch() { python3 "$DEPLOY/fetch.py" "$1"; }

# context NAME: an empty folder that will be the build context of that image
context() {
  mkdir -p "$WORK/$1"
  echo "$WORK/$1"
}

build() { # build TAG DOCKERFILE CONTEXT [OPTION...]
  local tag=$1 file=$2 context=$3 log="$WORK/log"
  shift 3
  cp "$file" "$context/Dockerfile"
  local start=$SECONDS
  if ! tar -C "$context" --dereference --exclude=__pycache__ -cf - . |
    docker build -q -t "$tag" "$@" - >"$log" 2>&1; then
    # Quiet builds tell nothing when they fail: once more.
    tar -C "$context" --dereference --exclude=__pycache__ -cf - . | docker build -t "$tag" "$@" - >"$log" 2>&1 || true
    tail -n 40 "$log" >&2
    fail "The image $tag could not be built."
  fi
  say "  $tag ($((SECONDS - start)) s)"
}

# A folder as it is, without copying it first.
link() { ln -s "$1" "$2"; }

make_debian() {
  local tarball=$CACHE/debian-bookworm.tar root
  if [[ ! -e $tarball ]]; then
    has debootstrap || fail "debootstrap is missing. Run: sudo apt-get install debootstrap, or name a Debian 12 image in CHASEN_BASE_IMAGE."
    [[ $(id -u) == 0 ]] || fail "debootstrap needs root. Run: sudo CHASEN_CACHE=$CACHE deploy/images.sh base, or name a Debian 12 image in CHASEN_BASE_IMAGE."
    say "  debootstrap of Debian 12 (once, about a minute)"
    mkdir -p "$CACHE"
    root=$WORK/debian
    debootstrap --variant=minbase bookworm "$root" >"$WORK/debootstrap.log" 2>&1 ||
      fail "debootstrap failed: $(tail -n 5 "$WORK/debootstrap.log")"
    # Security updates from where this machine gets them, if it is the same Debian.
    if grep -qs '^VERSION_CODENAME=bookworm' /etc/os-release; then
      cp -r /etc/apt/sources.list.d "$root/etc/apt/" 2>/dev/null || true
      if compgen -G "$root/etc/apt/sources.list.d/*" >/dev/null; then : >"$root/etc/apt/sources.list"; fi
    fi
    rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/* \
      "$root"/etc/{resolv.conf,hostname,machine-id}
    # Files only: Java's package wants the folders of the manual pages.
    find "$root"/usr/share/{doc,man,locale} -type f -delete
    tar -C "$root" --numeric-owner -cf "$tarball.part" .
    mv "$tarball.part" "$tarball"
  fi
  docker import "$tarball" chasen/debian:bookworm >/dev/null
}

make_base() {
  local debian=${CHASEN_BASE_IMAGE:-chasen/debian:bookworm}
  if [[ $debian == chasen/debian:bookworm ]] && ! docker image inspect "$debian" >/dev/null 2>&1; then
    make_debian
  fi
  build chasen/base:bookworm "$DEPLOY/docker/base.Dockerfile" "$(context base)" --build-arg "DEBIAN=$debian"
}

make_kafka() {
  local context
  context=$(context kafka)
  link "$(fetch kafka)" "$context/jars"
  cp "$DEPLOY"/kafka/{log4j2.properties,start.py} "$context"
  build "chasen/kafka:$(kafka_version)" "$DEPLOY/docker/kafka.Dockerfile" "$context"
}

make_couch-standin() {
  local context
  context=$(context couch)
  node_binary "$context"
  link "$(fetch couch)" "$context/node_modules"
  cp "$ROOT/tests/couch/server.js" "$context"
  build chasen/couch-standin "$DEPLOY/docker/couch-standin.Dockerfile" "$context"
}

make_nginx() {
  local context
  context=$(context nginx)
  cp "$DEPLOY/docker/nginx-entrypoint.sh" "$context"
  build chasen/nginx "$DEPLOY/docker/nginx.Dockerfile" "$context"
}

make_libraries() {
  local context
  context=$(context libraries)
  link "$(fetch wheels)" "$context/wheels"
  cp "$ROOT/requirements/runtime.txt" "$DEPLOY/docker/chasen.py" "$context"
  build chasen/libraries "$DEPLOY/docker/libraries.Dockerfile" "$context"
}

make_controller() { house controller; }
make_invoker() { house invoker; }

house() {
  local context folder
  context=$(context "$1")
  mkdir "$context/house"
  for folder in chasen controller invoker standalone wsk runtimes; do
    if [[ -d $ROOT/$folder ]]; then link "$ROOT/$folder" "$context/house/$folder"; fi
  done
  build "chasen/$1" "$DEPLOY/docker/$1.Dockerfile" "$context"
}

node_binary() {
  local modules
  modules=$(fetch node)
  link "$(echo "$modules"/node-linux-*/bin/node)" "$1/node"
}

# An action image: the folder of runtimes/ is the context; nodejs also gets `node`.
make_runtime() {
  local context tag
  context=$(context "runtime-$1")
  cp -r "$ROOT/runtimes/$1/." "$context"
  if [[ $1 == nodejs ]]; then node_binary "$context"; fi
  tag=$(runtime_tag "$1")
  build "$tag" "$ROOT/runtimes/$1/Dockerfile" "$context" --build-arg BASE=chasen/base:bookworm
}

# Its name stands in the manifest, with the kinds that it serves.
runtime_tag() {
  python3 - "$ROOT/runtimes/manifest.json" "$1" <<'PYTHON'
import json, sys

manifest, family = json.load(open(sys.argv[1])), sys.argv[2]
for kind in manifest["runtimes"][family]:
    image = kind["image"]
    if isinstance(image, dict):
        image = "/".join(filter(None, (image.get("prefix"), image["name"]))) + f":{image['tag']}"
    print(image)
    break
PYTHON
}

runtimes() {
  local file
  for file in "$ROOT"/runtimes/*/Dockerfile; do
    if [[ -e $file ]]; then basename "$(dirname "$file")"; fi
  done
}

make_one() {
  if [[ -e $ROOT/runtimes/$1/Dockerfile ]]; then
    make_runtime "$1"
  elif declare -F "make_$1" >/dev/null; then
    "make_$1"
  else
    fail "There is no image called $1."
  fi
}

engine_answers || fail "No Docker engine answers. Run: deploy/engine.sh"
ours=(libraries controller invoker $(runtimes))
case ${1:-all} in
  all) names=(base kafka couch-standin nginx "${ours[@]}") ;;
  ours) names=(base "${ours[@]}") ;;
  *) names=("$@") ;;
esac
say "Images:"
for name in "${names[@]}"; do make_one "$name"; done
# What a newer image has taken the name of.  Not the first stage of chasen/libraries,
# which bears no label: the builder would have to make it again each time.
docker image prune -f --filter label=chasen.image >/dev/null
