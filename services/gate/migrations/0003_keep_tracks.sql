-- What a track counts, its iterations and findings, only grows: a verdict is on the newest of them.

create function keep_track() returns trigger language plpgsql as $$
begin
  if new.newest_iteration < old.newest_iteration or new.findings < old.findings then
    raise exception 'what track % of % has does not become less', old.track_id, old.sprint_id
      using errcode = 'MU024';
  end if;
  return new;
end $$;
create trigger keep_track before update on tracks
  for each row execute function keep_track();
