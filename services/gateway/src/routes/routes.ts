import type { App, Gateway } from '../app.ts'
import { addAgentRoutes } from './agents.ts'
import { addAuditRoutes } from './audit.ts'
import { addEngramRoutes } from './engrams.ts'
import { addEntryRoutes } from './entries.ts'
import { addExportRoute } from './export.ts'
import { addDeadLetterRoutes } from './dead-letters.ts'
import { addDeliveryRoutes } from './deliveries.ts'
import { addDelegationRoute } from './delegation.ts'
import { addFindingRoutes } from './gate-findings.ts'
import { addGateRoutes } from './gate.ts'
import { addShapeRoutes } from './gate-shapes.ts'
import { addInboxRoutes } from './inbox.ts'
import { addInboxStreamRoute } from './inbox-stream.ts'
import { addLogRoutes } from './log.ts'
import { addMcpRoute } from './mcp.ts'
import { addMessageRoutes } from './messages.ts'
import { addObjectiveRoutes } from './objectives.ts'
import { addProgressRoutes } from './progress.ts'
import { addOperationRoutes } from './operations.ts'
import { addPrincipalRoutes } from './principals.ts'
import { addReceiptRoutes } from './receipts.ts'
import { addRedactionRoutes } from './redactions.ts'
import { addSendPolicyRoutes } from './send-policy.ts'
import { addTenantRoutes } from './tenants.ts'
import { addTokenRoutes } from './tokens.ts'
import { addUndeliveredRoutes } from './undelivered.ts'
import { addVerifyRoute } from './verify.ts'
import { addWhoamiRoute } from './whoami.ts'
import { addWorkRoutes } from './work.ts'

export function addRoutes(app: App, gateway: Gateway): void {
  addTenantRoutes(app, gateway)
  addAgentRoutes(app, gateway)
  addTokenRoutes(app, gateway)
  addDelegationRoute(app, gateway)
  addWhoamiRoute(app)
  addMessageRoutes(app, gateway)
  addInboxRoutes(app, gateway)
  addInboxStreamRoute(app, gateway)
  addDeliveryRoutes(app, gateway)
  addMcpRoute(app, gateway)
  addReceiptRoutes(app, gateway)
  addAuditRoutes(app, gateway)
  addRedactionRoutes(app, gateway)
  addEntryRoutes(app, gateway)
  addExportRoute(app, gateway)
  addLogRoutes(app, gateway)
  addVerifyRoute(app)
  addDeadLetterRoutes(app, gateway)
  addUndeliveredRoutes(app, gateway)
  addSendPolicyRoutes(app, gateway)
  addPrincipalRoutes(app, gateway)
  addObjectiveRoutes(app, gateway)
  addEngramRoutes(app, gateway)
  addProgressRoutes(app, gateway)
  addWorkRoutes(app, gateway)
  addGateRoutes(app, gateway)
  addFindingRoutes(app, gateway)
  addShapeRoutes(app, gateway)
  addOperationRoutes(app, gateway)
}
