import { FinalFailure } from '../sealing/final-failure.ts'

/** Another ledger leads now: nothing of what this one still does may reach the log. */
export class LeadershipLost extends FinalFailure {
  constructor() {
    super('another ledger leads')
    this.name = 'LeadershipLost'
  }
}
