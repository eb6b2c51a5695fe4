-- import: what loading foreign data needs of C++.

CREATE OR REPLACE FUNCTION @extschema@.parse_datetime(
  value text, zone text DEFAULT pg_catalog.current_setting('TimeZone'), date_order text DEFAULT 'ymd') RETURNS timestamptz
LANGUAGE c STABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'ticketflow_parse_datetime';
COMMENT ON FUNCTION @extschema@.parse_datetime(text, text, text) IS
  'Reads a date or date and time as other systems export them, NULL where it is none: ISO 8601, seconds or milliseconds since 1970, '
  '04/Mar/14 9:12 AM, 4.3.2014, Mar 4, 2014, Tue, 04 Mar 2014 09:12:00 +0000; 03/04/2014 only where date_order is dmy or mdy. '
  'Without an offset in the text the time is that of zone. Errors: 22023 unknown zone or date order.';
