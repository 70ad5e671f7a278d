/* The Node.js action runtime: /init and /run over HTTP, user code in this process.
 *
 * Standard library and the files beside it.  Two ways to talk:
 *
 * - the public contract: TCP port 8080 (CHASEN_PORT), logs to the real streams and a
 *   sentinel line on both after each run, so it serves under any OpenWhisk;
 * - Chasen's own: a Unix socket (CHASEN_SOCKET), and with CHASEN_LOGS=inband the logs
 *   travel behind the result in the same body (see logs.js).
 *
 * Answers follow OpenWhisk's own Node proxy.  What differs, on purpose: a second /init
 * is refused also after a failed first; a variable that an earlier run brought does not
 * linger; an uncaught exception and process.exit() during a run are answered.
 */
'use strict';

const fs = require('fs');
const net = require('net');
const { Action } = require('./action');
const { InbandLogs, SentinelLogs } = require('./logs');
const { Server } = require('./server');

function takeSettings() {
  const settings = {};
  for (const name of Object.keys(process.env)) {
    if (name.startsWith('CHASEN_')) {
      settings[name] = process.env[name];
      delete process.env[name];
    }
  }
  return settings;
}

function listen(server, settings) {
  const path = settings.CHASEN_SOCKET;
  const listener = net.createServer({ noDelay: true }, (socket) => server.serve(socket));
  listener.on('error', (error) => {
    process.stderr.write(`Cannot listen: ${error.message}\n`);
    process.exit(1);
  });
  if (!path) {
    listener.listen(Number(settings.CHASEN_PORT) || 8080, '0.0.0.0');
    return;
  }
  fs.rmSync(path, { force: true });
  // Who may reach it is the directory's affair.
  listener.listen({ path, readableAll: true, writableAll: true });
}

function main() {
  const settings = takeSettings();
  const concurrent = (process.env.__OW_ALLOW_CONCURRENT || '').toLowerCase() === 'true';
  for (const signal of ['SIGTERM', 'SIGINT']) {
    // As process 1 it would ignore them.  A run in flight is not answered: it was not
    // the action that ended.
    process.on(signal, () => {
      process.removeAllListeners('exit');
      process.exit(143);
    });
  }
  const inband = settings.CHASEN_LOGS === 'inband';
  const logs = inband ? new InbandLogs(concurrent) : new SentinelLogs();
  const action = new Action(settings.CHASEN_ACTION_DIR || '/action', concurrent);
  listen(new Server(action, logs), settings);
}

main();
