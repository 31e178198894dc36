#!/bin/sh
# Stands before the real python on the PATH of the worker image: what starts as root goes on as
# the user newsevents, without capabilities and without a way back.
real=${REAL_PYTHON:-/usr/local/bin/python}
user=${NEWSEVENTS_UID:-65532}
if [ "$(id -u)" -ne 0 ]; then
    exec "$real" "$@"
fi
exec setpriv --reuid "$user" --regid "$user" --clear-groups --inh-caps=-all --bounding-set=-all \
    --no-new-privs env HOME=/home/newsevents "$real" "$@"
