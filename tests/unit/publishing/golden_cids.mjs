// Writes golden_cids.json: what the JavaScript reference makes of the same bytes under profile unixfs-v1-2025.
//
// Once, in an empty folder outside the project:
//     npm install ipfs-unixfs-importer@17 blockstore-core
//     cp .../tests/unit/publishing/golden_cids.mjs . && node golden_cids.mjs > golden_cids.json
//
// The bytes are a stream that both sides can make: sha256(0), sha256(1), ... of the counter as eight big-endian
// bytes, cut at `size`. `blocks_sha256` is the sha256 of all blocks' digests in hex, sorted, joined by newlines.
// The profile fixes chunks at 1 MiB and 1,024 links; a file of more than 1 GiB is stood in for by smaller figures
// for those two, everything else staying the profile's.

import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { MemoryBlockstore } from 'blockstore-core'
import { importer } from 'ipfs-unixfs-importer'
import { fixedSize } from 'ipfs-unixfs-importer/chunker'
import { balanced } from 'ipfs-unixfs-importer/layout'

const MIB = 1 << 20

function stream (size) {
  const out = Buffer.alloc(Math.ceil(size / 32) * 32)
  const counter = Buffer.alloc(8)
  for (let at = 0; at < out.length; at += 32) {
    counter.writeBigUInt64BE(BigInt(at / 32))
    createHash('sha256').update(counter).digest().copy(out, at)
  }
  return out.subarray(0, size)
}

// [size, chunk, width, filler]; null: the profile's own. A filler makes every chunk the same block.
const cases = [
  [0, null, null, null],
  [1, null, null, null],
  [MIB - 1, null, null, null],
  [MIB, null, null, null],
  [MIB + 1, null, null, null],
  [3.5 * MIB, null, null, null],
  [5 * MIB, null, null, 7],
  [1024 * 64, 64, null, null],
  [1024 * 64 + 1, 64, null, null],
  [2048 * 64 + 1, 64, null, null],
  [100000, 100, 4, null],
  [1025, 1, 2, null],
  [160, 10, 4, null],
  [161, 10, 4, null]
]

const { version } = JSON.parse(readFileSync('node_modules/ipfs-unixfs-importer/package.json'))
const vectors = []
for (const [size, chunk, width, filler] of cases) {
  const content = filler === null ? stream(size) : Buffer.alloc(size, filler)
  const options = { profile: 'unixfs-v1-2025' }
  if (chunk !== null) options.chunker = fixedSize({ chunkSize: chunk })
  if (chunk !== null || width !== null) options.layout = balanced({ maxChildrenPerNode: width ?? 1024 })
  const store = new MemoryBlockstore()
  let root
  for await (const entry of importer([{ content }], store, options)) root = entry
  const cids = []
  for await (const { cid } of store.getAll()) {
    // The store keys blocks by multihash alone, so it is digests that are compared.
    cids.push(Buffer.from(cid.multihash.digest).toString('hex'))
  }
  vectors.push({
    size,
    chunk,
    width,
    filler,
    root: root.cid.toString(),
    blocks: cids.length,
    blocks_sha256: createHash('sha256').update(cids.sort().join('\n')).digest('hex')
  })
}
process.stdout.write(JSON.stringify({ profile: 'unixfs-v1-2025', made_by: `ipfs-unixfs-importer ${version}`, vectors }, null, 1) + '\n')
