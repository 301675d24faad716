import { parse } from 'yaml'
import { readText } from './tree.ts'

/** One container of a compose file, with what is left out filled in. */
export interface Container {
  image: string
  command: string[]
  working_dir?: string
  restart?: string
  environment: Record<string, string>
  volumes: string[]
  ports: string[]
  depends_on: Record<string, { condition: string }>
  healthcheck?: { test: string[] }
}

export interface ComposeFile {
  services: Record<string, Container>
  volumes: Record<string, unknown>
}

/** Reads a compose file, with its anchors and merge keys. */
export function parseCompose(file: string): ComposeFile {
  // The tests themselves judge what is in it.
  const { services, volumes } = parse(readText(file), { merge: true }) as {
    services: Record<string, Partial<Container>>
    volumes: Record<string, unknown>
  }
  const filled = Object.entries(services).map(([name, container]) => [name, fill(container)])
  return { services: Object.fromEntries(filled) as Record<string, Container>, volumes }
}

function fill(container: Partial<Container>): Container {
  const environment = Object.entries(container.environment ?? {})
  return {
    image: '',
    command: [],
    volumes: [],
    ports: [],
    depends_on: {},
    ...container,
    environment: Object.fromEntries(environment.map(([name, value]) => [name, String(value)])),
  }
}

export interface Dockerfile {
  text: string
  /** Paths of the tree that it copies. */
  copied: string[]
  /** Names of earlier stages that it copies from. */
  stages: string[]
  exposed: string[]
  /** Who runs the last stage. */
  user: string | undefined
}

/** Reads the instructions of a Dockerfile that the tests speak of. */
export function parseDockerfile(file: string): Dockerfile {
  const text = readText(file)
  const copies = [...text.matchAll(/^COPY (.+)$/gm)].map(([, words = '']) => words.split(' '))
  const fromTree = copies.filter(([first]) => !first?.startsWith('--from='))
  return {
    text,
    copied: fromTree.flatMap((words) => words.slice(0, -1)),
    stages: [
      ...new Set(copies.flatMap(([first]) => /^--from=(\S+)$/.exec(first ?? '')?.[1] ?? [])),
    ],
    exposed: [...text.matchAll(/^EXPOSE (\d+)$/gm)].map(([, port = '']) => port),
    user: [...text.matchAll(/^USER (\S+)$/gm)].at(-1)?.[1],
  }
}
