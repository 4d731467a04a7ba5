-- One row per manager.
SELECT
    RM_NO AS manager_id,
    RM_NAME AS name,
    ORG_NO AS branch_id,
    WK_CAP AS weekly_capacity,
    EMAIL AS email,
    CASE POST WHEN 'H' THEN 'true' WHEN 'M' THEN 'false' ELSE POST END AS is_branch_head,
    _file,
    _line
FROM rm_info
