-- The schema of objectives after all its migrations, as the database describes it.
-- Written by `node scripts/run.mjs test/schema`; a test compares it. Never edited by hand.

create table engram_counts (
  tenant_id text not null,
  shard smallint not null,
  recorded bigint not null
);  -- owned by mumega_objectives_owner
alter table engram_counts add constraint engram_counts_pkey PRIMARY KEY (tenant_id, shard);
alter table engram_counts add constraint engram_counts_recorded_check CHECK ((recorded >= 0));
alter table engram_counts add constraint engram_counts_shard_check CHECK (((shard >= 0) AND (shard <= 15)));
alter table engram_counts force row level security;
create policy by_tenant on engram_counts as permissive for all to public using ((tenant_id = current_setting('mumega.tenant_id'::text, true)));
grant insert, select on engram_counts to mumega_objectives;
grant update (recorded) on engram_counts to mumega_objectives;

create table engrams (
  tenant_id text not null,
  number bigint not null generated always as identity,
  engram_id uuid not null,
  kind text not null,
  body text,
  measures jsonb not null default '{}'::jsonb,
  tags text[] not null default '{}'::text[],
  tier text not null,
  circle text,
  recorded_by text not null,
  observed_at timestamp with time zone not null,
  recorded_at timestamp with time zone not null,
  expires_at timestamp with time zone,
  nonce text not null,
  search tsvector not null generated always as (engram_search(tenant_id, kind, tags, tier, circle, recorded_by, body)) stored
);  -- owned by mumega_objectives_owner
alter table engrams add constraint engrams_pkey PRIMARY KEY (tenant_id, number);
alter table engrams add constraint engrams_body_check CHECK (((octet_length(body) >= 1) AND (octet_length(body) <= 16384)));
alter table engrams add constraint engrams_check CHECK ((expires_at > recorded_at));
alter table engrams add constraint engrams_check1 CHECK (((body IS NOT NULL) OR (measures <> '{}'::jsonb)));
alter table engrams add constraint engrams_check2 CHECK (((circle IS NOT NULL) = (tier = ANY (ARRAY['squad'::text, 'project'::text, 'entity'::text]))));
alter table engrams add constraint engrams_check3 CHECK ((observed_at <= (recorded_at + '00:05:00'::interval)));
alter table engrams add constraint engrams_circle_check CHECK ((circle ~ '^[a-z][a-z0-9-]{0,62}$'::text));
alter table engrams add constraint engrams_kind_check CHECK ((kind ~ '^[a-z][a-z0-9-]{0,62}$'::text));
alter table engrams add constraint engrams_measures_check CHECK ((jsonb_typeof(measures) = 'object'::text));
alter table engrams add constraint engrams_nonce_check CHECK ((nonce ~ '^[A-Za-z0-9_-]{22}$'::text));
alter table engrams add constraint engrams_recorded_by_check CHECK (((octet_length(recorded_by) >= 1) AND (octet_length(recorded_by) <= 200)));
alter table engrams add constraint engrams_tags_check CHECK ((cardinality(tags) <= 20));
alter table engrams add constraint engrams_tenant_id_check CHECK ((tenant_id ~ '^[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?$'::text));
alter table engrams add constraint engrams_tenant_id_engram_id_key UNIQUE (tenant_id, engram_id);
alter table engrams add constraint engrams_tier_check CHECK ((tier = ANY (ARRAY['public'::text, 'squad'::text, 'project'::text, 'entity'::text, 'private'::text])));
CREATE INDEX engrams_by_time ON objectives.engrams USING btree (tenant_id, observed_at);
CREATE INDEX engrams_search ON objectives.engrams USING gin (search) WITH (fastupdate=off);
CREATE TRIGGER mark_change AFTER INSERT OR DELETE OR UPDATE ON objectives.engrams FOR EACH ROW EXECUTE FUNCTION mumega_mark_change();
CREATE CONSTRAINT TRIGGER require_audit AFTER INSERT OR DELETE OR UPDATE ON objectives.engrams DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION mumega_require_audit();
alter table engrams force row level security;
create policy by_search on engrams as permissive for select to mumega_objectives_owner using (true);
create policy by_tenant on engrams as permissive for all to public using ((tenant_id = current_setting('mumega.tenant_id'::text, true)));
grant insert, select on engrams to mumega_objectives;

create table key_results (
  tenant_id text not null,
  objective_id uuid not null,
  version integer not null,
  key_result_id text not null,
  definition text not null
);  -- owned by mumega_objectives_owner
alter table key_results add constraint key_results_pkey PRIMARY KEY (tenant_id, objective_id, version, key_result_id);
alter table key_results add constraint key_results_tenant_id_objective_id_version_fkey FOREIGN KEY (tenant_id, objective_id, version) REFERENCES objective_versions(tenant_id, objective_id, version);
CREATE TRIGGER mark_change AFTER INSERT OR DELETE OR UPDATE ON objectives.key_results FOR EACH ROW EXECUTE FUNCTION mumega_mark_change();
CREATE CONSTRAINT TRIGGER require_audit AFTER INSERT OR DELETE OR UPDATE ON objectives.key_results DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION mumega_require_audit();
alter table key_results force row level security;
create policy by_tenant on key_results as permissive for all to public using ((tenant_id = current_setting('mumega.tenant_id'::text, true)));
grant insert, select on key_results to mumega_objectives;

create table mirror_outbox (
  tenant_id text not null,
  engram_id uuid not null,
  attempts integer not null default 0,
  next_try_at timestamp with time zone not null default now(),
  last_error text,
  dead_at timestamp with time zone
);  -- owned by mumega_objectives_owner
alter table mirror_outbox add constraint mirror_outbox_pkey PRIMARY KEY (tenant_id, engram_id);
alter table mirror_outbox add constraint mirror_outbox_attempts_check CHECK ((attempts >= 0));
alter table mirror_outbox add constraint mirror_outbox_check CHECK (((dead_at IS NULL) OR (last_error IS NOT NULL)));
alter table mirror_outbox add constraint mirror_outbox_last_error_check CHECK (((octet_length(last_error) >= 1) AND (octet_length(last_error) <= 500)));
alter table mirror_outbox add constraint mirror_outbox_tenant_id_engram_id_fkey FOREIGN KEY (tenant_id, engram_id) REFERENCES engrams(tenant_id, engram_id);
CREATE INDEX mirror_outbox_dead ON objectives.mirror_outbox USING btree (dead_at) WHERE (dead_at IS NOT NULL);
CREATE INDEX mirror_outbox_due ON objectives.mirror_outbox USING btree (next_try_at) WHERE (dead_at IS NULL);
alter table mirror_outbox force row level security;
create policy by_sender on mirror_outbox as permissive for all to public using ((current_setting('mumega.tenant_id'::text, true) = 'substrate'::text));
create policy by_tenant on mirror_outbox as permissive for all to public using ((tenant_id = current_setting('mumega.tenant_id'::text, true)));
grant delete, insert, select on mirror_outbox to mumega_objectives;
grant update (attempts, dead_at, last_error, next_try_at) on mirror_outbox to mumega_objectives;

create table objections (
  tenant_id text not null,
  objective_id uuid not null,
  version integer not null,
  number smallint not null,
  objected_by text not null,
  objected_at timestamp with time zone not null,
  reason text not null
);  -- owned by mumega_objectives_owner
alter table objections add constraint objections_pkey PRIMARY KEY (tenant_id, objective_id, version, number);
alter table objections add constraint objections_number_check CHECK (((number >= 1) AND (number <= 100)));
alter table objections add constraint objections_objected_by_check CHECK ((octet_length(objected_by) <= 200));
alter table objections add constraint objections_reason_check CHECK (((octet_length(reason) >= 1) AND (octet_length(reason) <= 2000)));
alter table objections add constraint objections_tenant_id_objective_id_version_fkey FOREIGN KEY (tenant_id, objective_id, version) REFERENCES objective_versions(tenant_id, objective_id, version);
CREATE TRIGGER mark_change AFTER INSERT OR DELETE OR UPDATE ON objectives.objections FOR EACH ROW EXECUTE FUNCTION mumega_mark_change();
CREATE CONSTRAINT TRIGGER require_audit AFTER INSERT OR DELETE OR UPDATE ON objectives.objections DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION mumega_require_audit();
alter table objections force row level security;
create policy by_tenant on objections as permissive for all to public using ((tenant_id = current_setting('mumega.tenant_id'::text, true)));
grant insert, select on objections to mumega_objectives;

create table objective_changes (
  number bigint not null generated always as identity,
  tenant_id text not null,
  objective_id uuid not null,
  version integer not null,
  was text,
  became text not null,
  changed_by text not null,
  changed_at timestamp with time zone not null
);  -- owned by mumega_objectives_owner
alter table objective_changes add constraint objective_changes_pkey PRIMARY KEY (number);
alter table objective_changes add constraint objective_changes_changed_by_check CHECK ((octet_length(changed_by) <= 200));
alter table objective_changes add constraint objective_changes_tenant_id_objective_id_version_fkey FOREIGN KEY (tenant_id, objective_id, version) REFERENCES objective_versions(tenant_id, objective_id, version);
CREATE INDEX objective_changes_of ON objectives.objective_changes USING btree (tenant_id, objective_id, number);
alter table objective_changes force row level security;
create policy by_tenant on objective_changes as permissive for all to public using ((tenant_id = current_setting('mumega.tenant_id'::text, true)));
grant insert, select on objective_changes to mumega_objectives;

create table objective_versions (
  tenant_id text not null,
  objective_id uuid not null,
  version integer not null,
  state text not null default 'draft'::text,
  content bytea not null,
  sha256 bytea not null generated always as (sha256(content)) stored,
  parent_id uuid,
  owner text not null,
  tags text[] not null,
  created_at timestamp with time zone not null,
  created_by text not null,
  objections smallint not null default 0
);  -- owned by mumega_objectives_owner
alter table objective_versions add constraint objective_versions_pkey PRIMARY KEY (tenant_id, objective_id, version);
alter table objective_versions add constraint objective_versions_content_check CHECK ((octet_length(content) <= 65536));
alter table objective_versions add constraint objective_versions_created_by_check CHECK ((octet_length(created_by) <= 200));
alter table objective_versions add constraint objective_versions_objections_check CHECK (((objections >= 0) AND (objections <= 100)));
alter table objective_versions add constraint objective_versions_state_check CHECK ((state = ANY (ARRAY['draft'::text, 'proposed'::text, 'ratified'::text, 'declined'::text, 'superseded'::text, 'retired'::text])));
alter table objective_versions add constraint objective_versions_tenant_id_objective_id_fkey FOREIGN KEY (tenant_id, objective_id) REFERENCES objectives(tenant_id, objective_id);
alter table objective_versions add constraint objective_versions_tenant_id_parent_id_fkey FOREIGN KEY (tenant_id, parent_id) REFERENCES objectives(tenant_id, objective_id);
alter table objective_versions add constraint objective_versions_version_check CHECK (((version >= 1) AND (version <= 1000)));
CREATE INDEX objective_versions_by_parent ON objectives.objective_versions USING btree (tenant_id, parent_id) WHERE (parent_id IS NOT NULL);
CREATE INDEX objective_versions_by_state ON objectives.objective_versions USING btree (tenant_id, state, objective_id, version DESC);
CREATE UNIQUE INDEX objective_versions_open ON objectives.objective_versions USING btree (tenant_id, objective_id) WHERE (state = ANY (ARRAY['draft'::text, 'proposed'::text]));
CREATE UNIQUE INDEX objective_versions_ratified ON objectives.objective_versions USING btree (tenant_id, objective_id) WHERE (state = 'ratified'::text);
CREATE TRIGGER keep_objective_version BEFORE UPDATE ON objectives.objective_versions FOR EACH ROW EXECUTE FUNCTION keep_objective_version();
CREATE TRIGGER mark_change AFTER INSERT OR DELETE OR UPDATE ON objectives.objective_versions FOR EACH ROW EXECUTE FUNCTION mumega_mark_change();
CREATE CONSTRAINT TRIGGER require_audit AFTER INSERT OR DELETE OR UPDATE ON objectives.objective_versions DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION mumega_require_audit();
CREATE CONSTRAINT TRIGGER require_decision AFTER INSERT OR UPDATE OF state ON objectives.objective_versions DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION require_decision();
alter table objective_versions force row level security;
create policy by_tenant on objective_versions as permissive for all to public using ((tenant_id = current_setting('mumega.tenant_id'::text, true)));
grant insert, select on objective_versions to mumega_objectives;
grant update (objections, state) on objective_versions to mumega_objectives;

create table objectives (
  tenant_id text not null,
  objective_id uuid not null,
  newest_version integer not null default 1,
  shown_version integer not null default 1
);  -- owned by mumega_objectives_owner
alter table objectives add constraint objectives_pkey PRIMARY KEY (tenant_id, objective_id);
alter table objectives add constraint objectives_check CHECK (((shown_version >= 1) AND (shown_version <= newest_version)));
alter table objectives add constraint objectives_newest_version_check CHECK (((newest_version >= 1) AND (newest_version <= 1000)));
alter table objectives add constraint objectives_tenant_id_check CHECK ((tenant_id ~ '^[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?$'::text));
CREATE TRIGGER mark_change AFTER INSERT OR DELETE OR UPDATE ON objectives.objectives FOR EACH ROW EXECUTE FUNCTION mumega_mark_change();
CREATE CONSTRAINT TRIGGER require_audit AFTER INSERT OR DELETE OR UPDATE ON objectives.objectives DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION mumega_require_audit();
alter table objectives force row level security;
create policy by_tenant on objectives as permissive for all to public using ((tenant_id = current_setting('mumega.tenant_id'::text, true)));
grant insert, select on objectives to mumega_objectives;
grant update (newest_version, shown_version) on objectives to mumega_objectives;

create table outbox (
  position bigint not null generated always as identity,
  audit boolean not null,
  subject text not null,
  message_id text not null,
  payload text not null,
  headers text not null,
  number bigint
);  -- owned by mumega_objectives_owner
alter table outbox add constraint outbox_pkey PRIMARY KEY ("position");
alter table outbox add constraint outbox_check CHECK ((audit OR (number IS NULL)));
alter table outbox add constraint outbox_message_id_key UNIQUE (message_id);
alter table outbox add constraint outbox_number_key UNIQUE (number);
CREATE TRIGGER audit_follows_change BEFORE INSERT ON objectives.outbox FOR EACH ROW WHEN (new.audit) EXECUTE FUNCTION mumega_require_change();
grant delete, insert, select on outbox to mumega_objectives;
grant update (number) on outbox to mumega_objectives;

create table outbox_counter (
  only_row boolean not null default true,
  last_number bigint not null default 0
);  -- owned by mumega_objectives_owner
alter table outbox_counter add constraint outbox_counter_pkey PRIMARY KEY (only_row);
alter table outbox_counter add constraint outbox_counter_only_row_check CHECK (only_row);
grant select on outbox_counter to mumega_objectives;
grant update (last_number) on outbox_counter to mumega_objectives;

create table principal_keys (
  principal_id text not null,
  number integer not null,
  public_key bytea not null,
  valid_from timestamp with time zone not null,
  valid_until timestamp with time zone,
  rotation text
);  -- owned by mumega_objectives_owner
alter table principal_keys add constraint principal_keys_pkey PRIMARY KEY (principal_id, number);
alter table principal_keys add constraint principal_keys_check CHECK ((valid_until >= valid_from));
alter table principal_keys add constraint principal_keys_check1 CHECK (((number = 1) = (rotation IS NULL)));
alter table principal_keys add constraint principal_keys_number_check CHECK (((number >= 1) AND (number <= 1000)));
alter table principal_keys add constraint principal_keys_principal_id_fkey FOREIGN KEY (principal_id) REFERENCES substrate_principals(principal_id);
alter table principal_keys add constraint principal_keys_public_key_check CHECK ((octet_length(public_key) = 32));
alter table principal_keys add constraint principal_keys_public_key_key UNIQUE (public_key);
alter table principal_keys add constraint principal_keys_rotation_check CHECK (((octet_length(rotation) >= 1) AND (octet_length(rotation) <= 4000)));
CREATE UNIQUE INDEX principal_keys_current ON objectives.principal_keys USING btree (principal_id) WHERE (valid_until IS NULL);
CREATE TRIGGER keep_principal_key BEFORE UPDATE ON objectives.principal_keys FOR EACH ROW EXECUTE FUNCTION keep_principal_key();
CREATE TRIGGER mark_change AFTER INSERT OR DELETE OR UPDATE ON objectives.principal_keys FOR EACH ROW EXECUTE FUNCTION mumega_mark_change();
CREATE CONSTRAINT TRIGGER require_audit AFTER INSERT OR DELETE OR UPDATE ON objectives.principal_keys DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION mumega_require_audit();
alter table principal_keys force row level security;
create policy by_everybody on principal_keys as permissive for select to public using (true);
create policy by_substrate on principal_keys as permissive for all to public using ((current_setting('mumega.tenant_id'::text, true) = 'substrate'::text));
grant insert, select on principal_keys to mumega_objectives;
grant update (valid_until) on principal_keys to mumega_objectives;

create table processed_requests (
  request_id uuid not null,
  command text not null,
  content_hash bytea not null,
  reply text,
  processed_at timestamp with time zone not null default now()
);  -- owned by mumega_objectives_owner
alter table processed_requests add constraint processed_requests_pkey PRIMARY KEY (request_id);
CREATE INDEX processed_requests_by_age ON objectives.processed_requests USING btree (processed_at);
grant delete, insert, select on processed_requests to mumega_objectives;
grant update (reply) on processed_requests to mumega_objectives;

create table progress (
  tenant_id text not null,
  day date not null,
  objective_id uuid not null,
  key_result_id text not null,
  version integer not null,
  computed_at timestamp with time zone,
  value double precision,
  progress double precision,
  forecast double precision,
  confidence text,
  standing text,
  engrams bigint,
  newest uuid[],
  formulas_version smallint
);  -- owned by mumega_objectives_owner
alter table progress add constraint progress_pkey PRIMARY KEY (tenant_id, day, objective_id, key_result_id);
alter table progress add constraint progress_check CHECK ((num_nulls(computed_at, progress, confidence, standing, engrams, newest, formulas_version) = ANY (ARRAY[0, 7])));
alter table progress add constraint progress_check1 CHECK (((computed_at IS NOT NULL) OR (num_nonnulls(value, forecast) = 0)));
alter table progress add constraint progress_confidence_check CHECK ((confidence = ANY (ARRAY['present'::text, 'stale'::text, 'missing'::text])));
alter table progress add constraint progress_engrams_check CHECK ((engrams >= 0));
alter table progress add constraint progress_newest_check CHECK ((cardinality(newest) <= 20));
alter table progress add constraint progress_progress_check CHECK (((progress >= (0)::double precision) AND (progress <= (1)::double precision)));
alter table progress add constraint progress_standing_check CHECK ((standing = ANY (ARRAY['on-track'::text, 'at-risk'::text, 'off-track'::text, 'unknown'::text])));
alter table progress add constraint progress_tenant_id_day_fkey FOREIGN KEY (tenant_id, day) REFERENCES progress_runs(tenant_id, day);
alter table progress add constraint progress_tenant_id_objective_id_version_key_result_id_fkey FOREIGN KEY (tenant_id, objective_id, version, key_result_id) REFERENCES key_results(tenant_id, objective_id, version, key_result_id);
CREATE INDEX progress_of ON objectives.progress USING btree (tenant_id, objective_id, day DESC);
CREATE INDEX progress_pending ON objectives.progress USING btree (tenant_id, day, objective_id, key_result_id) WHERE (computed_at IS NULL);
CREATE TRIGGER keep_progress BEFORE INSERT OR UPDATE ON objectives.progress FOR EACH ROW EXECUTE FUNCTION keep_progress();
CREATE TRIGGER mark_change AFTER INSERT OR DELETE OR UPDATE ON objectives.progress FOR EACH ROW EXECUTE FUNCTION mumega_mark_change();
CREATE CONSTRAINT TRIGGER require_audit AFTER INSERT OR DELETE OR UPDATE ON objectives.progress DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION mumega_require_audit();
alter table progress force row level security;
create policy by_tenant on progress as permissive for all to public using ((tenant_id = current_setting('mumega.tenant_id'::text, true)));
grant insert, select on progress to mumega_objectives;
grant update (computed_at, confidence, engrams, forecast, formulas_version, newest, progress, standing, value) on progress to mumega_objectives;

create table progress_cutoffs (
  tenant_id text not null,
  day date not null,
  source_tenant_id text not null,
  engram_number bigint not null
);  -- owned by mumega_objectives_owner
alter table progress_cutoffs add constraint progress_cutoffs_pkey PRIMARY KEY (tenant_id, day, source_tenant_id);
alter table progress_cutoffs add constraint progress_cutoffs_engram_number_check CHECK ((engram_number >= 0));
alter table progress_cutoffs add constraint progress_cutoffs_tenant_id_day_fkey FOREIGN KEY (tenant_id, day) REFERENCES progress_runs(tenant_id, day);
alter table progress_cutoffs force row level security;
create policy by_tenant on progress_cutoffs as permissive for all to public using ((tenant_id = current_setting('mumega.tenant_id'::text, true)));
grant insert, select on progress_cutoffs to mumega_objectives;

create table progress_runs (
  tenant_id text not null,
  day date not null,
  as_of timestamp with time zone not null,
  time_zone text not null,
  state text not null default 'running'::text,
  skipped_days integer not null default 0,
  principal_id text,
  key_number integer,
  note text,
  begun_at timestamp with time zone,
  created_at timestamp with time zone not null,
  completed_at timestamp with time zone
);  -- owned by mumega_objectives_owner
alter table progress_runs add constraint progress_runs_pkey PRIMARY KEY (tenant_id, day);
alter table progress_runs add constraint progress_runs_check CHECK ((((principal_id IS NULL) = (note IS NULL)) AND ((key_number IS NULL) = (note IS NULL))));
alter table progress_runs add constraint progress_runs_check1 CHECK (((state = 'done'::text) = (completed_at IS NOT NULL)));
alter table progress_runs add constraint progress_runs_check2 CHECK (((state = 'running'::text) OR (begun_at IS NOT NULL)));
alter table progress_runs add constraint progress_runs_note_check CHECK (((octet_length(note) >= 1) AND (octet_length(note) <= 12000)));
alter table progress_runs add constraint progress_runs_principal_id_key_number_fkey FOREIGN KEY (principal_id, key_number) REFERENCES principal_keys(principal_id, number);
alter table progress_runs add constraint progress_runs_skipped_days_check CHECK ((skipped_days >= 0));
alter table progress_runs add constraint progress_runs_state_check CHECK ((state = ANY (ARRAY['running'::text, 'done'::text])));
CREATE INDEX progress_runs_open ON objectives.progress_runs USING btree (tenant_id, day) WHERE (state = 'running'::text);
CREATE TRIGGER keep_progress_run BEFORE UPDATE ON objectives.progress_runs FOR EACH ROW EXECUTE FUNCTION keep_progress_run();
CREATE TRIGGER mark_change AFTER INSERT OR DELETE OR UPDATE ON objectives.progress_runs FOR EACH ROW EXECUTE FUNCTION mumega_mark_change();
CREATE CONSTRAINT TRIGGER require_audit AFTER INSERT OR DELETE OR UPDATE ON objectives.progress_runs DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION mumega_require_audit();
alter table progress_runs force row level security;
create policy by_runner on progress_runs as permissive for select to public using ((current_setting('mumega.tenant_id'::text, true) = 'substrate'::text));
create policy by_tenant on progress_runs as permissive for all to public using ((tenant_id = current_setting('mumega.tenant_id'::text, true)));
grant insert, select on progress_runs to mumega_objectives;
grant update (begun_at, completed_at, state) on progress_runs to mumega_objectives;

create table progress_schedules (
  tenant_id text not null,
  time_zone text not null,
  run_at text not null,
  next_day date not null,
  next_run_at timestamp with time zone not null
);  -- owned by mumega_objectives_owner
alter table progress_schedules add constraint progress_schedules_pkey PRIMARY KEY (tenant_id);
alter table progress_schedules add constraint progress_schedules_run_at_check CHECK ((run_at ~ '^([01][0-9]|2[0-3]):[0-5][0-9]$'::text));
alter table progress_schedules add constraint progress_schedules_tenant_id_check CHECK ((tenant_id ~ '^[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?$'::text));
alter table progress_schedules add constraint progress_schedules_time_zone_check CHECK (((octet_length(time_zone) >= 1) AND (octet_length(time_zone) <= 64)));
CREATE INDEX progress_schedules_due ON objectives.progress_schedules USING btree (next_run_at);
CREATE TRIGGER mark_change AFTER INSERT OR DELETE OR UPDATE ON objectives.progress_schedules FOR EACH ROW EXECUTE FUNCTION mumega_mark_change();
CREATE CONSTRAINT TRIGGER require_audit AFTER INSERT OR DELETE OR UPDATE ON objectives.progress_schedules DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION mumega_require_audit();
alter table progress_schedules force row level security;
create policy by_runner on progress_schedules as permissive for select to public using ((current_setting('mumega.tenant_id'::text, true) = 'substrate'::text));
create policy by_tenant on progress_schedules as permissive for all to public using ((tenant_id = current_setting('mumega.tenant_id'::text, true)));
grant insert, select, update on progress_schedules to mumega_objectives;

create table ratifications (
  tenant_id text not null,
  objective_id uuid not null,
  version integer not null,
  decision text not null,
  principal_id text not null,
  key_number integer not null,
  reason text,
  note text not null,
  decided_at timestamp with time zone not null
);  -- owned by mumega_objectives_owner
alter table ratifications add constraint ratifications_pkey PRIMARY KEY (tenant_id, objective_id, version, decision);
alter table ratifications add constraint ratifications_check CHECK (((decision = 'ratify'::text) = (reason IS NULL)));
alter table ratifications add constraint ratifications_decision_check CHECK ((decision = ANY (ARRAY['ratify'::text, 'decline'::text, 'retire'::text])));
alter table ratifications add constraint ratifications_note_check CHECK (((octet_length(note) >= 1) AND (octet_length(note) <= 12000)));
alter table ratifications add constraint ratifications_principal_id_key_number_fkey FOREIGN KEY (principal_id, key_number) REFERENCES principal_keys(principal_id, number);
alter table ratifications add constraint ratifications_reason_check CHECK (((octet_length(reason) >= 1) AND (octet_length(reason) <= 2000)));
alter table ratifications add constraint ratifications_tenant_id_objective_id_version_fkey FOREIGN KEY (tenant_id, objective_id, version) REFERENCES objective_versions(tenant_id, objective_id, version);
CREATE TRIGGER mark_change AFTER INSERT OR DELETE OR UPDATE ON objectives.ratifications FOR EACH ROW EXECUTE FUNCTION mumega_mark_change();
CREATE CONSTRAINT TRIGGER require_audit AFTER INSERT OR DELETE OR UPDATE ON objectives.ratifications DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION mumega_require_audit();
alter table ratifications force row level security;
create policy by_tenant on ratifications as permissive for all to public using ((tenant_id = current_setting('mumega.tenant_id'::text, true)));
grant insert, select on ratifications to mumega_objectives;

create table schema_migrations (
  name text not null,
  hash text not null,
  applied_at timestamp with time zone not null default now()
);  -- owned by mumega_objectives_owner
alter table schema_migrations add constraint schema_migrations_pkey PRIMARY KEY (name);
grant select on schema_migrations to mumega_objectives;

create table substrate_principals (
  principal_id text not null,
  display_name text not null,
  status text not null default 'active'::text,
  registered_at timestamp with time zone not null,
  status_changed_at timestamp with time zone,
  status_reason text
);  -- owned by mumega_objectives_owner
alter table substrate_principals add constraint substrate_principals_pkey PRIMARY KEY (principal_id);
alter table substrate_principals add constraint substrate_principals_check CHECK (((status_changed_at IS NULL) = (status_reason IS NULL)));
alter table substrate_principals add constraint substrate_principals_check1 CHECK (((status = 'active'::text) OR (status_changed_at IS NOT NULL)));
alter table substrate_principals add constraint substrate_principals_display_name_check CHECK (((octet_length(display_name) >= 1) AND (octet_length(display_name) <= 800)));
alter table substrate_principals add constraint substrate_principals_principal_id_check CHECK ((principal_id ~ '^(agent|human)\.[a-z][a-z0-9-]{0,62}$'::text));
alter table substrate_principals add constraint substrate_principals_status_check CHECK ((status = ANY (ARRAY['active'::text, 'suspended'::text])));
alter table substrate_principals add constraint substrate_principals_status_reason_check CHECK (((octet_length(status_reason) >= 1) AND (octet_length(status_reason) <= 2000)));
CREATE TRIGGER mark_change AFTER INSERT OR DELETE OR UPDATE ON objectives.substrate_principals FOR EACH ROW EXECUTE FUNCTION mumega_mark_change();
CREATE CONSTRAINT TRIGGER require_audit AFTER INSERT OR DELETE OR UPDATE ON objectives.substrate_principals DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION mumega_require_audit();
alter table substrate_principals force row level security;
create policy by_everybody on substrate_principals as permissive for select to public using (true);
create policy by_substrate on substrate_principals as permissive for all to public using ((current_setting('mumega.tenant_id'::text, true) = 'substrate'::text));
grant insert, select on substrate_principals to mumega_objectives;
grant update (status, status_changed_at, status_reason) on substrate_principals to mumega_objectives;

create table work_items (
  tenant_id text not null,
  kind text not null,
  work_id text not null,
  title text not null,
  state text not null,
  objective_id uuid,
  opened_at timestamp with time zone not null,
  opened_by text not null,
  changed_at timestamp with time zone not null,
  changed_by text not null,
  closed_at timestamp with time zone
);  -- owned by mumega_objectives_owner
alter table work_items add constraint work_items_pkey PRIMARY KEY (tenant_id, kind, work_id);
alter table work_items add constraint work_items_changed_by_check CHECK (((octet_length(changed_by) >= 1) AND (octet_length(changed_by) <= 200)));
alter table work_items add constraint work_items_check CHECK (((state = 'open'::text) = (closed_at IS NULL)));
alter table work_items add constraint work_items_check1 CHECK (((changed_at >= opened_at) AND (closed_at >= opened_at)));
alter table work_items add constraint work_items_kind_check CHECK ((kind = ANY (ARRAY['task'::text, 'fleet'::text])));
alter table work_items add constraint work_items_opened_by_check CHECK (((octet_length(opened_by) >= 1) AND (octet_length(opened_by) <= 200)));
alter table work_items add constraint work_items_state_check CHECK ((state = ANY (ARRAY['open'::text, 'done'::text, 'dropped'::text])));
alter table work_items add constraint work_items_tenant_id_check CHECK ((tenant_id ~ '^[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?$'::text));
alter table work_items add constraint work_items_tenant_id_objective_id_fkey FOREIGN KEY (tenant_id, objective_id) REFERENCES objectives(tenant_id, objective_id);
alter table work_items add constraint work_items_title_check CHECK (((octet_length(title) >= 1) AND (octet_length(title) <= 800)));
alter table work_items add constraint work_items_work_id_check CHECK ((work_id ~ '^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$'::text));
CREATE INDEX work_items_by_objective ON objectives.work_items USING btree (tenant_id, objective_id) WHERE (objective_id IS NOT NULL);
CREATE INDEX work_items_closed ON objectives.work_items USING btree (tenant_id, closed_at) WHERE (state <> 'open'::text);
CREATE INDEX work_items_open ON objectives.work_items USING btree (tenant_id, kind, work_id) WHERE (state = 'open'::text);
CREATE TRIGGER mark_change AFTER INSERT OR DELETE OR UPDATE ON objectives.work_items FOR EACH ROW EXECUTE FUNCTION mumega_mark_change();
CREATE CONSTRAINT TRIGGER require_audit AFTER INSERT OR DELETE OR UPDATE ON objectives.work_items DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION mumega_require_audit();
alter table work_items force row level security;
create policy by_tenant on work_items as permissive for all to public using ((tenant_id = current_setting('mumega.tenant_id'::text, true)));
grant insert, select on work_items to mumega_objectives;
grant update (changed_at, changed_by, closed_at, objective_id, state, title) on work_items to mumega_objectives;

CREATE OR REPLACE FUNCTION objectives.engram_search(tenant text, kind text, tags text[], tier text, circle text, author text, body text)
 RETURNS tsvector
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
    select array_to_tsvector(array_remove(array[
        ' n ' || tenant, ' k ' || kind, ' r ' || tier, ' a ' || author, ' c ' || circle,
        -- Who may recall it.
        ' v ' || case when tier = 'private' then 'private:' || author
                      else concat_ws(':', tier, circle) end]
        || array(select ' t ' || one from unnest(tags) one), null))
      -- Words only: of addresses and paths the parser makes compounds, in a time that grows with
      -- the square of such a text.
      || coalesce(to_tsvector('english'::regconfig,
           translate(body, '!"#$%&''()*+,-./:;<=>?@[\]^_`{|}~', repeat(' ', 32))), ''::tsvector)
  $function$;  -- owned by mumega_objectives_owner

CREATE OR REPLACE FUNCTION objectives.find_engrams(wanted tsquery, since timestamp with time zone, until timestamp with time zone, below bigint, at timestamp with time zone, most integer)
 RETURNS SETOF bigint
 LANGUAGE plpgsql
 STABLE SECURITY DEFINER ROWS 100
 SET search_path TO 'objectives', 'pg_temp'
 SET plan_cache_mode TO 'force_custom_plan'
AS $function$
declare
  tenant text := current_setting('mumega.tenant_id', true);
  whole tsquery := quote_literal(' n ' || tenant)::tsquery && wanted;
begin
  return query
    select e.number from engrams e
     where e.tenant_id = tenant and e.search @@ whole
       and (e.expires_at is null or e.expires_at > at)
       and (since is null or e.observed_at >= since)
       and (until is null or e.observed_at < until)
       and (below is null or e.number < below)
     order by e.number desc limit least(most, 1000);
end $function$;  -- owned by mumega_objectives_owner

CREATE OR REPLACE FUNCTION objectives.keep_objective_version()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
  if old.state <> new.state and (old.state, new.state) not in (
       ('draft', 'proposed'), ('draft', 'superseded'),
       ('proposed', 'ratified'), ('proposed', 'declined'), ('proposed', 'superseded'),
       ('ratified', 'superseded'), ('ratified', 'retired'))
  then
    raise exception 'version % of objective % goes from % to nothing like %',
      old.version, old.objective_id, old.state, new.state using errcode = 'MU011';
  end if;
  return new;
end $function$;  -- owned by mumega_objectives_owner

CREATE OR REPLACE FUNCTION objectives.keep_principal_key()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
  if old.valid_until is not null or new.valid_until is null
     or (new.principal_id, new.number, new.public_key, new.valid_from, new.rotation)
        is distinct from
        (old.principal_id, old.number, old.public_key, old.valid_from, old.rotation)
  then
    raise exception 'a key of % only ends, once', old.principal_id using errcode = 'MU010';
  end if;
  return new;
end $function$;  -- owned by mumega_objectives_owner

CREATE OR REPLACE FUNCTION objectives.keep_progress()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
  if tg_op = 'INSERT' then
    if new.computed_at is not null then
      raise exception 'a value of key result % was not computed', new.key_result_id
        using errcode = 'MU015';
    end if;
  elsif old.computed_at is not null then
    raise exception 'the value of key result % on % stays', old.key_result_id, old.day
      using errcode = 'MU015';
  end if;
  if not exists (select from progress_runs r
                  where r.tenant_id = new.tenant_id and r.day = new.day and r.state = 'running')
  then
    raise exception 'no run is under way for %', new.day using errcode = 'MU015';
  end if;
  return new;
end $function$;  -- owned by mumega_objectives_owner

CREATE OR REPLACE FUNCTION objectives.keep_progress_run()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
  if old.state = 'done' then
    raise exception 'the run of % is done', old.day using errcode = 'MU016';
  end if;
  if old.begun_at is not null and new.begun_at is distinct from old.begun_at then
    raise exception 'the run of % has begun', old.day using errcode = 'MU016';
  end if;
  if new.state = 'done' and exists (
       select from progress p
        where p.tenant_id = new.tenant_id and p.day = new.day and p.computed_at is null)
  then
    raise exception 'the run of % has key results without a value', new.day
      using errcode = 'MU016';
  end if;
  return new;
end $function$;  -- owned by mumega_objectives_owner

CREATE OR REPLACE FUNCTION objectives.mumega_audited(audited regclass)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
begin
  execute format('create trigger mark_change after insert or update or delete on %s
    for each row execute function mumega_mark_change()', audited);
  execute format('create constraint trigger require_audit after insert or update or delete on %s
    deferrable initially deferred for each row execute function mumega_require_audit()', audited);
end $function$;  -- owned by mumega_objectives_owner

CREATE OR REPLACE FUNCTION objectives.mumega_mark_change()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
  perform set_config('mumega.changed', 'on', true);
  return null;
end $function$;  -- owned by mumega_objectives_owner

CREATE OR REPLACE FUNCTION objectives.mumega_require_audit()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
  if coalesce(current_setting('mumega.audited', true), '') <> 'on' then
    raise exception 'a change of %.% needs an audit intent in the same transaction',
      tg_table_schema, tg_table_name using errcode = 'MU002';
  end if;
  return null;
end $function$;  -- owned by mumega_objectives_owner

CREATE OR REPLACE FUNCTION objectives.mumega_require_change()
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
end $function$;  -- owned by mumega_objectives_owner

CREATE OR REPLACE FUNCTION objectives.require_decision()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
declare
  needed text := case new.state
    when 'ratified' then 'ratify' when 'declined' then 'decline' when 'retired' then 'retire' end;
begin
  if needed is not null and not exists (
       select from ratifications r
        where (r.tenant_id, r.objective_id, r.version, r.decision)
            = (new.tenant_id, new.objective_id, new.version, needed))
  then
    raise exception 'version % of objective % is % without a signature',
      new.version, new.objective_id, new.state using errcode = 'MU012';
  end if;
  if not exists (
       select from objective_changes c
        where (c.tenant_id, c.objective_id, c.version, c.became)
            = (new.tenant_id, new.objective_id, new.version, new.state))
  then
    raise exception 'version % of objective % is % without its history',
      new.version, new.objective_id, new.state using errcode = 'MU013';
  end if;
  return null;
end $function$;  -- owned by mumega_objectives_owner
