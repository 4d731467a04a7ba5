-- Each owner belongs to the manager of the account's district from the first day. The data hold only the
-- district of today: a bank that knows the day of a change delivers it as known_on, one row per period.
SELECT d.client_id AS customer_id, a.district_id AS manager_id, a.district_id AS branch_id,
       '19' || a.date[1:2] || '-' || a.date[3:4] || '-' || a.date[5:6] AS from_on,
       NULL AS to_on,
       '19' || a.date[1:2] || '-' || a.date[3:4] || '-' || a.date[5:6] AS known_on,
       d._file, d._line
FROM disp d
LEFT JOIN account a USING (account_id)
WHERE d.type = 'OWNER'
