-- One row per manager in charge of a customer: no file holds managers.
SELECT
    t.RM_NO AS manager_id,
    t.RM_NO AS name,  -- no file holds names
    min(t.ORG_NO) AS branch_id,
    '20' AS weekly_capacity,  -- no file says how many customers a manager can call in a week
    min(t._file) AS _file, min(t._line) AS _line
FROM cust_info t
WHERE t.RM_NO IS NOT NULL
GROUP BY t.RM_NO
