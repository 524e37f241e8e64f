-- Writes down which statement of the replay made, changed or dropped which object. Owned by the bootstrap superuser in
-- a schema that is closed to everybody; ENABLE ALWAYS, because a history may set session_replication_role = replica.
-- The statement's number is a comment that the replay puts before its text: nothing a migration does can change it.
-- No backslash below: the functions are compiled under the history's own standard_conforming_strings.
create schema backend_audit_recorder;
revoke all on schema backend_audit_recorder from public;
create table backend_audit_recorder.event(
  number bigint generated always as identity primary key,
  statement int,
  dropped boolean not null,
  classid oid not null,
  objid oid not null,
  objsubid int not null,
  tag text not null,
  identity text);
create function backend_audit_recorder.record_command() returns event_trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  insert into backend_audit_recorder.event(statement, dropped, classid, objid, objsubid, tag, identity)
  select pg_catalog.substring(pg_catalog.current_query(), '^/[*]audit:([0-9]+)[*]/')::int, false, classid, objid, objsubid,
    command_tag, object_identity
  from pg_catalog.pg_event_trigger_ddl_commands() where not in_extension and classid is not null;  -- GRANT has no object
end $$;
create function backend_audit_recorder.record_drop() returns event_trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  insert into backend_audit_recorder.event(statement, dropped, classid, objid, objsubid, tag, identity)
  select pg_catalog.substring(pg_catalog.current_query(), '^/[*]audit:([0-9]+)[*]/')::int, true, classid, objid, objsubid,
    object_type, object_identity
  from pg_catalog.pg_event_trigger_dropped_objects()
  where original and object_type in ('table', 'table column', 'policy', 'schema', 'materialized view');
end $$;
create event trigger backend_audit_command on ddl_command_end execute function backend_audit_recorder.record_command();
create event trigger backend_audit_drop on sql_drop execute function backend_audit_recorder.record_drop();
alter event trigger backend_audit_command enable always;
alter event trigger backend_audit_drop enable always;
revoke all on all functions in schema backend_audit_recorder from public;
