-- Tells every `ticketflow serve` of this database to read its catalog again after each change of a definition. Run it once, as a
-- superuser (PostgreSQL lets nobody else make event triggers); without it, NOTIFY pgrst, 'reload schema' does the same by hand.
CREATE OR REPLACE FUNCTION public.ticketflow_reload() RETURNS event_trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$ BEGIN NOTIFY pgrst, 'reload schema'; END $$;
COMMENT ON FUNCTION public.ticketflow_reload() IS 'Announces on channel pgrst that definitions changed; see service/reload_trigger.sql.';

DROP EVENT TRIGGER IF EXISTS ticketflow_reload_ddl;
CREATE EVENT TRIGGER ticketflow_reload_ddl ON ddl_command_end EXECUTE FUNCTION public.ticketflow_reload();
COMMENT ON EVENT TRIGGER ticketflow_reload_ddl IS 'Makes ticketflow serve read the catalog again after CREATE, ALTER, GRANT and the like.';
DROP EVENT TRIGGER IF EXISTS ticketflow_reload_drop;
CREATE EVENT TRIGGER ticketflow_reload_drop ON sql_drop EXECUTE FUNCTION public.ticketflow_reload();
COMMENT ON EVENT TRIGGER ticketflow_reload_drop IS 'The same after DROP.';
NOTIFY pgrst, 'reload schema';
