-- What others say of the log's checkpoints: witnesses that have seen them, and an authority that
-- tells the time. Beside the log and never in the way of it: nothing that seals or signs reads
-- this.

create table checkpoint_cosignatures (
  -- The key's name and its id: a witness that changes its key is another one.
  witness      text        collate "C" not null,
  key_id       bigint      not null check (key_id between 0 and 4294967295),
  size         bigint      not null references checkpoints,
  -- The signature line with its newline, to be appended to the checkpoint's note.
  line         text        not null
               check (octet_length(line) between 100 and 1000 and line like '— %'),
  -- When the witness says that it had seen the checkpoint.
  cosigned_at  timestamptz not null,
  received_at  timestamptz not null,
  primary key (witness, key_id, size)
);
create index checkpoint_cosignatures_by_size on checkpoint_cosignatures (size);
select write_once('checkpoint_cosignatures');
grant select, insert on checkpoint_cosignatures to mumega_audit_ledger;

-- A witness has seen another history than ours, or says so: somebody must look.
create table witness_refusals (
  witness     text        collate "C" not null,
  key_id      bigint      not null check (key_id between 0 and 4294967295),
  fault       text        not null check (fault in ('conflict', 'inconsistent', 'ahead', 'forged')),
  -- What this witness had cosigned last, as far as we verified it: a refusal that only repeats
  -- itself is one.
  old_size    bigint      not null check (old_size >= 0),
  size        bigint      not null references checkpoints,
  reason      text        not null check (length(reason) <= 500),
  occurred_at timestamptz not null,
  primary key (witness, key_id, fault, old_size)
);
select mumega_audited('witness_refusals');
select write_once('witness_refusals');
grant select, insert on witness_refusals to mumega_audit_ledger;

create table checkpoint_timestamps (
  size         bigint      primary key references checkpoints,
  -- SHA-256 over the checkpoint's note as the log alone signed it.
  imprint      bytea       not null check (octet_length(imprint) = 32),
  -- The authority's whole answer: a DER TimeStampResp (RFC 3161).
  reply        bytea       not null check (octet_length(reply) between 1 and 65536),
  generated_at timestamptz not null,
  received_at  timestamptz not null
);
select write_once('checkpoint_timestamps');
grant select, insert on checkpoint_timestamps to mumega_audit_ledger;
