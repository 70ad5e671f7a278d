/* What becomes of the output of user code: the streams and a sentinel, or in band.
 *
 * In band: behind the `X-Chasen-Result` bytes of JSON come lines
 * `<RFC 3339 time, 30 columns> <stdout|stderr>: <text>`, joined by newlines, together at
 * most `X-Chasen-Log-Limit` bytes; `X-Chasen-Logs-Truncated: 1` says that some are lost.
 *
 * Node has no dup2, so behind fd 1 and 2 lie unlinked files, read at the end of a run
 * and each 200 ms of a long one.  Files rather than pipes: a program started by
 * execSync blocks the only thread that could empty a pipe.
 */
'use strict';

const fs = require('fs');
const { tmpdir } = require('os');
const { Writable } = require('stream');

const SENTINEL = 'XXX_THE_END_OF_A_WHISK_ACTIVATION_XXX\n';
const NAMES = ['stdout', 'stderr', 'stdout', 'stderr'];
const SHORTEST_BYTES = '2026-11-22T02:05:05.123456789Z stdout: '.length;
const DRAIN_PAUSE_MS = 200;
const KEPT_FILE_BYTES = 4 << 20; // then it starts anew: what a flood may take of /tmp
const CALIBRATION_MS = 1000; // the clock may be set while we live

/** The public contract: output goes where it goes, a sentinel ends each run. */
class SentinelLogs {
  begin() {
    return {};
  }

  within(_, work) {
    return work();
  }

  frame(_, result, endsRun) {
    if (endsRun) {
      process.stdout.write(SENTINEL);
      process.stderr.write(SENTINEL);
    }
    return { headers: '', block: '' };
  }
}

/** The lines of one run, or of several if they are not told apart. */
class Log {
  constructor(limitBytes) {
    this.limitBytes = limitBytes;
    this.lines = [];
    this.bytes = 0;
    this.cut = false;
    // By source: 0 and 1 are text printed here, 2 and 3 bytes from behind fd 1 and 2.
    this.partial = ['', '', [], []];
    this.partialBytes = [0, 0, 0, 0];
  }

  addText(source, text) {
    if (this.cut) return;
    let from = 0;
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', from)) {
      this.line(source, this.partial[source] + text.slice(from, end));
      this.partial[source] = '';
      from = end + 1;
    }
    if (from < text.length && !this.cut) {
      this.partial[source] += text.slice(from, from + this.limitBytes + 1);
      if (this.partial[source].length > this.limitBytes - this.bytes) this.flush(source);
    }
  }

  addBytes(source, data) {
    let from = 0;
    while (from < data.length && !this.cut) {
      const end = data.indexOf(10, from);
      const piece = data.subarray(from, end < 0 ? data.length : end);
      this.partial[source].push(Buffer.from(piece));
      this.partialBytes[source] += piece.length;
      if (end >= 0 || this.partialBytes[source] > this.limitBytes - this.bytes) {
        this.flush(source);
      }
      if (end < 0) return;
      from = end + 1;
    }
  }

  flush(source) {
    const rest = this.partial[source];
    this.partial[source] = source > 1 ? [] : '';
    this.partialBytes[source] = 0;
    this.line(source, source > 1 ? Buffer.concat(rest).toString() : rest);
  }

  line(source, text) {
    if (this.cut) return;
    const plain = text.endsWith('\r') ? text.slice(0, -1) : text;
    let line = `${now()} ${NAMES[source]}: ${plain}`;
    const room = this.limitBytes - this.bytes - (this.lines.length ? 1 : 0);
    let bytes = Buffer.byteLength(line);
    if (bytes > room) {
      this.cut = true;
      // Half a character must not stay behind, nor a time without a text.
      line = cutText(line, room);
      bytes = Buffer.byteLength(line);
      if (bytes <= SHORTEST_BYTES) return;
    }
    this.bytes += bytes + (this.lines.length ? 1 : 0);
    this.lines.push(line);
  }

  take() {
    for (let source = 0; source < 4; source += 1) {
      if (this.partial[source].length) this.flush(source);
    }
    const block = this.lines.join('\n');
    // A limit of nothing means nobody asked: that is no loss to report.
    const cut = this.cut && this.limitBytes > 0;
    this.lines = [];
    this.bytes = 0;
    this.cut = false;
    return { block, cut };
  }
}

function cutText(text, bytes) {
  const data = Buffer.from(text);
  let end = Math.max(0, Math.min(bytes, data.length));
  while (end > 0 && end < data.length && (data[end] & 0xc0) === 0x80) end -= 1;
  return data.toString('utf8', 0, end);
}

let wallMs = 0; // the wall clock when the monotonic one showed monotonicMs
let monotonicMs = -Infinity;
let secondShown = 0;
let secondText = '';

/** Answer the time in 30 columns, `2026-11-22T02:05:05.123456789Z`. */
function now() {
  const elapsed = performance.now();
  if (elapsed - monotonicMs > CALIBRATION_MS) {
    wallMs = Date.now();
    monotonicMs = elapsed;
  }
  const ms = wallMs + (elapsed - monotonicMs);
  const second = Math.floor(ms / 1000);
  if (second !== secondShown) {
    secondShown = second;
    secondText = new Date(second * 1000).toISOString().slice(0, 20);
  }
  const nanoseconds = Math.floor((ms - second * 1000) * 1e6);
  return `${secondText}${String(nanoseconds).padStart(9, '0')}Z`;
}

/** process.stdout or process.stderr of user code. */
class Printed extends Writable {
  constructor(logs, source) {
    super({ decodeStrings: false });
    this.logs = logs;
    this.source = source;
    this.fd = source + 1;
    this._type = 'fs';
    this.waiting = []; // callbacks to come, each with how often
  }

  write(chunk, encoding, callback) {
    const done = typeof encoding === 'function' ? encoding : callback;
    if (typeof chunk === 'string') {
      const coded = typeof encoding === 'string' && !/^utf-?8$/i.test(encoding);
      if (coded) this.logs.addBytes(this.source, Buffer.from(chunk, encoding));
      else this.logs.addText(this.source, chunk);
    } else if (ArrayBuffer.isView(chunk)) {
      const { buffer, byteOffset, byteLength } = chunk;
      this.logs.addBytes(this.source, Buffer.from(buffer, byteOffset, byteLength));
    } else {
      return super.write(chunk, encoding, callback); // it knows what to throw
    }
    if (done) this.callLater(done);
    return true;
  }

  // console.log brings the same callback each time: a loop must not pile them up.
  callLater(done) {
    const last = this.waiting[this.waiting.length - 1];
    if (last && last.done === done) {
      last.times += 1;
      return;
    }
    this.waiting.push({ done, times: 1 });
    if (this.waiting.length > 1) return;
    process.nextTick(() => {
      const { waiting } = this;
      this.waiting = [];
      for (const call of waiting) for (; call.times > 0; call.times -= 1) call.done();
    });
  }

  _write(_chunk, _encoding, callback) {
    callback();
  }

  // Stays open: the next run prints too.
  end() {
    return this;
  }

  destroy() {
    return this;
  }
}

class InbandLogs {
  constructor(concurrent) {
    this.shared = new Log(10 << 20);
    this.runs = 0;
    this.timer = null;
    this.seen = false; // whether anything may come from behind fd 1 and 2
    this.modulesKnown = 0;
    this.buffer = Buffer.allocUnsafe(64 << 10);
    this.offsets = [0, 0, 0];
    this.files = [1, 2].filter((fd) => replaceByFile(fd));
    this.store = concurrent ? new (require('async_hooks').AsyncLocalStorage)() : null;
    for (const [source, name] of ['stdout', 'stderr'].entries()) {
      const value = new Printed(this, source);
      Object.defineProperty(process, name, { value, enumerable: true, configurable: true });
    }
  }

  /** Answer the log of the coming request. */
  begin(limitBytes) {
    if (this.timer === null) {
      this.timer = setInterval(() => this.tick(), DRAIN_PAUSE_MS).unref();
    }
    this.runs += 1;
    if (this.store) return new Log(limitBytes);
    this.shared.limitBytes = limitBytes;
    return this.shared;
  }

  tick() {
    this.drain();
    if (this.runs > 0) return;
    clearInterval(this.timer);
    this.timer = null;
  }

  /** Do work so that what it prints goes to this log, also from its callbacks. */
  within(log, work) {
    return this.store ? this.store.run(log, work) : work();
  }

  addText(source, text) {
    if (this.mayBeBehind()) this.drain();
    this.current().addText(source, text);
  }

  addBytes(source, data) {
    if (this.mayBeBehind()) this.drain();
    // Bytes of its own: not to be glued to half a line from behind the descriptor.
    this.current().addText(source, data.toString());
  }

  /** Whether a child process may have printed: then its lines come first. */
  mayBeBehind() {
    const { moduleLoadList } = process;
    if (!this.seen && moduleLoadList.length !== this.modulesKnown) {
      this.modulesKnown = moduleLoadList.length;
      this.seen = moduleLoadList.includes('NativeModule child_process');
    }
    return this.seen;
  }

  current() {
    return (this.store && this.store.getStore()) || this.shared;
  }

  drain() {
    for (const fd of this.files) {
      let count = this.read(fd);
      while (count > 0) {
        this.seen = true;
        this.offsets[fd] += count;
        this.shared.addBytes(fd + 1, this.buffer.subarray(0, count));
        count = this.read(fd);
      }
      if (this.offsets[fd] > KEPT_FILE_BYTES) {
        fs.ftruncateSync(fd, 0);
        this.offsets[fd] = 0;
      }
    }
  }

  read(fd) {
    try {
      return fs.readSync(fd, this.buffer, 0, this.buffer.length, this.offsets[fd]);
    } catch {
      return 0; // user code closed it
    }
  }

  frame(log, result, endsRun) {
    this.runs -= 1;
    const bytes = Buffer.byteLength(result);
    if (!endsRun) return { headers: `X-Chasen-Result: ${bytes}\r\n`, block: '' };
    this.drain();
    const { block, cut } = log.take();
    const rest = log === this.shared ? { block: '', cut: false } : this.takeShared(log, block);
    const lost = cut || rest.cut ? 'X-Chasen-Logs-Truncated: 1\r\n' : '';
    return { headers: `X-Chasen-Result: ${bytes}\r\n${lost}`, block: block + rest.block };
  }

  /** What no run can be named for goes with the first that ends. */
  takeShared(log, block) {
    this.shared.limitBytes = Math.max(0, log.limitBytes - Buffer.byteLength(block) - 1);
    const rest = this.shared.take();
    this.shared.limitBytes = 10 << 20;
    return { block: (block && rest.block ? '\n' : '') + rest.block, cut: rest.cut };
  }
}

/** Put an unlinked file behind a descriptor; false where that cannot be had. */
function replaceByFile(fd) {
  const path = `${tmpdir()}/chasen-${process.pid}-${fd}`;
  const { O_RDWR, O_APPEND, O_CREAT, O_EXCL } = fs.constants;
  fs.closeSync(fd);
  try {
    // The lowest free descriptor is the one just closed.
    fs.openSync(path, O_RDWR | O_APPEND | O_CREAT | O_EXCL, 0o600);
    fs.unlinkSync(path);
    return true;
  } catch {
    fs.openSync('/dev/null', O_RDWR);
    return false;
  }
}

module.exports = { InbandLogs, SentinelLogs };
