-- sample desk: a company of several sites with its own IT and facility desk. Everybody here is made up.
-- Run with the desk's search path set (scripts/demo does); loads once, into an empty desk only.

INSERT INTO company_settings (company_name, ticket_prefix) SELECT 'Fjordlink Freight', 'TKT'
WHERE NOT EXISTS (SELECT FROM company_settings);

INSERT INTO organizations (name, is_shared) VALUES ('Harbour Tools Ltd', true), ('Bakery Lindqvist', false);

INSERT INTO departments (name, description) VALUES
  ('IT', 'Computers, networks and applications'), ('Facilities', 'Buildings, access and equipment'),
  ('Finance', 'Invoices and payroll'), ('Warehouse', 'Goods in, goods out'), ('Sales', 'Customers and offers');

-- Passwords are set by scripts/demo; who has none cannot sign in with one.
INSERT INTO users (id, email, first_name, last_name, role, department, is_approved) VALUES
  ('u-astrid', 'astrid@fjordlink.example', 'Astrid', 'Holm', 'admin', 'IT', true),
  ('u-mikkel', 'mikkel@fjordlink.example', 'Mikkel', 'Brandt', 'manager', 'IT', true),
  ('u-ronja', 'ronja@fjordlink.example', 'Ronja', 'Ek', 'manager', 'Facilities', true),
  ('u-tomas', 'tomas@fjordlink.example', 'Tomas', 'Verner', 'user', 'IT', true),
  ('u-leila', 'leila@fjordlink.example', 'Leila', 'Karimi', 'user', 'IT', true),
  ('u-henrik', 'henrik@fjordlink.example', 'Henrik', 'Aas', 'user', 'IT', true),
  ('u-sunniva', 'sunniva@fjordlink.example', 'Sunniva', 'Dahl', 'user', 'IT', true),
  ('u-pavel', 'pavel@fjordlink.example', 'Pavel', 'Novotny', 'user', 'Facilities', true),
  ('u-greta', 'greta@fjordlink.example', 'Greta', 'Simonsen', 'user', 'Facilities', true),
  ('c-nils', 'nils@fjordlink.example', 'Nils', 'Berg', 'customer', 'Warehouse', true),
  ('c-yasmin', 'yasmin@fjordlink.example', 'Yasmin', 'Haddad', 'customer', 'Finance', true),
  ('c-oskar', 'oskar@fjordlink.example', 'Oskar', 'Lund', 'customer', 'Sales', true),
  ('c-maren', 'maren@fjordlink.example', 'Maren', 'Solberg', 'customer', 'Warehouse', true),
  ('c-david', 'david@fjordlink.example', 'David', 'Okafor', 'customer', 'Finance', true),
  ('c-elin', 'elin@fjordlink.example', 'Elin', 'Strand', 'customer', 'Sales', true),
  ('c-jonas', 'jonas@fjordlink.example', 'Jonas', 'Moen', 'customer', 'Warehouse', true),
  ('c-petra', 'petra@fjordlink.example', 'Petra', 'Vik', 'customer', 'Sales', true);
INSERT INTO users (id, email, first_name, last_name, role, is_approved, organization_id)
SELECT v.id, v.email, v.first_name, v.last_name, 'customer', true, o.id
FROM (VALUES
  ('c-hugh', 'hugh@harbourtools.example', 'Hugh', 'Mercer', 'Harbour Tools Ltd'),
  ('c-wendy', 'wendy@harbourtools.example', 'Wendy', 'Pike', 'Harbour Tools Ltd'),
  ('c-stina', 'stina@lindqvist.example', 'Stina', 'Lindqvist', 'Bakery Lindqvist')) AS v (id, email, first_name, last_name, organization)
JOIN organizations o ON o.name = v.organization;

INSERT INTO teams (name, description, manager_id) VALUES
  ('Service desk', 'First contact; accounts, e-mail, office software', 'u-mikkel'),
  ('Network', 'Switches, wireless, VPN, internet', 'u-mikkel'),
  ('Applications', 'Warehouse, invoicing and customer systems', 'u-mikkel'),
  ('Facilities', 'Buildings, doors, heating, printers and vehicles', 'u-ronja');
INSERT INTO team_members (team_id, user_id, role)
SELECT t.id, v.user_id, v.role
FROM (VALUES
  ('Service desk', 'u-tomas', 'admin'), ('Service desk', 'u-leila', 'member'),
  ('Network', 'u-henrik', 'admin'), ('Network', 'u-tomas', 'member'),
  ('Applications', 'u-sunniva', 'admin'), ('Applications', 'u-leila', 'member'),
  ('Facilities', 'u-pavel', 'admin'), ('Facilities', 'u-greta', 'member')) AS v (team, user_id, role)
JOIN teams t ON t.name = v.team;
UPDATE departments SET manager_id = 'u-mikkel' WHERE name = 'IT';
UPDATE departments SET manager_id = 'u-ronja' WHERE name = 'Facilities';
