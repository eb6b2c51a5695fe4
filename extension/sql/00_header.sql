-- ticketflow: the engine. Parts of this script are in extension/sql, one file a topic.
\echo Use "CREATE EXTENSION ticketflow" to load this file. \quit

GRANT USAGE ON SCHEMA @extschema@ TO PUBLIC;
COMMENT ON SCHEMA @extschema@ IS
  'TicketFlow engine: numbering, search, audit, complexity and access functions; CALL ticketflow.deploy() makes a desk.';
