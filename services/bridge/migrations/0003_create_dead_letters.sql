-- What consumers of every service gave up, and what the operators did about it.
-- A dead letter may hold any tenant's data, so all of them belong to the operators' own tenant.

create table dead_letters (
  -- Order of arrival here, for pages: the services' clocks may differ.
  number         bigint      generated always as identity primary key,
  dead_letter_id uuid        not null unique,
  service        text        not null,
  consumer       text        not null,
  subject        text        not null,
  headers        json        not null, -- json, not jsonb: it keeps a \u0000 that a header may hold.
  body           text        not null, -- base64
  reason         text        not null,
  deliveries     integer     not null check (deliveries > 0),
  occurred_at    timestamptz not null
);

-- The operator's decision, and then what came of it.
create table dead_letter_replays (
  replay_id      uuid        primary key,
  dead_letter_id uuid        not null references dead_letters (dead_letter_id),
  requested_at   timestamptz not null,
  finished_at    timestamptz,
  -- The code of the error with which the consumer refused; null where it took the message.
  failure        text        check (failure is null or finished_at is not null)
);
create index dead_letter_replays_by_letter on dead_letter_replays (dead_letter_id);

alter table dead_letters        enable row level security;
alter table dead_letter_replays enable row level security;
alter table dead_letters        force row level security;
alter table dead_letter_replays force row level security;
create policy operators on dead_letters
  using (current_setting('mumega.tenant_id', true) = 'substrate');
create policy operators on dead_letter_replays
  using (current_setting('mumega.tenant_id', true) = 'substrate');

grant select, insert on dead_letters to mumega_bridge;
grant select, insert, update (finished_at, failure) on dead_letter_replays to mumega_bridge;

select mumega_audited('dead_letter_replays');
