// Other CRDT libraries on one editing trace, one JSON object a line: node peers.mjs TRACE.json.gz
// Times are CPU times of this process, garbage collection included.
import * as Automerge from '@automerge/automerge'
import { createRequire } from 'node:module'
import { LoroDoc } from 'loro-crdt'
import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import * as Y from 'yjs'

const require = createRequire(import.meta.url)
const { Doc: DtDoc } = require('diamond-types-node')

const trace = JSON.parse(gunzipSync(readFileSync(process.argv[2])).toString())
const patches = trace.txns.flatMap((txn) => txn.patches)
const ops = patches.reduce((sum, [, deleted, text]) => sum + deleted + [...text].length, 0)

function cpuMs(run) {
  const before = process.cpuUsage()
  const result = run()
  const spent = process.cpuUsage(before)
  return [(spent.user + spent.system) / 1000, result]
}

function median(values) {
  return values.sort((a, b) => a - b)[Math.floor(values.length / 2)]
}

function report(name, local, text, bytes, open) {
  const opens = []
  for (let i = 0; i < 5; i++) opens.push(cpuMs(open)[0])
  console.log(JSON.stringify({
    name, ok: text === trace.endContent, patches_s: patches.length / local * 1000,
    file_per_op: bytes.length / ops, open_ms: median(opens),
  }))
}

function diamondTypes() {
  const [ms, doc] = cpuMs(() => {
    const doc = new DtDoc('a')
    for (const [pos, deleted, text] of patches) {
      if (deleted) doc.del(pos, deleted)
      if (text) doc.ins(pos, text)
    }
    return doc
  })
  const bytes = doc.toBytes()
  report('diamond-types-node 1.0.2', ms, doc.get(), bytes, () => DtDoc.fromBytes(bytes, 'b').get())
}

function yjs() {
  const [ms, doc] = cpuMs(() => {
    const doc = new Y.Doc()
    const text = doc.getText('text')
    for (const [pos, deleted, added] of patches) {
      if (deleted) text.delete(pos, deleted)
      if (added) text.insert(pos, added)
    }
    return doc
  })
  const bytes = Y.encodeStateAsUpdateV2(doc)
  report('yjs 13.6.33', ms, doc.getText('text').toString(), bytes, () => {
    const fresh = new Y.Doc()
    Y.applyUpdateV2(fresh, bytes)
    return fresh.getText('text').toString()
  })
}

function loro() {
  const [ms, doc] = cpuMs(() => {
    const doc = new LoroDoc()
    const text = doc.getText('text')
    for (const [pos, deleted, added] of patches) {
      if (deleted) text.delete(pos, deleted)
      if (added) text.insert(pos, added)
    }
    doc.commit()
    return doc
  })
  const bytes = doc.export({ mode: 'snapshot' })
  report('loro-crdt 1.17.1', ms, doc.getText('text').toString(), bytes, () => {
    const fresh = new LoroDoc()
    fresh.import(bytes)
    return fresh.getText('text').toString()
  })
}

function automerge() {
  const [ms, doc] = cpuMs(() => {
    const doc = Automerge.from({ text: '' })
    return Automerge.change(doc, (d) => {
      for (const [pos, deleted, added] of patches) Automerge.splice(d, ['text'], pos, deleted, added)
    })
  })
  const bytes = Automerge.save(doc)
  report('automerge 3.5.0, one change', ms, doc.text, bytes, () => Automerge.load(bytes).text)
}

diamondTypes()
loro()
automerge()
yjs()
