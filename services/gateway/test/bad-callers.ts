import { asOperator, INVALID, read, send, UNKNOWN_ID, withToken, type Case } from './bad-world.ts'

export const TOKENS: Case[] = [
  { why: 'no token', call: withToken(() => undefined), status: 401, code: 'gateway.token-missing' },
  {
    why: 'another scheme',
    call: () => ({ path: '/v1/whoami', headers: { authorization: 'Basic YTpi' } }),
    status: 401,
    code: 'gateway.token-missing',
  },
  {
    why: 'a token of the right form',
    call: withToken(() => `mmg_agent_${'A'.repeat(43)}`),
    status: 401,
    code: 'gateway.token-unknown',
  },
  {
    why: 'a token that could be none of ours',
    call: withToken(() => `'or'1'='1`),
    status: 401,
    code: 'gateway.token-unknown',
  },
  {
    why: 'a token with one character changed',
    call: withToken(({ ada }) => ada.slice(0, -1) + (ada.endsWith('A') ? 'B' : 'A')),
    status: 401,
    code: 'gateway.token-unknown',
  },
  {
    why: 'an expired token',
    call: withToken(({ expired }) => expired),
    status: 401,
    code: 'gateway.token-expired',
  },
  {
    why: 'a revoked token',
    call: withToken(({ revoked }) => revoked),
    status: 401,
    code: 'gateway.token-revoked',
  },
  {
    why: 'a revoked token with a body that is no JSON',
    call: ({ revoked }) => ({ method: 'POST', path: '/v1/messages', token: revoked, body: '{' }),
    status: 401,
    code: 'gateway.token-revoked',
  },
  {
    why: 'an agent that creates a tenant',
    call: ({ ada }) => ({
      method: 'POST',
      path: '/v1/tenants',
      token: ada,
      body: { tenantId: 'mine', name: 'Mine' },
    }),
    status: 403,
    code: 'gateway.scope-missing',
  },
  {
    why: 'an agent that reads dead letters',
    call: read(() => '/v1/dead-letters'),
    status: 403,
    code: 'gateway.scope-missing',
  },
  {
    why: 'an agent that reads who may write to whom',
    call: read(({ tenantId }) => `/v1/send-policy?tenantId=${tenantId}`),
    status: 403,
    code: 'gateway.scope-missing',
  },
  {
    why: 'an agent that lets itself write to everybody',
    call: ({ ada, tenantId }) => ({
      method: 'PUT',
      path: `/v1/send-policy?tenantId=${tenantId}`,
      token: ada,
      body: { replacesVersion: 0, default: 'allow', rules: [] },
    }),
    status: 403,
    code: 'gateway.scope-missing',
  },
]

export const TENANTS: Case[] = [
  {
    why: 'another tenant’s message',
    call: read(({ otherMessageId }) => `/v1/messages/${otherMessageId}`),
    status: 404,
    code: 'bridge.message-not-found',
  },
  {
    why: 'another tenant’s receipt',
    call: read(({ otherMessageId }) => `/v1/messages/${otherMessageId}/receipt`),
    status: 404,
    code: 'bridge.message-not-found',
  },
  {
    why: 'another tenant’s entry',
    call: read(({ otherMessageId }) => `/v1/audit/receipts/bridge/${otherMessageId}`),
    status: 404,
    code: 'audit-ledger.entry-not-found',
  },
  {
    why: 'an acknowledgement of another tenant’s message',
    call: ({ ada, otherMessageId }) => ({
      method: 'POST',
      path: `/v1/inbox/${otherMessageId}/ack`,
      token: ada,
    }),
    status: 404,
    code: 'bridge.message-not-found',
  },
  {
    why: 'a message to another tenant’s agent',
    call: send({ to: 'mallory', text: 'x' }),
    status: 404,
    code: 'bridge.agent-not-found',
  },
  {
    why: 'another tenant’s peers',
    call: read(({ otherTenantId }) => `/v1/peers?tenantId=${otherTenantId}`),
    status: 404,
    code: 'gateway.tenant-not-found',
  },
  {
    why: 'another tenant’s agents',
    call: read(({ otherTenantId }) => `/v1/tenants/${otherTenantId}/agents`),
    status: 404,
    code: 'gateway.tenant-not-found',
  },
  {
    why: 'the operators’ own tenant',
    call: read(() => '/v1/tenants/substrate/agents'),
    status: 404,
    code: 'gateway.tenant-not-found',
  },
]

const POLICY_PATH = '/v1/send-policy?tenantId=$tenant'
const policy = (more: object) => ({ replacesVersion: 0, default: 'deny', rules: [], ...more })
const ruled = (more: object) =>
  policy({ rules: [{ from: 'lead', to: '*', effect: 'allow', ...more }] })
const RULE = { from: '*', to: '*', effect: 'deny' }

const SEND_POLICIES: Case[] = [
  ...(['GET', 'PUT'] as const).flatMap((method) => {
    const body = method === 'PUT' ? policy({}) : undefined
    return [
      {
        why: `${method} of the send policy of a tenant that is not there`,
        call: asOperator(method, '/v1/send-policy?tenantId=nobody', body),
        status: 404,
        code: 'gateway.tenant-not-found',
      },
      ...['/v1/send-policy', '/v1/send-policy?tenantId=substrate'].map((path) => ({
        why: `${method} of the send policy of no tenant with agents: ${path}`,
        call: asOperator(method, path, body),
        ...INVALID,
        field: 'tenantId',
      })),
    ]
  }),
  {
    why: 'a send policy that replaces one that is not there',
    call: asOperator('PUT', POLICY_PATH, policy({ replacesVersion: 3 })),
    status: 409,
    code: 'bridge.send-policy-changed',
    field: 'replacesVersion',
  },
  ...(
    [
      ['rules.0.from', ruled({ from: 'a*b' })],
      ['rules.0.to', ruled({ to: '' })],
      ['rules.0.kind', ruled({ kind: ['ask'] })],
      ['rules.0.kinds', ruled({ kinds: [] })],
      ['rules.0.kinds.0', ruled({ kinds: ['shout'] })],
      ['rules.0.effect', ruled({ effect: 'perhaps' })],
      ['rules', policy({ rules: Array.from({ length: 101 }, () => RULE) })],
      ['rules', { replacesVersion: 0, default: 'deny' }],
      ['default', policy({ default: 'maybe' })],
      ['replacesVersion', { default: 'deny', rules: [] }],
      ['version', policy({ version: 0 })],
    ] as const
  ).map(([field, body], nth) => ({
    why: `a send policy with a wrong ${field} (${nth})`,
    call: asOperator('PUT', POLICY_PATH, body),
    ...INVALID,
    field,
  })),
]

export const OPERATORS: Case[] = [
  {
    why: 'a tenant that is there',
    call: ({ operator, tenantId }) => ({
      method: 'POST',
      path: '/v1/tenants',
      token: operator,
      body: { tenantId, name: 'Again' },
    }),
    status: 409,
    code: 'gateway.tenant-exists',
  },
  {
    why: 'the tenant that the system keeps',
    call: asOperator('POST', '/v1/tenants', { tenantId: 'substrate', name: 'Us' }),
    status: 400,
    code: 'gateway.tenant-reserved',
  },
  ...[
    ['U+0000', 'a\u0000b'],
    ['half a surrogate pair', 'a\ud800b'],
    ['more characters than are stored', 'e\u0301'.repeat(150)],
  ].map(([what, name]) => ({
    why: `a tenant’s name with ${what}`,
    call: asOperator('POST', '/v1/tenants', { tenantId: 'named', name }),
    ...INVALID,
    field: 'name',
  })),
  {
    why: 'an agent of a tenant that is not there',
    call: asOperator('POST', '/v1/tenants/nobody/agents', { name: 'ada' }),
    status: 404,
    code: 'gateway.tenant-not-found',
  },
  {
    why: 'an agent of the operators’ own tenant',
    call: asOperator('POST', '/v1/tenants/substrate/agents', { name: 'ada' }),
    status: 404,
    code: 'gateway.tenant-not-found',
  },
  {
    why: 'an agent with an operator’s scope',
    call: asOperator('POST', '/v1/tenants/$tenant/agents', {
      name: 'root',
      scopes: ['tenants:write'],
    }),
    status: 400,
    code: 'gateway.scope-not-for-agents',
  },
  {
    why: 'a token that lasts too long',
    call: asOperator('POST', '/v1/tenants/$tenant/agents', { name: 'root', expiresInDays: 366 }),
    ...INVALID,
    field: 'expiresInDays',
  },
  {
    why: 'a token for nobody',
    call: asOperator('POST', '/v1/tokens', { kind: 'agent' }),
    ...INVALID,
    field: 'tenantId',
  },
  {
    why: 'an operator’s token without scopes',
    call: asOperator('POST', '/v1/tokens', { kind: 'operator' }),
    ...INVALID,
    field: 'scopes',
  },
  {
    why: 'a token that is not there',
    call: asOperator('DELETE', `/v1/tokens/${UNKNOWN_ID}`),
    status: 404,
    code: 'gateway.token-not-found',
  },
  ...SEND_POLICIES,
  {
    why: 'a dead letter that is not there',
    call: asOperator('POST', `/v1/dead-letters/${UNKNOWN_ID}/replay`),
    status: 404,
    code: 'bridge.dead-letter-not-found',
  },
]
