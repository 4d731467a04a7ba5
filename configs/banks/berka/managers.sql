-- The data names no managers: one per branch district.
SELECT A1 AS manager_id, A2 AS name, A1 AS branch_id, '10' AS weekly_capacity, _file, _line
FROM district
