/* Zip archives: the central directory decides, and every other reading must agree. */
'use strict';

const zlib = require('zlib');
const { LEAVING, MEMBER_LIMIT, Refused, decoded } = require('./tree');

const ENTRY = 0x02014b50;
const LOCAL = 0x04034b50;
const CHUNK_BYTES = 1 << 20;

/** Answer {offset, size, count} of the directory, from the one end record. */
function findDirectory(data) {
  const magic = data.subarray(0, 2).toString('latin1');
  const ends = [];
  const first = Math.max(0, data.length - 22 - 0xffff);
  const next = (from) => data.indexOf('PK\x05\x06', from);
  for (let at = next(first); at >= 0; at = next(at + 1)) {
    if (at + 22 <= data.length && at + 22 + data.readUInt16LE(at + 20) === data.length) {
      ends.push(at);
    }
  }
  if (!ends.length && magic !== 'PK') throw new Refused('not a zip archive');
  if (!ends.length) throw new Refused('truncated');
  if (ends.length > 1) throw new Refused('ambiguous, it has two end records');
  const [end] = ends;
  const count = data.readUInt16LE(end + 10);
  const size = data.readUInt32LE(end + 12);
  const offset = data.readUInt32LE(end + 16);
  if (count > MEMBER_LIMIT) throw new Refused(`more than ${MEMBER_LIMIT} entries`);
  if (data.readUInt16LE(end + 8) !== count || data.readUInt32LE(end + 4)) {
    throw new Refused('ambiguous, it spans several disks');
  }
  if (offset + size !== end) {
    throw new Refused('ambiguous, its directory is not where its end record says');
  }
  return { offset, size, count };
}

function readEntry(data, at, raw, extra) {
  const flags = data.readUInt16LE(at + 8);
  const method = data.readUInt16LE(at + 10);
  const name = decoded(raw);
  if (flags & 0x2041 || (method !== 0 && method !== 8)) {
    throw new Refused(`unsupported compression of '${name}'`);
  }
  const [size, packed, start] = widen(extra, [
    data.readUInt32LE(at + 24),
    data.readUInt32LE(at + 20),
    data.readUInt32LE(at + 42),
  ]);
  if (start + 30 > data.length || data.readUInt32LE(start) !== LOCAL) {
    throw new Refused(`corrupt entry '${name}'`);
  }
  const nameBytes = data.readUInt16LE(start + 26);
  const begin = start + 30 + nameBytes + data.readUInt16LE(start + 28);
  if (!data.subarray(start + 30, start + 30 + nameBytes).equals(raw)) {
    throw new Refused(`ambiguous, '${name}' has two names`);
  }
  // Only Unix leaves a mode; from elsewhere it is a plain file or a folder.
  const unix = data[at + 5] === 3 || data[at + 5] === 19;
  return {
    name,
    stored: method === 0,
    crc: data.readUInt32LE(at + 16),
    size,
    start,
    begin,
    end: begin + packed,
    mode: unix ? data.readUInt16LE(at + 40) : 0,
  };
}

/** Answer the numbers, those of 0xFFFFFFFF taken from the zip64 field. */
function widen(extra, numbers) {
  for (let at = 0; at + 4 <= extra.length; at += 4 + extra.readUInt16LE(at + 2)) {
    if (extra.readUInt16LE(at) !== 1) continue;
    let field = extra.subarray(at + 4, at + 4 + extra.readUInt16LE(at + 2));
    return numbers.map((number) => {
      if (number !== 0xffffffff || field.length < 8) return number;
      const wide = Number(field.readBigUInt64LE(0));
      field = field.subarray(8);
      return wide;
    });
  }
  return numbers;
}

/** Entries that share bytes are how a small zip becomes a big tree. */
function checkSpans(entries, limit) {
  let free = 0;
  for (const entry of [...entries].sort((one, other) => one.start - other.start)) {
    if (entry.start < free || entry.end > limit) {
      throw new Refused(`overlapping entry '${entry.name}'`);
    }
    free = entry.end;
  }
}

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
  return value;
});

function crc32(data, before) {
  if (zlib.crc32) return zlib.crc32(data, before);
  let crc = ~before;
  for (const byte of data) crc = CRC_TABLE[(crc ^ byte) & 0xff] ^ (crc >>> 8);
  return ~crc >>> 0;
}

/** Yield an entry's content in pieces. */
async function* expanded(data, entry) {
  const packed = data.subarray(entry.begin, entry.end);
  if (entry.stored) {
    for (let at = 0; at < packed.length; at += CHUNK_BYTES) {
      yield packed.subarray(at, at + CHUNK_BYTES);
    }
  } else if (entry.size <= CHUNK_BYTES) {
    // The common case without a stream's turns of the event loop.
    const options = { maxOutputLength: entry.size + 1, info: true };
    const { buffer, engine } = zlib.inflateRawSync(packed, options);
    if (engine.bytesWritten !== packed.length) throw new Error('bytes behind its end');
    yield buffer;
  } else {
    const inflate = zlib.createInflateRaw({ chunkSize: 64 << 10 });
    inflate.end(packed);
    yield* inflate;
    if (inflate.bytesWritten !== packed.length) throw new Error('bytes behind its end');
  }
}

/** Yield an entry's content; it must be as long and sum up as the directory says. */
async function* checked(data, entry) {
  let crc = 0;
  let size = 0;
  try {
    for await (const chunk of expanded(data, entry)) {
      size += chunk.length;
      if (size > entry.size) break;
      crc = crc32(chunk, crc);
      yield chunk;
    }
  } catch (error) {
    if (error instanceof Refused || error.syscall) throw error;
    throw new Refused(`corrupt entry '${entry.name}': ${error.message}`);
  }
  if (size !== entry.size || crc !== entry.crc) {
    throw new Refused(`corrupt entry '${entry.name}'`);
  }
}

async function unpackEntry(data, entry, tree) {
  const { name, mode } = entry;
  const kind = mode & 0o170000;
  if (![0, 0o100000, 0o040000, 0o120000].includes(kind)) {
    throw new Refused(`special file '${name}'`);
  }
  if (name.endsWith('/') || kind === 0o040000) {
    if (entry.size) throw new Refused(`corrupt entry '${name}'`);
    tree.place(name, true);
    return;
  }
  const path = tree.place(name);
  if (kind === 0o120000) {
    if (entry.size > 4096) throw new Refused(LEAVING);
    const target = [];
    for await (const chunk of checked(data, entry)) target.push(chunk);
    tree.link(path, decoded(Buffer.concat(target)));
    return;
  }
  const file = tree.file(path, (mode & 0o111) !== 0);
  try {
    for await (const chunk of checked(data, entry)) file.write(chunk);
  } finally {
    file.close();
  }
}

/** Put a zip's members into the tree. */
async function unzip(data, tree) {
  const { offset, size, count } = findDirectory(data);
  const entries = [];
  let at = offset;
  for (let index = 0; index < count; index += 1) {
    if (at + 46 > offset + size || data.readUInt32LE(at) !== ENTRY) {
      throw new Refused('truncated, its directory ends early');
    }
    const nameEnd = at + 46 + data.readUInt16LE(at + 28);
    const extraEnd = nameEnd + data.readUInt16LE(at + 30);
    const raw = data.subarray(at + 46, nameEnd);
    entries.push(readEntry(data, at, raw, data.subarray(nameEnd, extraEnd)));
    at = extraEnd + data.readUInt16LE(at + 32);
  }
  if (at !== offset + size) {
    throw new Refused('ambiguous, its directory has more than it announces');
  }
  checkSpans(entries, offset);
  tree.expect(entries.reduce((sum, entry) => sum + entry.size, 0));
  for (const entry of entries) await unpackEntry(data, entry, tree);
}

module.exports = { unzip };
