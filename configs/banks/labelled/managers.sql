-- One row per adviser.
SELECT adviser AS manager_id, adviser AS name, branch AS branch_id, calls_a_week AS weekly_capacity, _file, _line
FROM advisers
