copy (select {key} from {table} t, (select pg_snapshot_xmax(pg_current_snapshot())::text::bigint as id offset 0) as now
      where t.xmin::text::bigint >= 3 and not pg_visible_in_snapshot(
          (now.id - ((now.id - t.xmin::text::bigint) & 4294967295))::text::xid8, {snapshot}::pg_snapshot)) to stdout
