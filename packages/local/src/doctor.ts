import { arch, availableParallelism, platform, totalmem } from 'node:os'
import { listOffers, type Offer } from './capabilities.ts'
import { currentEnvironment } from './config.ts'

const GIB = 1_073_741_824

function lineOf({ name, isPresent, detail, without }: Offer): string {
  const mark = isPresent ? 'yes' : 'no '
  const consequence = isPresent ? '' : `\n      so: ${without}`
  return `  ${mark} ${name.padEnd(14)} ${detail}${consequence}`
}

const memoryGib = Math.round(totalmem() / GIB)
const machine = `${platform()} ${arch()}, ${availableParallelism()} cores, ${memoryGib} GiB`
const offers = await listOffers(currentEnvironment())
process.stdout.write(`This machine (${machine}) offers:\n\n${offers.map(lineOf).join('\n')}\n`)

// Without these two nothing runs at all.
const isAble = offers.every(({ name, isPresent }) => isPresent || !/PostgreSQL|NATS/.test(name))
process.exitCode = isAble ? 0 : 1
