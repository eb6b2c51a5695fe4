-- search: tickets about the same matter.

CREATE OR REPLACE FUNCTION similar_documents(title text, description text, except_id integer, max_results integer)
RETURNS TABLE (task_id integer, rank double precision, confidence double precision, shared_terms text[])
LANGUAGE plpgsql STABLE
AS $$
DECLARE
  documents text := CASE WHEN reads_internal_comments() THEN 'task_staff_documents' ELSE 'task_documents' END;
  -- What somebody wrote first says most: the title counts three times, of a long description the beginning is read.
  body text := concat_ws(' ', title, title, title, left(description, 2000));
  wanted tsquery := any_of('ticket_language', body);
BEGIN
  PERFORM search_check(max_results);
  RETURN QUERY EXECUTE format(
    'WITH own AS (
       SELECT bm25_score(%2$L::regclass, b.document, $1) AS score
       FROM build_documents(''ticket_language'', $2, NULL, left($3, 2000), NULL, NULL) b),
     top AS (
       SELECT d.task_id, d.document, d.document <@> $1 AS distance
       FROM %1$I d JOIN tasks t ON t.id = d.task_id
       WHERE matches(d.document, $1) AND t.id IS DISTINCT FROM $4
       ORDER BY d.document <@> $1 FETCH FIRST ($5) ROWS WITH TIES)
     SELECT top.task_id, -top.distance,
       -- The share of the score that the text itself would get; the curve is fitted to known duplicates of bug reports.
       round((1 / (1 + exp(-14 * (least(-top.distance / own.score, 1) - 0.55))))::numeric, 3)::double precision,
       ARRAY(SELECT w.word
         FROM unnest(words_in(''ticket_language'', $6 || '' '', top.document)) WITH ORDINALITY AS w (word, place)
         -- A line of a stack trace is one word without spaces; it ranks, but tells a reader nothing.
         WHERE w.place <= 60 AND length(w.word) <= 40
         ORDER BY bm25_score(%2$L::regclass, top.document, any_of(''ticket_language'', w.word)) DESC, w.place LIMIT 8)
     FROM top, own WHERE own.score > 0
     ORDER BY top.distance, top.task_id DESC LIMIT $5', documents, documents || '_rank')
    USING wanted, title, description, except_id, max_results, concat_ws(' ', title, left(description, 2000));
END
$$
SET search_path FROM CURRENT SET jit = off SET ticketflow.least_documents = 100;
COMMENT ON FUNCTION similar_documents(text, text, integer, integer) IS
  'Private to similar_tasks and suggest_duplicates: tickets like a text, of those that the caller may see, with a confidence '
  'of 0 to 1 that they are about the same matter and the words that speak for it, rarest first.';
