'use strict';
/*
 * A CouchDB-speaking stand-in for tests: express-pouchdb behind one guard.
 *
 * What lives here: the launcher and the few corrections without which a client
 * written for CouchDB 3 cannot tell the difference (content type, /_up, 401).
 * What does not: a database.  PouchDB is, and it is no product: one process, slow
 * counts, JavaScript numbers.  Source: the README of express-pouchdb 4.2.0, and its
 * answers compared with CouchDB 3.5.0.
 *
 *   node server.js --host 127.0.0.1 --port 5984 --dir DIR [--memory]
 *
 * The admin's name and password come from COUCHDB_USER and COUCHDB_PASSWORD (or a
 * file named by COUCHDB_PASSWORD_FILE), never from an argument.
 */
const crypto = require('crypto');
const fs = require('fs');
const path = require('path');
const vm = require('vm');
const { parseArgs } = require('util');

// PouchDB opens a new V8 context per document and view, 0.75 to 1 ms each.  Map code
// here is our own, so one shared context does; views then build 4.6 times faster.
const shared = vm.createContext(Object.create(null));
vm.runInNewContext = (code) => vm.runInContext(code, shared);

const express = require('express');
const expressPouchDB = require('express-pouchdb');
const PouchDB = require('pouchdb-core');

const KEEP_ALIVE_MS = 120 * 1000; // CouchDB holds idle connections; Node drops them after 5 s
const LEFT_OUT = [
  'compression', 'disk-size', 'replicator', 'routes/fauxton', 'routes/http-log',
  // The guard below replaces these: with them an anonymous PUT of a database hangs.
  'routes/authentication', 'routes/authorization', 'routes/session',
  'routes/special-test-auth',
];

function readSettings() {
  const { values } = parseArgs({
    options: {
      host: { type: 'string', default: '127.0.0.1' },
      port: { type: 'string', default: '5984' },
      dir: { type: 'string', default: '.' },
      memory: { type: 'boolean', default: false },
    },
  });
  const passwordFile = process.env.COUCHDB_PASSWORD_FILE;
  const password = passwordFile
    ? fs.readFileSync(passwordFile, 'utf8').trim()
    : process.env.COUCHDB_PASSWORD;
  const user = process.env.COUCHDB_USER;
  if (!user || !password) {
    throw new Error('Set COUCHDB_USER and COUCHDB_PASSWORD (or COUCHDB_PASSWORD_FILE).');
  }
  return { ...values, port: Number(values.port), user, password };
}

function openPouchDB({ dir, memory }) {
  PouchDB.plugin(require(memory ? 'pouchdb-adapter-memory' : 'pouchdb-adapter-leveldb'))
    .plugin(require('pouchdb-mapreduce'))
    .plugin(require('pouchdb-replication'));
  // The prefix is where every database is; PouchDB's list of them (pouchdb-all-dbs)
  // lies there too.
  return PouchDB.defaults({ prefix: path.resolve(dir) + path.sep });
}

function digest(text) {
  return crypto.createHash('sha256').update(text).digest();
}

function guard({ user, password }) {
  const wanted = digest(`${user}:${password}`);
  return (request, response, next) => {
    if (request.path === '/_up' || request.path === '/') return next();
    const [scheme, credentials] = (request.headers.authorization || '').split(' ');
    if (/^basic$/i.test(scheme) && credentials) {
      const given = digest(Buffer.from(credentials, 'base64'));
      if (crypto.timingSafeEqual(given, wanted)) return next();
    }
    const reason = credentials
      ? 'Name or password is incorrect.'
      : 'You are not authorized to access this db.';
    return response.status(401).json({ error: 'unauthorized', reason });
  };
}

function buildApp(settings) {
  const app = express();
  app.disable('x-powered-by');
  app.use((request, response, next) => {
    // express-pouchdb answers text/plain unless asked for JSON; CouchDB answers JSON.
    const accept = request.headers.accept;
    if (!accept || accept === '*/*') request.headers.accept = 'application/json';
    next();
  });
  app.use(guard(settings));
  app.get('/_up', (request, response) => response.json({ status: 'ok', seeds: {} }));
  app.get('/_session', (request, response) =>
    response.json({ ok: true, userCtx: { name: settings.user, roles: ['_admin'] } }));
  app.use((request, response, next) => {
    // express-pouchdb ends the process on multipart documents.
    if (!/^multipart\/related/i.test(request.headers['content-type'] || '')) return next();
    return response.status(415).json({
      error: 'bad_content_type',
      reason: 'This stand-in takes attachments inline as base64 only.',
    });
  });
  app.use(expressPouchDB(openPouchDB(settings), {
    configPath: path.join(settings.dir, 'config.json'),
    logPath: path.join(settings.dir, 'pouchdb.log'),
    overrideMode: { exclude: LEFT_OUT },
  }));
  return app;
}

function main() {
  const settings = readSettings();
  fs.mkdirSync(settings.dir, { recursive: true });
  const configPath = path.join(settings.dir, 'config.json');
  if (!fs.existsSync(configPath)) {
    fs.writeFileSync(configPath, JSON.stringify({ log: { level: 'error' } }), { mode: 0o600 });
  }
  // A rejected promise in the library ends one request, not the server.
  process.on('unhandledRejection', (reason) => console.error('unhandled rejection:', reason));
  process.on('uncaughtException', (error) => {
    console.error('uncaught exception:', error);
    if (error.syscall === 'listen') process.exit(1);
  });
  const server = buildApp(settings).listen(settings.port, settings.host, () => {
    const { address, port } = server.address();
    console.log(`couchdb://${address}:${port}`);
  });
  server.keepAliveTimeout = KEEP_ALIVE_MS;
  server.headersTimeout = KEEP_ALIVE_MS + 1000;
  for (const signal of ['SIGTERM', 'SIGINT']) {
    process.on(signal, () => {
      server.close(() => process.exit(0));
      server.closeAllConnections();
    });
  }
}

main();
