# chasen/base:bookworm, what all our images stand on: Debian 12 with its Python 3.11.
# DEBIAN is made by debootstrap (deploy/images.sh), or names any Debian 12 image.
ARG DEBIAN=chasen/debian:bookworm
FROM ${DEBIAN}
RUN apt-get update -q \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends \
      ca-certificates python3 python3-venv \
 && apt-get clean && rm -rf /var/lib/apt/lists/*
ENV LANG=C.UTF-8
