import { flip, hex, type Alteration } from './alterations.ts'

const checkpoint = (set: string): string => `update checkpoints set ${set} where size = 128`
const anchor = (set: string, nth = 1): string =>
  `update audit_chain_anchors set ${set} where anchor = ${nth}`

/** Of what was signed and stored with it. */
export const ALTERED_SIGNED: readonly Alteration[] = [
  {
    name: 'a flipped bit of a subtree’s hash',
    change: `update subtrees set ${flip('hash', 5)} where position = 1`,
    finds: [['subtree-altered', 'subtree 1/1']],
    value: hex('hash', 'subtrees where position = 1'),
  },
  {
    name: 'a subtree that is gone',
    change: 'delete from subtrees where position = 1',
    finds: [['subtree-missing', 'subtree 1/1']],
  },
  {
    name: 'a subtree that cannot be full yet',
    change: 'insert into subtrees select 2, 0, hash from subtrees where position = 1',
    finds: [['subtree-extra', 'subtree 2/0']],
  },
  {
    name: 'the note of an old checkpoint',
    change: checkpoint(`note = replace(note, E'\\n128\\n', E'\\n129\\n')`),
    finds: [['checkpoint-altered', 'checkpoint 128, note']],
  },
  {
    name: 'the root of an old checkpoint',
    change: checkpoint(flip('root', 5)),
    finds: [['checkpoint-altered', 'checkpoint 128, root']],
    value: hex('root', 'checkpoints where size = 128'),
  },
  {
    name: 'the frontier of an old checkpoint',
    change: checkpoint(flip('frontier', 15)),
    finds: [['checkpoint-altered', 'checkpoint 128, frontier']],
  },
  {
    name: 'an old checkpoint that follows another one',
    change: checkpoint('previous_size = 1'),
    finds: [['checkpoint-altered', 'checkpoint 128, previous size']],
    value: `select previous_size || '' as value from checkpoints where size = 128`,
  },
  {
    name: 'an old checkpoint with another size',
    change: checkpoint('size = 129'),
    finds: [['checkpoint-altered', 'checkpoint 129, size']],
  },
  {
    name: 'an old checkpoint that is gone',
    change: 'delete from checkpoints where size = 128',
    finds: [['checkpoint-missing', 'checkpoint 128']],
  },
  {
    name: 'a newest checkpoint that is gone',
    change: 'delete from checkpoints where size = 640',
    finds: [['checkpoint-missing', 'checkpoint 640']],
  },
  {
    name: 'a checkpoint beyond the end of the log',
    change: `insert into checkpoints select 641, 640, root, frontier, note, epoch, signed_at
               from checkpoints where size = 640`,
    finds: [['checkpoint-extra', 'checkpoint 641']],
  },
  {
    name: 'the note of an old anchor',
    change: anchor(`note = 'x'`),
    finds: [['anchor-altered', 'anchor 1, note']],
  },
  {
    name: 'the root of an old anchor',
    change: anchor(flip('root', 5)),
    finds: [['anchor-altered', 'anchor 1, root']],
    value: hex('root', 'audit_chain_anchors where anchor = 1'),
  },
  {
    name: 'an anchor that is linked to another one',
    change: anchor(flip('previous_hash', 5), 2),
    finds: [['anchor-altered', 'anchor 2, previous hash']],
    value: hex('previous_hash', 'audit_chain_anchors where anchor = 2'),
  },
  {
    name: 'the hash of an anchor',
    change: anchor(flip('hash', 5)),
    finds: [['anchor-altered', 'anchor 1, hash']],
    value: hex('hash', 'audit_chain_anchors where anchor = 1'),
  },
  {
    name: 'an anchor that does not stand after exactly 256 entries',
    change: `alter table audit_chain_anchors drop constraint audit_chain_anchors_check1;
             ${anchor('to_index = 256')}`,
    finds: [['anchor-altered', 'anchor 1, last entry']],
    value: `select to_index || '' as value from audit_chain_anchors where anchor = 1`,
  },
  {
    name: 'an anchor that is gone',
    change: 'delete from audit_chain_anchors where anchor = 1',
    finds: [['anchor-missing', 'anchor 1']],
  },
  {
    name: 'an anchor over entries that do not exist',
    change: `insert into audit_chain_anchors
             select 3, 512, 767, root, note, sha256('a'), sha256('b'), signed_at
               from audit_chain_anchors where anchor = 2`,
    finds: [['anchor-extra', 'anchor 3']],
  },
]

const CHAIN_TEXT = `select 'seq ' || seq || ', head ' || encode(head, 'hex') as value
  from chains where chain = 'acme'`

/** Of what says where the log and its chains end. */
export const ALTERED_HEADS: readonly Alteration[] = [
  {
    name: 'the sequence of a chain’s row',
    change: `update chains set seq = seq + 7 where chain = 'acme'`,
    finds: [['chain-head-altered', 'chain acme']],
    value: CHAIN_TEXT,
  },
  {
    name: 'the head of a chain’s row',
    change: `update chains set ${flip('head', 5)} where chain = 'acme'`,
    finds: [['chain-head-altered', 'chain acme']],
    value: CHAIN_TEXT,
  },
  {
    name: 'a chain’s row that is gone',
    change: `delete from chains where chain = 'acme'`,
    finds: [['chain-head-missing', 'chain acme']],
  },
  {
    name: 'a row of a chain that does not exist',
    change: `insert into chains select 'zeta', seq, head from chains where chain = 'acme'`,
    finds: [['chain-head-extra', 'chain zeta']],
  },
  {
    name: 'the frontier of the log’s head',
    change: `update log_head set ${flip('frontier', 15)}`,
    finds: [['log-head-altered', 'log_head']],
  },
  {
    name: 'the size of the log’s head',
    change: 'update log_head set size = 700',
    finds: [['log-head-altered', 'log_head']],
  },
  {
    name: 'a log’s head that is gone',
    change: 'delete from log_head',
    finds: [['log-head-altered', 'log_head']],
  },
  {
    name: 'a log’s head that was set back',
    change: `update log_head set size = 576,
                    frontier = (select frontier from checkpoints where size = 576)`,
    finds: [
      ['entries-missing', 'entries 576 to 639'],
      ['checkpoint-missing', 'checkpoint 640'],
      ['entries-extra', 'batch 576'],
      ['checkpoint-extra', 'checkpoint 640'],
    ],
  },
]

/** Of what refuses changes. */
export const ALTERED_GUARDS: readonly Alteration[] = [
  {
    name: 'a guard that is switched off',
    change: 'alter table checkpoints disable trigger written_once',
    finds: [['guard-altered', 'guard written_once of checkpoints']],
  },
  {
    name: 'a guard that a replication does not pass by any more',
    change: 'alter table event_batches enable trigger written_once',
    finds: [['guard-altered', 'guard written_once of event_batches']],
  },
  {
    name: 'a guard that is gone',
    change: 'drop trigger never_removed on event_keys',
    finds: [['guard-altered', 'guard never_removed of event_keys']],
  },
  {
    name: 'a guard that guards less',
    change: `drop trigger written_once on subtrees;
             create trigger written_once before delete on subtrees
               for each statement execute function refuse_change();
             alter table subtrees enable always trigger written_once`,
    finds: [['guard-altered', 'guard written_once of subtrees']],
  },
  {
    name: 'a guard that refuses nothing any more',
    change: `create or replace function refuse_removal() returns trigger language plpgsql as $$
             begin raise exception ''; exception when others then return null; end $$`,
    finds: [['guard-altered', 'guard never_removed of audit_chain_drops']],
  },
  {
    name: 'a right to change what is written once',
    change: 'grant update (note) on checkpoints to mumega_audit_ledger',
    finds: [['guard-altered', 'rights on checkpoints']],
  },
  {
    name: 'a right to remove, given to everybody,',
    change: 'grant delete on audit_chain_anchors to public',
    finds: [['guard-altered', 'rights on audit_chain_anchors']],
  },
  {
    name: 'a table of somebody who can log in',
    change: 'alter table event_keys owner to current_user',
    finds: [['guard-altered', 'owner of event_keys']],
  },
  {
    name: 'a guard of some columns only',
    change: `drop trigger written_once on subtrees;
             create trigger written_once before update of level or delete or truncate on subtrees
               for each statement execute function refuse_change();
             alter table subtrees enable always trigger written_once`,
    finds: [['guard-altered', 'guard written_once of subtrees']],
  },
  {
    name: 'a guard that calls what stands elsewhere',
    change: `create schema elsewhere; alter function refuse_removal() set schema elsewhere`,
    finds: [['guard-altered', 'guard never_removed of audit_chain_drops']],
  },
  {
    name: 'a table with a parent, by which its guards are passed,',
    change: `create table parents (like subtrees); alter table subtrees inherit parents`,
    finds: [['guard-altered', 'kinship of subtrees']],
  },
  {
    name: 'a table whose triggers the catalog denies',
    change: `set local allow_system_table_mods = on;
             update pg_class set relhastriggers = false where oid = 'subtrees'::regclass`,
    finds: [['guard-altered', 'guard written_once of subtrees']],
  },
  {
    name: 'a guard of somebody who can log in',
    change: 'alter function refuse_removal() owner to current_user',
    finds: [['guard-altered', 'owner of refuse_removal']],
  },
  {
    name: 'a service that may act as the owner',
    change: 'grant mumega_audit_ledger_owner to mumega_audit_ledger',
    finds: [['guard-altered', 'members of mumega_audit_ledger_owner']],
  },
  {
    name: 'a right to add, given to everybody,',
    change: 'grant insert on event_keys to public',
    finds: [['guard-altered', 'rights on event_keys']],
  },
  {
    name: 'a setting by which every session may alter the guards',
    change: `do $$ begin
               execute format('alter database %I set mumega.migrating = on', current_database());
             end $$`,
    finds: [['guard-altered', 'setting of mumega.migrating']],
  },
  {
    name: 'a guard of cosignatures that is switched off',
    change: 'alter table checkpoint_cosignatures disable trigger written_once',
    finds: [['guard-altered', 'guard written_once of checkpoint_cosignatures']],
  },
  {
    name: 'an event trigger that is switched off',
    change: 'alter event trigger audit_ledger_ddl_command_end disable',
    finds: [['guard-altered', 'guard of definitions at ddl_command_end']],
  },
  {
    name: 'an event trigger that calls something else',
    change: `create function audit_ledger.pass() returns event_trigger language plpgsql as
               'begin end';
             drop event trigger audit_ledger_sql_drop;
             create event trigger audit_ledger_sql_drop on sql_drop
               execute function audit_ledger.pass();
             alter event trigger audit_ledger_sql_drop enable always`,
    finds: [['guard-altered', 'guard of definitions at sql_drop']],
  },
]
