import { claimPlace, type AnchorPlace } from './anchor-place.ts'
import { explainAnswer } from './bucket-fault.ts'
import { openBucket, type BucketOptions } from './bucket-requests.ts'

export interface BucketPlaceOptions extends BucketOptions {
  /** Of every key; empty, or with a slash at its end. */
  readonly prefix: string
  readonly vkey: string
}

/**
 * A bucket of S3 with Object Lock. What counts under a key is its oldest version: neither a newer
 * one nor a delete marker can take its place, and nobody can remove it before its time.
 */
export function bucketPlace(options: BucketPlaceOptions): AnchorPlace {
  const { prefix, vkey, timeoutMs } = options
  const bucket = openBucket(options)

  /** With a bound of time, and its failures in words. */
  async function bounded<Result>(
    signal: AbortSignal,
    work: (signal: AbortSignal) => Promise<Result>,
  ): Promise<Result> {
    try {
      return await work(AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]))
    } catch (error) {
      throw explainAnswer(error, timeoutMs)
    }
  }

  const place: AnchorPlace = {
    name: 'bucket',
    width: 8,
    lookCopies: 8,
    lookMs: 10_000,
    backOffMsMax: 300_000,
    read: (name, signal) => bounded(signal, (within) => bucket.read(`${prefix}${name}`, within)),
    keep: (name, bytes, signal) =>
      bounded(signal, async (within) => {
        await bucket.put(`${prefix}${name}`, bytes, within)
        return bucket.read(`${prefix}${name}`, within)
      }),
    async open(signal) {
      // Not in the bucket's time.
      await bucket.load()
      await bounded(signal, bucket.checkLock)
      // Proves at once that this ledger may write here under a lock, and read it again.
      await claimPlace(place, vkey, signal)
    },
    close: bucket.close,
  }
  return place
}
