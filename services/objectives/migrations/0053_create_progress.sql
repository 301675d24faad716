-- What is made of the key results, a day after the other. LOCK-OBJ-3: a value is computed once, by
-- a run, from what was recorded up to the run's cut-off; nobody types one in, and none changes.

create table progress_schedules (
  tenant_id   text collate "C" primary key
              check (tenant_id ~ '^[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?$'),
  time_zone   text             not null check (octet_length(time_zone) between 1 and 64),
  run_at      text             not null check (run_at ~ '^([01][0-9]|2[0-3]):[0-5][0-9]$'),
  next_day    date             not null,
  next_run_at timestamptz      not null
);
create index progress_schedules_due on progress_schedules (next_run_at);

create table progress_runs (
  tenant_id    text collate "C" not null,
  day          date             not null,
  as_of        timestamptz      not null,
  time_zone    text             not null,
  state        text             not null default 'running' check (state in ('running', 'done')),
  skipped_days integer          not null default 0 check (skipped_days >= 0),
  -- Who asked for it out of turn, and by which key.
  principal_id text collate "C",
  key_number   integer,
  note         text             check (octet_length(note) between 1 and 12000),
  -- When it was decided which key results the run is about.
  begun_at     timestamptz,
  created_at   timestamptz      not null,
  completed_at timestamptz,
  primary key (tenant_id, day),
  foreign key (principal_id, key_number) references principal_keys (principal_id, number),
  check ((principal_id is null) = (note is null) and (key_number is null) = (note is null)),
  check ((state = 'done') = (completed_at is not null)),
  check (state = 'running' or begun_at is not null)
);
create index progress_runs_open on progress_runs (tenant_id, day) where state = 'running';

-- Up to which engram of a tenant a run looks, whenever it goes on.
create table progress_cutoffs (
  tenant_id        text collate "C" not null,
  day              date             not null,
  source_tenant_id text collate "C" not null,
  engram_number    bigint           not null check (engram_number >= 0),
  primary key (tenant_id, day, source_tenant_id),
  foreign key (tenant_id, day) references progress_runs
);

create table progress (
  tenant_id        text collate "C" not null,
  day              date             not null,
  objective_id     uuid             not null,
  key_result_id    text collate "C" not null,
  version          integer          not null,
  computed_at      timestamptz,
  value            double precision,
  progress         double precision check (progress between 0 and 1),
  forecast         double precision,
  confidence       text             check (confidence in ('present', 'stale', 'missing')),
  standing         text             check
                     (standing in ('on-track', 'at-risk', 'off-track', 'unknown')),
  engrams          bigint           check (engrams >= 0),
  newest           uuid[]           check (cardinality(newest) <= 20),
  formulas_version smallint,
  primary key (tenant_id, day, objective_id, key_result_id),
  foreign key (tenant_id, day) references progress_runs,
  foreign key (tenant_id, objective_id, version, key_result_id) references key_results,
  check (num_nulls(computed_at, progress, confidence, standing, engrams, newest,
                   formulas_version) in (0, 7)),
  check (computed_at is not null or num_nonnulls(value, forecast) = 0)
);
create index progress_pending on progress (tenant_id, day, objective_id, key_result_id)
  where computed_at is null;
create index progress_of on progress (tenant_id, objective_id, day desc);

-- LOCK-OBJ-3: a value comes once, while its run is under way.
create function keep_progress() returns trigger language plpgsql as $$
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
end $$;
create trigger keep_progress before insert or update on progress
  for each row execute function keep_progress();

-- A run that is done has a value for each of its key results, and is never under way again.
create function keep_progress_run() returns trigger language plpgsql as $$
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
end $$;
create trigger keep_progress_run before update on progress_runs
  for each row execute function keep_progress_run();

alter table progress_schedules enable row level security;
alter table progress_runs      enable row level security;
alter table progress_cutoffs   enable row level security;
alter table progress           enable row level security;
alter table progress_schedules force row level security;
alter table progress_runs      force row level security;
alter table progress_cutoffs   force row level security;
alter table progress           force row level security;
create policy by_tenant on progress_schedules
  using (tenant_id = current_setting('mumega.tenant_id', true));
create policy by_tenant on progress_runs
  using (tenant_id = current_setting('mumega.tenant_id', true));
create policy by_tenant on progress_cutoffs
  using (tenant_id = current_setting('mumega.tenant_id', true));
create policy by_tenant on progress
  using (tenant_id = current_setting('mumega.tenant_id', true));
-- Whoever looks for what is due looks at every tenant: at days and times, and nothing else.
create policy by_runner on progress_schedules for select
  using (current_setting('mumega.tenant_id', true) = 'substrate');
create policy by_runner on progress_runs for select
  using (current_setting('mumega.tenant_id', true) = 'substrate');

grant select, insert, update on progress_schedules to mumega_objectives;
grant select, insert, update (state, begun_at, completed_at) on progress_runs
  to mumega_objectives;
grant select, insert on progress_cutoffs to mumega_objectives;
grant select, insert, update (computed_at, value, progress, forecast, confidence, standing,
  engrams, newest, formulas_version) on progress to mumega_objectives;

select mumega_audited('progress_schedules');
select mumega_audited('progress_runs');
select mumega_audited('progress');
