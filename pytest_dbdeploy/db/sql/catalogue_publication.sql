-- publications with their tables: kind, name, then their properties
select 'publication' as kind,
       quote_ident(p.pubname) as name,
       nullif(p.puballtables, false) as all_tables,
       concat_ws(', ', case when p.pubinsert then 'insert' end, case when p.pubupdate then 'update' end,
                 case when p.pubdelete then 'delete' end, case when p.pubtruncate then 'truncate' end) as publish,
       nullif(p.pubviaroot, false) as via_root,
       nullif(to_jsonb(p) ->> 'pubgencols', 'n') as generated_columns,
       array(
           select quote_ident(tn.nspname) || '.' || quote_ident(c.relname)
                  || coalesce(' (' || (
                         select string_agg(quote_ident(a.attname), ', ' order by a.attnum) from pg_attribute a
                         where a.attrelid = c.oid and a.attnum = any (r.prattrs)) || ')', '')
                  || coalesce(' where ' || pg_get_expr(r.prqual, r.prrelid), '')
           from pg_publication_rel r
           join pg_class c on c.oid = r.prrelid
           join pg_namespace tn on tn.oid = c.relnamespace
           where r.prpubid = p.oid order by 1
       ) as tables,
       array(
           select quote_ident(sn.nspname) from pg_publication_namespace s
           join pg_namespace sn on sn.oid = s.pnnspid where s.pnpubid = p.oid order by 1
       ) as schemas,
       pg_get_userbyid(p.pubowner) as owner,
       d.description as comment
from pg_publication p
left join pg_description d on d.classoid = 'pg_publication'::regclass and d.objoid = p.oid
where %(everything)s
  and p.oid not in (select e.objid from pg_depend e where e.refclassid = 'pg_extension'::regclass and e.classid = 'pg_publication'::regclass and e.deptype = 'e')
