import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { FastifyBaseLogger, FastifyInstance } from 'fastify'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import type { LimitFunction } from 'p-limit'
import type { Bus } from '@mumega/bus'
import type { Clock } from '@mumega/config/clock'
import type { RequestContract } from '@mumega/contracts/define'
import type { ServiceHealth } from '@mumega/contracts/health'
import type { Knex } from '@mumega/db'
import type { logger } from '@mumega/telemetry'
import type { Config } from './config.ts'
import type { Access, Session } from './session.ts'
import type { StreamHub } from './stream-hub.ts'
import type { Metrics } from './telemetry.ts'
import type { RequestTrace } from './trace-request.ts'

/** What the routes work with. */
export interface Gateway {
  readonly config: Config
  readonly clock: Clock
  readonly db: Knex
  readonly bus: Bus
  readonly hub: StreamHub
  /**
   * Of the open streams so many look at once: a broadcast wakes all, and whoever asks meanwhile
   * must find a connection to the database.
   */
  readonly looks: LimitFunction
  readonly metrics: Metrics
  /** How this process itself is. */
  readonly health: () => Promise<ServiceHealth>
  readonly log: ReturnType<typeof logger>
}

/** The HTTP server, whose handlers are typed by their TypeBox schemas. */
export type App = FastifyInstance<
  Server,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  TypeBoxTypeProvider
>

declare module 'fastify' {
  interface FastifyRequest {
    trace: RequestTrace | undefined
    /** Absent on public routes, and where authentication failed. */
    session: Session | undefined
    authenticationFailure: Error | undefined
    /** Whether all of the request had arrived before its token was looked up. */
    isWholeAtFirst: boolean
  }
  interface FastifyContextConfig {
    /**
     * Who may call the route: whoever holds this scope, any token, or anybody. Every route must
     * say.
     */
    access?: Access | 'public'
    /** What the route asks of other services; their errors are its own. */
    calls?: readonly RequestContract[]
    /**
     * Codes that the route may answer with, beside those that its calls, access and schemas imply.
     */
    problems?: readonly string[]
  }
}
