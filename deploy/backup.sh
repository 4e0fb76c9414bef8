#!/usr/bin/env bash
# Backups of the team server, inside the container `backup`:
#   backup.sh schedule   one whenever the newest is older than LRLAB_BACKUP_EVERY
#   backup.sh now        one at once
#   backup.sh list       those that are there
#   backup.sh health     fails if the last attempt of `schedule` did
# A backup is a folder /backups/TIME with a dump of each database, the artifacts and SHA256SUMS.
# It is written aside and renamed when complete; the newest LRLAB_BACKUP_KEEP stay.
set -Eeuo pipefail
umask 077

readonly DATABASES=(mlflow mlflow_auth studies) ARTIFACTS=/artifacts BACKUPS=/backups
readonly FAILED=/tmp/backup-failed RETRY=300

fail() {
  echo "backup: $*" >&2
  exit 1
}

complete() { # the names, oldest first
  find "$BACKUPS" -mindepth 1 -maxdepth 1 -type d -name '2*T*Z' -printf '%f\n' | sort
}

seconds() { # of a duration such as 90, 30m, 24h, 7d
  [[ $1 =~ ^([1-9][0-9]*)([smhd]?)$ ]] || fail "LRLAB_BACKUP_EVERY=$1: not like 30m, 24h or 7d"
  local -A unit=([s]=1 [m]=60 [h]=3600 [d]=86400)
  echo $((BASH_REMATCH[1] * unit[${BASH_REMATCH[2]:-s}]))
}

artifacts() { # a tar file on standard output; files that change meanwhile are no error
  local status=0
  tar --directory "$ARTIFACTS" --exclude ./.restoring --exclude ./.before --create --file - . ||
    status=$?
  [ "$status" -le 1 ]
}

now() {
  [[ ${LRLAB_BACKUP_KEEP:=7} =~ ^[1-9][0-9]*$ ]] ||
    fail "LRLAB_BACKUP_KEEP=$LRLAB_BACKUP_KEEP: not a number from 1 on"
  [ -w "$BACKUPS" ] || fail "cannot write the backups' folder; it must belong to user $(id -u)"
  exec 9>"$BACKUPS/.lock"
  flock --nonblock 9 || fail "another backup is being made"
  rm -rf "$BACKUPS"/.partial-*

  local name partial database
  while name=$(date -u +%Y%m%dT%H%M%SZ) && [ -e "$BACKUPS/$name" ]; do sleep 0.1; done
  partial=$BACKUPS/.partial-$name
  mkdir "$partial"
  # Databases first: artifacts are written before the rows that name them, so whatever a dump
  # names is there when the artifacts are read.
  for database in "${DATABASES[@]}"; do
    pg_dump --no-password --format=custom --no-owner --no-privileges \
      --file="$partial/$database.dump" "$database"
  done
  artifacts | gzip -1 >"$partial/artifacts.tar.gz"
  (cd "$partial" && sha256sum -- *.dump artifacts.tar.gz >SHA256SUMS)
  sync
  mv --no-target-directory "$partial" "$BACKUPS/$name"
  sync "$BACKUPS"

  local old
  for old in $(complete | head -n "-$LRLAB_BACKUP_KEEP"); do rm -rf "${BACKUPS:?}/$old"; done
  echo "backup $name: $(du -sh "$BACKUPS/$name" | cut -f1)"
}

age() { # of the newest backup, in seconds; none is very old
  local newest
  newest=$(complete | tail -n 1)
  [ -n "$newest" ] || { echo 2000000000; return; }
  echo $(($(date +%s) - $(stat --format=%Y "$BACKUPS/$newest/SHA256SUMS")))
}

schedule() {
  local every left
  every=$(seconds "${LRLAB_BACKUP_EVERY:-24h}")
  trap 'exit 0' TERM INT
  while true; do
    left=$((every - $(age)))
    if [ "$left" -le 0 ]; then
      # A process of its own, because bash would not stop at errors inside a condition.
      if bash "$0" now; then
        rm -f "$FAILED"
        left=$every
      else
        touch "$FAILED"
        left=$((every < RETRY ? every : RETRY))
        echo "backup: failed; once more in $left s" >&2
      fi
    fi
    sleep "$left" &
    wait $!
  done
}

case ${1:-} in
  schedule) schedule ;;
  now) now ;;
  list) complete ;;
  health) [ ! -e "$FAILED" ] || fail "the last attempt failed; see the log" ;;
  *) fail "say one of: schedule, now, list" ;;
esac
