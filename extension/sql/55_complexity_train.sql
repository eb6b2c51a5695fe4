-- complexity: models that a desk learns from its own tickets.

CREATE OR REPLACE FUNCTION @extschema@.complexity_fit(query text, options jsonb DEFAULT '{}',
  OUT model bytea, OUT report jsonb, OUT beats_baseline boolean)
LANGUAGE c VOLATILE COST 1000000
AS 'MODULE_PATHNAME', 'ticketflow_complexity_fit';
COMMENT ON FUNCTION @extschema@.complexity_fit(text, jsonb) IS
  'Learns a model from the rows of a SELECT, run with the caller''s rights, and stores nothing. Columns: title, description; effort (or '
  'actual_hours, hours, resolve_hours, points, story_points), > 0; a time (resolved_at, closed_at, created_at, opened_at or the first '
  'of a time type) that orders the rows, else they count as ordered; project, product or queue, or what option group names: learned '
  'together, each with its own words and median; every other column of plain values is a field, which complexity_score() takes in '
  'details. Ids are left out. report: what was learned and how good it is on the newest fifth, which nothing was chosen on. '
  'Options: group, unit, penalty, bits, max_rows (the newest, 50000). Errors: 42703 no effort column, 55000 fewer than 50 usable rows, '
  '22023 option or query, 54000 too many rows.';

CREATE OR REPLACE FUNCTION @extschema@.complexity_desk() RETURNS regnamespace
LANGUAGE plpgsql STABLE
AS $$
DECLARE
  found regnamespace[] := ARRAY[@extschema@.desk_on_path()];
BEGIN
  -- The desk of the search path; where that has none, the only one of the database.
  IF found = '{NULL}' THEN
    SELECT array_agg(c.relnamespace::regnamespace) INTO found FROM pg_catalog.pg_class c
     WHERE c.relnamespace = ANY (@extschema@.desks()) AND c.relname = 'complexity_models' AND c.relkind = 'r';
  END IF;
  IF pg_catalog.cardinality(found) = 1 THEN
    RETURN found[1];
  END IF;
  RAISE EXCEPTION 'no desk to keep the model in' USING ERRCODE = 'object_not_in_prerequisite_state',
    HINT = 'Put the schema of one desk on the search_path, or make one with CALL ticketflow.deploy(); complexity_fit() learns without a desk.';
END
$$;
COMMENT ON FUNCTION @extschema@.complexity_desk() IS
  'The desk whose models are meant: the first of the search_path, else the only one of the database. Error: 55000 none or several.';

CREATE OR REPLACE FUNCTION @extschema@.check_complexity_name(name text) RETURNS void
LANGUAGE plpgsql IMMUTABLE
AS $$
BEGIN
  IF COALESCE(pg_catalog.btrim(name), '') = '' OR pg_catalog.length(name) > 100 THEN
    RAISE EXCEPTION 'a model has a name of 1 to 100 characters' USING ERRCODE = 'invalid_name';
  END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.check_complexity_name(text) IS 'Refuses what cannot be the name of a model. Error: 42602.';

CREATE OR REPLACE FUNCTION @extschema@.complexity_keep(models regclass, name text, model bytea, report jsonb, activate boolean) RETURNS integer
LANGUAGE c STRICT SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'ticketflow_complexity_keep';
COMMENT ON FUNCTION @extschema@.complexity_keep(regclass, text, bytea, jsonb, boolean) IS
  'Private to store_complexity_model(): writes as the owner of the table, whose triggers and checks get no other rights, for who may write it. Error: 42501.';

CREATE OR REPLACE FUNCTION @extschema@.complexity_activate(models regclass, name text, version integer) RETURNS integer
LANGUAGE c SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'ticketflow_complexity_activate';
COMMENT ON FUNCTION @extschema@.complexity_activate(regclass, text, integer) IS
  'Private to activate_complexity_model(): as complexity_keep(); the version that is active now, or null. Error: 42501.';

CREATE OR REPLACE FUNCTION @extschema@.complexity_exported(models regclass, name text, version integer) RETURNS text
LANGUAGE c STABLE SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'ticketflow_complexity_exported';
COMMENT ON FUNCTION @extschema@.complexity_exported(regclass, text, integer) IS
  'Private to export_complexity_model(): reads as the owner of the table for who may read it. Error: 42501.';

CREATE OR REPLACE FUNCTION @extschema@.complexity_models_of(desk regnamespace) RETURNS regclass
LANGUAGE sql STABLE
RETURN (SELECT c.oid FROM pg_catalog.pg_class c WHERE c.relnamespace = desk AND c.relname = 'complexity_models');
COMMENT ON FUNCTION @extschema@.complexity_models_of(regnamespace) IS 'Private to the functions of models: the table of a desk that holds them.';

CREATE OR REPLACE FUNCTION @extschema@.store_complexity_model(name text, model bytea, report jsonb, activate boolean) RETURNS integer
LANGUAGE plpgsql
AS $$
BEGIN
  PERFORM @extschema@.check_complexity_name(name);
  RETURN @extschema@.complexity_keep(@extschema@.complexity_models_of(@extschema@.complexity_desk()), name, model, report, COALESCE(activate, false));
END
$$;
COMMENT ON FUNCTION @extschema@.store_complexity_model(text, bytea, jsonb, boolean) IS
  'For train_complexity() and import_complexity_model(): keeps a model as the next version of its name, for who has SELECT, INSERT and '
  'UPDATE on complexity_models. Errors: 42602 name; 42501; 55000 no desk.';

CREATE OR REPLACE FUNCTION @extschema@.train_complexity(name text, query text DEFAULT 'SELECT * FROM complexity_training',
  options jsonb DEFAULT '{}', OUT version integer, OUT activated boolean, OUT report jsonb)
LANGUAGE plpgsql
AS $$
DECLARE
  fitted record;
  wanted boolean;
BEGIN
  -- What can be refused is refused before the work.
  PERFORM @extschema@.complexity_desk(), @extschema@.check_complexity_name(name);
  BEGIN
    wanted := COALESCE((options ->> 'activate')::boolean, true);
  EXCEPTION WHEN invalid_text_representation THEN
    RAISE EXCEPTION 'option "activate" is true or false' USING ERRCODE = 'invalid_parameter_value';
  END;
  SELECT f.* INTO fitted FROM @extschema@.complexity_fit(query, options) f;
  report := fitted.report;
  activated := fitted.beats_baseline AND wanted;
  version := @extschema@.store_complexity_model(name, fitted.model, report, activated);
  IF activated THEN
    RAISE NOTICE 'model "%" version % scores from now on', name, version USING HINT = 'CALL rescore_complexity() brings earlier scores up to date.';
  ELSIF NOT fitted.beats_baseline THEN
    RAISE NOTICE 'model "%" version % is kept but not activated: it does not beat the median', name, version
      USING DETAIL = pg_catalog.format('Its mean error is %s of the median''s, its rank correlation %s.', report ->> 'error_ratio', report ->> 'rank_correlation');
  END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.train_complexity(text, text, jsonb) IS
  'Learns a model from the tickets that a SELECT returns (complexity_fit() says which columns) and keeps it as the next version of '
  'its name in the desk''s complexity_models. It is activated only if, on the newest fifth, its error is below the median''s and its '
  'ranks correlate with the actual ones beyond what chance gives once in a thousand times; option activate = false keeps it in any case. The default query is the '
  'desk''s resolved tickets with known effort. Progress comes as notices. Needs the right to write complexity_models. Errors: as '
  'complexity_fit(); 55000 no desk; 42602 name.';

CREATE OR REPLACE FUNCTION @extschema@.export_complexity_model(name text, version integer DEFAULT NULL) RETURNS text
LANGUAGE plpgsql STABLE
AS $$
DECLARE
  result text;
BEGIN
  result := @extschema@.complexity_exported(@extschema@.complexity_models_of(@extschema@.complexity_desk()), name, version);
  IF result IS NULL THEN
    RAISE EXCEPTION 'model "%" % does not exist', name, COALESCE('version ' || version, '') USING ERRCODE = 'undefined_object',
      HINT = 'The table complexity_models lists them.';
  END IF;
  RETURN result;
END
$$;
COMMENT ON FUNCTION @extschema@.export_complexity_model(text, integer) IS
  'A model as JSON text for import_complexity_model() elsewhere; without version the newest. Errors: 42704; 42501; 55000 no desk.';

CREATE OR REPLACE FUNCTION @extschema@.import_complexity_model(exported text, name text DEFAULT NULL, activate boolean DEFAULT false) RETURNS integer
LANGUAGE plpgsql
AS $$
DECLARE
  content jsonb := exported;
  model bytea := pg_catalog.decode(content ->> 'model', 'base64');
BEGIN
  IF model IS NULL THEN
    RAISE EXCEPTION 'this is not an exported complexity model' USING ERRCODE = 'invalid_parameter_value',
      HINT = 'Pass the text that export_complexity_model() returned.';
  END IF;
  PERFORM @extschema@.complexity_model_info(model);
  RETURN @extschema@.store_complexity_model(COALESCE(import_complexity_model.name, content ->> 'name'), model, COALESCE(content -> 'report', '{}'), activate);
END
$$;
COMMENT ON FUNCTION @extschema@.import_complexity_model(text, text, boolean) IS
  'Keeps an exported model as the next version of its name (or of the given name); returns that version. activate: let it score from '
  'now on. Errors: 22P02 not JSON, 22023 not a model, XX001 damaged; 42501; 55000 no desk.';

CREATE OR REPLACE FUNCTION @extschema@.activate_complexity_model(name text, version integer DEFAULT NULL) RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
  chosen integer := @extschema@.complexity_activate(@extschema@.complexity_models_of(@extschema@.complexity_desk()), name, version);
BEGIN
  IF name IS NOT NULL AND chosen IS NULL THEN
    RAISE EXCEPTION 'model "%" % does not exist', name, COALESCE('version ' || version, '') USING ERRCODE = 'undefined_object',
      HINT = 'The table complexity_models lists them; null goes back to the shipped model.';
  END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.activate_complexity_model(text, integer) IS
  'Lets a kept model score from now on, the newest version where none is given; null: the shipped model. CALL rescore_complexity() '
  'brings earlier scores up to date. Errors: 42704 no such model; 42501; 55000 no desk.';
