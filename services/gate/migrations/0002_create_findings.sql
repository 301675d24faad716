-- What was found in each iteration, how it was closed, and the verdicts. Whether a finding is open
-- follows from its closing, and stands nowhere else.

create table shapes (
  tenant_id  text collate "C" not null
             check (tenant_id ~ '^[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?$'),
  shape_id   text collate "C" not null check (shape_id ~ '^[a-z][a-z0-9-]{0,62}$'),
  state      text             not null default 'candidate' check (state in ('candidate', 'named')),
  definition text             check (octet_length(definition) between 1 and 2000),
  prevention text             check (octet_length(prevention) between 1 and 2000),
  surfaces   text[] collate "C" not null default '{}' check (cardinality(surfaces) <= 20),
  checks     jsonb            not null default '[]' check (jsonb_array_length(checks) <= 20),
  historic   text[]           not null default '{}' check (cardinality(historic) <= 50),
  note       text             check (octet_length(note) between 1 and 2000),
  first_at   timestamptz      not null,
  named_at   timestamptz,
  primary key (tenant_id, shape_id),
  check ((state = 'named') = (named_at is not null)),
  -- A name without what prevents it would be a label.
  check (state = 'candidate'
         or (definition is not null and prevention is not null and jsonb_array_length(checks) > 0))
);

create table findings (
  tenant_id   text collate "C" not null,
  sprint_id   text collate "C" not null,
  track_id    text collate "C" not null,
  number      integer          not null check (number between 1 and 100),
  iteration   integer          not null,
  commit_hash text collate "C" not null,
  arm         text             not null check (arm in ('correctness', 'adversarial')),
  severity    text             not null
              check (severity in ('BLOCK-P0', 'BLOCK-P1', 'WARN', 'INFO')),
  title       text             not null check (octet_length(title) between 1 and 200),
  tests       text             check (octet_length(tests) between 1 and 300),
  reproduced  text             not null check (octet_length(reproduced) between 1 and 1000),
  shape_id    text collate "C",
  -- Set by the trigger below, whatever is inserted.
  post_green  boolean          not null,
  found_by    text             not null check (octet_length(found_by) <= 200),
  found_at    timestamptz      not null,
  primary key (tenant_id, sprint_id, track_id, number),
  foreign key (tenant_id, sprint_id, track_id, iteration, commit_hash)
    references iterations (tenant_id, sprint_id, track_id, iteration, commit_hash),
  foreign key (tenant_id, shape_id) references shapes
);
create index findings_by_shape on findings (tenant_id, shape_id, found_at desc)
  where shape_id is not null;

-- By its key a finding is fixed or carried, and once.
create table closings (
  tenant_id     text collate "C" not null,
  sprint_id     text collate "C" not null,
  track_id      text collate "C" not null,
  number        integer          not null,
  commit_hash   text collate "C" check (commit_hash ~ '^([0-9a-f]{40}|[0-9a-f]{64})$'),
  arrives_in    integer          check (arrives_in between 2 and 51),
  test          text             check (octet_length(test) between 1 and 200),
  before_commit text collate "C" check (before_commit ~ '^([0-9a-f]{40}|[0-9a-f]{64})$'),
  before_output text             check (octet_length(before_output) between 1 and 500),
  before_sha256 text             check (before_sha256 ~ '^[0-9a-f]{64}$'),
  after_output  text             check (octet_length(after_output) between 1 and 500),
  after_sha256  text             check (after_sha256 ~ '^[0-9a-f]{64}$'),
  carried_to    text collate "C",
  closed_by     text             not null check (octet_length(closed_by) <= 200),
  closed_at     timestamptz      not null,
  primary key (tenant_id, sprint_id, track_id, number),
  foreign key (tenant_id, sprint_id, track_id, number) references findings,
  foreign key (tenant_id, carried_to) references sprints (tenant_id, sprint_id),
  check (carried_to <> sprint_id),
  check (before_commit <> commit_hash),
  -- A fix has all of it, a carry nothing but its sprint.
  check (num_nonnulls(commit_hash, arrives_in, test, before_commit)
         = case when carried_to is null then 4 else 0 end),
  check ((carried_to is null) = (num_nonnulls(before_output, before_sha256) > 0)),
  check ((carried_to is null) = (num_nonnulls(after_output, after_sha256) > 0))
);
create index closings_by_target on closings (tenant_id, carried_to) where carried_to is not null;

-- A verdict is a note that the gate's principal signed, over the hash of what it judged.
create table verdicts (
  tenant_id    text collate "C" not null,
  sprint_id    text collate "C" not null,
  track_id     text collate "C" not null,
  iteration    integer          not null,
  number       integer          not null check (number between 1 and 20),
  commit_hash  text collate "C" not null,
  verdict      text             not null
               check (verdict in ('GREEN', 'BLOCKED', 'REFINE', 'PENDING')),
  principal_id text collate "C" not null check (principal_id = 'agent.athena'),
  key_number   integer          not null check (key_number >= 1),
  note         text             not null check (octet_length(note) between 1 and 12000),
  -- Canonical JSON: whoever has the note checks it against these bytes.
  judged       bytea            not null check (octet_length(judged) <= 1000000),
  sha256       bytea            not null generated always as (sha256(judged)) stored,
  -- How many findings the track had: more than these were found since.
  findings     integer          not null check (findings between 0 and 100),
  given_at     timestamptz      not null,
  brought_by   text             not null check (octet_length(brought_by) <= 200),
  primary key (tenant_id, sprint_id, track_id, iteration, number),
  foreign key (tenant_id, sprint_id, track_id, iteration, commit_hash)
    references iterations (tenant_id, sprint_id, track_id, iteration, commit_hash)
);
create unique index verdicts_final on verdicts (tenant_id, sprint_id, track_id, iteration)
  where verdict <> 'PENDING';

-- Whatever the service forgets: a finding is there before a GREEN, which then sees it, or it comes
-- after one, and says so. Both wait for the same row.
create function mark_finding() returns trigger language plpgsql as $$
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
end $$;
create trigger mark_finding before insert on findings
  for each row execute function mark_finding();

create function check_verdict() returns trigger language plpgsql as $$
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
end $$;
create trigger check_verdict before insert on verdicts
  for each row execute function check_verdict();

create function check_closing() returns trigger language plpgsql as $$
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
end $$;
create trigger check_closing before insert on closings
  for each row execute function check_closing();

-- A name comes with the second occurrence, in another iteration, and stays. Only a seed brings
-- names with it.
create function keep_shape() returns trigger language plpgsql as $$
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
end $$;
create trigger keep_shape before update on shapes
  for each row execute function keep_shape();

alter table shapes   enable row level security;
alter table findings enable row level security;
alter table closings enable row level security;
alter table verdicts enable row level security;
alter table shapes   force row level security;
alter table findings force row level security;
alter table closings force row level security;
alter table verdicts force row level security;
create policy by_tenant on shapes
  using (tenant_id = current_setting('mumega.tenant_id', true));
create policy by_tenant on findings
  using (tenant_id = current_setting('mumega.tenant_id', true));
create policy by_tenant on closings
  using (tenant_id = current_setting('mumega.tenant_id', true));
create policy by_tenant on verdicts
  using (tenant_id = current_setting('mumega.tenant_id', true));

-- Nobody changes or removes what was found, how it was closed, or what was said of it.
grant select, insert, update (state, definition, prevention, surfaces, checks, named_at)
   on shapes to mumega_gate;
grant select, insert on findings to mumega_gate;
grant select, insert on closings to mumega_gate;
grant select, insert on verdicts to mumega_gate;

select mumega_audited('shapes');
select mumega_audited('findings');
select mumega_audited('closings');
select mumega_audited('verdicts');
