-- Who acts by signing, and every key that each of them ever had. They are the system's, not a
-- tenant's: everybody may know a public key, and only acts of the substrate write here.

create table substrate_principals (
  principal_id      text collate "C" primary key
                    check (principal_id ~ '^(agent|human)\.[a-z][a-z0-9-]{0,62}$'),
  display_name      text             not null check (octet_length(display_name) between 1 and 800),
  status            text             not null default 'active'
                    check (status in ('active', 'suspended')),
  registered_at     timestamptz      not null,
  -- Both of the last suspension or reinstatement.
  status_changed_at timestamptz,
  status_reason     text             check (octet_length(status_reason) between 1 and 2000),
  check ((status_changed_at is null) = (status_reason is null)),
  check (status = 'active' or status_changed_at is not null)
);

create table principal_keys (
  principal_id text collate "C" not null references substrate_principals,
  number       integer          not null check (number between 1 and 1000),
  -- Of whoever it is and whenever it was: a key is one principal's, and never comes back.
  public_key   bytea            not null unique check (octet_length(public_key) = 32),
  valid_from   timestamptz      not null,
  valid_until  timestamptz      check (valid_until >= valid_from),
  -- LOCK-OBJ-1: what the key before and this one have signed. Without it nobody gives a principal
  -- another key; the first one was there when the installation was made.
  rotation     text             check (octet_length(rotation) between 1 and 4000),
  primary key (principal_id, number),
  check ((number = 1) = (rotation is null))
);

-- One key counts.
create unique index principal_keys_current on principal_keys (principal_id)
  where valid_until is null;

create function keep_principal_key() returns trigger language plpgsql as $$
begin
  if old.valid_until is not null or new.valid_until is null
     or (new.principal_id, new.number, new.public_key, new.valid_from, new.rotation)
        is distinct from
        (old.principal_id, old.number, old.public_key, old.valid_from, old.rotation)
  then
    raise exception 'a key of % only ends, once', old.principal_id using errcode = 'MU010';
  end if;
  return new;
end $$;
create trigger keep_principal_key before update on principal_keys
  for each row execute function keep_principal_key();

alter table substrate_principals enable row level security;
alter table substrate_principals force row level security;
alter table principal_keys       enable row level security;
alter table principal_keys       force row level security;
create policy by_everybody on substrate_principals for select using (true);
create policy by_everybody on principal_keys       for select using (true);
create policy by_substrate on substrate_principals
  using (current_setting('mumega.tenant_id', true) = 'substrate');
create policy by_substrate on principal_keys
  using (current_setting('mumega.tenant_id', true) = 'substrate');

grant select, insert, update (status, status_changed_at, status_reason)
   on substrate_principals to mumega_objectives;
grant select, insert, update (valid_until) on principal_keys to mumega_objectives;

select mumega_audited('substrate_principals');
select mumega_audited('principal_keys');
