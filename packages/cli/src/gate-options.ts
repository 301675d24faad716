export interface GateOptions {
  readonly key?: string | undefined
  readonly iteration?: string | undefined
  readonly commit?: string | undefined
  readonly verdict?: string | undefined
  readonly sha256?: string | undefined
  readonly tenant?: string | undefined
  readonly url?: string | undefined
  readonly after?: string | undefined
  readonly print?: boolean | undefined
  readonly json?: boolean | undefined
}

export const READS = 'a token with the scope gate:read, of whomever,'
export const WRITES = 'a token with the scopes gate:read and gate:write, of whomever,'
