# shellcheck shell=bash
# Run by MariaDB's container when it makes its data: the account of hilerad, with the rights that it needs and no others.
# (The image has made the database, and hilera_schema, who owns it.) Sourced by the entry point, so without `set`.

docker_process_sql <<SQL
CREATE USER hilera IDENTIFIED BY '$(cat /secrets/hilera)';
GRANT SELECT, INSERT, UPDATE ON hilera.* TO hilera;
SQL
