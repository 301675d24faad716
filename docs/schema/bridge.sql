-- The schema of bridge after all its migrations, as the database describes it.
-- Written by `node scripts/run.mjs test/schema`; a test compares it. Never edited by hand.

create table agents (
  tenant_id text not null,
  name text not null,
  registered_at timestamp with time zone not null
);  -- owned by mumega_bridge_owner
alter table agents add constraint agents_pkey PRIMARY KEY (tenant_id, name);
alter table agents add constraint agents_name_check CHECK ((name ~ '^[a-z][a-z0-9-]{0,62}$'::text));
alter table agents add constraint agents_tenant_id_check CHECK ((tenant_id ~ '^[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?$'::text));
CREATE TRIGGER mark_change AFTER INSERT OR DELETE OR UPDATE ON bridge.agents FOR EACH ROW EXECUTE FUNCTION mumega_mark_change();
CREATE CONSTRAINT TRIGGER require_audit AFTER INSERT OR DELETE OR UPDATE ON bridge.agents DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION mumega_require_audit();
alter table agents force row level security;
create policy by_tenant on agents as permissive for all to public using ((tenant_id = current_setting('mumega.tenant_id'::text, true)));
grant insert, select on agents to mumega_bridge;

create table bodies (
  tenant_id text not null,
  agent text not null,
  body text not null,
  cursor bigint not null,
  created_at timestamp with time zone not null,
  last_received_at timestamp with time zone not null
);  -- owned by mumega_bridge_owner
alter table bodies add constraint bodies_pkey PRIMARY KEY (tenant_id, agent, body);
alter table bodies add constraint bodies_body_check CHECK ((body ~ '^[a-z][a-z0-9-]{0,62}$'::text));
alter table bodies add constraint bodies_cursor_check CHECK ((cursor >= 0));
alter table bodies add constraint bodies_tenant_id_agent_fkey FOREIGN KEY (tenant_id, agent) REFERENCES agents(tenant_id, name);
alter table bodies force row level security;
create policy by_tenant on bodies as permissive for all to public using ((tenant_id = current_setting('mumega.tenant_id'::text, true)));
grant delete, insert, select on bodies to mumega_bridge;
grant update (cursor, last_received_at) on bodies to mumega_bridge;

create table dead_letter_replays (
  replay_id uuid not null,
  dead_letter_id uuid not null,
  requested_at timestamp with time zone not null,
  finished_at timestamp with time zone,
  failure text
);  -- owned by mumega_bridge_owner
alter table dead_letter_replays add constraint dead_letter_replays_pkey PRIMARY KEY (replay_id);
alter table dead_letter_replays add constraint dead_letter_replays_check CHECK (((failure IS NULL) OR (finished_at IS NOT NULL)));
alter table dead_letter_replays add constraint dead_letter_replays_dead_letter_id_fkey FOREIGN KEY (dead_letter_id) REFERENCES dead_letters(dead_letter_id);
CREATE INDEX dead_letter_replays_by_letter ON bridge.dead_letter_replays USING btree (dead_letter_id);
CREATE TRIGGER mark_change AFTER INSERT OR DELETE OR UPDATE ON bridge.dead_letter_replays FOR EACH ROW EXECUTE FUNCTION mumega_mark_change();
CREATE CONSTRAINT TRIGGER require_audit AFTER INSERT OR DELETE OR UPDATE ON bridge.dead_letter_replays DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION mumega_require_audit();
alter table dead_letter_replays force row level security;
create policy operators on dead_letter_replays as permissive for all to public using ((current_setting('mumega.tenant_id'::text, true) = 'substrate'::text));
grant insert, select on dead_letter_replays to mumega_bridge;
grant update (failure, finished_at) on dead_letter_replays to mumega_bridge;

create table dead_letters (
  number bigint not null generated always as identity,
  dead_letter_id uuid not null,
  service text not null,
  consumer text not null,
  subject text not null,
  headers json not null,
  body text not null,
  reason text not null,
  deliveries integer not null,
  occurred_at timestamp with time zone not null
);  -- owned by mumega_bridge_owner
alter table dead_letters add constraint dead_letters_pkey PRIMARY KEY (number);
alter table dead_letters add constraint dead_letters_dead_letter_id_key UNIQUE (dead_letter_id);
alter table dead_letters add constraint dead_letters_deliveries_check CHECK ((deliveries > 0));
alter table dead_letters force row level security;
create policy operators on dead_letters as permissive for all to public using ((current_setting('mumega.tenant_id'::text, true) = 'substrate'::text));
grant insert, select on dead_letters to mumega_bridge;

create table deliveries (
  tenant_id text not null,
  recipient text not null,
  position bigint not null,
  message_id uuid not null,
  acknowledged_at timestamp with time zone,
  expired_at timestamp with time zone,
  dead_lettered_at timestamp with time zone,
  dead_letter_reason text,
  attempts smallint not null default 0
);  -- owned by mumega_bridge_owner
alter table deliveries add constraint deliveries_pkey PRIMARY KEY (tenant_id, recipient, "position");
alter table deliveries add constraint deliveries_check CHECK (((dead_lettered_at IS NULL) = (dead_letter_reason IS NULL)));
alter table deliveries add constraint deliveries_dead_letter_reason_check CHECK (((octet_length(dead_letter_reason) >= 1) AND (octet_length(dead_letter_reason) <= 4000)));
alter table deliveries add constraint deliveries_position_check CHECK (("position" > 0));
alter table deliveries add constraint deliveries_tenant_id_message_id_fkey FOREIGN KEY (tenant_id, message_id) REFERENCES messages(tenant_id, message_id);
alter table deliveries add constraint deliveries_tenant_id_message_id_recipient_key UNIQUE (tenant_id, message_id, recipient);
alter table deliveries add constraint deliveries_tenant_id_recipient_fkey FOREIGN KEY (tenant_id, recipient) REFERENCES agents(tenant_id, name);
CREATE INDEX deliveries_dead ON bridge.deliveries USING btree (tenant_id, dead_lettered_at, recipient, "position") WHERE ((dead_lettered_at IS NOT NULL) AND (acknowledged_at IS NULL));
CREATE INDEX deliveries_unsettled ON bridge.deliveries USING btree (tenant_id, recipient, "position") WHERE ((acknowledged_at IS NULL) AND (dead_lettered_at IS NULL) AND (expired_at IS NULL));
CREATE TRIGGER mark_change AFTER INSERT OR DELETE OR UPDATE ON bridge.deliveries FOR EACH ROW EXECUTE FUNCTION mumega_mark_change();
CREATE CONSTRAINT TRIGGER require_audit AFTER INSERT OR DELETE OR UPDATE ON bridge.deliveries DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION mumega_require_audit();
alter table deliveries force row level security;
create policy by_tenant on deliveries as permissive for all to public using ((tenant_id = current_setting('mumega.tenant_id'::text, true)));
grant insert, select on deliveries to mumega_bridge;
grant update (acknowledged_at, attempts, dead_letter_reason, dead_lettered_at, expired_at) on deliveries to mumega_bridge;

create table expiries (
  tenant_id text not null,
  message_id uuid not null,
  expires_at timestamp with time zone not null
);  -- owned by mumega_bridge_owner
alter table expiries add constraint expiries_pkey PRIMARY KEY (tenant_id, message_id);
alter table expiries add constraint expiries_tenant_id_message_id_fkey FOREIGN KEY (tenant_id, message_id) REFERENCES messages(tenant_id, message_id);
CREATE INDEX expiries_due ON bridge.expiries USING btree (expires_at);
alter table expiries force row level security;
create policy by_tenant on expiries as permissive for all to public using ((tenant_id = current_setting('mumega.tenant_id'::text, true)));
create policy what_is_due on expiries as permissive for select to public using ((current_setting('mumega.tenant_id'::text, true) = 'substrate'::text));
grant delete, insert, select on expiries to mumega_bridge;

create table fetches (
  tenant_id text not null,
  recipient text not null,
  position bigint not null,
  fetched_at timestamp with time zone not null
);  -- owned by mumega_bridge_owner
alter table fetches add constraint fetches_pkey PRIMARY KEY (tenant_id, recipient, "position");
alter table fetches add constraint fetches_tenant_id_recipient_position_fkey FOREIGN KEY (tenant_id, recipient, "position") REFERENCES deliveries(tenant_id, recipient, "position");
alter table fetches force row level security;
create policy by_tenant on fetches as permissive for all to public using ((tenant_id = current_setting('mumega.tenant_id'::text, true)));
grant insert, select on fetches to mumega_bridge;

create table inboxes (
  tenant_id text not null,
  agent text not null,
  last_position bigint not null default 0
);  -- owned by mumega_bridge_owner
alter table inboxes add constraint inboxes_pkey PRIMARY KEY (tenant_id, agent);
alter table inboxes add constraint inboxes_last_position_check CHECK ((last_position >= 0));
alter table inboxes add constraint inboxes_tenant_id_agent_fkey FOREIGN KEY (tenant_id, agent) REFERENCES agents(tenant_id, name);
alter table inboxes force row level security;
create policy by_tenant on inboxes as permissive for all to public using ((tenant_id = current_setting('mumega.tenant_id'::text, true)));
grant insert, select on inboxes to mumega_bridge;
grant update (last_position) on inboxes to mumega_bridge;

create table leases (
  tenant_id text not null,
  recipient text not null,
  body text not null,
  position bigint not null,
  attempts smallint not null,
  ends_at timestamp with time zone not null,
  claim_id uuid
);  -- owned by mumega_bridge_owner
alter table leases add constraint leases_pkey PRIMARY KEY (tenant_id, recipient, "position", body);
alter table leases add constraint leases_attempts_check CHECK (((attempts >= 0) AND (attempts <= 4)));
alter table leases add constraint leases_tenant_id_recipient_body_fkey FOREIGN KEY (tenant_id, recipient, body) REFERENCES bodies(tenant_id, agent, body) ON DELETE CASCADE;
alter table leases add constraint leases_tenant_id_recipient_position_fkey FOREIGN KEY (tenant_id, recipient, "position") REFERENCES deliveries(tenant_id, recipient, "position");
CREATE INDEX leases_of_body ON bridge.leases USING btree (tenant_id, recipient, body, ends_at);
CREATE INDEX leases_of_claim ON bridge.leases USING btree (tenant_id, recipient, body, claim_id) WHERE (claim_id IS NOT NULL);
CREATE INDEX leases_used_up ON bridge.leases USING btree (ends_at) WHERE (attempts = 4);
alter table leases force row level security;
create policy by_tenant on leases as permissive for all to public using ((tenant_id = current_setting('mumega.tenant_id'::text, true)));
create policy what_is_due on leases as permissive for select to public using ((current_setting('mumega.tenant_id'::text, true) = 'substrate'::text));
grant delete, insert, select on leases to mumega_bridge;
grant update (attempts, claim_id, ends_at) on leases to mumega_bridge;

create table messages (
  tenant_id text not null,
  message_id uuid not null,
  sender text not null,
  kind text not null,
  text text not null,
  content_type text not null,
  reply_to uuid,
  correlation_id text,
  deadline timestamp with time zone,
  sent_at timestamp with time zone not null,
  expires_at timestamp with time zone
);  -- owned by mumega_bridge_owner
alter table messages add constraint messages_pkey PRIMARY KEY (tenant_id, message_id);
alter table messages add constraint messages_check CHECK (((kind = 'ask'::text) = (deadline IS NOT NULL)));
alter table messages add constraint messages_content_type_check CHECK ((content_type = ANY (ARRAY['text/plain'::text, 'text/markdown'::text])));
alter table messages add constraint messages_correlation_id_check CHECK (((octet_length(correlation_id) >= 1) AND (octet_length(correlation_id) <= 800)));
alter table messages add constraint messages_kind_check CHECK ((kind = ANY (ARRAY['send'::text, 'broadcast'::text, 'ask'::text])));
alter table messages add constraint messages_tenant_id_reply_to_fkey FOREIGN KEY (tenant_id, reply_to) REFERENCES messages(tenant_id, message_id);
alter table messages add constraint messages_tenant_id_sender_fkey FOREIGN KEY (tenant_id, sender) REFERENCES agents(tenant_id, name);
alter table messages add constraint messages_text_check CHECK (((octet_length(text) >= 1) AND (octet_length(text) <= 16384)));
CREATE INDEX messages_by_reply ON bridge.messages USING btree (tenant_id, reply_to) WHERE (reply_to IS NOT NULL);
CREATE TRIGGER mark_change AFTER INSERT OR DELETE OR UPDATE ON bridge.messages FOR EACH ROW EXECUTE FUNCTION mumega_mark_change();
CREATE CONSTRAINT TRIGGER require_audit AFTER INSERT OR DELETE OR UPDATE ON bridge.messages DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION mumega_require_audit();
alter table messages force row level security;
create policy by_tenant on messages as permissive for all to public using ((tenant_id = current_setting('mumega.tenant_id'::text, true)));
grant insert, select on messages to mumega_bridge;

create table outbox (
  position bigint not null generated always as identity,
  audit boolean not null,
  subject text not null,
  message_id text not null,
  payload text not null,
  headers text not null,
  number bigint
);  -- owned by mumega_bridge_owner
alter table outbox add constraint outbox_pkey PRIMARY KEY ("position");
alter table outbox add constraint outbox_check CHECK ((audit OR (number IS NULL)));
alter table outbox add constraint outbox_message_id_key UNIQUE (message_id);
alter table outbox add constraint outbox_number_key UNIQUE (number);
CREATE TRIGGER audit_follows_change BEFORE INSERT ON bridge.outbox FOR EACH ROW WHEN (new.audit) EXECUTE FUNCTION mumega_require_change();
grant delete, insert, select on outbox to mumega_bridge;
grant update (number) on outbox to mumega_bridge;

create table outbox_counter (
  only_row boolean not null default true,
  last_number bigint not null default 0
);  -- owned by mumega_bridge_owner
alter table outbox_counter add constraint outbox_counter_pkey PRIMARY KEY (only_row);
alter table outbox_counter add constraint outbox_counter_only_row_check CHECK (only_row);
grant select on outbox_counter to mumega_bridge;
grant update (last_number) on outbox_counter to mumega_bridge;

create table presence (
  tenant_id text not null,
  agent text not null,
  status text not null,
  note text,
  last_seen_at timestamp with time zone not null,
  last_run_id uuid,
  last_run_outcome text,
  last_run_ended_at timestamp with time zone,
  last_run_ms bigint
);  -- owned by mumega_bridge_owner
alter table presence add constraint presence_pkey PRIMARY KEY (tenant_id, agent);
alter table presence add constraint presence_last_run_ms_check CHECK ((last_run_ms >= 0));
alter table presence add constraint presence_last_run_outcome_check CHECK ((last_run_outcome = ANY (ARRAY['success'::text, 'fail'::text])));
alter table presence add constraint presence_note_check CHECK ((octet_length(note) <= 2000));
alter table presence add constraint presence_status_check CHECK ((status = ANY (ARRAY['idle'::text, 'busy'::text, 'failing'::text])));
alter table presence add constraint presence_tenant_id_agent_fkey FOREIGN KEY (tenant_id, agent) REFERENCES agents(tenant_id, name);
alter table presence force row level security;
create policy by_tenant on presence as permissive for all to public using ((tenant_id = current_setting('mumega.tenant_id'::text, true)));
grant insert, select on presence to mumega_bridge;
grant update (last_run_ended_at, last_run_id, last_run_ms, last_run_outcome, last_seen_at, note, status) on presence to mumega_bridge;

create table processed_requests (
  request_id uuid not null,
  command text not null,
  content_hash bytea not null,
  reply text,
  processed_at timestamp with time zone not null default now()
);  -- owned by mumega_bridge_owner
alter table processed_requests add constraint processed_requests_pkey PRIMARY KEY (request_id);
CREATE INDEX processed_requests_by_age ON bridge.processed_requests USING btree (processed_at);
grant delete, insert, select on processed_requests to mumega_bridge;
grant update (reply) on processed_requests to mumega_bridge;

create table runs (
  tenant_id text not null,
  agent text not null,
  run_id uuid not null,
  started_at timestamp with time zone,
  ended_at timestamp with time zone
);  -- owned by mumega_bridge_owner
alter table runs add constraint runs_pkey PRIMARY KEY (tenant_id, agent, run_id);
alter table runs add constraint runs_check CHECK (((started_at IS NOT NULL) OR (ended_at IS NOT NULL)));
alter table runs add constraint runs_tenant_id_agent_fkey FOREIGN KEY (tenant_id, agent) REFERENCES agents(tenant_id, name);
CREATE INDEX runs_ended ON bridge.runs USING btree (tenant_id, agent, ended_at) WHERE (ended_at IS NOT NULL);
alter table runs force row level security;
create policy by_tenant on runs as permissive for all to public using ((tenant_id = current_setting('mumega.tenant_id'::text, true)));
grant delete, insert, select on runs to mumega_bridge;
grant update (ended_at) on runs to mumega_bridge;

create table schema_migrations (
  name text not null,
  hash text not null,
  applied_at timestamp with time zone not null default now()
);  -- owned by mumega_bridge_owner
alter table schema_migrations add constraint schema_migrations_pkey PRIMARY KEY (name);
grant select on schema_migrations to mumega_bridge;

create table send_policies (
  tenant_id text not null,
  version integer not null,
  fallback text not null,
  rules jsonb not null,
  set_at timestamp with time zone not null
);  -- owned by mumega_bridge_owner
alter table send_policies add constraint send_policies_pkey PRIMARY KEY (tenant_id);
alter table send_policies add constraint send_policies_fallback_check CHECK ((fallback = ANY (ARRAY['allow'::text, 'deny'::text])));
alter table send_policies add constraint send_policies_rules_check CHECK (((jsonb_typeof(rules) = 'array'::text) AND (jsonb_array_length(rules) <= 100)));
alter table send_policies add constraint send_policies_version_check CHECK ((version > 0));
CREATE TRIGGER mark_change AFTER INSERT OR DELETE OR UPDATE ON bridge.send_policies FOR EACH ROW EXECUTE FUNCTION mumega_mark_change();
CREATE CONSTRAINT TRIGGER require_audit AFTER INSERT OR DELETE OR UPDATE ON bridge.send_policies DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION mumega_require_audit();
alter table send_policies force row level security;
create policy by_tenant on send_policies as permissive for all to public using ((tenant_id = current_setting('mumega.tenant_id'::text, true)));
grant insert, select on send_policies to mumega_bridge;
grant update (fallback, rules, set_at, version) on send_policies to mumega_bridge;

create table settlements (
  tenant_id text not null,
  agent text not null,
  slot smallint not null,
  settled bigint not null,
  last_work_at timestamp with time zone
);  -- owned by mumega_bridge_owner
alter table settlements add constraint settlements_pkey PRIMARY KEY (tenant_id, agent, slot);
alter table settlements add constraint settlements_settled_check CHECK ((settled >= 0));
alter table settlements add constraint settlements_slot_check CHECK (((slot >= 0) AND (slot <= 15)));
alter table settlements add constraint settlements_tenant_id_agent_fkey FOREIGN KEY (tenant_id, agent) REFERENCES agents(tenant_id, name);
alter table settlements force row level security;
create policy by_tenant on settlements as permissive for all to public using ((tenant_id = current_setting('mumega.tenant_id'::text, true)));
grant insert, select on settlements to mumega_bridge;
grant update (last_work_at, settled) on settlements to mumega_bridge;

CREATE OR REPLACE FUNCTION bridge.mumega_audited(audited regclass)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
begin
  execute format('create trigger mark_change after insert or update or delete on %s
    for each row execute function mumega_mark_change()', audited);
  execute format('create constraint trigger require_audit after insert or update or delete on %s
    deferrable initially deferred for each row execute function mumega_require_audit()', audited);
end $function$;  -- owned by mumega_bridge_owner

CREATE OR REPLACE FUNCTION bridge.mumega_mark_change()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
  perform set_config('mumega.changed', 'on', true);
  return null;
end $function$;  -- owned by mumega_bridge_owner

CREATE OR REPLACE FUNCTION bridge.mumega_require_audit()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
  if coalesce(current_setting('mumega.audited', true), '') <> 'on' then
    raise exception 'a change of %.% needs an audit intent in the same transaction',
      tg_table_schema, tg_table_name using errcode = 'MU002';
  end if;
  return null;
end $function$;  -- owned by mumega_bridge_owner

CREATE OR REPLACE FUNCTION bridge.mumega_require_change()
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
end $function$;  -- owned by mumega_bridge_owner
