-- The schema of gate after all its migrations, as the database describes it.
-- Written by `node scripts/run.mjs test/schema`; a test compares it. Never edited by hand.

create table closings (
  tenant_id text not null,
  sprint_id text not null,
  track_id text not null,
  number integer not null,
  commit_hash text,
  arrives_in integer,
  test text,
  before_commit text,
  before_output text,
  before_sha256 text,
  after_output text,
  after_sha256 text,
  carried_to text,
  closed_by text not null,
  closed_at timestamp with time zone not null
);  -- owned by mumega_gate_owner
alter table closings add constraint closings_pkey PRIMARY KEY (tenant_id, sprint_id, track_id, number);
alter table closings add constraint closings_after_output_check CHECK (((octet_length(after_output) >= 1) AND (octet_length(after_output) <= 500)));
alter table closings add constraint closings_after_sha256_check CHECK ((after_sha256 ~ '^[0-9a-f]{64}$'::text));
alter table closings add constraint closings_arrives_in_check CHECK (((arrives_in >= 2) AND (arrives_in <= 51)));
alter table closings add constraint closings_before_commit_check CHECK ((before_commit ~ '^([0-9a-f]{40}|[0-9a-f]{64})$'::text));
alter table closings add constraint closings_before_output_check CHECK (((octet_length(before_output) >= 1) AND (octet_length(before_output) <= 500)));
alter table closings add constraint closings_before_sha256_check CHECK ((before_sha256 ~ '^[0-9a-f]{64}$'::text));
alter table closings add constraint closings_check CHECK ((carried_to <> sprint_id));
alter table closings add constraint closings_check1 CHECK ((before_commit <> commit_hash));
alter table closings add constraint closings_check2 CHECK ((num_nonnulls(commit_hash, arrives_in, test, before_commit) =
CASE
    WHEN (carried_to IS NULL) THEN 4
    ELSE 0
END));
alter table closings add constraint closings_check3 CHECK (((carried_to IS NULL) = (num_nonnulls(before_output, before_sha256) > 0)));
alter table closings add constraint closings_check4 CHECK (((carried_to IS NULL) = (num_nonnulls(after_output, after_sha256) > 0)));
alter table closings add constraint closings_closed_by_check CHECK ((octet_length(closed_by) <= 200));
alter table closings add constraint closings_commit_hash_check CHECK ((commit_hash ~ '^([0-9a-f]{40}|[0-9a-f]{64})$'::text));
alter table closings add constraint closings_tenant_id_carried_to_fkey FOREIGN KEY (tenant_id, carried_to) REFERENCES sprints(tenant_id, sprint_id);
alter table closings add constraint closings_tenant_id_sprint_id_track_id_number_fkey FOREIGN KEY (tenant_id, sprint_id, track_id, number) REFERENCES findings(tenant_id, sprint_id, track_id, number);
alter table closings add constraint closings_test_check CHECK (((octet_length(test) >= 1) AND (octet_length(test) <= 200)));
CREATE INDEX closings_by_target ON gate.closings USING btree (tenant_id, carried_to) WHERE (carried_to IS NOT NULL);
CREATE TRIGGER check_closing BEFORE INSERT ON gate.closings FOR EACH ROW EXECUTE FUNCTION check_closing();
CREATE TRIGGER mark_change AFTER INSERT OR DELETE OR UPDATE ON gate.closings FOR EACH ROW EXECUTE FUNCTION mumega_mark_change();
CREATE CONSTRAINT TRIGGER require_audit AFTER INSERT OR DELETE OR UPDATE ON gate.closings DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION mumega_require_audit();
alter table closings force row level security;
create policy by_tenant on closings as permissive for all to public using ((tenant_id = current_setting('mumega.tenant_id'::text, true)));
grant insert, select on closings to mumega_gate;

create table findings (
  tenant_id text not null,
  sprint_id text not null,
  track_id text not null,
  number integer not null,
  iteration integer not null,
  commit_hash text not null,
  arm text not null,
  severity text not null,
  title text not null,
  tests text,
  reproduced text not null,
  shape_id text,
  post_green boolean not null,
  found_by text not null,
  found_at timestamp with time zone not null
);  -- owned by mumega_gate_owner
alter table findings add constraint findings_pkey PRIMARY KEY (tenant_id, sprint_id, track_id, number);
alter table findings add constraint findings_arm_check CHECK ((arm = ANY (ARRAY['correctness'::text, 'adversarial'::text])));
alter table findings add constraint findings_found_by_check CHECK ((octet_length(found_by) <= 200));
alter table findings add constraint findings_number_check CHECK (((number >= 1) AND (number <= 100)));
alter table findings add constraint findings_reproduced_check CHECK (((octet_length(reproduced) >= 1) AND (octet_length(reproduced) <= 1000)));
alter table findings add constraint findings_severity_check CHECK ((severity = ANY (ARRAY['BLOCK-P0'::text, 'BLOCK-P1'::text, 'WARN'::text, 'INFO'::text])));
alter table findings add constraint findings_tenant_id_shape_id_fkey FOREIGN KEY (tenant_id, shape_id) REFERENCES shapes(tenant_id, shape_id);
alter table findings add constraint findings_tenant_id_sprint_id_track_id_iteration_commit_has_fkey FOREIGN KEY (tenant_id, sprint_id, track_id, iteration, commit_hash) REFERENCES iterations(tenant_id, sprint_id, track_id, iteration, commit_hash);
alter table findings add constraint findings_tests_check CHECK (((octet_length(tests) >= 1) AND (octet_length(tests) <= 300)));
alter table findings add constraint findings_title_check CHECK (((octet_length(title) >= 1) AND (octet_length(title) <= 200)));
CREATE INDEX findings_by_shape ON gate.findings USING btree (tenant_id, shape_id, found_at DESC) WHERE (shape_id IS NOT NULL);
CREATE TRIGGER mark_change AFTER INSERT OR DELETE OR UPDATE ON gate.findings FOR EACH ROW EXECUTE FUNCTION mumega_mark_change();
CREATE TRIGGER mark_finding BEFORE INSERT ON gate.findings FOR EACH ROW EXECUTE FUNCTION mark_finding();
CREATE CONSTRAINT TRIGGER require_audit AFTER INSERT OR DELETE OR UPDATE ON gate.findings DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION mumega_require_audit();
alter table findings force row level security;
create policy by_tenant on findings as permissive for all to public using ((tenant_id = current_setting('mumega.tenant_id'::text, true)));
grant insert, select on findings to mumega_gate;

create table historic_tracks (
  tenant_id text not null,
  sprint_id text not null,
  track_id text not null,
  title text not null,
  blocks integer not null,
  iterations integer not null,
  post_green integer not null,
  verdict text not null
);  -- owned by mumega_gate_owner
alter table historic_tracks add constraint historic_tracks_pkey PRIMARY KEY (tenant_id, sprint_id, track_id);
alter table historic_tracks add constraint historic_tracks_blocks_check CHECK ((blocks >= 0));
alter table historic_tracks add constraint historic_tracks_iterations_check CHECK ((iterations >= 1));
alter table historic_tracks add constraint historic_tracks_post_green_check CHECK ((post_green >= 0));
alter table historic_tracks add constraint historic_tracks_tenant_id_sprint_id_fkey FOREIGN KEY (tenant_id, sprint_id) REFERENCES sprints(tenant_id, sprint_id);
alter table historic_tracks add constraint historic_tracks_title_check CHECK (((octet_length(title) >= 1) AND (octet_length(title) <= 200)));
alter table historic_tracks add constraint historic_tracks_verdict_check CHECK ((verdict = ANY (ARRAY['GREEN'::text, 'BLOCKED'::text, 'REFINE'::text, 'PENDING'::text])));
CREATE TRIGGER mark_change AFTER INSERT OR DELETE OR UPDATE ON gate.historic_tracks FOR EACH ROW EXECUTE FUNCTION mumega_mark_change();
CREATE CONSTRAINT TRIGGER require_audit AFTER INSERT OR DELETE OR UPDATE ON gate.historic_tracks DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION mumega_require_audit();
alter table historic_tracks force row level security;
create policy by_tenant on historic_tracks as permissive for all to public using ((tenant_id = current_setting('mumega.tenant_id'::text, true)));
grant insert, select on historic_tracks to mumega_gate;

create table iterations (
  tenant_id text not null,
  sprint_id text not null,
  track_id text not null,
  iteration integer not null,
  commit_hash text not null,
  submitted_by text not null,
  submitted_at timestamp with time zone not null
);  -- owned by mumega_gate_owner
alter table iterations add constraint iterations_pkey PRIMARY KEY (tenant_id, sprint_id, track_id, iteration);
alter table iterations add constraint iterations_commit_hash_check CHECK ((commit_hash ~ '^([0-9a-f]{40}|[0-9a-f]{64})$'::text));
alter table iterations add constraint iterations_iteration_check CHECK (((iteration >= 1) AND (iteration <= 50)));
alter table iterations add constraint iterations_submitted_by_check CHECK ((octet_length(submitted_by) <= 200));
alter table iterations add constraint iterations_tenant_id_sprint_id_track_id_commit_hash_key UNIQUE (tenant_id, sprint_id, track_id, commit_hash);
alter table iterations add constraint iterations_tenant_id_sprint_id_track_id_fkey FOREIGN KEY (tenant_id, sprint_id, track_id) REFERENCES tracks(tenant_id, sprint_id, track_id);
alter table iterations add constraint iterations_tenant_id_sprint_id_track_id_iteration_commit_ha_key UNIQUE (tenant_id, sprint_id, track_id, iteration, commit_hash);
CREATE TRIGGER mark_change AFTER INSERT OR DELETE OR UPDATE ON gate.iterations FOR EACH ROW EXECUTE FUNCTION mumega_mark_change();
CREATE CONSTRAINT TRIGGER require_audit AFTER INSERT OR DELETE OR UPDATE ON gate.iterations DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION mumega_require_audit();
alter table iterations force row level security;
create policy by_tenant on iterations as permissive for all to public using ((tenant_id = current_setting('mumega.tenant_id'::text, true)));
grant insert, select on iterations to mumega_gate;

create table outbox (
  position bigint not null generated always as identity,
  audit boolean not null,
  subject text not null,
  message_id text not null,
  payload text not null,
  headers text not null,
  number bigint
);  -- owned by mumega_gate_owner
alter table outbox add constraint outbox_pkey PRIMARY KEY ("position");
alter table outbox add constraint outbox_check CHECK ((audit OR (number IS NULL)));
alter table outbox add constraint outbox_message_id_key UNIQUE (message_id);
alter table outbox add constraint outbox_number_key UNIQUE (number);
CREATE TRIGGER audit_follows_change BEFORE INSERT ON gate.outbox FOR EACH ROW WHEN (new.audit) EXECUTE FUNCTION mumega_require_change();
grant delete, insert, select on outbox to mumega_gate;
grant update (number) on outbox to mumega_gate;

create table outbox_counter (
  only_row boolean not null default true,
  last_number bigint not null default 0
);  -- owned by mumega_gate_owner
alter table outbox_counter add constraint outbox_counter_pkey PRIMARY KEY (only_row);
alter table outbox_counter add constraint outbox_counter_only_row_check CHECK (only_row);
grant select on outbox_counter to mumega_gate;
grant update (last_number) on outbox_counter to mumega_gate;

create table processed_requests (
  request_id uuid not null,
  command text not null,
  content_hash bytea not null,
  reply text,
  processed_at timestamp with time zone not null default now()
);  -- owned by mumega_gate_owner
alter table processed_requests add constraint processed_requests_pkey PRIMARY KEY (request_id);
CREATE INDEX processed_requests_by_age ON gate.processed_requests USING btree (processed_at);
grant delete, insert, select on processed_requests to mumega_gate;
grant update (reply) on processed_requests to mumega_gate;

create table reports (
  tenant_id text not null,
  sprint_id text not null,
  track_id text not null,
  iteration integer not null,
  arm text not null,
  commit_hash text not null,
  tests_run integer not null,
  tests_passed integer not null,
  how text not null,
  reported_by text not null,
  reported_at timestamp with time zone not null
);  -- owned by mumega_gate_owner
alter table reports add constraint reports_pkey PRIMARY KEY (tenant_id, sprint_id, track_id, iteration, arm);
alter table reports add constraint reports_arm_check CHECK ((arm = ANY (ARRAY['correctness'::text, 'adversarial'::text])));
alter table reports add constraint reports_check CHECK (((tests_passed >= 0) AND (tests_passed <= tests_run)));
alter table reports add constraint reports_how_check CHECK (((octet_length(how) >= 1) AND (octet_length(how) <= 1000)));
alter table reports add constraint reports_reported_by_check CHECK ((octet_length(reported_by) <= 200));
alter table reports add constraint reports_tenant_id_sprint_id_track_id_iteration_commit_hash_fkey FOREIGN KEY (tenant_id, sprint_id, track_id, iteration, commit_hash) REFERENCES iterations(tenant_id, sprint_id, track_id, iteration, commit_hash);
alter table reports add constraint reports_tests_run_check CHECK ((tests_run >= 0));
CREATE TRIGGER check_report BEFORE INSERT ON gate.reports FOR EACH ROW EXECUTE FUNCTION check_report();
CREATE TRIGGER mark_change AFTER INSERT OR DELETE OR UPDATE ON gate.reports FOR EACH ROW EXECUTE FUNCTION mumega_mark_change();
CREATE CONSTRAINT TRIGGER require_audit AFTER INSERT OR DELETE OR UPDATE ON gate.reports DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION mumega_require_audit();
alter table reports force row level security;
create policy by_tenant on reports as permissive for all to public using ((tenant_id = current_setting('mumega.tenant_id'::text, true)));
grant insert, select on reports to mumega_gate;

create table schema_migrations (
  name text not null,
  hash text not null,
  applied_at timestamp with time zone not null default now()
);  -- owned by mumega_gate_owner
alter table schema_migrations add constraint schema_migrations_pkey PRIMARY KEY (name);
grant select on schema_migrations to mumega_gate;

create table shapes (
  tenant_id text not null,
  shape_id text not null,
  state text not null default 'candidate'::text,
  definition text,
  prevention text,
  surfaces text[] not null default '{}'::text[],
  checks jsonb not null default '[]'::jsonb,
  historic text[] not null default '{}'::text[],
  note text,
  first_at timestamp with time zone not null,
  named_at timestamp with time zone
);  -- owned by mumega_gate_owner
alter table shapes add constraint shapes_pkey PRIMARY KEY (tenant_id, shape_id);
alter table shapes add constraint shapes_check CHECK (((state = 'named'::text) = (named_at IS NOT NULL)));
alter table shapes add constraint shapes_check1 CHECK (((state = 'candidate'::text) OR ((definition IS NOT NULL) AND (prevention IS NOT NULL) AND (jsonb_array_length(checks) > 0))));
alter table shapes add constraint shapes_checks_check CHECK ((jsonb_array_length(checks) <= 20));
alter table shapes add constraint shapes_definition_check CHECK (((octet_length(definition) >= 1) AND (octet_length(definition) <= 2000)));
alter table shapes add constraint shapes_historic_check CHECK ((cardinality(historic) <= 50));
alter table shapes add constraint shapes_note_check CHECK (((octet_length(note) >= 1) AND (octet_length(note) <= 2000)));
alter table shapes add constraint shapes_prevention_check CHECK (((octet_length(prevention) >= 1) AND (octet_length(prevention) <= 2000)));
alter table shapes add constraint shapes_shape_id_check CHECK ((shape_id ~ '^[a-z][a-z0-9-]{0,62}$'::text));
alter table shapes add constraint shapes_state_check CHECK ((state = ANY (ARRAY['candidate'::text, 'named'::text])));
alter table shapes add constraint shapes_surfaces_check CHECK ((cardinality(surfaces) <= 20));
alter table shapes add constraint shapes_tenant_id_check CHECK ((tenant_id ~ '^[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?$'::text));
CREATE TRIGGER keep_shape BEFORE UPDATE ON gate.shapes FOR EACH ROW EXECUTE FUNCTION keep_shape();
CREATE TRIGGER mark_change AFTER INSERT OR DELETE OR UPDATE ON gate.shapes FOR EACH ROW EXECUTE FUNCTION mumega_mark_change();
CREATE CONSTRAINT TRIGGER require_audit AFTER INSERT OR DELETE OR UPDATE ON gate.shapes DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION mumega_require_audit();
alter table shapes force row level security;
create policy by_tenant on shapes as permissive for all to public using ((tenant_id = current_setting('mumega.tenant_id'::text, true)));
grant insert, select on shapes to mumega_gate;
grant update (checks, definition, named_at, prevention, state, surfaces) on shapes to mumega_gate;

create table sprints (
  tenant_id text not null,
  sprint_id text not null,
  origin text not null,
  title text not null,
  note text,
  opened_by text not null,
  opened_at timestamp with time zone not null,
  incident_id uuid,
  trigger_name text,
  evidence text[]
);  -- owned by mumega_gate_owner
alter table sprints add constraint sprints_pkey PRIMARY KEY (tenant_id, sprint_id);
alter table sprints add constraint sprints_check CHECK (((origin = 'corrective'::text) = (incident_id IS NOT NULL)));
alter table sprints add constraint sprints_check1 CHECK ((num_nulls(incident_id, trigger_name, evidence) = ANY (ARRAY[0, 3])));
alter table sprints add constraint sprints_evidence_check CHECK (((cardinality(evidence) >= 1) AND (cardinality(evidence) <= 20)));
alter table sprints add constraint sprints_note_check CHECK (((octet_length(note) >= 1) AND (octet_length(note) <= 2000)));
alter table sprints add constraint sprints_opened_by_check CHECK ((octet_length(opened_by) <= 200));
alter table sprints add constraint sprints_origin_check CHECK ((origin = ANY (ARRAY['planned'::text, 'corrective'::text, 'seed'::text])));
alter table sprints add constraint sprints_sprint_id_check CHECK ((sprint_id ~ '^[a-z][a-z0-9-]{0,62}$'::text));
alter table sprints add constraint sprints_tenant_id_check CHECK ((tenant_id ~ '^[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?$'::text));
alter table sprints add constraint sprints_tenant_id_incident_id_key UNIQUE (tenant_id, incident_id);
alter table sprints add constraint sprints_title_check CHECK (((octet_length(title) >= 1) AND (octet_length(title) <= 200)));
CREATE TRIGGER mark_change AFTER INSERT OR DELETE OR UPDATE ON gate.sprints FOR EACH ROW EXECUTE FUNCTION mumega_mark_change();
CREATE CONSTRAINT TRIGGER require_audit AFTER INSERT OR DELETE OR UPDATE ON gate.sprints DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION mumega_require_audit();
alter table sprints force row level security;
create policy by_tenant on sprints as permissive for all to public using ((tenant_id = current_setting('mumega.tenant_id'::text, true)));
grant insert, select on sprints to mumega_gate;

create table tracks (
  tenant_id text not null,
  sprint_id text not null,
  track_id text not null,
  title text not null,
  author text not null,
  locks text[] not null,
  added_by text not null,
  added_at timestamp with time zone not null,
  newest_iteration integer not null default 0,
  findings integer not null default 0
);  -- owned by mumega_gate_owner
alter table tracks add constraint tracks_pkey PRIMARY KEY (tenant_id, sprint_id, track_id);
alter table tracks add constraint tracks_added_by_check CHECK ((octet_length(added_by) <= 200));
alter table tracks add constraint tracks_author_check CHECK ((author ~ '^(agent|human)\.[a-z][a-z0-9-]{0,62}$'::text));
alter table tracks add constraint tracks_findings_check CHECK (((findings >= 0) AND (findings <= 100)));
alter table tracks add constraint tracks_locks_check CHECK ((cardinality(locks) <= 50));
alter table tracks add constraint tracks_newest_iteration_check CHECK (((newest_iteration >= 0) AND (newest_iteration <= 50)));
alter table tracks add constraint tracks_tenant_id_sprint_id_fkey FOREIGN KEY (tenant_id, sprint_id) REFERENCES sprints(tenant_id, sprint_id);
alter table tracks add constraint tracks_title_check CHECK (((octet_length(title) >= 1) AND (octet_length(title) <= 200)));
alter table tracks add constraint tracks_track_id_check CHECK ((track_id ~ '^[a-z][a-z0-9-]{0,62}$'::text));
CREATE TRIGGER keep_track BEFORE UPDATE ON gate.tracks FOR EACH ROW EXECUTE FUNCTION keep_track();
CREATE TRIGGER mark_change AFTER INSERT OR DELETE OR UPDATE ON gate.tracks FOR EACH ROW EXECUTE FUNCTION mumega_mark_change();
CREATE CONSTRAINT TRIGGER require_audit AFTER INSERT OR DELETE OR UPDATE ON gate.tracks DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION mumega_require_audit();
alter table tracks force row level security;
create policy by_tenant on tracks as permissive for all to public using ((tenant_id = current_setting('mumega.tenant_id'::text, true)));
grant insert, select on tracks to mumega_gate;
grant update (findings, newest_iteration) on tracks to mumega_gate;

create table verdicts (
  tenant_id text not null,
  sprint_id text not null,
  track_id text not null,
  iteration integer not null,
  number integer not null,
  commit_hash text not null,
  verdict text not null,
  principal_id text not null,
  key_number integer not null,
  note text not null,
  judged bytea not null,
  sha256 bytea not null generated always as (sha256(judged)) stored,
  findings integer not null,
  given_at timestamp with time zone not null,
  brought_by text not null
);  -- owned by mumega_gate_owner
alter table verdicts add constraint verdicts_pkey PRIMARY KEY (tenant_id, sprint_id, track_id, iteration, number);
alter table verdicts add constraint verdicts_brought_by_check CHECK ((octet_length(brought_by) <= 200));
alter table verdicts add constraint verdicts_findings_check CHECK (((findings >= 0) AND (findings <= 100)));
alter table verdicts add constraint verdicts_judged_check CHECK ((octet_length(judged) <= 1000000));
alter table verdicts add constraint verdicts_key_number_check CHECK ((key_number >= 1));
alter table verdicts add constraint verdicts_note_check CHECK (((octet_length(note) >= 1) AND (octet_length(note) <= 12000)));
alter table verdicts add constraint verdicts_number_check CHECK (((number >= 1) AND (number <= 20)));
alter table verdicts add constraint verdicts_principal_id_check CHECK ((principal_id = 'agent.athena'::text));
alter table verdicts add constraint verdicts_tenant_id_sprint_id_track_id_iteration_commit_has_fkey FOREIGN KEY (tenant_id, sprint_id, track_id, iteration, commit_hash) REFERENCES iterations(tenant_id, sprint_id, track_id, iteration, commit_hash);
alter table verdicts add constraint verdicts_verdict_check CHECK ((verdict = ANY (ARRAY['GREEN'::text, 'BLOCKED'::text, 'REFINE'::text, 'PENDING'::text])));
CREATE UNIQUE INDEX verdicts_final ON gate.verdicts USING btree (tenant_id, sprint_id, track_id, iteration) WHERE (verdict <> 'PENDING'::text);
CREATE TRIGGER check_verdict BEFORE INSERT ON gate.verdicts FOR EACH ROW EXECUTE FUNCTION check_verdict();
CREATE TRIGGER mark_change AFTER INSERT OR DELETE OR UPDATE ON gate.verdicts FOR EACH ROW EXECUTE FUNCTION mumega_mark_change();
CREATE CONSTRAINT TRIGGER require_audit AFTER INSERT OR DELETE OR UPDATE ON gate.verdicts DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION mumega_require_audit();
alter table verdicts force row level security;
create policy by_tenant on verdicts as permissive for all to public using ((tenant_id = current_setting('mumega.tenant_id'::text, true)));
grant insert, select on verdicts to mumega_gate;

CREATE OR REPLACE FUNCTION gate.check_closing()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
  if new.carried_to is not null and exists (
       select from findings f
        where (f.tenant_id, f.sprint_id, f.track_id, f.number)
            = (new.tenant_id, new.sprint_id, new.track_id, new.number)
          and f.severity in ('BLOCK-P0', 'BLOCK-P1'))
  then
    raise exception 'a BLOCK is not carried' using errcode = 'MU024';
  end if;
  return new;
end $function$;  -- owned by mumega_gate_owner

CREATE OR REPLACE FUNCTION gate.check_report()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
  if exists (
       select from tracks t
        where (t.tenant_id, t.sprint_id, t.track_id)
            = (new.tenant_id, new.sprint_id, new.track_id)
          and t.author = replace(new.reported_by, ':', '.'))
  then
    raise exception '% reports of its own work', new.reported_by using errcode = 'MU023';
  end if;
  return new;
end $function$;  -- owned by mumega_gate_owner

CREATE OR REPLACE FUNCTION gate.check_verdict()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
declare
  newest integer;
begin
  select t.newest_iteration into newest from tracks t
    where (t.tenant_id, t.sprint_id, t.track_id)
        = (new.tenant_id, new.sprint_id, new.track_id) for no key update;
  if newest is distinct from new.iteration then
    raise exception 'iteration % is not the newest, which is %', new.iteration, newest
      using errcode = 'MU020';
  end if;
  if new.verdict <> 'GREEN' then return new; end if;
  if (select count(*) from reports r
       where (r.tenant_id, r.sprint_id, r.track_id, r.iteration)
           = (new.tenant_id, new.sprint_id, new.track_id, new.iteration)) < 2
  then
    raise exception 'iteration % is not GREEN by one arm', new.iteration using errcode = 'MU021';
  end if;
  if exists (
       select from findings f
         left join closings c using (tenant_id, sprint_id, track_id, number)
        where (f.tenant_id, f.sprint_id, f.track_id)
            = (new.tenant_id, new.sprint_id, new.track_id)
          and f.severity in ('BLOCK-P0', 'BLOCK-P1')
          and (c.number is null or c.arrives_in > new.iteration))
  then
    raise exception 'iteration % is not GREEN with a BLOCK', new.iteration using errcode = 'MU022';
  end if;
  return new;
end $function$;  -- owned by mumega_gate_owner

CREATE OR REPLACE FUNCTION gate.keep_shape()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
  if old.state = 'named' and new.state <> 'named' then
    raise exception 'shape % keeps its name', old.shape_id using errcode = 'MU025';
  end if;
  if old.state <> 'named' and new.state = 'named'
     and cardinality(new.historic) + (
           select count(distinct (f.sprint_id, f.track_id, f.iteration)) from findings f
            where (f.tenant_id, f.shape_id) = (new.tenant_id, new.shape_id)) < 2
  then
    raise exception 'shape % was found once', old.shape_id using errcode = 'MU026';
  end if;
  return new;
end $function$;  -- owned by mumega_gate_owner

CREATE OR REPLACE FUNCTION gate.keep_track()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
  if new.newest_iteration < old.newest_iteration or new.findings < old.findings then
    raise exception 'what track % of % has does not become less', old.track_id, old.sprint_id
      using errcode = 'MU024';
  end if;
  return new;
end $function$;  -- owned by mumega_gate_owner

CREATE OR REPLACE FUNCTION gate.mark_finding()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
  perform from tracks t
    where (t.tenant_id, t.sprint_id, t.track_id)
        = (new.tenant_id, new.sprint_id, new.track_id) for no key update;
  new.post_green := exists (
    select from verdicts v
     where (v.tenant_id, v.sprint_id, v.track_id, v.verdict)
         = (new.tenant_id, new.sprint_id, new.track_id, 'GREEN')
       and v.iteration >= new.iteration);
  return new;
end $function$;  -- owned by mumega_gate_owner

CREATE OR REPLACE FUNCTION gate.mumega_audited(audited regclass)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
begin
  execute format('create trigger mark_change after insert or update or delete on %s
    for each row execute function mumega_mark_change()', audited);
  execute format('create constraint trigger require_audit after insert or update or delete on %s
    deferrable initially deferred for each row execute function mumega_require_audit()', audited);
end $function$;  -- owned by mumega_gate_owner

CREATE OR REPLACE FUNCTION gate.mumega_mark_change()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
  perform set_config('mumega.changed', 'on', true);
  return null;
end $function$;  -- owned by mumega_gate_owner

CREATE OR REPLACE FUNCTION gate.mumega_require_audit()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
  if coalesce(current_setting('mumega.audited', true), '') <> 'on' then
    raise exception 'a change of %.% needs an audit intent in the same transaction',
      tg_table_schema, tg_table_name using errcode = 'MU002';
  end if;
  return null;
end $function$;  -- owned by mumega_gate_owner

CREATE OR REPLACE FUNCTION gate.mumega_require_change()
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
end $function$;  -- owned by mumega_gate_owner
