import { createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT, runQuietly } from './command.mjs'
import { fail, step } from './progress.mjs'

const PNPM = 'pnpm@10.34.8'
const STAMP = join(ROOT, 'node_modules', '.mumega-installed')
const TELL_EVERY_MS = 5_000
const OFFLINE =
  /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|ERR_SOCKET_TIMEOUT/

/** Installs every package of the lock file, unless exactly these are installed already. */
export async function install() {
  const wanted = wantedStamp()
  if (existsSync(STAMP) && readFileSync(STAMP, 'utf8') === wanted) return
  step('installing packages …')
  let latest = ''
  const ticker = setInterval(() => step(latest || 'still installing …'), TELL_EVERY_MS)
  const words = ['--yes', PNPM, 'install', '--frozen-lockfile', '--reporter=append-only']
  const { code, output } = await runQuietly(
    'npx',
    [...words, '--config.confirmModulesPurge=false'],
    {
      env: quickToGiveUp(),
      onLine: (line) => {
        if (line.startsWith('Progress:')) latest = line.replace('Progress:', 'packages:')
      },
    },
  )
  clearInterval(ticker)
  if (code !== 0) explain(output)
  writeFileSync(STAMP, wanted)
  step('packages installed')
}

// npm itself would try for minutes before it says that there is no network.
function quickToGiveUp() {
  return {
    ...process.env,
    npm_config_fetch_retries: '2',
    npm_config_fetch_retry_mintimeout: '1000',
    npm_config_fetch_retry_maxtimeout: '5000',
  }
}

function wantedStamp() {
  const lock = readFileSync(join(ROOT, 'pnpm-lock.yaml'))
  const hash = createHash('sha256').update(lock).digest('hex')
  return `${hash} ${process.platform}-${process.arch}\n`
}

function explain(output) {
  const offline = OFFLINE.exec(output)
  if (offline !== null) {
    fail(
      `The packages are not installed yet, and the package registry cannot be reached ` +
        `(${offline[0]}). Connect this machine to the network, or point npm at a registry that it ` +
        `reaches (npm config set registry <url>), and run this again. Later starts work offline.`,
    )
  }
  fail(`${output.trim()}\n\nThe packages could not be installed; the lines above say why.`)
}
