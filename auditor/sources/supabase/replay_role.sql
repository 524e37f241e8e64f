-- What the role "postgres", which replays the migrations and is not a superuser, may do on the hosted platform.
grant anon, authenticated, service_role, authenticator, dashboard_user, supabase_auth_admin, supabase_storage_admin,
  supabase_realtime_admin to postgres with admin option;
grant all on schema auth, storage, extensions, realtime, vault, graphql_public, supabase_functions, supabase_migrations to postgres;
grant all on all tables in schema auth, storage, realtime, vault, supabase_functions, supabase_migrations to postgres;
grant all on all sequences in schema auth, storage, realtime, vault, supabase_functions, supabase_migrations to postgres;
alter table realtime.messages owner to supabase_realtime_admin;
alter table realtime.subscription owner to supabase_realtime_admin;
alter publication supabase_realtime owner to postgres;
-- A foreign key is checked, and a cascade carried out, with the rights of the table's owner, casts and triggers of the
-- history included: no table that it can reach may belong to the superuser (nor any in supabase/extensions/*.sql).
do $$ declare t regclass; begin
  for t in select oid from pg_class where relowner = 'supabase_admin'::regrole and relkind in ('r', 'p')
      and relnamespace not in ('pg_catalog'::regnamespace, 'information_schema'::regnamespace, 'pg_toast'::regnamespace) loop
    execute format('alter table %s owner to pgsodium_keymaker', t);
    execute format('grant usage on schema %s to pgsodium_keymaker', split_part(t::text, '.', 1));
  end loop; end $$;
