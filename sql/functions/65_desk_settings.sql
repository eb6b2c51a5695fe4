-- desk: secrets of the company, encrypted under a key that is not in the database.

CREATE OR REPLACE FUNCTION desk_settings_key() RETURNS text
LANGUAGE plpgsql STABLE
AS $$
BEGIN
  RETURN settings_key();
EXCEPTION WHEN insufficient_privilege THEN
  RAISE EXCEPTION 'the owner of the desk may not use the key of the company''s secrets'
    USING ERRCODE = 'object_not_in_prerequisite_state', HINT = format('A superuser grants EXECUTE on the engine''s settings_key() to %I.', CURRENT_USER);
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION desk_settings_key() IS 'The key of the company''s secrets. Error: 55000 there is none, or the desk''s owner may not use it.';
REVOKE ALL ON FUNCTION desk_settings_key() FROM PUBLIC;

CREATE OR REPLACE FUNCTION encrypt_company_secret(secret text) RETURNS text
LANGUAGE sql VOLATILE
BEGIN ATOMIC
  SELECT armor(pgp_sym_encrypt(secret, desk_settings_key(), 'cipher-algo=aes256, s2k-mode=3'));
END;
COMMENT ON FUNCTION encrypt_company_secret(text) IS 'A secret as company_settings keeps it. Error: 55000 there is no key.';
REVOKE ALL ON FUNCTION encrypt_company_secret(text) FROM PUBLIC;

CREATE OR REPLACE FUNCTION company_secret(name text) RETURNS text
LANGUAGE plpgsql STABLE SECURITY DEFINER
AS $$
DECLARE
  stored text;
BEGIN
  IF name NOT IN ('aws_secret_access_key_ses', 'aws_secret_access_key_bedrock', 'microsoft_client_secret') OR name IS NULL THEN
    RAISE EXCEPTION 'there is no secret "%"', name
      USING ERRCODE = 'invalid_parameter_value',
            HINT = 'There are aws_secret_access_key_ses, aws_secret_access_key_bedrock and microsoft_client_secret.';
  END IF;
  SELECT CASE name WHEN 'aws_secret_access_key_ses' THEN s.aws_secret_access_key_ses
                   WHEN 'aws_secret_access_key_bedrock' THEN s.aws_secret_access_key_bedrock
                   ELSE s.microsoft_client_secret END INTO stored FROM company_settings s;
  RETURN pgp_sym_decrypt(dearmor(stored), desk_settings_key());
EXCEPTION
  -- pgcrypto's errors say how the ciphertext is wrong, which is nobody's business.
  WHEN external_routine_invocation_exception THEN
    RAISE EXCEPTION 'the secret "%" cannot be decrypted with this key', name
      USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Give the key that it was encrypted with, or set the secret again.';
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION company_secret(text) IS
  'For what uses it, never for people: a secret of company_settings in clear, null where none is set. Only members of ticketflow_service '
  'and the desk''s owner may call it. Errors: 22023 no such secret; 55000 no key, or another key.';
REVOKE ALL ON FUNCTION company_secret(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION company_secret(text) TO ticketflow_service;
