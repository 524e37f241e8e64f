-- Stand-in for the parts of a Supabase project that migrations lean on.  Loaded once, by the bootstrap superuser, into
-- an empty cluster's "postgres" database; table and column names are those of the hosted platform, bodies are ours.
-- The role "postgres" exists already and is not a superuser.
do $$ declare r text; begin
  foreach r in array array['anon','authenticated','supabase_auth_admin','supabase_storage_admin','dashboard_user',
    'supabase_functions_admin','supabase_realtime_admin','supabase_read_only_user','supabase_replication_admin','supabase_etl_admin',
    'pgbouncer','pgsodium_keyholder','pgsodium_keyiduser','pgsodium_keymaker'] loop
    execute format('create role %I nologin noinherit', r);
  end loop; end $$;
create role service_role nologin noinherit bypassrls;
create role authenticator login noinherit;
grant anon, authenticated, service_role to authenticator;
grant anon, authenticated, service_role to postgres with admin option;
create schema auth; create schema storage; create schema extensions; create schema realtime; create schema graphql;
create schema graphql_public; create schema supabase_functions; create schema supabase_migrations; create schema pgbouncer; create schema vault;
alter database postgres set search_path = "$user", public, extensions;
set search_path = "$user", public, extensions;
grant usage on schema public, extensions, auth, storage, realtime, graphql, graphql_public to anon, authenticated, service_role, postgres;
grant usage on schema auth, storage to supabase_auth_admin, supabase_storage_admin, dashboard_user;
grant all on schema auth to supabase_auth_admin; grant all on schema storage to supabase_storage_admin;
create extension "uuid-ossp" schema extensions; create extension pgcrypto schema extensions;
create extension pg_stat_statements schema extensions;


create type auth.aal_level as enum ('aal1','aal2','aal3');
create type auth.factor_type as enum ('totp','webauthn','phone');
create type auth.factor_status as enum ('unverified','verified');
create type auth.code_challenge_method as enum ('s256','plain');
create type auth.one_time_token_type as enum ('confirmation_token','reauthentication_token','recovery_token','email_change_token_new','email_change_token_current','phone_change_token');
create type auth.oauth_registration_type as enum ('dynamic','manual');
create type auth.oauth_client_type as enum ('public','confidential');
create table auth.instances(id uuid primary key, uuid uuid, raw_base_config text, created_at timestamptz, updated_at timestamptz);
create table auth.users(
  instance_id uuid, id uuid primary key, aud varchar(255), role varchar(255), email varchar(255), encrypted_password varchar(255),
  email_confirmed_at timestamptz, invited_at timestamptz, confirmation_token varchar(255), confirmation_sent_at timestamptz,
  recovery_token varchar(255), recovery_sent_at timestamptz, email_change_token_new varchar(255), email_change varchar(255),
  email_change_sent_at timestamptz, last_sign_in_at timestamptz, raw_app_meta_data jsonb, raw_user_meta_data jsonb, is_super_admin boolean,
  created_at timestamptz, updated_at timestamptz, phone text unique default null, phone_confirmed_at timestamptz, phone_change text default '',
  phone_change_token varchar(255) default '', phone_change_sent_at timestamptz,
  confirmed_at timestamptz generated always as (least(email_confirmed_at, phone_confirmed_at)) stored,
  email_change_token_current varchar(255) default '', email_change_confirm_status smallint default 0, banned_until timestamptz,
  reauthentication_token varchar(255) default '', reauthentication_sent_at timestamptz, is_sso_user boolean not null default false,
  deleted_at timestamptz, is_anonymous boolean not null default false);
create unique index users_email_partial_key on auth.users(email) where is_sso_user = false;
create table auth.identities(provider_id text not null, user_id uuid not null references auth.users on delete cascade, identity_data jsonb not null,
  provider text not null, last_sign_in_at timestamptz, created_at timestamptz, updated_at timestamptz,
  email text generated always as (lower(identity_data->>'email')) stored, id uuid primary key default gen_random_uuid(), unique(provider_id, provider));
create table auth.sessions(id uuid primary key, user_id uuid not null references auth.users on delete cascade, created_at timestamptz, updated_at timestamptz,
  factor_id uuid, aal auth.aal_level, not_after timestamptz, refreshed_at timestamp, user_agent text, ip inet, tag text, oauth_client_id uuid,
  refresh_token_hmac_key text, refresh_token_counter bigint, scopes text);
create table auth.refresh_tokens(instance_id uuid, id bigserial primary key, token varchar(255) unique, user_id varchar(255), revoked boolean,
  created_at timestamptz, updated_at timestamptz, parent varchar(255), session_id uuid references auth.sessions on delete cascade);
create table auth.mfa_factors(id uuid primary key, user_id uuid not null references auth.users on delete cascade, friendly_name text, factor_type auth.factor_type not null,
  status auth.factor_status not null, created_at timestamptz not null, updated_at timestamptz not null, secret text, phone text, last_challenged_at timestamptz unique,
  web_authn_credential jsonb, web_authn_aaguid uuid, last_webauthn_challenge_data jsonb);
create table auth.mfa_challenges(id uuid primary key, factor_id uuid not null references auth.mfa_factors on delete cascade, created_at timestamptz not null,
  verified_at timestamptz, ip_address inet not null, otp_code text, web_authn_session_data jsonb);
create table auth.mfa_amr_claims(session_id uuid not null references auth.sessions on delete cascade, created_at timestamptz not null, updated_at timestamptz not null,
  authentication_method text not null, id uuid primary key, unique(session_id, authentication_method));
create table auth.audit_log_entries(instance_id uuid, id uuid primary key, payload json, created_at timestamptz, ip_address varchar(64) not null default '');
create table auth.flow_state(id uuid primary key, user_id uuid, auth_code text, code_challenge_method auth.code_challenge_method, code_challenge text, provider_type text not null,
  provider_access_token text, provider_refresh_token text, created_at timestamptz, updated_at timestamptz, authentication_method text not null, auth_code_issued_at timestamptz);
create table auth.one_time_tokens(id uuid primary key, user_id uuid not null references auth.users on delete cascade, token_type auth.one_time_token_type not null,
  token_hash text not null, relates_to text not null, created_at timestamp not null default now(), updated_at timestamp not null default now());
create table auth.sso_providers(id uuid primary key, resource_id text, created_at timestamptz, updated_at timestamptz, disabled boolean);
create table auth.sso_domains(id uuid primary key, sso_provider_id uuid not null references auth.sso_providers on delete cascade, domain text not null, created_at timestamptz, updated_at timestamptz);
create table auth.saml_providers(id uuid primary key, sso_provider_id uuid not null references auth.sso_providers on delete cascade, entity_id text not null unique,
  metadata_xml text not null, metadata_url text, attribute_mapping jsonb, created_at timestamptz, updated_at timestamptz, name_id_format text);
create table auth.saml_relay_states(id uuid primary key, sso_provider_id uuid not null references auth.sso_providers on delete cascade, request_id text not null, for_email text,
  redirect_to text, created_at timestamptz, updated_at timestamptz, flow_state_id uuid);
create table auth.oauth_clients(id uuid primary key, client_secret_hash text, registration_type auth.oauth_registration_type not null, redirect_uris text not null,
  grant_types text not null, client_name text, client_uri text, logo_uri text, created_at timestamptz not null default now(), updated_at timestamptz not null default now(),
  deleted_at timestamptz, client_type auth.oauth_client_type not null default 'confidential');
create table auth.schema_migrations(version varchar(255) primary key);
do $$ declare t text; begin
  for t in select relname from pg_class where relnamespace = 'auth'::regnamespace and relkind = 'r' loop
    execute format('alter table auth.%I owner to supabase_auth_admin', t);
    execute format('alter table auth.%I enable row level security', t);
    execute format('grant all on auth.%I to postgres, dashboard_user', t);
  end loop; end $$;
create function auth.jwt() returns jsonb language sql stable as
  $$ select coalesce(nullif(current_setting('request.jwt.claim', true), ''), nullif(current_setting('request.jwt.claims', true), ''))::jsonb $$;
create function auth.uid() returns uuid language sql stable as
  $$ select coalesce(nullif(current_setting('request.jwt.claim.sub', true), ''), nullif(current_setting('request.jwt.claims', true), '')::jsonb->>'sub')::uuid $$;
create function auth.role() returns text language sql stable as
  $$ select coalesce(nullif(current_setting('request.jwt.claim.role', true), ''), nullif(current_setting('request.jwt.claims', true), '')::jsonb->>'role') $$;
create function auth.email() returns text language sql stable as
  $$ select coalesce(nullif(current_setting('request.jwt.claim.email', true), ''), nullif(current_setting('request.jwt.claims', true), '')::jsonb->>'email') $$;

create type storage.buckettype as enum ('STANDARD','ANALYTICS','VECTOR');
create table storage.buckets(id text primary key, name text not null unique, owner uuid, created_at timestamptz default now(), updated_at timestamptz default now(),
  public boolean default false, avif_autodetection boolean default false, file_size_limit bigint, allowed_mime_types text[], owner_id text, type storage.buckettype not null default 'STANDARD');
create table storage.objects(id uuid primary key default gen_random_uuid(), bucket_id text references storage.buckets, name text, owner uuid, created_at timestamptz default now(),
  updated_at timestamptz default now(), last_accessed_at timestamptz default now(), metadata jsonb, path_tokens text[] generated always as (string_to_array(name, '/')) stored,
  version text, owner_id text, user_metadata jsonb, level int);
create unique index bucketid_objname on storage.objects(bucket_id, name);
create table storage.s3_multipart_uploads(id text primary key, in_progress_size bigint not null default 0, upload_signature text not null, bucket_id text not null references storage.buckets,
  key text not null, version text not null, owner_id text, created_at timestamptz not null default now(), user_metadata jsonb, metadata jsonb);
create table storage.s3_multipart_uploads_parts(id uuid primary key default gen_random_uuid(), upload_id text not null references storage.s3_multipart_uploads on delete cascade, size bigint not null default 0,
  part_number int not null, bucket_id text not null references storage.buckets, key text not null, etag text not null, owner_id text, version text not null, created_at timestamptz not null default now());
create table storage.migrations(id int primary key, name varchar(100) not null unique, hash varchar(40) not null, executed_at timestamp default current_timestamp);
do $$ declare t text; begin
  for t in select relname from pg_class where relnamespace = 'storage'::regnamespace and relkind = 'r' loop
    execute format('alter table storage.%I owner to supabase_storage_admin', t);
    execute format('alter table storage.%I enable row level security', t);
    execute format('grant all on storage.%I to anon, authenticated, service_role, postgres', t);
  end loop; end $$;
create function storage.foldername(name text) returns text[] language sql immutable as $$ select (string_to_array(name, '/'))[1:cardinality(string_to_array(name, '/')) - 1] $$;
create function storage.filename(name text) returns text language sql immutable as $$ select (string_to_array(name, '/'))[cardinality(string_to_array(name, '/'))] $$;
create function storage.extension(name text) returns text language sql immutable as $$ select reverse(split_part(reverse(name), '.', 1)) $$;
create function storage.operation() returns text language sql stable as $$ select current_setting('storage.operation', true) $$;
create function storage.get_size_by_bucket() returns table(size bigint, bucket_id text) language sql as $$ select sum((metadata->>'size')::bigint), bucket_id from storage.objects group by bucket_id $$;
create function storage.can_insert_object(bucketid text, name text, owner uuid, metadata jsonb) returns void language sql as $$ select null::void $$;
create function storage.search(prefix text, bucketname text, limits int default 100, levels int default 1, offsets int default 0, search text default '', sortcolumn text default 'name', sortorder text default 'asc')
  returns table(name text, id uuid, updated_at timestamptz, created_at timestamptz, last_accessed_at timestamptz, metadata jsonb) language sql stable as
  $$ select name, id, updated_at, created_at, last_accessed_at, metadata from storage.objects where bucket_id = bucketname $$;

create type realtime.action as enum ('INSERT','UPDATE','DELETE','TRUNCATE','ERROR');
create table realtime.messages(topic text not null, extension text not null, payload jsonb, event text, private boolean default false, updated_at timestamp not null default now(),
  inserted_at timestamp not null default now(), id uuid not null default gen_random_uuid(), primary key (id, inserted_at)) partition by range (inserted_at);
create table realtime.messages_any partition of realtime.messages default;
alter table realtime.messages enable row level security;
grant select, insert, update on realtime.messages to anon, authenticated, service_role;
create table realtime.subscription(id bigint generated always as identity primary key, subscription_id uuid not null, entity regclass not null, claims jsonb not null, created_at timestamp not null default now());
create table realtime.schema_migrations(version bigint primary key, inserted_at timestamp);
create function realtime.topic() returns text language sql stable as $$ select nullif(current_setting('realtime.topic', true), '') $$;
create function realtime.send(payload jsonb, event text, topic text, private boolean default true) returns void language sql as $$ select null::void $$;
create function realtime.broadcast_changes(topic_name text, event_name text, operation text, table_name text, table_schema text, new record, old record, level text default 'ROW')
  returns void language plpgsql as $$ begin end $$;
create publication supabase_realtime; create publication supabase_realtime_messages_publication for table realtime.messages;

create function graphql_public.graphql("operationName" text default null, query text default null, variables jsonb default null, extensions jsonb default null) returns jsonb language sql as $$ select null::jsonb $$;
create table supabase_functions.hooks(id bigserial primary key, hook_table_id int not null, hook_name text not null, created_at timestamptz not null default now(), request_id bigint);
create function supabase_functions.http_request() returns trigger language plpgsql as $$ begin return new; end $$;
create table supabase_migrations.schema_migrations(version text primary key, statements text[], name text, created_by text, idempotency_key text);
create table supabase_migrations.seed_files(path text primary key, hash text not null);
create function pgbouncer.get_auth(p_usename text) returns table(username text, password text) language sql as $$ select null::text, null::text where false $$;

create table vault.secrets(id uuid primary key default gen_random_uuid(), name text unique, description text not null default '', secret text not null, key_id uuid, nonce bytea,
  created_at timestamptz not null default now(), updated_at timestamptz not null default now());
create view vault.decrypted_secrets as select id, name, description, secret, secret as decrypted_secret, key_id, nonce, created_at, updated_at from vault.secrets;
create function vault.create_secret(new_secret text, new_name text default null, new_description text default '', new_key_id uuid default null) returns uuid language sql
  as $$ insert into vault.secrets(secret, name, description) values (new_secret, new_name, new_description) returning id $$;
create function vault.update_secret(secret_id uuid, new_secret text default null, new_name text default null, new_description text default null, new_key_id uuid default null) returns void language sql
  as $$ update vault.secrets set secret = coalesce(new_secret, secret), name = coalesce(new_name, name) where id = secret_id $$;
revoke all on all tables in schema vault from public; grant usage on schema vault to postgres, service_role;
