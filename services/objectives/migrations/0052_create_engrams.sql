-- What agents remember. An engram never changes and is never removed; one that has an end is not
-- recalled after it.

-- Lexemes with a space at their front, which no parser makes of a text and no query can name: one
-- index answers for tenant, visibility, kind, tags and words at once.
create function engram_search(
    tenant text, kind text, tags text[], tier text, circle text, author text, body text)
  returns tsvector language sql immutable parallel safe
  set search_path = pg_catalog, pg_temp
  as $$
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
  $$;

create table engrams (
  tenant_id   text collate "C"   not null
              check (tenant_id ~ '^[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?$'),
  -- The order of recording, with gaps. Drawn under a shared lock of the tenant's engrams: whoever
  -- has that lock alone knows that every number up to the highest is committed.
  number      bigint             not null generated always as identity,
  engram_id   uuid               not null,
  kind        text collate "C"   not null check (kind ~ '^[a-z][a-z0-9-]{0,62}$'),
  body        text               check (octet_length(body) between 1 and 16384),
  measures    jsonb              not null default '{}' check (jsonb_typeof(measures) = 'object'),
  tags        text[] collate "C" not null default '{}' check (cardinality(tags) <= 20),
  tier        text               not null
              check (tier in ('public', 'squad', 'project', 'entity', 'private')),
  circle      text collate "C"   check (circle ~ '^[a-z][a-z0-9-]{0,62}$'),
  recorded_by text collate "C"   not null check (octet_length(recorded_by) between 1 and 200),
  observed_at timestamptz        not null,
  recorded_at timestamptz        not null,
  expires_at  timestamptz        check (expires_at > recorded_at),
  -- Of whoever may recall it: the ledger has a hash, and what one guesses has none without it.
  nonce       text               not null check (nonce ~ '^[A-Za-z0-9_-]{22}$'),
  search      tsvector           not null generated always as
              (engram_search(tenant_id, kind, tags, tier, circle, recorded_by, body)) stored,
  primary key (tenant_id, number),
  unique (tenant_id, engram_id),
  check (body is not null or measures <> '{}'),
  check ((circle is not null) = (tier in ('squad', 'project', 'entity'))),
  check (observed_at <= recorded_at + interval '5 minutes')
);
-- Without a list of what is still to be put in: every search would read it, and the planner would
-- rather read the whole table than a long one.
create index engrams_search on engrams using gin (search) with (fastupdate = off);
create index engrams_by_time on engrams (tenant_id, observed_at);

-- How many a tenant has: one of these rows grows with each, so that those who record at once do not
-- wait for each other, and nobody counts millions.
create table engram_counts (
  tenant_id text collate "C" not null,
  shard     smallint         not null check (shard between 0 and 15),
  recorded  bigint           not null check (recorded >= 0),
  primary key (tenant_id, shard)
);

-- What is still to be told to the external Mirror, where there is one; what it has is removed.
create table mirror_outbox (
  tenant_id   text collate "C" not null,
  engram_id   uuid             not null,
  attempts    integer          not null default 0 check (attempts >= 0),
  -- Real time, as the Mirror's: a scaled clock makes no stranger faster.
  next_try_at timestamptz      not null default now(),
  last_error  text             check (octet_length(last_error) between 1 and 500),
  -- Given up; it stays for whoever wants to know why.
  dead_at     timestamptz,
  primary key (tenant_id, engram_id),
  foreign key (tenant_id, engram_id) references engrams (tenant_id, engram_id),
  check (dead_at is null or last_error is not null)
);
create index mirror_outbox_due on mirror_outbox (next_try_at) where dead_at is null;
create index mirror_outbox_dead on mirror_outbox (dead_at) where dead_at is not null;

alter table engrams       enable row level security;
alter table engram_counts enable row level security;
alter table mirror_outbox enable row level security;
alter table engrams       force row level security;
alter table engram_counts force row level security;
alter table mirror_outbox force row level security;
create policy by_tenant on engrams
  using (tenant_id = current_setting('mumega.tenant_id', true));
create policy by_tenant on engram_counts
  using (tenant_id = current_setting('mumega.tenant_id', true));
create policy by_tenant on mirror_outbox
  using (tenant_id = current_setting('mumega.tenant_id', true));
-- Whoever forwards works for every tenant. These rows are ids and failures.
create policy by_sender on mirror_outbox
  using (current_setting('mumega.tenant_id', true) = 'substrate');
-- `@@` is not leakproof, so that below by_tenant it could use no index. Nobody logs in as the
-- owner; find_engrams acts as it.
create policy by_search on engrams for select to mumega_objectives_owner using (true);

-- The numbers of what fits, newest first: of the session's tenant, whatever is asked for. It tells
-- nothing else of a row; that is read by its number, under the policy.
create function find_engrams(wanted tsquery, since timestamptz, until timestamptz,
    below bigint, at timestamptz, most integer)
  returns setof bigint language plpgsql stable security definer rows 100
  set search_path = objectives, pg_temp
  -- By the words asked for: the index for rare ones, the newest rows for what nearly all have.
  set plan_cache_mode = force_custom_plan
  as $$
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
end $$;
revoke execute on function
  find_engrams(tsquery, timestamptz, timestamptz, bigint, timestamptz, integer) from public;
grant execute on function
  find_engrams(tsquery, timestamptz, timestamptz, bigint, timestamptz, integer)
  to mumega_objectives;

-- What was recorded is nothing that anybody may change or remove.
grant select, insert on engrams to mumega_objectives;
grant select, insert, update (recorded) on engram_counts to mumega_objectives;
grant select, insert, delete, update (attempts, next_try_at, last_error, dead_at)
   on mirror_outbox to mumega_objectives;

select mumega_audited('engrams');
