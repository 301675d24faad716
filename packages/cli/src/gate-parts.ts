import { anyTokenWith } from './ask-gateway.ts'

// What the commands of the gate have alike.

export const READS = anyTokenWith('gate:read')
export const WRITES = anyTokenWith('gate:write')

interface Place {
  readonly sprintId: string
  readonly trackId: string
}

export const SPRINT = { sprintId: 'a sprint' } as const
export const TRACK = { ...SPRINT, trackId: 'a track' } as const
export const FINDING = { ...TRACK, number: 'a finding by its number' } as const
export const SPRINTS = '/v1/gate/sprints'

export const trackPath = ({ sprintId, trackId }: Place) =>
  `${SPRINTS}/${sprintId}/tracks/${trackId}`
export const trackName = ({ sprintId, trackId }: Place) => `${sprintId}/${trackId}`
