import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from '../tree.ts'
import { describeBus } from './describe-bus.ts'

// Writes docs/asyncapi.json anew, from the contracts.
const file = 'docs/asyncapi.json'
writeFileSync(join(ROOT, file), await describeBus())
process.stdout.write(`${file}\n`)
