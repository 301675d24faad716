-- The schema of audit-ledger after all its migrations, as the database describes it.
-- Written by `node scripts/run.mjs test/schema`; a test compares it. Never edited by hand.

create table announcements (
  only_row boolean not null default true,
  announced_size bigint not null default 0
);  -- owned by mumega_audit_ledger_owner
alter table announcements add constraint announcements_pkey PRIMARY KEY (only_row);
alter table announcements add constraint announcements_only_row_check CHECK (only_row);
grant select on announcements to mumega_audit_ledger;
grant update (announced_size) on announcements to mumega_audit_ledger;

create table audit_chain_anchors (
  anchor bigint not null,
  from_index bigint not null,
  to_index bigint not null,
  root bytea not null,
  note text not null,
  previous_hash bytea not null,
  hash bytea not null,
  signed_at timestamp with time zone not null
);  -- owned by mumega_audit_ledger_owner
alter table audit_chain_anchors add constraint audit_chain_anchors_pkey PRIMARY KEY (anchor);
alter table audit_chain_anchors add constraint audit_chain_anchors_anchor_check CHECK ((anchor >= 1));
alter table audit_chain_anchors add constraint audit_chain_anchors_check CHECK ((from_index = (256 * (anchor - 1))));
alter table audit_chain_anchors add constraint audit_chain_anchors_check1 CHECK ((to_index = ((256 * anchor) - 1)));
alter table audit_chain_anchors add constraint audit_chain_anchors_hash_check CHECK ((octet_length(hash) = 32));
alter table audit_chain_anchors add constraint audit_chain_anchors_hash_key UNIQUE (hash);
alter table audit_chain_anchors add constraint audit_chain_anchors_previous_hash_check CHECK ((octet_length(previous_hash) = 32));
alter table audit_chain_anchors add constraint audit_chain_anchors_previous_hash_key UNIQUE (previous_hash);
alter table audit_chain_anchors add constraint audit_chain_anchors_root_check CHECK ((octet_length(root) = 32));
CREATE TRIGGER written_once BEFORE DELETE OR UPDATE OR TRUNCATE ON audit_ledger.audit_chain_anchors FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();  -- enabled always
grant insert, select on audit_chain_anchors to mumega_audit_ledger;

create table audit_chain_conflicts (
  source text not null,
  id uuid not null,
  sealed_hash bytea not null,
  refused_hash bytea not null,
  occurred_at timestamp with time zone not null,
  salt bytea
);  -- owned by mumega_audit_ledger_owner
alter table audit_chain_conflicts add constraint audit_chain_conflicts_pkey PRIMARY KEY (source, id, refused_hash);
alter table audit_chain_conflicts add constraint audit_chain_conflicts_refused_hash_check CHECK ((octet_length(refused_hash) = 32));
alter table audit_chain_conflicts add constraint audit_chain_conflicts_salt_check CHECK ((octet_length(salt) = 32));
alter table audit_chain_conflicts add constraint audit_chain_conflicts_sealed_hash_check CHECK ((octet_length(sealed_hash) = 32));
CREATE TRIGGER erased_with_redaction BEFORE UPDATE ON audit_ledger.audit_chain_conflicts FOR EACH ROW EXECUTE FUNCTION refuse_unerased_conflict();  -- enabled always
CREATE TRIGGER mark_change AFTER INSERT OR DELETE OR UPDATE ON audit_ledger.audit_chain_conflicts FOR EACH ROW EXECUTE FUNCTION mumega_mark_change();
CREATE TRIGGER never_removed BEFORE DELETE OR TRUNCATE ON audit_ledger.audit_chain_conflicts FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();  -- enabled always
CREATE CONSTRAINT TRIGGER require_audit AFTER INSERT OR DELETE OR UPDATE ON audit_ledger.audit_chain_conflicts DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION mumega_require_audit();
grant insert, select on audit_chain_conflicts to mumega_audit_ledger;

create table audit_chain_drops (
  drop_id uuid not null,
  source text not null,
  id uuid,
  reason text not null,
  attempts integer not null,
  payload_hash bytea not null,
  occurred_at timestamp with time zone not null,
  resolved_at timestamp with time zone,
  resolved_index bigint,
  log_size bigint
);  -- owned by mumega_audit_ledger_owner
alter table audit_chain_drops add constraint audit_chain_drops_pkey PRIMARY KEY (drop_id);
alter table audit_chain_drops add constraint audit_chain_drops_attempts_check CHECK ((attempts >= 1));
alter table audit_chain_drops add constraint audit_chain_drops_check CHECK (((resolved_at IS NULL) = (resolved_index IS NULL)));
alter table audit_chain_drops add constraint audit_chain_drops_payload_hash_check CHECK ((octet_length(payload_hash) = 32));
alter table audit_chain_drops add constraint audit_chain_drops_reason_check CHECK ((length(reason) <= 500));
alter table audit_chain_drops add constraint audit_chain_drops_source_id_payload_hash_key UNIQUE NULLS NOT DISTINCT (source, id, payload_hash);
CREATE INDEX audit_chain_drops_newest ON audit_ledger.audit_chain_drops USING btree (occurred_at, drop_id);
CREATE INDEX audit_chain_drops_open ON audit_ledger.audit_chain_drops USING btree (source, id) WHERE (resolved_at IS NULL);
CREATE TRIGGER never_removed BEFORE DELETE OR TRUNCATE ON audit_ledger.audit_chain_drops FOR EACH STATEMENT EXECUTE FUNCTION refuse_removal();  -- enabled always
CREATE TRIGGER resolved_once BEFORE INSERT OR UPDATE ON audit_ledger.audit_chain_drops FOR EACH ROW EXECUTE FUNCTION refuse_change_of_drop();  -- enabled always
grant insert, select on audit_chain_drops to mumega_audit_ledger;
grant update (attempts, resolved_at, resolved_index) on audit_chain_drops to mumega_audit_ledger;

create table audit_findings (
  finding_id uuid not null,
  kind text not null,
  place text not null,
  expected text not null,
  found text not null,
  halts boolean not null,
  occurred_at timestamp with time zone not null,
  cleared_at timestamp with time zone
);  -- owned by mumega_audit_ledger_owner
alter table audit_findings add constraint audit_findings_pkey PRIMARY KEY (finding_id);
alter table audit_findings add constraint audit_findings_expected_check CHECK ((length(expected) <= 300));
alter table audit_findings add constraint audit_findings_found_check CHECK ((length(found) <= 300));
alter table audit_findings add constraint audit_findings_kind_check CHECK ((length(kind) <= 50));
alter table audit_findings add constraint audit_findings_place_check CHECK (((length(place) >= 1) AND (length(place) <= 300)));
CREATE INDEX audit_findings_newest ON audit_ledger.audit_findings USING btree (occurred_at, finding_id);
CREATE UNIQUE INDEX audit_findings_open ON audit_ledger.audit_findings USING btree (kind, place) WHERE (cleared_at IS NULL);
CREATE TRIGGER cleared_once BEFORE UPDATE ON audit_ledger.audit_findings FOR EACH ROW WHEN (((old.cleared_at IS NOT NULL) OR (new.cleared_at IS NULL) OR (((((((old.finding_id IS DISTINCT FROM new.finding_id) OR (old.kind IS DISTINCT FROM new.kind)) OR (old.place IS DISTINCT FROM new.place)) OR (old.expected IS DISTINCT FROM new.expected)) OR (old.found IS DISTINCT FROM new.found)) OR (old.halts IS DISTINCT FROM new.halts)) OR (old.occurred_at IS DISTINCT FROM new.occurred_at)))) EXECUTE FUNCTION refuse_change_of_finding();  -- enabled always
CREATE TRIGGER mark_change AFTER INSERT OR DELETE OR UPDATE ON audit_ledger.audit_findings FOR EACH ROW EXECUTE FUNCTION mumega_mark_change();
CREATE TRIGGER never_removed BEFORE DELETE OR TRUNCATE ON audit_ledger.audit_findings FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_finding();  -- enabled always
CREATE CONSTRAINT TRIGGER require_audit AFTER INSERT OR DELETE OR UPDATE ON audit_ledger.audit_findings DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION mumega_require_audit();
grant insert, select on audit_findings to mumega_audit_ledger;
grant update (cleared_at) on audit_findings to mumega_audit_ledger;

create table chains (
  chain text not null,
  seq bigint not null,
  head bytea not null
);  -- owned by mumega_audit_ledger_owner
alter table chains add constraint chains_pkey PRIMARY KEY (chain);
alter table chains add constraint chains_head_check CHECK ((octet_length(head) = 32));
alter table chains add constraint chains_seq_check CHECK ((seq >= 1));
grant insert, select on chains to mumega_audit_ledger;
grant update (head, seq) on chains to mumega_audit_ledger;

create table checkpoint_cosignatures (
  witness text not null,
  key_id bigint not null,
  size bigint not null,
  line text not null,
  cosigned_at timestamp with time zone not null,
  received_at timestamp with time zone not null
);  -- owned by mumega_audit_ledger_owner
alter table checkpoint_cosignatures add constraint checkpoint_cosignatures_pkey PRIMARY KEY (witness, key_id, size);
alter table checkpoint_cosignatures add constraint checkpoint_cosignatures_key_id_check CHECK (((key_id >= 0) AND (key_id <= '4294967295'::bigint)));
alter table checkpoint_cosignatures add constraint checkpoint_cosignatures_line_check CHECK ((((octet_length(line) >= 100) AND (octet_length(line) <= 1000)) AND (line ~~ '— %'::text)));
alter table checkpoint_cosignatures add constraint checkpoint_cosignatures_size_fkey FOREIGN KEY (size) REFERENCES checkpoints(size);
CREATE INDEX checkpoint_cosignatures_by_size ON audit_ledger.checkpoint_cosignatures USING btree (size);
CREATE TRIGGER written_once BEFORE DELETE OR UPDATE OR TRUNCATE ON audit_ledger.checkpoint_cosignatures FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();  -- enabled always
grant insert, select on checkpoint_cosignatures to mumega_audit_ledger;

create table checkpoint_timestamps (
  size bigint not null,
  imprint bytea not null,
  reply bytea not null,
  generated_at timestamp with time zone not null,
  received_at timestamp with time zone not null
);  -- owned by mumega_audit_ledger_owner
alter table checkpoint_timestamps add constraint checkpoint_timestamps_pkey PRIMARY KEY (size);
alter table checkpoint_timestamps add constraint checkpoint_timestamps_imprint_check CHECK ((octet_length(imprint) = 32));
alter table checkpoint_timestamps add constraint checkpoint_timestamps_reply_check CHECK (((octet_length(reply) >= 1) AND (octet_length(reply) <= 65536)));
alter table checkpoint_timestamps add constraint checkpoint_timestamps_size_fkey FOREIGN KEY (size) REFERENCES checkpoints(size);
CREATE TRIGGER written_once BEFORE DELETE OR UPDATE OR TRUNCATE ON audit_ledger.checkpoint_timestamps FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();  -- enabled always
grant insert, select on checkpoint_timestamps to mumega_audit_ledger;

create table checkpoints (
  size bigint not null,
  previous_size bigint,
  root bytea not null,
  frontier bytea not null,
  note text not null,
  epoch bigint not null,
  signed_at timestamp with time zone not null
);  -- owned by mumega_audit_ledger_owner
alter table checkpoints add constraint checkpoints_pkey PRIMARY KEY (size);
alter table checkpoints add constraint checkpoints_check CHECK ((previous_size < size));
alter table checkpoints add constraint checkpoints_previous_size_fkey FOREIGN KEY (previous_size) REFERENCES checkpoints(size);
alter table checkpoints add constraint checkpoints_previous_size_key UNIQUE (previous_size);
alter table checkpoints add constraint checkpoints_root_check CHECK ((octet_length(root) = 32));
alter table checkpoints add constraint checkpoints_size_check CHECK ((size >= 1));
CREATE UNIQUE INDEX checkpoints_first ON audit_ledger.checkpoints USING btree (((previous_size IS NULL))) WHERE (previous_size IS NULL);
CREATE TRIGGER written_once BEFORE DELETE OR UPDATE OR TRUNCATE ON audit_ledger.checkpoints FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();  -- enabled always
grant insert, select on checkpoints to mumega_audit_ledger;

create table entry_index (
  log_index bigint not null,
  chain text not null,
  seq bigint not null,
  source text not null,
  id uuid not null,
  actor_id text not null,
  actor_kind text not null,
  action text not null,
  target text not null,
  phase text not null,
  closes uuid,
  occurred_at timestamp with time zone not null,
  trace bytea
);  -- owned by mumega_audit_ledger_owner
alter table entry_index add constraint entry_index_pkey PRIMARY KEY (log_index);
alter table entry_index add constraint entry_index_log_index_check CHECK ((log_index >= 0));
CREATE INDEX entry_index_action ON audit_ledger.entry_index USING btree (action, log_index);
CREATE INDEX entry_index_actor ON audit_ledger.entry_index USING btree (actor_id, log_index);
CREATE INDEX entry_index_chain ON audit_ledger.entry_index USING btree (chain, log_index);
CREATE INDEX entry_index_closes ON audit_ledger.entry_index USING btree (closes) WHERE (closes IS NOT NULL);
CREATE INDEX entry_index_target ON audit_ledger.entry_index USING btree (target, log_index);
CREATE INDEX entry_index_time ON audit_ledger.entry_index USING btree (occurred_at);
CREATE INDEX entry_index_trace ON audit_ledger.entry_index USING btree (trace, log_index) WHERE (trace IS NOT NULL);
alter table entry_index enable row level security;
create policy by_ledger_added on entry_index as permissive for insert to public with check (true);
create policy by_ledger_mended on entry_index as permissive for update to public using (true) with check (true);
create policy by_tenant on entry_index as permissive for select to public using (((current_setting('mumega.tenant_id'::text, true) = chain) OR (current_setting('mumega.tenant_id'::text, true) = 'substrate'::text)));
grant insert, select, update on entry_index to mumega_audit_ledger;

create table entry_index_faults (
  fault_id bigint not null generated always as identity,
  log_index bigint not null,
  entries bigint not null,
  reason text not null,
  found_at timestamp with time zone not null default now(),
  mended_at timestamp with time zone
);  -- owned by mumega_audit_ledger_owner
alter table entry_index_faults add constraint entry_index_faults_pkey PRIMARY KEY (fault_id);
alter table entry_index_faults add constraint entry_index_faults_entries_check CHECK ((entries >= 1));
alter table entry_index_faults add constraint entry_index_faults_reason_check CHECK ((length(reason) <= 200));
CREATE INDEX entry_index_faults_open ON audit_ledger.entry_index_faults USING btree (log_index) WHERE (mended_at IS NULL);
grant insert, select on entry_index_faults to mumega_audit_ledger;
grant update (mended_at) on entry_index_faults to mumega_audit_ledger;

create table entry_index_progress (
  only_row boolean not null default true,
  indexed_size bigint not null default 0,
  counted_size bigint not null default 0
);  -- owned by mumega_audit_ledger_owner
alter table entry_index_progress add constraint entry_index_progress_pkey PRIMARY KEY (only_row);
alter table entry_index_progress add constraint entry_index_progress_counted_size_check CHECK ((counted_size >= 0));
alter table entry_index_progress add constraint entry_index_progress_indexed_size_check CHECK ((indexed_size >= 0));
alter table entry_index_progress add constraint entry_index_progress_only_row_check CHECK (only_row);
grant select on entry_index_progress to mumega_audit_ledger;
grant update (counted_size, indexed_size) on entry_index_progress to mumega_audit_ledger;

create table event_batches (
  first_index bigint not null,
  count integer not null,
  entries bytea not null,
  offsets bytea not null,
  leaf_hashes bytea not null
);  -- owned by mumega_audit_ledger_owner
alter table event_batches add constraint event_batches_pkey PRIMARY KEY (first_index);
alter table event_batches add constraint event_batches_check CHECK ((octet_length(offsets) = (4 * (count + 1))));
alter table event_batches add constraint event_batches_check1 CHECK ((octet_length(leaf_hashes) = (32 * count)));
alter table event_batches add constraint event_batches_count_check CHECK (((count >= 1) AND (count <= 2048)));
alter table event_batches add constraint event_batches_first_index_check CHECK ((first_index >= 0));
CREATE TRIGGER written_once BEFORE DELETE OR UPDATE OR TRUNCATE ON audit_ledger.event_batches FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();  -- enabled always
grant insert, select on event_batches to mumega_audit_ledger;

create table event_keys (
  id uuid not null,
  log_index bigint not null,
  seq bigint not null,
  number bigint not null,
  source text not null,
  chain text not null,
  intent_hash bytea not null
);  -- owned by mumega_audit_ledger_owner
alter table event_keys add constraint event_keys_in_sequence UNIQUE (chain, seq);
alter table event_keys add constraint event_keys_once UNIQUE (id, source);
alter table event_keys add constraint event_keys_seq_check CHECK ((seq >= 1));
CREATE TRIGGER erased_with_redaction BEFORE UPDATE ON audit_ledger.event_keys FOR EACH ROW EXECUTE FUNCTION refuse_unerased_key();  -- enabled always
CREATE TRIGGER never_removed BEFORE DELETE OR TRUNCATE ON audit_ledger.event_keys FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();  -- enabled always
alter table event_keys enable row level security;
create policy by_ledger on event_keys as permissive for insert to public with check (true);
create policy by_tenant on event_keys as permissive for select to public using (((current_setting('mumega.tenant_id'::text, true) = chain) OR (current_setting('mumega.tenant_id'::text, true) = 'substrate'::text)));
grant insert, select on event_keys to mumega_audit_ledger;

create table ledger_instances (
  instance_id uuid not null,
  version text not null,
  config_hash text not null,
  schema_version text not null,
  started_at timestamp with time zone not null default clock_timestamp(),
  seen_at timestamp with time zone not null default clock_timestamp(),
  is_fit boolean
);  -- owned by mumega_audit_ledger_owner
alter table ledger_instances add constraint ledger_instances_pkey PRIMARY KEY (instance_id);
alter table ledger_instances add constraint ledger_instances_config_hash_check CHECK ((length(config_hash) = 64));
alter table ledger_instances add constraint ledger_instances_schema_version_check CHECK ((length(schema_version) <= 100));
alter table ledger_instances add constraint ledger_instances_version_check CHECK ((length(version) <= 100));
grant delete, insert, select on ledger_instances to mumega_audit_ledger;
grant update (is_fit, seen_at) on ledger_instances to mumega_audit_ledger;

create table log_head (
  only_row boolean not null default true,
  size bigint not null default 0,
  frontier bytea not null default '\x0000000000000000'::bytea,
  epoch bigint not null default 1,
  leader uuid,
  lease_expires_at timestamp with time zone not null default '-infinity'::timestamp with time zone,
  lease_ms integer not null default 0
);  -- owned by mumega_audit_ledger_owner
alter table log_head add constraint log_head_pkey PRIMARY KEY (only_row);
alter table log_head add constraint log_head_epoch_check CHECK ((epoch >= 1));
alter table log_head add constraint log_head_only_row_check CHECK (only_row);
alter table log_head add constraint log_head_size_check CHECK ((size >= 0));
grant select on log_head to mumega_audit_ledger;
grant update (epoch, frontier, leader, lease_expires_at, lease_ms, size) on log_head to mumega_audit_ledger;

create table open_intents (
  id uuid not null,
  source text not null,
  chain text not null,
  log_index bigint not null,
  occurred_at timestamp with time zone not null
);  -- owned by mumega_audit_ledger_owner
alter table open_intents add constraint open_intents_pkey PRIMARY KEY (id, source);
alter table open_intents add constraint open_intents_log_index_check CHECK ((log_index >= 0));
CREATE INDEX open_intents_oldest ON audit_ledger.open_intents USING btree (occurred_at, id);
grant delete, insert, select on open_intents to mumega_audit_ledger;
grant update (occurred_at) on open_intents to mumega_audit_ledger;

create table outbox (
  position bigint not null generated always as identity,
  audit boolean not null,
  subject text not null,
  message_id text not null,
  payload text not null,
  headers text not null,
  number bigint
);  -- owned by mumega_audit_ledger_owner
alter table outbox add constraint outbox_pkey PRIMARY KEY ("position");
alter table outbox add constraint outbox_check CHECK ((audit OR (number IS NULL)));
alter table outbox add constraint outbox_message_id_key UNIQUE (message_id);
alter table outbox add constraint outbox_number_key UNIQUE (number);
CREATE TRIGGER audit_follows_change BEFORE INSERT ON audit_ledger.outbox FOR EACH ROW WHEN (new.audit) EXECUTE FUNCTION mumega_require_change();
grant delete, insert, select on outbox to mumega_audit_ledger;
grant update (number) on outbox to mumega_audit_ledger;

create table outbox_counter (
  only_row boolean not null default true,
  last_number bigint not null default 0
);  -- owned by mumega_audit_ledger_owner
alter table outbox_counter add constraint outbox_counter_pkey PRIMARY KEY (only_row);
alter table outbox_counter add constraint outbox_counter_only_row_check CHECK (only_row);
grant select on outbox_counter to mumega_audit_ledger;
grant update (last_number) on outbox_counter to mumega_audit_ledger;

create table payload_batches (
  first_index bigint not null,
  salts bytea not null,
  payloads bytea not null,
  offsets bytea not null
);  -- owned by mumega_audit_ledger_owner
alter table payload_batches add constraint payload_batches_pkey PRIMARY KEY (first_index);
alter table payload_batches add constraint payload_batches_first_index_fkey FOREIGN KEY (first_index) REFERENCES event_batches(first_index);
CREATE TRIGGER erased_with_redaction BEFORE UPDATE ON audit_ledger.payload_batches FOR EACH ROW EXECUTE FUNCTION refuse_unredacted();  -- enabled always
CREATE TRIGGER never_removed BEFORE DELETE OR TRUNCATE ON audit_ledger.payload_batches FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();  -- enabled always
grant insert, select on payload_batches to mumega_audit_ledger;

create table processed_requests (
  request_id uuid not null,
  command text not null,
  content_hash bytea not null,
  reply text,
  processed_at timestamp with time zone not null default now()
);  -- owned by mumega_audit_ledger_owner
alter table processed_requests add constraint processed_requests_pkey PRIMARY KEY (request_id);
CREATE INDEX processed_requests_by_age ON audit_ledger.processed_requests USING btree (processed_at);
grant delete, insert, select on processed_requests to mumega_audit_ledger;
grant update (reply) on processed_requests to mumega_audit_ledger;

create table redactions (
  log_index bigint not null,
  redaction_id uuid not null,
  reason text not null,
  legal_basis text not null,
  redacted_by text not null,
  redacted_at timestamp with time zone not null,
  redacted_in xid8 not null default pg_current_xact_id()
);  -- owned by mumega_audit_ledger_owner
alter table redactions add constraint redactions_pkey PRIMARY KEY (log_index);
alter table redactions add constraint redactions_legal_basis_check CHECK (((octet_length(legal_basis) >= 1) AND (octet_length(legal_basis) <= 200)));
alter table redactions add constraint redactions_log_index_check CHECK ((log_index >= 0));
alter table redactions add constraint redactions_reason_check CHECK (((octet_length(reason) >= 1) AND (octet_length(reason) <= 500)));
alter table redactions add constraint redactions_redaction_id_key UNIQUE (redaction_id);
CREATE TRIGGER mark_change AFTER INSERT OR DELETE OR UPDATE ON audit_ledger.redactions FOR EACH ROW EXECUTE FUNCTION mumega_mark_change();
CREATE CONSTRAINT TRIGGER require_audit AFTER INSERT OR DELETE OR UPDATE ON audit_ledger.redactions DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION mumega_require_audit();
CREATE TRIGGER written_once BEFORE DELETE OR UPDATE OR TRUNCATE ON audit_ledger.redactions FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();  -- enabled always
grant select on redactions to mumega_audit_ledger;
grant insert (legal_basis, log_index, reason, redacted_at, redacted_by, redaction_id) on redactions to mumega_audit_ledger;

create table schema_migrations (
  name text not null,
  hash text not null,
  applied_at timestamp with time zone not null default now()
);  -- owned by mumega_audit_ledger_owner
alter table schema_migrations add constraint schema_migrations_pkey PRIMARY KEY (name);
grant select on schema_migrations to mumega_audit_ledger;

create table scrub_progress (
  only_row boolean not null default true,
  checkpoint_size bigint not null default 0,
  drops_seen bigint not null default 0
);  -- owned by mumega_audit_ledger_owner
alter table scrub_progress add constraint scrub_progress_pkey PRIMARY KEY (only_row);
alter table scrub_progress add constraint scrub_progress_checkpoint_size_check CHECK ((checkpoint_size >= 0));
alter table scrub_progress add constraint scrub_progress_drops_seen_check CHECK ((drops_seen >= 0));
alter table scrub_progress add constraint scrub_progress_only_row_check CHECK (only_row);
grant select on scrub_progress to mumega_audit_ledger;
grant update (checkpoint_size, drops_seen) on scrub_progress to mumega_audit_ledger;

create table source_numbers (
  source text not null,
  seen int8multirange not null,
  given_up bigint not null default 0,
  given_up_range int8range not null default 'empty'::int8range,
  reused bigint not null default 0,
  reused_number bigint,
  reused_index bigint
);  -- owned by mumega_audit_ledger_owner
alter table source_numbers add constraint source_numbers_pkey PRIMARY KEY (source);
alter table source_numbers add constraint source_numbers_given_up_check CHECK ((given_up >= 0));
alter table source_numbers add constraint source_numbers_reused CHECK ((((reused = 0) = (reused_number IS NULL)) AND ((reused = 0) = (reused_index IS NULL))));
alter table source_numbers add constraint source_numbers_reused_check CHECK ((reused >= 0));
grant delete, insert, select, update on source_numbers to mumega_audit_ledger;

create table subtrees (
  level smallint not null,
  position bigint not null,
  hash bytea not null
);  -- owned by mumega_audit_ledger_owner
alter table subtrees add constraint subtrees_pkey PRIMARY KEY (level, "position");
alter table subtrees add constraint subtrees_hash_check CHECK ((octet_length(hash) = 32));
alter table subtrees add constraint subtrees_level_check CHECK (((level >= 1) AND (level <= 6)));
alter table subtrees add constraint subtrees_position_check CHECK (("position" >= 0));
CREATE TRIGGER written_once BEFORE DELETE OR UPDATE OR TRUNCATE ON audit_ledger.subtrees FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();  -- enabled always
grant insert, select on subtrees to mumega_audit_ledger;

create table witness_refusals (
  witness text not null,
  key_id bigint not null,
  fault text not null,
  old_size bigint not null,
  size bigint not null,
  reason text not null,
  occurred_at timestamp with time zone not null
);  -- owned by mumega_audit_ledger_owner
alter table witness_refusals add constraint witness_refusals_pkey PRIMARY KEY (witness, key_id, fault, old_size);
alter table witness_refusals add constraint witness_refusals_fault_check CHECK ((fault = ANY (ARRAY['conflict'::text, 'inconsistent'::text, 'ahead'::text, 'forged'::text])));
alter table witness_refusals add constraint witness_refusals_key_id_check CHECK (((key_id >= 0) AND (key_id <= '4294967295'::bigint)));
alter table witness_refusals add constraint witness_refusals_old_size_check CHECK ((old_size >= 0));
alter table witness_refusals add constraint witness_refusals_reason_check CHECK ((length(reason) <= 500));
alter table witness_refusals add constraint witness_refusals_size_fkey FOREIGN KEY (size) REFERENCES checkpoints(size);
CREATE TRIGGER mark_change AFTER INSERT OR DELETE OR UPDATE ON audit_ledger.witness_refusals FOR EACH ROW EXECUTE FUNCTION mumega_mark_change();
CREATE CONSTRAINT TRIGGER require_audit AFTER INSERT OR DELETE OR UPDATE ON audit_ledger.witness_refusals DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION mumega_require_audit();
CREATE TRIGGER written_once BEFORE DELETE OR UPDATE OR TRUNCATE ON audit_ledger.witness_refusals FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();  -- enabled always
grant insert, select on witness_refusals to mumega_audit_ledger;

CREATE OR REPLACE FUNCTION audit_ledger.erase_hashes(erased_source text, erased_id uuid)
 RETURNS void
 LANGUAGE sql
 SECURITY DEFINER
 SET search_path TO 'audit_ledger', 'pg_temp'
AS $function$
    select pg_advisory_xact_lock(x'6d756c65'::int, erasure_lock(erased_source, erased_id));
    -- Statements of their own: they see what was put on record by whom this waited for.
    update event_keys key set intent_hash = decode(repeat('00', 32), 'hex')
      from redactions
     where redactions.log_index = key.log_index
       and key.source = erased_source and key.id = erased_id;
    update audit_chain_conflicts conflict
       set sealed_hash = decode(repeat('00', 32), 'hex'), salt = null,
           refused_hash = sha256(uuid_send(gen_random_uuid()) || refused_hash)
      from event_keys key join redactions using (log_index)
     where key.source = erased_source and key.id = erased_id
       and (conflict.source, conflict.id) = (key.source, key.id);
    update audit_chain_drops dropped
       set payload_hash = sha256(uuid_send(gen_random_uuid()) || payload_hash)
      from event_keys key join redactions using (log_index)
     where key.source = erased_source and key.id = erased_id
       and (dropped.source, dropped.id) = (key.source, key.id);
  $function$;  -- owned by mumega_audit_ledger_owner

CREATE OR REPLACE FUNCTION audit_ledger.erase_payload(erased bigint)
 RETURNS void
 LANGUAGE sql
 SECURITY DEFINER
 SET search_path TO 'audit_ledger', 'pg_temp'
AS $function$
    update payload_batches batch
       set salts = overlay(salts placing decode(repeat('00', 32), 'hex')
                           from (32 * (erased - first_index) + 1)::int for 32),
           payloads = overlay(payloads placing ''::bytea
                              from offset_at(offsets, erased - first_index) + 1
                              for offset_at(offsets, erased - first_index + 1)
                                  - offset_at(offsets, erased - first_index)),
           offsets = (
             select string_agg(int4send(
                      offset_at(batch.offsets, nth)
                      - case when nth > erased - batch.first_index
                             then offset_at(batch.offsets, erased - batch.first_index + 1)
                                  - offset_at(batch.offsets, erased - batch.first_index)
                             else 0 end), ''::bytea order by nth)
               from generate_series(0, octet_length(batch.offsets) / 4 - 1) as nth)
     where first_index = (select max(first_index) from payload_batches where first_index <= erased);
    select erase_hashes(key.source, key.id) from event_keys key where key.log_index = erased;
  $function$;  -- owned by mumega_audit_ledger_owner

CREATE OR REPLACE FUNCTION audit_ledger.erased_among(sources text[], ids uuid[])
 RETURNS TABLE(source text, id uuid)
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'audit_ledger', 'pg_temp'
AS $function$
begin
  -- All in one order, so that nobody waits in a circle.
  perform pg_advisory_xact_lock_shared(x'6d756c65'::int, place)
    from (select distinct erasure_lock(name, event) as place
            from unnest(sources, ids) as named (name, event) order by place) as places;
  -- A statement of its own: it sees an erasure that was waited for.
  return query
    select key.source, key.id from event_keys key join redactions using (log_index)
     where (key.source, key.id) in (select * from unnest(sources, ids));
end $function$;  -- owned by mumega_audit_ledger_owner

CREATE OR REPLACE FUNCTION audit_ledger.erasure_lock(event_source text, event_id uuid)
 RETURNS integer
 LANGUAGE sql
 IMMUTABLE STRICT
RETURN ((hashtextextended(((event_source || ' '::text) || (event_id)::text), (0)::bigint) & (63)::bigint))::integer;  -- owned by mumega_audit_ledger_owner

CREATE OR REPLACE FUNCTION audit_ledger.mumega_audited(audited regclass)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
begin
  execute format('create trigger mark_change after insert or update or delete on %s
    for each row execute function mumega_mark_change()', audited);
  execute format('create constraint trigger require_audit after insert or update or delete on %s
    deferrable initially deferred for each row execute function mumega_require_audit()', audited);
end $function$;  -- owned by mumega_audit_ledger_owner

CREATE OR REPLACE FUNCTION audit_ledger.mumega_mark_change()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
  perform set_config('mumega.changed', 'on', true);
  return null;
end $function$;  -- owned by mumega_audit_ledger_owner

CREATE OR REPLACE FUNCTION audit_ledger.mumega_require_audit()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
  if coalesce(current_setting('mumega.audited', true), '') <> 'on' then
    raise exception 'a change of %.% needs an audit intent in the same transaction',
      tg_table_schema, tg_table_name using errcode = 'MU002';
  end if;
  return null;
end $function$;  -- owned by mumega_audit_ledger_owner

CREATE OR REPLACE FUNCTION audit_ledger.mumega_require_change()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
  if coalesce(current_setting('mumega.changed', true), '') <> 'on' then
    raise exception 'an audit intent needs its change before it, in the same transaction'
      using errcode = 'MU001';
  end if;
  perform set_config('mumega.audited', 'on', true);
  return new;
end $function$;  -- owned by mumega_audit_ledger_owner

CREATE OR REPLACE FUNCTION audit_ledger.offset_at(offsets bytea, nth bigint)
 RETURNS integer
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE STRICT
RETURN ((((get_byte(offsets, ((4 * nth))::integer) << 24) | (get_byte(offsets, (((4 * nth) + 1))::integer) << 16)) | (get_byte(offsets, (((4 * nth) + 2))::integer) << 8)) | get_byte(offsets, (((4 * nth) + 3))::integer));  -- owned by mumega_audit_ledger_owner

CREATE OR REPLACE FUNCTION audit_ledger.refuse_change()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
  raise exception '% of %.% is refused: it is written once', tg_op, tg_table_schema, tg_table_name
    using errcode = 'MU010';
end $function$;  -- owned by mumega_audit_ledger_owner

CREATE OR REPLACE FUNCTION audit_ledger.refuse_change_of_drop()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'audit_ledger', 'pg_temp'
AS $function$
begin
  if tg_op = 'INSERT' then
    if new.resolved_at is null then return new; end if;
  elsif (new.drop_id, new.source, new.id, new.reason, new.occurred_at, new.log_size)
        is not distinct from
        (old.drop_id, old.source, old.id, old.reason, old.occurred_at, old.log_size) then
    if (new.resolved_at, new.resolved_index, new.payload_hash)
       is not distinct from (old.resolved_at, old.resolved_index, old.payload_hash)
       and new.attempts >= old.attempts then
      return new;
    end if;
    if old.resolved_at is null and new.resolved_at is not null
       and (new.attempts, new.payload_hash) = (old.attempts, old.payload_hash)
       and exists (select from event_keys key
                    where key.source = old.source and key.id = old.id
                      and key.log_index = new.resolved_index
                      and (key.log_index >= old.log_size or key.intent_hash = old.payload_hash))
       then
      return new;
    end if;
    if (new.resolved_at, new.resolved_index, new.attempts)
       is not distinct from (old.resolved_at, old.resolved_index, old.attempts)
       and exists (select from event_keys key join redactions using (log_index)
                    where key.source = old.source and key.id = old.id) then
      return new;
    end if;
  end if;
  raise exception '% of %.% is refused: a drop is resolved once by its entry, and stays as it is',
    tg_op, tg_table_schema, tg_table_name using errcode = 'MU010';
end $function$;  -- owned by mumega_audit_ledger_owner

CREATE OR REPLACE FUNCTION audit_ledger.refuse_change_of_finding()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
  raise exception '% of %.% is refused: a finding is cleared once, and otherwise never changed',
    tg_op, tg_table_schema, tg_table_name
    using errcode = 'MU010';
end $function$;  -- owned by mumega_audit_ledger_owner

CREATE OR REPLACE FUNCTION audit_ledger.refuse_removal()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
  raise exception '% of %.% is refused: a drop is resolved, never removed',
    tg_op, tg_table_schema, tg_table_name
    using errcode = 'MU010';
end $function$;  -- owned by mumega_audit_ledger_owner

CREATE OR REPLACE FUNCTION audit_ledger.refuse_unerased_conflict()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'audit_ledger', 'pg_temp'
AS $function$
begin
  if new.sealed_hash = decode(repeat('00', 32), 'hex')
     and (new.id, new.source, new.occurred_at) = (old.id, old.source, old.occurred_at)
     and exists (select from event_keys key join redactions using (log_index)
                  where key.source = old.source and key.id = old.id) then
    return new;
  end if;
  raise exception 'change of %.% is refused: a hash is erased with its payload, or stays',
    tg_table_schema, tg_table_name using errcode = 'MU010';
end $function$;  -- owned by mumega_audit_ledger_owner

CREATE OR REPLACE FUNCTION audit_ledger.refuse_unerased_key()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'audit_ledger', 'pg_temp'
AS $function$
begin
  if new.intent_hash = decode(repeat('00', 32), 'hex')
     and (new.id, new.source, new.chain, new.seq, new.number, new.log_index)
         = (old.id, old.source, old.chain, old.seq, old.number, old.log_index)
     and exists (select from redactions where log_index = old.log_index) then
    return new;
  end if;
  raise exception 'change of %.% is refused: a hash is erased with its payload, or stays',
    tg_table_schema, tg_table_name using errcode = 'MU010';
end $function$;  -- owned by mumega_audit_ledger_owner

CREATE OR REPLACE FUNCTION audit_ledger.refuse_unredacted()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'audit_ledger', 'pg_temp'
AS $function$
begin
  if exists (select from redactions
              where redacted_in = pg_current_xact_id()
                and log_index >= new.first_index
                and log_index < new.first_index + octet_length(new.offsets) / 4 - 1)
     and new.first_index = old.first_index then
    return new;
  end if;
  raise exception 'change of %.% is refused: a payload is erased with a redaction, or stays',
    tg_table_schema, tg_table_name
    using errcode = 'MU010';
end $function$;  -- owned by mumega_audit_ledger_owner

CREATE OR REPLACE FUNCTION audit_ledger.write_once(guarded regclass)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
begin
  execute format('create trigger written_once before update or delete or truncate on %s
    for each statement execute function refuse_change()', guarded);
  execute format('alter table %s enable always trigger written_once', guarded);
end $function$;  -- owned by mumega_audit_ledger_owner
