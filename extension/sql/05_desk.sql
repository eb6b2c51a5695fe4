-- desk: which schemas of the database are one.
CREATE OR REPLACE FUNCTION @extschema@.desks() RETURNS regnamespace[]
LANGUAGE c STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'ticketflow_desks';
COMMENT ON FUNCTION @extschema@.desks() IS
  'The schemas of this database that hold a desk: those with a table ticketflow_desk, which deploy() makes, whose owner may create '
  'schemas here. Empty where there is none. Functions that mean "the only desk" mean the only one of these.';
