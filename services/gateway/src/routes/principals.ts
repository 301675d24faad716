import { Type } from 'typebox'
import {
  getPrincipal,
  listPrincipals,
  PrincipalId,
  reinstatePrincipal,
  rotateKey,
  suspendPrincipal,
} from '@mumega/contracts/principals'
import type { App, Gateway } from '../app.ts'
import { askOnce } from '../ask-once.ts'
import { answer, closed, IdempotencyHeaders } from '../schemas.ts'
import { contextOf, sessionOf } from '../session.ts'

const tags = ['principals']
const params = Type.Object({ principalId: PrincipalId })

/** Who acts by signing, for whoever checks a signature. */
export function addPrincipalRoutes(app: App, gateway: Gateway): void {
  app.get(
    '/v1/principals',
    {
      config: { access: 'objectives:read', calls: [listPrincipals] },
      schema: {
        tags,
        operationId: 'listPrincipals',
        summary: 'List the principals',
        description: 'Sorted by their ids, each with the key that counts now.',
        response: { 200: answer('All principals.', listPrincipals.reply) },
      },
    },
    async (request) => {
      const context = contextOf(sessionOf(request))
      return gateway.bus.request(listPrincipals, {}, { context })
    },
  )

  app.get(
    '/v1/principals/:principalId',
    {
      config: { access: 'objectives:read', calls: [getPrincipal] },
      schema: {
        tags,
        operationId: 'getPrincipal',
        summary: 'A principal with every key that it ever had',
        description:
          'What an earlier key signed in its time stays valid. Each rotation is a signed note: the ' +
          'way from the first key to the last can be checked by anybody.',
        params,
        response: { 200: answer('The principal.', getPrincipal.reply) },
      },
    },
    async (request) => {
      const context = contextOf(sessionOf(request))
      return gateway.bus.request(getPrincipal, request.params, { context })
    },
  )
  addRotation(app, gateway)
  addStatusRoutes(app, gateway)
}

function addRotation(app: App, gateway: Gateway): void {
  app.post(
    '/v1/principals/:principalId/keys',
    {
      config: { access: 'objectives:write', calls: [rotateKey] },
      schema: {
        tags,
        operationId: 'rotateKey',
        summary: 'Give a principal another key',
        description:
          'By a note that the key which counts and the new one have signed; `mumega principal ' +
          'rotate` makes it. No token stands in for a signature.',
        headers: IdempotencyHeaders,
        params,
        body: closed(Type.Omit(rotateKey.request, ['requestId', 'principalId']).properties),
        response: { 200: answer('The new key counts from now on.', rotateKey.reply) },
      },
    },
    async (request) => {
      const context = contextOf(sessionOf(request))
      const content = { ...request.params, ...request.body }
      return askOnce(gateway, request, { context, contract: rotateKey, content })
    },
  )
}

const STATUS_CHANGES = [
  {
    path: 'suspend',
    contract: suspendPrincipal,
    summary: 'Suspend a principal',
    description: 'Nothing that it signs counts until it is reinstated. It keeps its key.',
  },
  {
    path: 'reinstate',
    contract: reinstatePrincipal,
    summary: 'Reinstate a principal',
    description: 'It acts again with the key that it had: nobody but itself gives it another.',
  },
] as const

function addStatusRoutes(app: App, gateway: Gateway): void {
  for (const { path, contract, summary, description } of STATUS_CHANGES) {
    app.post(
      `/v1/principals/:principalId/${path}`,
      {
        config: { access: 'principals:write', calls: [contract] },
        schema: {
          tags,
          operationId: `${path}Principal`,
          summary,
          description,
          headers: IdempotencyHeaders,
          params,
          body: closed(Type.Pick(contract.request, ['reason']).properties),
          response: { 200: answer('The principal as it is now.', contract.reply) },
        },
      },
      async (request) => {
        const context = contextOf(sessionOf(request))
        const content = { ...request.params, ...request.body }
        return askOnce(gateway, request, { context, contract, content })
      },
    )
  }
}
