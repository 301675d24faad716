-- The log: one row per group commit, and one narrow key row per event, which is what must be
-- unique. Nothing here is ever changed; 0004 refuses it even to the owner.

-- Each commit changes this row first, so it is the lock that gives sequences an order. `epoch`
-- fences off a former leader.
create table log_head (
  only_row boolean primary key default true check (only_row),
  size     bigint  not null default 0 check (size >= 0),
  -- As @mumega/tlog encodes it: what is needed of the tree to append to it.
  frontier bytea   not null default '\x0000000000000000',
  epoch    bigint  not null default 1 check (epoch >= 1)
);
insert into log_head default values;

create table chains (
  chain text   collate "C" primary key,
  seq   bigint not null check (seq >= 1),
  -- SHA-256 of the chain's newest entry.
  head  bytea  not null check (octet_length(head) = 32)
) with (fillfactor = 50); -- Changed by every commit: room for updates that touch no index.

create table event_batches (
  first_index bigint  primary key check (first_index >= 0),
  count       integer not null check (count between 1 and 2048),
  -- Each entry behind its length in two bytes, big endian: a C2SP entry bundle is a slice of it.
  entries     bytea   not null,
  -- Where each entry's length stands in `entries`, and the end: count + 1 times four bytes, big
  -- endian.
  offsets     bytea   not null check (octet_length(offsets) = 4 * (count + 1)),
  leaf_hashes bytea   not null check (octet_length(leaf_hashes) = 32 * count)
);

-- Apart from the entries, so that erasing a payload and its salt never touches the log.
create table payload_batches (
  first_index bigint primary key references event_batches,
  -- 32 bytes each.
  salts       bytea  not null,
  -- Canonical JSON of each payload, one behind the other.
  payloads    bytea  not null,
  offsets     bytea  not null
);

-- Hashes and salts do not compress, and slices of them are read without fetching the whole.
alter table event_batches
  alter entries set storage external, alter leaf_hashes set storage external,
                            alter offsets  set storage external;
alter table payload_batches
  alter payloads set storage external, alter salts set storage external,
                            alter offsets  set storage external;

create table event_keys (
  id          uuid   not null,
  log_index   bigint not null,
  seq         bigint not null check (seq >= 1),
  -- The producer's own number of its intent: a hole proves a lost one.
  number      bigint not null,
  source      text   collate "C" not null,
  chain       text   collate "C" not null,
  -- SHA-256 over the canonical intent: tells a repetition from a conflict.
  intent_hash bytea  not null,
  -- The id first: UUIDv7 keeps the index hot at its right edge.
  constraint event_keys_once unique (id, source),
  constraint event_keys_in_sequence unique (chain, seq)
);
