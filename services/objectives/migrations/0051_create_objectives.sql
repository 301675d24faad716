-- Objectives with their versions. What a version says never changes, whatever its state: an edit is
-- another version. Who ratifies one signs its hash.

create table objectives (
  tenant_id      text collate "C" not null
                 check (tenant_id ~ '^[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?$'),
  objective_id   uuid             not null,
  newest_version integer          not null default 1 check (newest_version between 1 and 1000),
  -- The one that counts, or counted last; the newest where none ever did.
  shown_version  integer          not null default 1
                 check (shown_version between 1 and newest_version),
  primary key (tenant_id, objective_id)
);

create table objective_versions (
  tenant_id    text collate "C" not null,
  objective_id uuid             not null,
  version      integer          not null check (version between 1 and 1000),
  state        text             not null default 'draft' check (state in
                 ('draft', 'proposed', 'ratified', 'declined', 'superseded', 'retired')),
  -- Canonical JSON: these bytes are what is proposed, and what a signature binds.
  content      bytea            not null check (octet_length(content) <= 65536),
  sha256       bytea            not null generated always as (sha256(content)) stored,
  -- Of the content, for lists.
  parent_id    uuid,
  owner        text collate "C" not null,
  tags         text[] collate "C" not null,
  created_at   timestamptz      not null,
  created_by   text             not null check (octet_length(created_by) <= 200),
  objections   smallint         not null default 0 check (objections between 0 and 100),
  primary key (tenant_id, objective_id, version),
  foreign key (tenant_id, objective_id) references objectives,
  foreign key (tenant_id, parent_id) references objectives
);
-- One counts, and one is on its way to count.
create unique index objective_versions_ratified on objective_versions (tenant_id, objective_id)
  where state = 'ratified';
create unique index objective_versions_open on objective_versions (tenant_id, objective_id)
  where state in ('draft', 'proposed');
create index objective_versions_by_state
  on objective_versions (tenant_id, state, objective_id, version desc);
create index objective_versions_by_parent on objective_versions (tenant_id, parent_id)
  where parent_id is not null;

-- Of what is, or once was, ratified: what progress is computed for.
create table key_results (
  tenant_id     text collate "C" not null,
  objective_id  uuid             not null,
  version       integer          not null,
  key_result_id text collate "C" not null,
  -- JSON as text, as in the version's content.
  definition    text             not null,
  primary key (tenant_id, objective_id, version, key_result_id),
  foreign key (tenant_id, objective_id, version) references objective_versions
);

create table objections (
  tenant_id    text collate "C" not null,
  objective_id uuid             not null,
  version      integer          not null,
  number       smallint         not null check (number between 1 and 100),
  objected_by  text             not null check (octet_length(objected_by) <= 200),
  objected_at  timestamptz      not null,
  reason       text             not null check (octet_length(reason) between 1 and 2000),
  primary key (tenant_id, objective_id, version, number),
  foreign key (tenant_id, objective_id, version) references objective_versions
);

-- LOCK-OBJ-1: a decision is a note that the principal signed, with the key that it had then.
create table ratifications (
  tenant_id    text collate "C" not null,
  objective_id uuid             not null,
  version      integer          not null,
  decision     text             not null check (decision in ('ratify', 'decline', 'retire')),
  principal_id text collate "C" not null,
  key_number   integer          not null,
  reason       text             check (octet_length(reason) between 1 and 2000),
  note         text             not null check (octet_length(note) between 1 and 12000),
  decided_at   timestamptz      not null,
  primary key (tenant_id, objective_id, version, decision),
  foreign key (tenant_id, objective_id, version) references objective_versions,
  foreign key (principal_id, key_number) references principal_keys (principal_id, number),
  check ((decision = 'ratify') = (reason is null))
);

create table objective_changes (
  number       bigint           generated always as identity primary key,
  tenant_id    text collate "C" not null,
  objective_id uuid             not null,
  version      integer          not null,
  was          text,
  became       text             not null,
  changed_by   text             not null check (octet_length(changed_by) <= 200),
  changed_at   timestamptz      not null,
  foreign key (tenant_id, objective_id, version) references objective_versions
);
create index objective_changes_of on objective_changes (tenant_id, objective_id, number);

-- LOCK-OBJ-2: the ways on which a version's state goes; none leads back.
create function keep_objective_version() returns trigger language plpgsql as $$
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
end $$;
create trigger keep_objective_version before update on objective_versions
  for each row execute function keep_objective_version();

-- LOCK-OBJ-4: no state that only the ratifier gives without what he signed, and every change of a
-- state in the history, by the end of the transaction.
create function require_decision() returns trigger language plpgsql as $$
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
end $$;
create constraint trigger require_decision after insert or update of state on objective_versions
  deferrable initially deferred for each row execute function require_decision();

alter table objectives         enable row level security;
alter table objective_versions enable row level security;
alter table key_results        enable row level security;
alter table objections         enable row level security;
alter table ratifications      enable row level security;
alter table objective_changes  enable row level security;
alter table objectives         force row level security;
alter table objective_versions force row level security;
alter table key_results        force row level security;
alter table objections         force row level security;
alter table ratifications      force row level security;
alter table objective_changes  force row level security;
create policy by_tenant on objectives
  using (tenant_id = current_setting('mumega.tenant_id', true));
create policy by_tenant on objective_versions
  using (tenant_id = current_setting('mumega.tenant_id', true));
create policy by_tenant on key_results
  using (tenant_id = current_setting('mumega.tenant_id', true));
create policy by_tenant on objections
  using (tenant_id = current_setting('mumega.tenant_id', true));
create policy by_tenant on ratifications
  using (tenant_id = current_setting('mumega.tenant_id', true));
create policy by_tenant on objective_changes
  using (tenant_id = current_setting('mumega.tenant_id', true));

-- LOCK-OBJ-2: what a version says is no column that anybody may update.
grant select, insert, update (newest_version, shown_version) on objectives to mumega_objectives;
grant select, insert, update (state, objections) on objective_versions to mumega_objectives;
grant select, insert on key_results       to mumega_objectives;
grant select, insert on objections        to mumega_objectives;
grant select, insert on ratifications     to mumega_objectives;
grant select, insert on objective_changes to mumega_objectives;

select mumega_audited('objectives');
select mumega_audited('objective_versions');
select mumega_audited('key_results');
select mumega_audited('objections');
select mumega_audited('ratifications');
