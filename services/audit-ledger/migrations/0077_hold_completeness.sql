-- What completeness is judged by is compared with the log from now on, and put right by it.

-- A producer of whom nothing is in the log has no row.
grant delete on source_numbers to mumega_audit_ledger;

-- What was counted before numbers that are given twice were told (0069) is counted now.
lock table entry_index_progress in share row exclusive mode;
with numbered as (
  select source, number, log_index,
         row_number() over (partition by source, number order by log_index) > 1 as again
    from event_keys, entry_index_progress where log_index < counted_size),
reused as (
  select source, count(*) as entries, min(log_index) as first_index,
         (array_agg(number order by log_index))[1] as first_number
    from numbered where again group by source)
update source_numbers held
   set reused = entries, reused_number = first_number, reused_index = first_index
  from reused
 where held.source = reused.source and isempty(held.given_up_range) and held.reused <> entries;
