-- There are more scopes than there were, and circles beside them.
alter table tokens drop constraint tokens_scopes_check;
alter table tokens add constraint tokens_scopes_check check (cardinality(scopes) between 1 and 64);
