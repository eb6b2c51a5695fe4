-- complexity: how hard a ticket is expected to be.

CREATE OR REPLACE FUNCTION @extschema@.complexity_score(title text, description text, category text DEFAULT NULL,
  priority text DEFAULT NULL, severity text DEFAULT NULL, details jsonb DEFAULT NULL, threshold integer DEFAULT 70,
  model bytea DEFAULT NULL, OUT score integer, OUT factors jsonb, OUT escalation_recommended boolean)
LANGUAGE c IMMUTABLE PARALLEL SAFE COST 500
AS 'MODULE_PATHNAME', 'ticketflow_complexity_score';
COMMENT ON FUNCTION @extschema@.complexity_score(text, text, text, text, text, jsonb, integer, bytea) IS
  'How hard a ticket is expected to be: score 0 to 100, the share of tickets that are easier; factors, each with name, value, '
  'weight and points, and the points add up to the score; whether a person should look now. details: further fields that the '
  'model knows ({"reassignments": 2}) and sla_risk (0 to 1). threshold: score from which to escalate, 0 to 100; urgency lowers it. '
  'model: from train_complexity(); null: the shipped one. All null where neither text nor a learned field says anything. The first '
  '2,000 bytes of text and 64 kB of structure count; a value that the model does not know counts nothing. Errors: 22023 details, sla_risk or threshold, XX001 damaged model.';

CREATE OR REPLACE FUNCTION @extschema@.complexity_effort(title text, description text, category text DEFAULT NULL,
  priority text DEFAULT NULL, severity text DEFAULT NULL, details jsonb DEFAULT NULL, threshold integer DEFAULT 70,
  model bytea DEFAULT NULL, OUT expected double precision, OUT low double precision, OUT high double precision, OUT unit text)
LANGUAGE c IMMUTABLE PARALLEL SAFE COST 500
AS 'MODULE_PATHNAME', 'ticketflow_complexity_effort';
COMMENT ON FUNCTION @extschema@.complexity_effort(text, text, text, text, text, jsonb, integer, bytea) IS
  'The effort to expect, in the unit that the model learned (hours, points): expected, and low to high, between which half of '
  'such tickets lie. Arguments and errors as complexity_score().';

CREATE OR REPLACE FUNCTION @extschema@.complexity_model_info(model bytea DEFAULT NULL) RETURNS jsonb
LANGUAGE c IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'ticketflow_complexity_model_info';
COMMENT ON FUNCTION @extschema@.complexity_model_info(bytea) IS
  'Where a model comes from and how good it is; null: the shipped model. Error: XX001 damaged model.';

CREATE OR REPLACE FUNCTION @extschema@.complexity_escalation(score integer, priority text DEFAULT NULL, severity text DEFAULT NULL,
  sla_risk double precision DEFAULT 0, threshold integer DEFAULT 70) RETURNS boolean
LANGUAGE c IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'ticketflow_complexity_escalation';
COMMENT ON FUNCTION @extschema@.complexity_escalation(integer, text, text, double precision, integer) IS
  'Whether a person should look now: score + urgency >= threshold, where urgency is 15 for urgent, 5 for high; 15 for critical, 5 '
  'for major; and 20 * sla_risk (0 to 1). Null score: null.';
