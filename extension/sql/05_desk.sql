-- desk: which schemas of the database are one.
CREATE OR REPLACE FUNCTION @extschema@.desks() RETURNS regnamespace[]
LANGUAGE c STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'ticketflow_desks';
COMMENT ON FUNCTION @extschema@.desks() IS
  'The schemas of this database that hold a desk: those with a table ticketflow_desk, which deploy() makes, whose owner may create '
  'schemas here. Empty where there is none. Functions that mean "the only desk" mean the only one of these.';

CREATE OR REPLACE FUNCTION @extschema@.desk_on_path() RETURNS regnamespace
LANGUAGE sql STABLE
BEGIN ATOMIC
  SELECT n.oid::regnamespace FROM pg_catalog.unnest(pg_catalog.current_schemas(false)) WITH ORDINALITY s (name, place)
    JOIN pg_catalog.pg_namespace n ON n.nspname = s.name
   WHERE n.oid = ANY (@extschema@.desks()) ORDER BY s.place LIMIT 1;
END;
COMMENT ON FUNCTION @extschema@.desk_on_path() IS 'The first schema of the search_path that holds a desk; null where none does. Temporary tables make no desk.';
