-- What the role "postgres", which replays the migrations and is not a superuser, may do on the hosted platform.
grant anon, authenticated, service_role, authenticator, dashboard_user, supabase_auth_admin, supabase_storage_admin,
  supabase_realtime_admin to postgres with admin option;
grant all on schema auth, storage, extensions, realtime, vault, graphql_public, supabase_functions, supabase_migrations to postgres;
grant all on all tables in schema auth, storage, realtime, vault, supabase_functions, supabase_migrations to postgres;
grant all on all sequences in schema auth, storage, realtime, vault, supabase_functions, supabase_migrations to postgres;
alter table realtime.messages owner to supabase_realtime_admin;
alter table realtime.subscription owner to supabase_realtime_admin;
alter publication supabase_realtime owner to postgres;
