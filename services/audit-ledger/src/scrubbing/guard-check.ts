import type { Connection } from '../connection.ts'
import type { PassFindings } from './finding.ts'

// PostgreSQL's pg_trigger.h: ROW 1, BEFORE 2, DELETE 8, UPDATE 16, TRUNCATE 32.
const UPDATE = 16
const WRITTEN_ONCE = { trigger: 'written_once', type: 2 + 8 + UPDATE + 32 }
const NEVER_REMOVED = { trigger: 'never_removed', type: 2 + 8 + 32 }

/** LOCK-MON-5: tables of which rows are written once, or never removed, and what refuses it. */
const GUARDS = [
  ...['event_batches', 'event_keys', 'checkpoints', 'subtrees', 'audit_chain_anchors'],
  ...['audit_chain_conflicts', 'redactions'],
]
  .map((table) => ({ table, ...WRITTEN_ONCE, begins: 'raise exception ' }))
  .concat(
    ['payload_batches', 'audit_chain_drops', 'audit_findings'].map((table) => {
      return { table, ...NEVER_REMOVED, begins: 'raise exception ' }
    }),
    {
      ...{ table: 'payload_batches', trigger: 'erased_with_redaction', type: 1 + 2 + UPDATE },
      begins: 'if exists \\(select from redactions\\s+where redacted_in = pg_current_xact_id\\(\\)',
    },
  )

/** They refuse what would change the tables and their triggers, whoever asks. */
const EVENT_GUARDS = ['ddl_command_end', 'sql_drop']

/** The triggers that guard a table. */
export function guardsOf(table: string): string[] {
  return GUARDS.filter((guard) => guard.table === table).map(({ trigger }) => trigger)
}

/**
 * Reports what of the guards is not in place: a trigger, or event trigger, that is gone, switched
 * off or does not refuse, an owner as which somebody can log in, and a right to change what is
 * written once.
 */
export async function checkGuards(connection: Connection, findings: PassFindings): Promise<void> {
  const answer = await connection.query<{ place: string; expected: string; found: string }>({
    text: `
      with guarded as (
        select guard.*, class.oid as class_id, class.relacl, class.relowner
          from unnest($1::text[], $2::text[], $3::int[], $4::text[])
               as guard (name, trigger, type, begins)
          left join pg_class class
            on class.relname = guard.name and class.relnamespace = current_schema()::regnamespace),
      rights as (
        select name, type, relowner, acl.grantee, acl.privilege_type
          from guarded, aclexplode(relacl) acl
        union all
        select name, type, relowner, acl.grantee, acl.privilege_type
          from guarded join pg_attribute attribute on attribute.attrelid = class_id,
               aclexplode(attribute.attacl) acl)
      select 'guard ' || guarded.trigger || ' of ' || name as place,
             'a trigger, enabled always, that refuses' as expected,
             coalesce(format('enabled %s, type %s: %s', tgenabled, tgtype,
                             regexp_replace(left(prosrc, 100), '\\s+', ' ', 'g')),
                      'no trigger') as found
        from guarded
        left join pg_trigger on tgrelid = class_id and tgname = guarded.trigger
        left join pg_proc on pg_proc.oid = tgfoid
       where (tgenabled = 'A' and tgtype = guarded.type and tgqual is null
              and prosrc ~ ('^\\s*begin\\s+' || begins)) is not true
      union all
      select 'guard of definitions at ' || event, 'an event trigger, enabled always, that refuses',
             coalesce(format('enabled %s: %s', evtenabled,
                             regexp_replace(left(prosrc, 100), '\\s+', ' ', 'g')),
                      'no event trigger')
        from unnest($5::text[]) as event
        left join pg_event_trigger on evtevent = event and evtname = 'audit_ledger_' || event
        left join pg_proc on pg_proc.oid = evtfoid
       where (evtenabled = 'A' and evttags is null
              and proname = 'refuse_definition'
              and pronamespace = to_regnamespace('audit_ledger_guard')
              and prosrc ~ 'raise exception ''% of % is refused') is not true
      union all
      select 'owner of ' || name, 'a role as which nobody can log in', rolname
        from guarded join pg_roles on pg_roles.oid = relowner where rolcanlogin
      union all
      select 'rights on ' || name, 'nobody but the owner may change or remove',
             string_agg(distinct format('%s: %s', coalesce(rolname, 'everybody'), privilege_type),
                        ', ')
        from rights left join pg_roles on pg_roles.oid = grantee
       where grantee <> relowner
         and (privilege_type in ('DELETE', 'TRUNCATE', 'TRIGGER')
              or (privilege_type = 'UPDATE' and type & ${UPDATE} > 0))
       group by name`,
    values: [
      GUARDS.map(({ table }) => table),
      GUARDS.map(({ trigger }) => trigger),
      GUARDS.map(({ type }) => type),
      GUARDS.map(({ begins }) => begins),
      EVENT_GUARDS,
    ],
  })
  for (const guard of answer.rows) findings.report({ kind: 'guard-altered', ...guard })
}
