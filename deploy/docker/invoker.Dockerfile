# chasen/invoker: the workshop.  It runs as root because the engine's socket, the
# freezer and the rules of the action network ask for it; docker-compose.yml takes
# the capabilities away that it does not need.
FROM chasen/libraries
RUN apt-get update -q \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends \
      iptables \
 && apt-get clean && rm -rf /var/lib/apt/lists/*
COPY house /opt/chasen/house
RUN ["/opt/chasen/bin/python", "-m", "compileall", "-q", "/opt/chasen/house"]
VOLUME /var/lib/chasen
ENTRYPOINT ["chasen"]
CMD ["invoker"]
