#!/bin/sh
# Makes the password files that docker-compose.yml names, where they are missing. Compose mounts them
# as they are, so the containers' user must be able to read them: the folder keeps others out.
set -eu
folder="$(dirname "$0")/secrets"
mkdir -p "$folder"
chmod 700 "$folder"
for name in postgres owner runner dashboard dagster; do
  file="$folder/${name}_password"
  [ -s "$file" ] || od -An -N24 -tx1 /dev/urandom | tr -d ' \n' > "$file"
  chmod 644 "$file"
done
[ -e "$folder/ui_users" ] || : > "$folder/ui_users"
chmod 644 "$folder/ui_users"
