/* HTTP as an invoker speaks it: a small head, a body with a length, kept alive.
 *
 * By hand upon `net`: a warm /run of a hello action over the Unix socket costs 35 to 42 us
 * of this process's CPU with logs in band; the module `http` with nothing but a body
 * parsed and answered costs 60, in the same run, on one slow core: ratio 1.5.
 */
'use strict';

const fs = require('fs');

const LOG_LIMIT_BYTES = 10 << 20; // OpenWhisk's default, when the request names none
const BODY_LIMIT_BYTES = 160 << 20; // 48 MB of code, if JSON escapes blow it up threefold
const HEAD_LIMIT_BYTES = 16 << 10;
const HEADS_KEPT = 200;

const REASONS = {
  200: 'OK',
  400: 'Bad Request',
  403: 'Forbidden',
  411: 'Length Required',
  413: 'Payload Too Large',
  500: 'Internal Server Error',
  502: 'Bad Gateway',
};

/** Answer what matters of a request's head, or null if it is none that we speak. */
function parseHead(text) {
  const [line, ...fields] = text.split('\r\n');
  const [method, path, version, more] = line.split(' ');
  if (more !== undefined || !version || !version.startsWith('HTTP/1.')) return null;
  const head = {
    route: `${method} ${path}`,
    length: undefined,
    limitBytes: LOG_LIMIT_BYTES,
    expects: false,
    close: version === 'HTTP/1.0',
  };
  for (const field of fields) {
    const colon = field.indexOf(':');
    const value = field.slice(colon + 1).trim();
    switch (field.slice(0, colon).trim().toLowerCase()) {
      case 'content-length':
        // Two lengths, or a strange one: whoever sent them means mischief.
        if (head.length !== undefined || !/^\d+$/.test(value)) return null;
        head.length = Number(value);
        break;
      case 'connection':
        head.close = head.close || value.toLowerCase() === 'close';
        break;
      case 'expect':
        head.expects = value.toLowerCase() === '100-continue';
        break;
      case 'x-chasen-log-limit':
        if (/^\d+$/.test(value)) head.limitBytes = Number(value);
        break;
      default:
    }
  }
  return head;
}

/** One connection: bytes come in, whole requests go to the server, one at a time. */
class Connection {
  constructor(server, socket) {
    this.server = server;
    this.socket = socket;
    this.chunks = [];
    this.got = 0; // bytes of the chunks
    this.head = null;
    this.bodyAt = 0;
    this.busy = false;
    socket.on('data', (chunk) => this.receive(chunk));
    socket.on('error', () => socket.destroy());
  }

  receive(chunk) {
    this.chunks.push(chunk);
    this.got += chunk.length;
    if (!this.busy) this.next();
  }

  next() {
    if (this.head === null && !this.readHead()) return;
    const end = this.bodyAt + (this.head.length || 0);
    if (this.got < end) return;
    const data = this.join();
    const { head } = this;
    const body = data.subarray(this.bodyAt, end);
    this.chunks = this.got > end ? [data.subarray(end)] : [];
    this.got -= end;
    this.head = null;
    this.busy = true;
    this.server.answer(this, head, body);
  }

  join() {
    if (this.chunks.length !== 1) this.chunks = [Buffer.concat(this.chunks, this.got)];
    return this.chunks[0];
  }

  readHead() {
    if (this.got === 0) return false;
    const data = this.join();
    const end = data.indexOf('\r\n\r\n');
    if (end < 0) {
      if (this.got > HEAD_LIMIT_BYTES) this.socket.destroy();
      return false;
    }
    this.head = this.server.head(data.latin1Slice(0, end));
    this.bodyAt = end + 4;
    if (this.head === null || this.head.length > BODY_LIMIT_BYTES) {
      this.socket.end(this.head ? `HTTP/1.1 413 ${REASONS[413]}\r\nContent-Length: 0\r\n\r\n` : '');
      this.socket.removeAllListeners('data');
      return false;
    }
    if (this.head.expects) this.socket.write('HTTP/1.1 100 Continue\r\n\r\n');
    return true;
  }

  /** Send the whole answer; the next request may follow. */
  reply(text, close) {
    this.busy = false;
    if (this.socket.destroyed) return;
    this.socket.write(text);
    if (close) this.socket.end();
    else if (this.got) this.next();
  }

  /** Send the answer although the process ends in this very moment. */
  replyNow(text) {
    this.busy = false;
    const handle = this.socket._handle;
    if (!handle || handle.fd < 0) return;
    let rest = Buffer.from(text);
    try {
      while (rest.length) rest = rest.subarray(fs.writeSync(handle.fd, rest));
    } catch {
      // Too much for the socket's buffer: the invoker sees a cut answer.
    }
  }
}

class Server {
  constructor(action, logs) {
    this.action = action;
    this.logs = logs;
    this.heads = new Map();
    this.running = new Map(); // log -> how to fail its run
    process.on('uncaughtException', (error) => this.failAll(error));
    process.on('exit', (code) => this.exit(code));
  }

  serve(socket) {
    new Connection(this, socket);
  }

  head(text) {
    // An invoker says nearly the same each time.
    let head = this.heads.get(text);
    if (head === undefined) {
      if (this.heads.size >= HEADS_KEPT) this.heads.clear();
      head = parseHead(text);
      this.heads.set(text, head);
    }
    return head;
  }

  answer(connection, head, body) {
    const known = head.route === 'POST /run' || head.route === 'POST /init';
    let request;
    try {
      request = known && head.length !== undefined ? JSON.parse(body.toString()) : null;
    } catch {
      request = null;
    }
    const log = this.logs.begin(head.limitBytes);
    const done = ({ status, result, endsRun }) => {
      this.running.delete(log);
      connection.reply(this.frame(log, status, result, endsRun), head.close);
    };
    if (request === null || typeof request !== 'object') {
      done({ status: 500, result: '{"error":"Bad request."}', endsRun: false });
    } else if (head.route === 'POST /run') {
      this.run(connection, log, request, done);
    } else {
      this.logs.within(log, () => this.action.init(request)).then(done);
    }
  }

  run(connection, log, request, done) {
    if (this.action.ready()) this.running.set(log, { connection, done });
    const outcome = this.logs.within(log, () => this.action.run(request));
    // A plain result is answered at once, without a turn of the event loop.
    if (outcome instanceof Promise) outcome.then(done);
    else done(outcome);
  }

  frame(log, status, result, endsRun) {
    const { headers, block } = this.logs.frame(log, result, endsRun);
    const length = Buffer.byteLength(result) + Buffer.byteLength(block);
    return (
      `HTTP/1.1 ${status} ${REASONS[status]}\r\nContent-Type: application/json\r\n` +
      `${headers}Content-Length: ${length}\r\n\r\n${result}${block}`
    );
  }

  /** An exception that nobody caught: without us Node would end here. */
  failAll(error) {
    if (process.listenerCount('uncaughtException') > 1) return; // user code's affair
    console.error(error);
    if (this.running.size === 0) process.exit(1);
    for (const { done } of [...this.running.values()]) done(this.action.failed(error));
  }

  exit(code) {
    for (const [log, { connection }] of this.running) {
      const outcome = this.action.failed(`process.exit(${code}) was called`);
      connection.replyNow(this.frame(log, outcome.status, outcome.result, true));
    }
  }
}

module.exports = { Server };
