import type { Bus } from '@mumega/bus'
import type { Bridge } from '../bridge.ts'
import type { Config } from '../config.ts'
import type { Figures } from './figures.ts'
import type { Sender } from './sender.ts'

/** What both directions work with. */
export interface KafkaParts {
  readonly bridge: Bridge
  readonly bus: Bus
  readonly config: Config
  readonly sender: Sender
  readonly figures: Figures
}
