/* The folder that an archive fills, and the rules for what may be put into it.
 *
 * Counts real bytes, writes nothing through a link, makes links last.
 */
'use strict';

const fs = require('fs');

const UNPACKED_LIMIT_BYTES = 512 << 20;
const UNPACKED_FLOOR_BYTES = 64 << 20; // below this no ratio is suspicious
const UNPACKED_RATIO = 20;
const MEMBER_LIMIT = 10000;
const LEAVING = 'links leaving the archive are not allowed';

/** The archive breaks a rule; the message says which. */
class Refused extends Error {
  get name() {
    return 'Refused';
  }
}

/** Answer a name's parts; refuse one that we do not write to. */
function safeParts(name) {
  if (Buffer.byteLength(name) > 4096) {
    throw new Refused('illegal name, longer than 4096 bytes');
  }
  // eslint-disable-next-line no-control-regex
  if (/[\x00-\x1f\x7f]/.test(name)) {
    throw new Refused(`illegal name ${JSON.stringify(name)}`);
  }
  const parts = name.split('/');
  if (/^(\/|[a-z]:)|\\/i.test(name) || parts.includes('..')) {
    throw new Refused(`unsafe path '${name}'`);
  }
  if (parts.some((part) => Buffer.byteLength(part) > 255)) {
    throw new Refused(`illegal name '${name.slice(0, 60)}'..., a part exceeds 255 bytes`);
  }
  return parts.filter((part) => part !== '' && part !== '.');
}

class Tree {
  constructor(root, packedBytes) {
    this.root = root;
    const budget = Math.max(UNPACKED_FLOOR_BYTES, UNPACKED_RATIO * packedBytes);
    this.limitBytes = Math.min(UNPACKED_LIMIT_BYTES, budget);
    this.writtenBytes = 0;
    this.members = 0;
    this.files = 0;
    this.spelled = new Set(); // what two file systems may take for one name
    this.folders = new Set(['']);
    this.links = new Map();
  }

  /** Refuse early what announces itself as too much. */
  expect(bytes) {
    if (!(bytes <= this.limitBytes)) {
      throw new Refused(`expands beyond ${this.limitBytes} bytes`);
    }
  }

  /** Answer where a member goes, relative to the root ('' for the root). */
  place(name, folder = false) {
    this.members += 1;
    if (this.members > MEMBER_LIMIT) throw new Refused(`more than ${MEMBER_LIMIT} entries`);
    const parts = safeParts(name);
    if (!parts.length && !folder) throw new Refused(`illegal name '${name}'`);
    for (let depth = 1; depth < parts.length + (folder ? 1 : 0); depth += 1) {
      this.claim(parts.slice(0, depth).join('/'), true);
    }
    if (!folder) this.claim(parts.join('/'), false);
    return parts.join('/');
  }

  claim(path, folder) {
    if (folder && this.folders.has(path)) return;
    const key = path.normalize('NFC').toUpperCase().toLowerCase().normalize('NFC');
    if (this.spelled.has(key)) {
      throw new Refused(folder && this.links.has(path) ? LEAVING : `duplicate entry '${path}'`);
    }
    this.spelled.add(key);
    if (!folder) return;
    this.folders.add(path);
    fs.mkdirSync(`${this.root}/${path}`, 0o755);
  }

  /** Begin a file; the answer takes its chunks and counts what really comes. */
  file(path, executable) {
    const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = fs.constants;
    const flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW;
    const file = fs.openSync(`${this.root}/${path}`, flags, executable ? 0o755 : 0o644);
    this.files += 1;
    return {
      write: (chunk) => {
        this.writtenBytes += chunk.length;
        this.expect(this.writtenBytes);
        let at = 0;
        while (at < chunk.length) at += fs.writeSync(file, chunk, at);
      },
      close: () => fs.closeSync(file),
    };
  }

  /**
   * Note a symbolic link; it is made last, so nothing is written through it.
   *
   * Only leading '..' are taken: counted from the link's real folder they cannot leave
   * the root, and what follows them goes down, at most through other links of which
   * the same holds.
   */
  link(path, target) {
    const parts = target.split('/');
    let ups = 0;
    while (parts[ups] === '..') ups += 1;
    const depth = path.split('/').length - 1;
    const strange = !target || target.length > 4096 || /^\/|\\|\0/.test(target);
    if (strange || ups > depth || parts.slice(ups).includes('..')) throw new Refused(LEAVING);
    this.links.set(path, target);
  }

  /** Make the links, and see that there is something in the tree at all. */
  finish() {
    for (const [path, target] of this.links) fs.symlinkSync(target, `${this.root}/${path}`);
    if (!this.files) throw new Refused('no entry point');
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Answer a name as UTF-8, or byte by byte if it is not. */
function decoded(raw) {
  try {
    return utf8.decode(raw);
  } catch {
    return raw.toString('latin1');
  }
}

module.exports = { LEAVING, MEMBER_LIMIT, Refused, Tree, decoded };
