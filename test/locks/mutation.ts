export interface Edit {
  file: string
  /** Stands in the file exactly once. */
  find: string
  replace: string
}

/** One guard of a LOCK, taken away: the program still runs, and the LOCK no longer holds. */
export interface Mutation {
  lock: string
  /** What is taken away, as the end of "without …". */
  guard: string
  edits: readonly Edit[]
}
