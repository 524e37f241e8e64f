-- Since 2026 new tables are not exposed by themselves; these privileges remain by default.
alter default privileges for role postgres in schema public grant truncate, references, trigger on tables to anon, authenticated;
alter default privileges for role postgres in schema public grant all on tables to service_role;
alter default privileges for role postgres in schema public grant all on functions to service_role;
alter default privileges for role postgres in schema public grant all on sequences to service_role;
