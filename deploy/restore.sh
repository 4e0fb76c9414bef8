#!/usr/bin/env bash
# Puts a backup back, inside the container `restore`: restore.sh NAME (or: latest)
# Everything is restored beside what is there; only when all of it is complete do the names
# change hands. So a damaged backup, a full disk or Ctrl-C leaves the server as it was.
set -Eeuo pipefail
umask 077

readonly DATABASES=(mlflow mlflow_auth studies) ARTIFACTS=/artifacts BACKUPS=/backups
readonly ASIDE=$ARTIFACTS/.restoring BEFORE=$ARTIFACTS/.before

fail() {
  echo "restore: $*" >&2
  exit 1
}

sql() { psql --no-password --no-psqlrc --quiet --tuples-only --no-align -v ON_ERROR_STOP=1 --dbname=postgres "$@"; }

there() { [ "$(sql -c "SELECT count(*) FROM pg_database WHERE datname = '$1'")" = 1 ]; }

names() { find "$BACKUPS" -mindepth 1 -maxdepth 1 -type d -name '2*T*Z' -printf '%f\n' | sort; }

check_backup() {
  local file
  for file in "${DATABASES[@]/%/.dump}" artifacts.tar.gz; do
    grep -q "  $file\$" SHA256SUMS || fail "$PWD/SHA256SUMS does not name $file"
  done
  sha256sum --check --quiet SHA256SUMS || fail "the backup is damaged; nothing was changed"
}

check_idle() { # a server that runs would go on with half of the old and half of the new
  local list users
  list=$(printf ",'%s'" "${DATABASES[@]}")
  users=$(sql -c "SELECT count(*) FROM pg_stat_activity
                  WHERE backend_type = 'client backend' AND datname IN (${list#,})")
  [ "$users" = 0 ] || fail "the databases are in use by $users connections;" \
    "first: docker compose stop mlflow dispatcher dashboard backup"
  [ -w "$ARTIFACTS" ] || fail "cannot write the artifacts' folder, which must belong to user" \
    "$(id -u); a new server is to be started once before: docker compose up -d --wait"
}

restore_databases_aside() {
  local database
  for database in "${DATABASES[@]}"; do
    sql -c "DROP DATABASE IF EXISTS ${database}_restoring" \
      -c "CREATE DATABASE ${database}_restoring TEMPLATE template0 ENCODING 'UTF8'" 2>/dev/null
    pg_restore --no-password --exit-on-error --no-owner --no-privileges \
      --dbname="${database}_restoring" "$database.dump"
  done
}

restore_artifacts_aside() {
  rm -rf "$ASIDE"
  mkdir "$ASIDE"
  tar --directory "$ASIDE" --extract --preserve-permissions --gzip --file artifacts.tar.gz
}

swap() {
  local database swaps=()
  for database in "${DATABASES[@]}"; do
    sql -c "DROP DATABASE IF EXISTS ${database}_before" 2>/dev/null
    if there "$database"; then
      swaps+=(-c "ALTER DATABASE $database RENAME TO ${database}_before")
    fi
    swaps+=(-c "ALTER DATABASE ${database}_restoring RENAME TO $database")
  done
  sql --single-transaction "${swaps[@]}"
  rm -rf "$BEFORE"
  mkdir "$BEFORE"
  find "$ARTIFACTS" -mindepth 1 -maxdepth 1 ! -path "$ASIDE" ! -path "$BEFORE" \
    -exec mv --target-directory "$BEFORE" {} +
  find "$ASIDE" -mindepth 1 -maxdepth 1 -exec mv --target-directory "$ARTIFACTS" {} +
  rm -rf "$ASIDE" "$BEFORE"
  for database in "${DATABASES[@]}"; do
    sql -c "DROP DATABASE IF EXISTS ${database}_before" 2>/dev/null
  done
}

name=${1:-}
[ "$name" != latest ] || name=$(names | tail -n 1)
if [[ ! $name =~ ^[0-9TZ]+$ ]] || [ ! -f "$BACKUPS/$name/SHA256SUMS" ]; then
  echo "restore: name a backup (or: latest); there are" >&2
  names >&2
  exit 2
fi
cd "$BACKUPS/$name"
check_backup
check_idle
restore_databases_aside
restore_artifacts_aside
swap
echo "restored $name; now: docker compose up -d --wait"
