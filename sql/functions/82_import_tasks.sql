-- import: tickets out of a table that is in the database already.

CREATE OR REPLACE FUNCTION import_tasks(source text, rows regclass, map jsonb, "values" jsonb DEFAULT '{}', defaults jsonb DEFAULT '{}',
  author text DEFAULT NULL, settings jsonb DEFAULT '{}', batch integer DEFAULT 5000, dry_run boolean DEFAULT false) RETURNS import_runs
LANGUAGE plpgsql
AS $$
DECLARE
  run import_runs;
  sums record;
  missing text;
  columns text;
  fields text;
  most bigint;
  first bigint := 1;
BEGIN
  IF batch < 1 THEN
    RAISE EXCEPTION 'a batch has at least one record' USING ERRCODE = 'invalid_parameter_value', HINT = 'Thousands a batch is fast.';
  END IF;
  run := import_open(source, settings || jsonb_build_object('map', map, 'values', "values", 'defaults', defaults, 'author', author),
    rows::text, NULL, true, dry_run);
  SELECT m.value INTO missing FROM jsonb_each_text(map) m
   WHERE NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = rows AND a.attname = m.value AND a.attnum > 0 AND NOT a.attisdropped) LIMIT 1;
  IF missing IS NOT NULL THEN
    RAISE EXCEPTION 'column "%" of relation "%" does not exist', missing, rows USING ERRCODE = 'undefined_column',
      HINT = 'map says from which column each field comes: {"title": "summary"}.';
  END IF;
  SELECT string_agg(quote_ident(m.key), ', '),
         string_agg(CASE WHEN a.atttypid IN ('text[]'::regtype, 'varchar[]'::regtype)
           THEN format('array_to_string(t.%I, %L)', a.attname, run.options ->> 'tag_separator') ELSE format('t.%I::text', a.attname) END, ', ')
    INTO fields, columns
    FROM jsonb_each_text(map) m JOIN pg_attribute a ON a.attrelid = rows AND a.attname = m.value;
  CREATE TEMP TABLE import_all (LIKE import_rows) ON COMMIT DROP;
  EXECUTE format('INSERT INTO import_all (line, extra, %s) SELECT row_number() OVER (), jsonb_strip_nulls(to_jsonb(t.*) - %L::text[]), %s FROM %s t',
    fields, ARRAY(SELECT m.value FROM jsonb_each_text(map) m), columns, rows);
  GET DIAGNOSTICS most = ROW_COUNT;
  CREATE INDEX ON import_all (line);
  WHILE first <= most LOOP
    INSERT INTO import_rows SELECT * FROM import_all a WHERE a.line BETWEEN first AND first + batch - 1;
    sums := import_batch();
    run.records := run.records + sums.records; run.inserted := run.inserted + sums.inserted; run.updated := run.updated + sums.updated;
    run.unchanged := run.unchanged + sums.unchanged; run.skipped := run.skipped + sums.skipped; run.rejected := run.rejected + sums.rejected;
    first := first + batch;
  END LOOP;
  DROP TABLE import_all;
  IF NOT dry_run THEN
    run := import_close();
  END IF;
  RETURN run;
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION import_tasks(text, regclass, jsonb, jsonb, jsonb, text, jsonb, integer, boolean) IS
  'Imports tickets from a table or view in one transaction: map says from which column each field comes ({"title": "summary"}), values '
  'translates words ({"status": {"Done": "closed"}}), defaults fills what is missing, author is who created tickets that name nobody; '
  'settings: existing, unknown_people, zone, date_order, tag_separator, long_titles, aliases. Returns the run with its sums; rejected rows are in '
  'import_rejects. Errors: 22023, 42703 what was asked cannot work, 55P03 another session imports from this source.';

REVOKE ALL ON FUNCTION import_tasks(text, regclass, jsonb, jsonb, jsonb, text, jsonb, integer, boolean) FROM PUBLIC;
