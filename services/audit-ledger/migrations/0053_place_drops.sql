-- How large the log was when a drop was put on record: only an entry behind it can be the one that
-- came after all. Null, in rows from before this column, says that only an entry with the same
-- content can.
alter table audit_chain_drops add column log_size bigint;
