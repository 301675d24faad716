import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { keepFigures, tableOf, type Bench } from './figures.ts'

const NAMES = ['ledger', 'growth', 'gateway', 'failover', 'bus', 'fan-out', 'progress']

// `npm run bench` measures everything, `npm run bench ledger` one.
const wanted = process.argv.slice(2).length > 0 ? process.argv.slice(2) : NAMES
const unknown = wanted.filter((name) => !NAMES.includes(name))
if (unknown.length > 0) {
  process.stderr.write(`There is no bench ${unknown.join(', ')}; there are ${NAMES.join(', ')}.\n`)
  process.exit(2)
}

for (const name of wanted) {
  const program = new URL(`./${name}.js`, import.meta.url)
  if (!existsSync(fileURLToPath(program))) {
    process.stderr.write(`The bench ${name} is not built.\n`)
    process.exitCode = 1
    continue
  }
  // Each of NAMES is a file beside this one that exports `bench`.
  const { bench } = (await import(program.href)) as { bench: Bench }
  const figures = await bench.run((line) => process.stderr.write(`${name}: ${line}\n`))
  const lines = keepFigures(figures, new Date())
  process.stdout.write(`\n${tableOf(figures)}\n\n${lines.join('\n')}\n`)
}
