-- a row for each relation lock of the own transaction that is of interest: relation, mode.
-- Relations that are surely not older than the plan (above the {last} oid of these) are of interest only when they are written to.
-- pg_lock_status() rather than the view on it: so the plan has no relation to lock
select relation, mode
from pg_catalog.pg_lock_status()
where pid = pg_catalog.pg_backend_pid() and locktype = 'relation' and granted and relation >= 16384 and mode <> 'SIReadLock'
  and (relation <= {last} or (
      mode = 'RowExclusiveLock'
      and (pg_catalog.pg_stat_get_xact_tuples_inserted(relation) > 0 or pg_catalog.pg_stat_get_xact_tuples_updated(relation) > 0
           or pg_catalog.pg_stat_get_xact_tuples_deleted(relation) > 0)
  ))
