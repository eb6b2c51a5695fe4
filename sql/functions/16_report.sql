-- report: what the views of schema report share.

CREATE OR REPLACE FUNCTION check_time_zone() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
  PERFORM now() AT TIME ZONE NEW.time_zone;
  RETURN NEW;
EXCEPTION WHEN invalid_parameter_value THEN
  RAISE EXCEPTION 'time zone "%" is not known', NEW.time_zone
    USING ERRCODE = 'invalid_parameter_value', HINT = 'Use a name of pg_timezone_names, such as Europe/Oslo.';
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION check_time_zone() IS 'Trigger: refuses a time zone that PostgreSQL does not know (22023).';
CREATE OR REPLACE TRIGGER check_time_zone BEFORE INSERT OR UPDATE OF time_zone ON company_settings
  FOR EACH ROW EXECUTE FUNCTION check_time_zone();

CREATE OR REPLACE FUNCTION report_time_zone() RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL SAFE
BEGIN ATOMIC
  SELECT COALESCE((SELECT s.time_zone FROM company_settings s LIMIT 1), 'UTC');
END;
COMMENT ON FUNCTION report_time_zone() IS 'IANA name of the zone of all report days: company_settings.time_zone, or UTC.';
REVOKE ALL ON FUNCTION report_time_zone() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION report_time_zone() TO ticketflow_customer, ticketflow_report;
