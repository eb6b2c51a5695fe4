-- access: the last word on this schema. PostgreSQL lets PUBLIC execute what is new, and one forgotten REVOKE would let
-- everybody who can connect call it; a function is for the roles that its own script grants it to.
DO $$
DECLARE
  it regprocedure;
BEGIN
  FOR it IN
    SELECT p.oid FROM pg_proc p
     WHERE p.pronamespace = quote_ident(current_schema())::regnamespace
       AND EXISTS (SELECT FROM aclexplode(COALESCE(p.proacl, acldefault('f', p.proowner))) a WHERE a.grantee = 0)
  LOOP
    EXECUTE format('REVOKE ALL ON ROUTINE %s FROM PUBLIC', it);
  END LOOP;
END
$$;
