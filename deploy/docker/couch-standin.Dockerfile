# A stand-in for the image couchdb where no image registry is reachable: a server that
# speaks CouchDB's protocol, see tests/couch/server.js.  For tests and trials only.
FROM chasen/base:bookworm
RUN useradd --uid 5984 --create-home couchdb \
 && install -d -o couchdb -m 0700 /opt/couchdb/data
COPY node /usr/local/bin/node
COPY node_modules /opt/couchdb/node_modules
COPY server.js /opt/couchdb/
USER couchdb
ENV NODE_ENV=production
VOLUME /opt/couchdb/data
EXPOSE 5984
ENTRYPOINT ["node", "--max-old-space-size=1024", "/opt/couchdb/server.js", \
            "--host", "0.0.0.0", "--port", "5984", "--dir", "/opt/couchdb/data"]
