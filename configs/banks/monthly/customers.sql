-- One line of the persons is a customer, known since the first day.
SELECT CUSTOMER AS customer_id, SINCE AS opened_on, BORN AS birth_year, SINCE AS known_on, _file, _line
FROM person
