-- Sprints with their tracks, and the iterations that come to the gate. Rows are only added: whether
-- a track is GREEN follows from what is said of its iterations, and stands nowhere else.

create table sprints (
  tenant_id     text collate "C" not null
                check (tenant_id ~ '^[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?$'),
  sprint_id     text collate "C" not null check (sprint_id ~ '^[a-z][a-z0-9-]{0,62}$'),
  origin        text             not null check (origin in ('planned', 'corrective', 'seed')),
  title         text             not null check (octet_length(title) between 1 and 200),
  note          text             check (octet_length(note) between 1 and 2000),
  opened_by     text             not null check (octet_length(opened_by) <= 200),
  opened_at     timestamptz      not null,
  incident_id   uuid,
  trigger_name  text collate "C",
  evidence      text[]           check (cardinality(evidence) between 1 and 20),
  primary key (tenant_id, sprint_id),
  unique (tenant_id, incident_id),
  check ((origin = 'corrective') = (incident_id is not null)),
  check (num_nulls(incident_id, trigger_name, evidence) in (0, 3))
);

-- Of a seed: what was counted before there was a gate. There are no findings to the counts, and
-- nobody signed its verdicts here.
create table historic_tracks (
  tenant_id  text collate "C" not null,
  sprint_id  text collate "C" not null,
  track_id   text collate "C" not null,
  title      text             not null check (octet_length(title) between 1 and 200),
  blocks     integer          not null check (blocks >= 0),
  iterations integer          not null check (iterations >= 1),
  post_green integer          not null check (post_green >= 0),
  verdict    text             not null
             check (verdict in ('GREEN', 'BLOCKED', 'REFINE', 'PENDING')),
  primary key (tenant_id, sprint_id, track_id),
  foreign key (tenant_id, sprint_id) references sprints
);

create table tracks (
  tenant_id        text collate "C" not null,
  sprint_id        text collate "C" not null,
  track_id         text collate "C" not null check (track_id ~ '^[a-z][a-z0-9-]{0,62}$'),
  title            text             not null check (octet_length(title) between 1 and 200),
  author           text collate "C" not null
                   check (author ~ '^(agent|human)\.[a-z][a-z0-9-]{0,62}$'),
  locks            text[] collate "C" not null check (cardinality(locks) <= 50),
  added_by         text             not null check (octet_length(added_by) <= 200),
  added_at         timestamptz      not null,
  -- Both count rows, and this row is what everybody locks who adds one.
  newest_iteration integer          not null default 0 check (newest_iteration between 0 and 50),
  findings         integer          not null default 0 check (findings between 0 and 100),
  primary key (tenant_id, sprint_id, track_id),
  foreign key (tenant_id, sprint_id) references sprints
);

create table iterations (
  tenant_id    text collate "C" not null,
  sprint_id    text collate "C" not null,
  track_id     text collate "C" not null,
  iteration    integer          not null check (iteration between 1 and 50),
  commit_hash  text collate "C" not null check (commit_hash ~ '^([0-9a-f]{40}|[0-9a-f]{64})$'),
  submitted_by text             not null check (octet_length(submitted_by) <= 200),
  submitted_at timestamptz      not null,
  primary key (tenant_id, sprint_id, track_id, iteration),
  unique (tenant_id, sprint_id, track_id, commit_hash),
  -- What is said of an iteration names its commit, and the database compares.
  unique (tenant_id, sprint_id, track_id, iteration, commit_hash),
  foreign key (tenant_id, sprint_id, track_id) references tracks
);

create table reports (
  tenant_id    text collate "C" not null,
  sprint_id    text collate "C" not null,
  track_id     text collate "C" not null,
  iteration    integer          not null,
  arm          text             not null check (arm in ('correctness', 'adversarial')),
  commit_hash  text collate "C" not null,
  tests_run    integer          not null check (tests_run >= 0),
  tests_passed integer          not null check (tests_passed between 0 and tests_run),
  how          text             not null check (octet_length(how) between 1 and 1000),
  reported_by  text             not null check (octet_length(reported_by) <= 200),
  reported_at  timestamptz      not null,
  primary key (tenant_id, sprint_id, track_id, iteration, arm),
  foreign key (tenant_id, sprint_id, track_id, iteration, commit_hash)
    references iterations (tenant_id, sprint_id, track_id, iteration, commit_hash)
);

create function check_report() returns trigger language plpgsql as $$
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
end $$;
create trigger check_report before insert on reports
  for each row execute function check_report();

alter table sprints         enable row level security;
alter table historic_tracks enable row level security;
alter table tracks          enable row level security;
alter table iterations      enable row level security;
alter table reports         enable row level security;
alter table sprints         force row level security;
alter table historic_tracks force row level security;
alter table tracks          force row level security;
alter table iterations      force row level security;
alter table reports         force row level security;
create policy by_tenant on sprints
  using (tenant_id = current_setting('mumega.tenant_id', true));
create policy by_tenant on historic_tracks
  using (tenant_id = current_setting('mumega.tenant_id', true));
create policy by_tenant on tracks
  using (tenant_id = current_setting('mumega.tenant_id', true));
create policy by_tenant on iterations
  using (tenant_id = current_setting('mumega.tenant_id', true));
create policy by_tenant on reports
  using (tenant_id = current_setting('mumega.tenant_id', true));

grant select, insert on sprints         to mumega_gate;
grant select, insert on historic_tracks to mumega_gate;
grant select, insert, update (newest_iteration, findings) on tracks to mumega_gate;
grant select, insert on iterations      to mumega_gate;
grant select, insert on reports         to mumega_gate;

select mumega_audited('sprints');
select mumega_audited('historic_tracks');
select mumega_audited('tracks');
select mumega_audited('iterations');
select mumega_audited('reports');
