-- One row per account owner: an account is the relationship here, and it has exactly one owner.
-- birth_number is YYMMDD, with 50 added to the month for women.
SELECT d.client_id AS customer_id,
       '19' || a.date[1:2] || '-' || a.date[3:4] || '-' || a.date[5:6] AS opened_on,
       '19' || c.birth_number[1:2] AS birth_year,
       CASE WHEN TRY_CAST(c.birth_number[3:4] AS INTEGER) > 50 THEN 'F' ELSE 'M' END AS gender,
       -- What the bank knew of an account, it knew on the day it was opened. True of a birth date; never write
       -- this for what changes (status, opt-out, staff): the past would know what came later.
       '19' || a.date[1:2] || '-' || a.date[3:4] || '-' || a.date[5:6] AS known_on,
       d._file, d._line
FROM disp d
LEFT JOIN account a USING (account_id)
LEFT JOIN client c USING (client_id)
WHERE d.type = 'OWNER'
