-- desk: branding, prefix and the secrets of the company.

CREATE OR REPLACE FUNCTION branding()
RETURNS TABLE (company_name text, logo_data text, logo_mime_type text)
LANGUAGE sql STABLE SECURITY DEFINER
BEGIN ATOMIC
  SELECT s.company_name, s.logo_data, s.logo_mime_type FROM company_settings s;
END;
COMMENT ON FUNCTION branding() IS 'Name and logo of the company, also for people who have not signed in.';
REVOKE ALL ON FUNCTION branding() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION branding() TO ticketflow_anon, ticketflow_customer;

CREATE OR REPLACE FUNCTION get_settings()
RETURNS TABLE (company_name text, logo_data text, logo_mime_type text, ticket_prefix text,
               aws_access_key_id_ses text, aws_region_ses text, has_aws_secret_access_key_ses boolean,
               aws_access_key_id_bedrock text, aws_region_bedrock text, has_aws_secret_access_key_bedrock boolean,
               microsoft_client_id text, microsoft_tenant_id text, has_microsoft_client_secret boolean, updated_at timestamptz, time_zone text)
LANGUAGE plpgsql STABLE SECURITY DEFINER
AS $$
BEGIN
  PERFORM require_role('admin');
  RETURN QUERY
  SELECT s.company_name::text, s.logo_data, s.logo_mime_type::text, s.ticket_prefix::text,
         s.aws_access_key_id_ses::text, s.aws_region_ses::text, s.aws_secret_access_key_ses IS NOT NULL,
         s.aws_access_key_id_bedrock::text, s.aws_region_bedrock::text, s.aws_secret_access_key_bedrock IS NOT NULL,
         s.microsoft_client_id::text, s.microsoft_tenant_id::text, s.microsoft_client_secret IS NOT NULL, s.updated_at, s.time_zone
    FROM company_settings s;
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION get_settings() IS
  'The settings, for administrators; of secrets only whether they are set. Errors: PT401; 42501 not an administrator.';
REVOKE ALL ON FUNCTION get_settings() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION get_settings() TO ticketflow_admin;

CREATE OR REPLACE FUNCTION update_settings(company_name text DEFAULT NULL, logo_data text DEFAULT NULL, logo_mime_type text DEFAULT NULL,
  ticket_prefix text DEFAULT NULL, aws_access_key_id_ses text DEFAULT NULL, aws_region_ses text DEFAULT NULL,
  aws_access_key_id_bedrock text DEFAULT NULL, aws_region_bedrock text DEFAULT NULL, microsoft_client_id text DEFAULT NULL,
  microsoft_tenant_id text DEFAULT NULL, time_zone text DEFAULT NULL)
RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
AS $$
BEGIN
  PERFORM require_role('admin');
  IF update_settings.ticket_prefix !~ '^[A-Za-z0-9]{1,10}$' THEN
    RAISE EXCEPTION 'a ticket prefix has 1 to 10 letters and digits'
      USING ERRCODE = 'invalid_parameter_value', HINT = 'For example TKT.';
  END IF;
  INSERT INTO company_settings (company_name) VALUES (NULL) ON CONFLICT DO NOTHING;
  UPDATE company_settings s
     SET company_name = COALESCE(update_settings.company_name, s.company_name),
         logo_data = COALESCE(update_settings.logo_data, s.logo_data),
         logo_mime_type = COALESCE(update_settings.logo_mime_type, s.logo_mime_type),
         ticket_prefix = COALESCE(update_settings.ticket_prefix, s.ticket_prefix),
         aws_access_key_id_ses = COALESCE(update_settings.aws_access_key_id_ses, s.aws_access_key_id_ses),
         aws_region_ses = COALESCE(update_settings.aws_region_ses, s.aws_region_ses),
         aws_access_key_id_bedrock = COALESCE(update_settings.aws_access_key_id_bedrock, s.aws_access_key_id_bedrock),
         aws_region_bedrock = COALESCE(update_settings.aws_region_bedrock, s.aws_region_bedrock),
         microsoft_client_id = COALESCE(update_settings.microsoft_client_id, s.microsoft_client_id),
         microsoft_tenant_id = COALESCE(update_settings.microsoft_tenant_id, s.microsoft_tenant_id),
         time_zone = COALESCE(update_settings.time_zone, s.time_zone);
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION update_settings(text, text, text, text, text, text, text, text, text, text, text) IS
  'Changes settings; null leaves as it is. A new ticket_prefix (1 to 10 letters and digits) starts a new series. Errors: PT401; '
  '42501 not an administrator; 22023 the prefix, or an unknown time_zone (of the reports); 22001 something is too long.';
REVOKE ALL ON FUNCTION update_settings(text, text, text, text, text, text, text, text, text, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION update_settings(text, text, text, text, text, text, text, text, text, text, text) TO ticketflow_admin;

CREATE OR REPLACE FUNCTION set_secret(name text, secret text)
RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
AS $$
DECLARE
  stored text;
BEGIN
  PERFORM require_role('admin'), require_session();
  IF set_secret.name NOT IN ('aws_secret_access_key_ses', 'aws_secret_access_key_bedrock', 'microsoft_client_secret')
     OR set_secret.name IS NULL THEN
    RAISE EXCEPTION 'there is no secret "%"', set_secret.name
      USING ERRCODE = 'invalid_parameter_value',
            HINT = 'There are aws_secret_access_key_ses, aws_secret_access_key_bedrock and microsoft_client_secret.';
  END IF;
  stored := CASE WHEN set_secret.secret <> '' THEN encrypt_company_secret(set_secret.secret) END;
  INSERT INTO company_settings (company_name) VALUES (NULL) ON CONFLICT DO NOTHING;
  UPDATE company_settings s
     SET aws_secret_access_key_ses = CASE WHEN set_secret.name = 'aws_secret_access_key_ses' THEN stored ELSE s.aws_secret_access_key_ses END,
         aws_secret_access_key_bedrock = CASE WHEN set_secret.name = 'aws_secret_access_key_bedrock' THEN stored ELSE s.aws_secret_access_key_bedrock END,
         microsoft_client_secret = CASE WHEN set_secret.name = 'microsoft_client_secret' THEN stored ELSE s.microsoft_client_secret END;
END
$$ SET search_path FROM CURRENT;
COMMENT ON FUNCTION set_secret(text, text) IS
  'Encrypts and stores aws_secret_access_key_ses, aws_secret_access_key_bedrock or microsoft_client_secret; empty or null removes it. '
  'Nobody reads it back. Errors: PT401; 42501 not an administrator; 22023 no such secret; 55000 there is no key to encrypt with.';
REVOKE ALL ON FUNCTION set_secret(text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION set_secret(text, text) TO ticketflow_admin;
