-- Whether an instance could lead, as of its last heartbeat: it reaches the bus, and can keep its
-- copy of the checkpoint. Unknown of a former version.
alter table ledger_instances add column is_fit boolean;
grant update (is_fit) on ledger_instances to mumega_audit_ledger;
