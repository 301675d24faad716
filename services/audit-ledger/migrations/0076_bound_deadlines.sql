-- Whose producer says a time to come waited until then, or for ever, before its outcome was missed.
-- From now on the watcher, which knows the substrate's clock, brings such a time back to when it
-- first sees it: those that stand here by now, too. `occurred_at` is when the deadline begins.
grant update (occurred_at) on open_intents to mumega_audit_ledger;
