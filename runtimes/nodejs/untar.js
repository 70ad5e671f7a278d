/* Gzipped tar archives, read member by member as they are inflated. */
'use strict';

const zlib = require('zlib');
const { LEAVING, MEMBER_LIMIT, Refused, decoded } = require('./tree');

const HEADER_LIMIT_BYTES = 64 << 10; // a name, however long, is no more than this

/** The bytes of a gzip file, member after member, read as they are needed. */
class Gunzipped {
  constructor(data) {
    const gunzip = zlib.createGunzip({ chunkSize: 64 << 10 });
    gunzip.end(data);
    this.chunks = gunzip[Symbol.asyncIterator]();
    this.ready = Buffer.alloc(0);
  }

  /** Answer at most so many bytes, and at least one. */
  async some(limit) {
    if (!this.ready.length) this.ready = await this.more();
    const piece = this.ready.subarray(0, limit);
    this.ready = this.ready.subarray(piece.length);
    return piece;
  }

  /** Answer exactly so many bytes. */
  async read(size) {
    const got = [];
    for (let left = size; left > 0; left -= got[got.length - 1].length) {
      got.push(await this.some(left));
    }
    return got.length === 1 ? got[0] : Buffer.concat(got);
  }

  async more() {
    let step;
    try {
      step = await this.chunks.next();
    } catch (error) {
      const short = error.code === 'Z_BUF_ERROR';
      throw new Refused(short ? 'truncated' : `corrupt gzip data: ${error.message}`);
    }
    if (step.done) throw new Refused('truncated');
    return step.value;
  }

  async close() {
    await this.chunks.return();
  }
}

const field = (header, from, to) => {
  const end = header.indexOf(0, from);
  return decoded(header.subarray(from, end < 0 || end > to ? to : end));
};

function octal(raw) {
  if (raw[0] & 0x80) return Number(BigInt(`0x${raw.subarray(1).toString('hex')}`));
  const digits = raw.toString('latin1').replace(/^[ \0]+|[ \0]+$/g, '');
  if (!/^[0-7]*$/.test(digits)) throw new Refused('corrupt tar header');
  return digits ? parseInt(digits, 8) : 0;
}

function checkHeader(header, first) {
  let total = 8 * 32;
  for (let at = 0; at < 512; at += 1) if (at < 148 || at >= 156) total += header[at];
  const wanted = header.subarray(148, 156).toString('latin1').replace(/[ \0]+/g, '');
  if (!/^[0-7]+$/.test(wanted) || parseInt(wanted, 8) !== total) {
    throw new Refused(first ? 'not a tar archive' : 'corrupt tar header');
  }
}

/** Answer what a long name or an extended header says of the next member. */
function extension(kind, content) {
  if (kind === 'L') return { path: field(content, 0, content.length) };
  if (kind === 'K') return { linkpath: field(content, 0, content.length) };
  const fields = {};
  let rest = kind === 'x' ? content : Buffer.alloc(0);
  while (rest.length) {
    const digits = rest.toString('latin1', 0, Math.max(0, rest.indexOf(' ')));
    const length = Number(digits);
    if (!/^\d+$/.test(digits) || length < 1 || length > rest.length) {
      throw new Refused('corrupt tar header');
    }
    const record = rest.subarray(digits.length + 1, length - 1);
    const equals = record.indexOf('=');
    fields[decoded(record.subarray(0, equals))] = decoded(record.subarray(equals + 1));
    rest = rest.subarray(length);
  }
  if (Object.keys(fields).some((key) => key.startsWith('GNU.sparse'))) {
    throw new Refused('special file, sparse');
  }
  return fields;
}

async function unpackFile(source, tree, path, size, executable) {
  tree.expect(tree.writtenBytes + size);
  const file = tree.file(path, executable);
  try {
    for (let left = size; left > 0; ) {
      const chunk = await source.some(left);
      file.write(chunk);
      left -= chunk.length;
    }
  } finally {
    file.close();
  }
  await source.read((512 - (size % 512)) % 512);
}

async function unpackMember(source, header, size, named, tree) {
  const kind = header[156] ? String.fromCharCode(header[156]) : '0';
  const prefix = header.toString('latin1', 257, 263) === 'ustar\0' ? field(header, 345, 500) : '';
  const short = field(header, 0, 100);
  const name = named.path || (prefix ? `${prefix}/${short}` : short);
  if (kind === '5' || (kind === '0' && name.endsWith('/'))) {
    tree.place(name, true);
  } else if (kind === '0') {
    const executable = (octal(header.subarray(100, 108)) & 0o111) !== 0;
    await unpackFile(source, tree, tree.place(name), size, executable);
  } else if (kind === '2') {
    tree.link(tree.place(name), named.linkpath || field(header, 157, 257));
  } else if (kind === '1') {
    throw new Refused(LEAVING);
  } else {
    throw new Refused(`special file '${name}'`);
  }
}

/** Put a gzipped tar's members into the tree. */
async function untar(data, tree) {
  const source = new Gunzipped(data);
  try {
    let named = {};
    for (let count = 1; ; count += 1) {
      const header = await source.read(512);
      if (header.every((byte) => byte === 0)) return;
      // Long names come as entries of their own.
      if (count > 3 * MEMBER_LIMIT) throw new Refused(`more than ${MEMBER_LIMIT} entries`);
      checkHeader(header, count === 1);
      const kind = String.fromCharCode(header[156]);
      const size = octal(header.subarray(124, 136));
      if ('LKxg'.includes(kind)) {
        if (size > HEADER_LIMIT_BYTES) {
          throw new Refused('illegal name, its header is too long');
        }
        const content = await source.read(size + ((512 - (size % 512)) % 512));
        named = { ...named, ...extension(kind, content.subarray(0, size)) };
        continue;
      }
      const real = /^\d+$/.test(named.size) ? Number(named.size) : size;
      await unpackMember(source, header, real, named, tree);
      named = {};
    }
  } finally {
    await source.close();
  }
}

module.exports = { untar };
