/* Unpacking an action's archive: loaded by the action when one arrives.
 *
 * Read by hand, with zlib alone: Node has no archives in its standard library, and an
 * unzip program would believe the headers of bytes that a stranger made.
 */
'use strict';

const { Tree } = require('./tree');
const { untar } = require('./untar');
const { unzip } = require('./unzip');

/** Unpack a zip or tar.gz into the empty folder root; throws Refused. */
async function unpack(data, root) {
  const tree = new Tree(root, data.length);
  const gzip = data[0] === 0x1f && data[1] === 0x8b;
  await (gzip ? untar(data, tree) : unzip(data, tree));
  tree.finish();
}

module.exports = { unpack };
