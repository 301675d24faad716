import type { Connection } from '../connection.ts'
import type { PassFindings } from './finding.ts'

// PostgreSQL's pg_trigger.h: ROW 1, BEFORE 2, INSERT 4, DELETE 8, UPDATE 16, TRUNCATE 32.
const INSERT = 4
const UPDATE = 16
const WRITTEN_ONCE = { trigger: 'written_once', type: 2 + 8 + UPDATE + 32 }
const NEVER_REMOVED = { trigger: 'never_removed', type: 2 + 8 + 32 }
const CHANGED_SO = { type: 1 + 2 + UPDATE }

/**
 * LOCK-MON-5, and of drops LOCK-MON-6: tables of which rows are written once, or never removed, and
 * what refuses it.
 */
const GUARDS: readonly { table: string; trigger: string; type: number; calls: string }[] = [
  ...[
    ...['event_batches', 'checkpoints', 'subtrees', 'audit_chain_anchors', 'redactions'],
    ...['checkpoint_cosignatures', 'witness_refusals', 'checkpoint_timestamps'],
  ].map((table) => ({ table, ...WRITTEN_ONCE, calls: 'refuse_change' })),
  ...(
    [
      ['payload_batches', 'refuse_unredacted'],
      ['event_keys', 'refuse_unerased_key'],
      ['audit_chain_conflicts', 'refuse_unerased_conflict'],
    ] as const
  ).flatMap(([table, calls]) => [
    { table, ...NEVER_REMOVED, calls: 'refuse_change' },
    { table, ...CHANGED_SO, trigger: 'erased_with_redaction', calls },
  ]),
  { table: 'audit_chain_drops', ...NEVER_REMOVED, calls: 'refuse_removal' },
  {
    table: 'audit_chain_drops',
    ...{ trigger: 'resolved_once', type: 1 + 2 + INSERT + UPDATE },
    calls: 'refuse_change_of_drop',
  },
  { table: 'audit_findings', ...NEVER_REMOVED, calls: 'refuse_change_of_finding' },
  {
    table: 'audit_findings',
    ...{ ...CHANGED_SO, trigger: 'cleared_once', calls: 'refuse_change_of_finding' },
  },
]

// SHA-256 of what they do, as the migrations wrote it: a body that only begins like it is not it.
const BODIES = {
  refuse_change: '13d2ff7f7d5a894c953d170be766247939fe90c987858510d7b169709236e18e',
  refuse_removal: '0bb7af8c91d53d4ed8e5334786186b4755656bf576aa5f24c132cfd1e30b10b5',
  refuse_unredacted: 'aa7c4ae5937097622d2af09dd669f364e92df679f22d78242b5d82c80469eab9',
  refuse_unerased_key: 'b88be63b420dd8fe1a8edc4270737cd00905ff6ccd20919b17ddbe9ec89bc403',
  refuse_unerased_conflict: '521f9e70e69010cdaf0c3e51889a15677ed2d8aa3855ed7c1b1128e3214ab3ed',
  refuse_change_of_drop: 'ff7f08790c3b2f0d792e4f36198f399a535482586a32421fa3b69cc642fbdf8d',
  refuse_change_of_finding: 'c024c3b61c125c2f35ad4f059c230a4e9d2cd2be519a6161ca54c732c522c086',
  refuse_definition: '73ff2be9912d6bd1391966a5a682f5604f75c59ff566dcce2c3b9fb13ec3b1d7',
}

/** They refuse what would change the tables and their triggers, whoever asks. */
const EVENT_GUARDS = ['ddl_command_end', 'sql_drop']

/** The triggers that guard a table. */
export function guardsOf(table: string): string[] {
  return GUARDS.filter((guard) => guard.table === table).map(({ trigger }) => trigger)
}

/**
 * Reports what of the guards is not in place: a trigger, or event trigger, that is gone, switched
 * off or does not refuse, an owner as which somebody can log in, a right to change what is written
 * once, and a way around them.
 */
export async function checkGuards(connection: Connection, findings: PassFindings): Promise<void> {
  const answer = await connection.query<{ place: string; expected: string; found: string }>({
    text: `with ${GUARDED} ${CHECKS.join(' union all ')}`,
    values: [
      GUARDS.map(({ table }) => table),
      GUARDS.map(({ trigger }) => trigger),
      GUARDS.map(({ type }) => type),
      GUARDS.map(({ calls }) => calls),
      EVENT_GUARDS,
      Object.keys(BODIES),
      Object.values(BODIES),
    ],
  })
  for (const guard of answer.rows) findings.report({ kind: 'guard-altered', ...guard })
}

const GUARDED = `
  guarded as (
    select guard.*, class.oid as class_id, class.relacl, class.relowner, class.relhastriggers
      from unnest($1::text[], $2::text[], $3::int[], $4::text[])
           as guard (name, trigger, type, calls)
      left join pg_catalog.pg_class class
        on class.relname = guard.name and class.relnamespace = current_schema()::regnamespace),
  called as (
    select proc.oid, proname, pronamespace::regnamespace::text as place, proowner, prosrc,
           encode(sha256(convert_to(prosrc, 'UTF8')), 'hex') = body.digest as is_ours
      from unnest($6::text[], $7::text[]) as body (name, digest)
      join pg_catalog.pg_proc proc on proname = body.name),
  rights as (
    select name, relowner, acl.grantee, acl.privilege_type, false as is_column
      from guarded, aclexplode(relacl) acl
    union all
    select name, relowner, acl.grantee, acl.privilege_type, true
      from guarded join pg_catalog.pg_attribute attribute on attribute.attrelid = class_id,
           aclexplode(attribute.attacl) acl)`

const SHOWN = (state: string, type: string) => `format('enabled %s, type %s: %s', ${state}, ${type},
             regexp_replace(left(prosrc, 100), '\\s+', ' ', 'g'))`

const CHECKS = [
  `select 'guard ' || guarded.trigger || ' of ' || name as place,
          'a trigger, enabled always, that refuses' as expected,
          coalesce(${SHOWN('tgenabled', 'tgtype')}, 'no trigger') as found
     from guarded
     left join pg_catalog.pg_trigger on tgrelid = class_id and tgname = guarded.trigger
     left join called on called.oid = tgfoid
    where (tgenabled = 'A' and tgtype = guarded.type and tgattr::text = '' and relhastriggers
           and (tgqual is null) = (guarded.trigger <> 'cleared_once')
           and proname = calls and place = current_schema() and is_ours) is not true`,
  `select 'guard of definitions at ' || event, 'an event trigger, enabled always, that refuses',
          coalesce(${SHOWN('evtenabled', `''`)}, 'no event trigger')
     from unnest($5::text[]) as event
     left join pg_catalog.pg_event_trigger
       on evtevent = event and evtname = 'audit_ledger_' || event
     left join called on called.oid = evtfoid
    where (evtenabled = 'A' and evttags is null and proname = 'refuse_definition'
           and place = 'audit_ledger_guard' and is_ours) is not true`,
  `select distinct 'owner of ' || name, 'mumega_audit_ledger_owner', rolname::text
     from guarded join pg_catalog.pg_roles on pg_roles.oid = relowner
    where rolname <> 'mumega_audit_ledger_owner' or rolcanlogin`,
  `select 'owner of ' || proname, 'a role as which nobody can log in', rolname::text
     from called join pg_catalog.pg_roles on pg_roles.oid = proowner
    where place in (current_schema(), 'audit_ledger_guard') and rolcanlogin`,
  `select 'members of mumega_audit_ledger_owner', 'no service', rolname::text
     from pg_catalog.pg_auth_members join pg_catalog.pg_roles on pg_roles.oid = member
    where roleid = to_regrole('mumega_audit_ledger_owner') and starts_with(rolname, 'mumega_')`,
  `select 'rights on ' || name, 'nobody but the owner may change or remove',
          string_agg(distinct format('%s: %s', coalesce(rolname, 'everybody'), privilege_type),
                     ', ')
     from rights left join pg_catalog.pg_roles on pg_roles.oid = grantee
    where grantee <> relowner
      and (rolname = 'mumega_audit_ledger'
           and (privilege_type in ('SELECT', 'INSERT')
                or privilege_type = 'UPDATE' and is_column
                   and name in ('audit_chain_drops', 'audit_findings'))) is not true
    group by name`,
  `select distinct 'kinship of ' || name, 'no parent and no child',
          coalesce(nullif(inhparent, class_id), inhrelid)::regclass::text
     from guarded join pg_catalog.pg_inherits on class_id in (inhrelid, inhparent)`,
  `select 'setting of mumega.migrating', 'none that holds for all', setting
     from pg_catalog.pg_db_role_setting, unnest(setconfig) as setting
    where setrole = 0 and starts_with(setting, 'mumega.migrating=')
      and setdatabase in (0, (select oid from pg_catalog.pg_database
                               where datname = current_database()))`,
]
