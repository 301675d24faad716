/**
 * One guard of a LOCK, taken away. `find` must stand in `file` exactly once; with `replace` in its
 * place the program still runs, and the LOCK no longer holds.
 */
export interface Mutation {
  lock: string
  /** What is taken away, as the end of "without …". */
  guard: string
  file: string
  find: string
  replace: string
}

export const MUTATIONS: readonly Mutation[] = []
