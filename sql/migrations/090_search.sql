-- search: the guide's own indexes. What ranks lives in task_documents (see docs/decisions.md).

CREATE INDEX idx_tasks_search ON tasks USING gin (to_tsvector('english', title || ' ' || COALESCE(description, '')));
CREATE INDEX idx_knowledge_search ON knowledge_articles USING gin (to_tsvector('english', title || ' ' || content));
