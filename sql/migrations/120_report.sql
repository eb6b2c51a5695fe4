-- report: the time zone in which days, weeks and hours of the reports are counted.

ALTER TABLE company_settings ADD COLUMN time_zone text NOT NULL DEFAULT 'UTC';
COMMENT ON COLUMN company_settings.time_zone IS 'IANA name of the zone in which reports count days and hours.';
