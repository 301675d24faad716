import type { SealedEntry } from '@mumega/contracts/audit'

/** Commits that wait to be announced, kept in memory as long as there are not too many. */
export interface AnnouncementBacklog {
  keep(sealed: readonly SealedEntry[]): void
  /** The commit that starts at `index`; undefined when it has to be read from the log. */
  at(index: number): readonly SealedEntry[] | undefined
}

const ENTRIES_MAX = 65_536

export function openBacklog(): AnnouncementBacklog {
  const commits: (readonly SealedEntry[])[] = []
  let count = 0

  return {
    keep(sealed) {
      if (count >= ENTRIES_MAX) return
      commits.push(sealed)
      count += sealed.length
    },
    at(index) {
      while (commits[0] !== undefined && (commits[0].at(-1)?.index ?? 0) < index) {
        count -= commits.shift()?.length ?? 0
      }
      return commits[0]?.[0]?.index === index ? commits[0] : undefined
    },
  }
}
