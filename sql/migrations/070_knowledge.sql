-- knowledge: articles, automatic responses and what they cost and bring.

CREATE TABLE knowledge_articles (
  id serial PRIMARY KEY,
  title varchar(255) NOT NULL CHECK (btrim(title) <> ''),
  content text NOT NULL,
  category varchar(100),
  tags text[] NOT NULL DEFAULT '{}',
  status varchar(20) NOT NULL DEFAULT 'draft' CHECK (status IN ('draft', 'published', 'archived')),
  source varchar(20) NOT NULL DEFAULT 'manual' CHECK (source IN ('manual', 'ai_generated')),
  source_task_id integer REFERENCES tasks ON DELETE SET NULL,
  effectiveness_score numeric(3,2) CHECK (effectiveness_score BETWEEN 0 AND 1),
  view_count integer NOT NULL DEFAULT 0 CHECK (view_count >= 0),
  helpful_votes integer NOT NULL DEFAULT 0 CHECK (helpful_votes >= 0),
  unhelpful_votes integer NOT NULL DEFAULT 0 CHECK (unhelpful_votes >= 0),
  created_by varchar REFERENCES users ON DELETE SET NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE knowledge_articles IS 'The knowledge base.';
CREATE INDEX idx_knowledge_category ON knowledge_articles (category);
CREATE INDEX idx_knowledge_status ON knowledge_articles (status);
CREATE INDEX idx_knowledge_source ON knowledge_articles (source);
CREATE INDEX idx_knowledge_effectiveness ON knowledge_articles (effectiveness_score);

CREATE UNIQUE INDEX knowledge_articles_source_task ON knowledge_articles (source_task_id) WHERE source_task_id IS NOT NULL;

CREATE TABLE article_votes (
  article_id integer NOT NULL REFERENCES knowledge_articles ON DELETE CASCADE,
  user_id varchar NOT NULL REFERENCES users ON DELETE CASCADE,
  is_helpful boolean NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (article_id, user_id)
);
COMMENT ON TABLE article_votes IS 'Who found an article helpful or not: one vote a person, which she may change.';
CREATE INDEX article_votes_user ON article_votes (user_id);

CREATE TABLE article_transitions (
  from_status varchar(20) NOT NULL,
  to_status varchar(20) NOT NULL,
  PRIMARY KEY (from_status, to_status)
);
COMMENT ON TABLE article_transitions IS 'Which status of an article may follow which.';
INSERT INTO article_transitions VALUES ('draft', 'published'), ('draft', 'archived'), ('published', 'archived'), ('archived', 'draft');

CREATE TABLE ticket_auto_responses (
  id serial PRIMARY KEY,
  task_id integer NOT NULL REFERENCES tasks ON DELETE CASCADE,
  response_text text NOT NULL,
  confidence_score numeric(3,2) NOT NULL CHECK (confidence_score BETWEEN 0 AND 1),
  model_used varchar(100),
  prompt_tokens integer CHECK (prompt_tokens >= 0),
  completion_tokens integer CHECK (completion_tokens >= 0),
  was_helpful boolean,
  feedback_reason text,
  created_at timestamptz NOT NULL DEFAULT now(),
  applied_at timestamptz,
  applied_by varchar REFERENCES users ON DELETE SET NULL,
  comment_id integer REFERENCES task_comments ON DELETE SET NULL,
  UNIQUE (task_id)
);
COMMENT ON TABLE ticket_auto_responses IS 'The response that a model proposed for a ticket, one row a ticket.';
COMMENT ON COLUMN ticket_auto_responses.applied_at IS 'When the response was posted as a comment; null while it is only proposed.';
COMMENT ON COLUMN ticket_auto_responses.comment_id IS 'The comment that it became.';
CREATE INDEX idx_auto_responses_confidence ON ticket_auto_responses (confidence_score);
CREATE INDEX idx_auto_responses_helpful ON ticket_auto_responses (was_helpful);

CREATE TABLE ai_analytics (
  id serial PRIMARY KEY,
  date date NOT NULL,
  metric_name varchar(50) NOT NULL,
  metric_value numeric(16,6),
  metadata jsonb,
  created_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (date, metric_name)
);
COMMENT ON TABLE ai_analytics IS 'Daily figures of the AI functions.';
CREATE INDEX idx_ai_analytics_date ON ai_analytics (date);
CREATE INDEX idx_ai_analytics_metric ON ai_analytics (metric_name);
