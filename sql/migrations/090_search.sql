-- search: the guide's own indexes, and the documents that ranked search reads (see docs/search-desk.md).

-- The guide's index expression, and its query, call to_tsvector('english', text). PostgreSQL's own refuses a long log with
-- 54000, and so would refuse the ticket; this one takes what fits. An untyped 'english' prefers the argument type text.
CREATE FUNCTION to_tsvector(configuration text, body text) RETURNS text_vector
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN bounded_tsvector(configuration, body);
COMMENT ON FUNCTION to_tsvector(text, text) IS
  'PostgreSQL''s to_tsvector() for texts of any length: the same result where that succeeds, as far as a tsvector goes elsewhere.';

-- Policies let this operator use an index, and not PostgreSQL's.
CREATE OPERATOR @@ (LEFTARG = text_vector, RIGHTARG = tsquery, FUNCTION = vector_matches, RESTRICT = tsmatchsel, JOIN = tsmatchjoinsel);
COMMENT ON OPERATOR @@ (text_vector, tsquery) IS 'Whether to_tsvector(text, text) matches a query, by an index also under row security.';

CREATE INDEX idx_tasks_search ON tasks USING gin (to_tsvector('english', title || ' ' || COALESCE(description, '')));
CREATE INDEX idx_knowledge_search ON knowledge_articles USING gin (to_tsvector('english', title || ' ' || content));

-- How this desk's texts are read; the DBA alters it like any configuration, then runs rebuild_documents().
CREATE TEXT SEARCH CONFIGURATION ticket_language (COPY = ticketflow);
COMMENT ON TEXT SEARCH CONFIGURATION ticket_language IS 'How the texts of this desk become words; after a change run rebuild_documents().';

CREATE TABLE task_documents (
  task_id integer PRIMARY KEY REFERENCES tasks ON DELETE CASCADE,
  document tsvector NOT NULL
);
COMMENT ON TABLE task_documents IS 'What customers'' search ranks, one row a ticket, kept current by triggers; beside the ticket, so that a change of its status writes nothing here.';
COMMENT ON COLUMN task_documents.document IS 'Title (A), tags and category (B), description (C), public comments (D).';
CREATE INDEX task_documents_rank ON task_documents USING ticketflow (document);

-- A table of its own: an internal comment must not touch what customers' ranks depend on, not even an index's statistics.
CREATE TABLE task_staff_documents (
  task_id integer PRIMARY KEY REFERENCES tasks ON DELETE CASCADE,
  document tsvector NOT NULL
);
COMMENT ON TABLE task_staff_documents IS 'What the search of agents ranks, one row a ticket, kept current by triggers.';
COMMENT ON COLUMN task_staff_documents.document IS 'As in task_documents, and internal comments (D).';
CREATE INDEX task_staff_documents_rank ON task_staff_documents USING ticketflow (document);

CREATE TABLE article_documents (
  article_id integer PRIMARY KEY REFERENCES knowledge_articles ON DELETE CASCADE,
  document tsvector NOT NULL
);
COMMENT ON TABLE article_documents IS 'What search ranks of the knowledge base, one row an article, kept current by triggers.';
COMMENT ON COLUMN article_documents.document IS 'Title (A), tags and category (B), content (C).';
CREATE INDEX article_documents_rank ON article_documents USING ticketflow (document);

CREATE TABLE task_numbers (
  task_id integer PRIMARY KEY REFERENCES tasks ON DELETE CASCADE,
  number_key text COLLATE "C" NOT NULL
);
COMMENT ON TABLE task_numbers IS 'Ticket numbers as search compares them, one row a ticket, kept current by triggers; apart from tasks, so that its updates need not carry two more indexes.';
COMMENT ON COLUMN task_numbers.number_key IS 'Lower case, one hyphen for whatever separates.';
-- A number is typed from its start or known by its end.
CREATE INDEX task_numbers_start ON task_numbers (number_key);
CREATE INDEX task_numbers_end ON task_numbers (reverse(number_key) COLLATE "C");
