# Keeps one PgBouncer for the process at the other end of standard input. At the end of input, which comes however that
# process ends, it is killed and its folder removed.
#
# $1  the program
# $2  where to create its folder; /tmp if it cannot be created there
#
# Standard input has its settings, and then a line `start`. Standard output tells the folder, whose `log` is what it
# has to say.

trap '' HUP INT QUIT TERM PIPE

folder=$(mktemp -d "$2/annals-pgbouncer.XXXXXX" 2>/dev/null || mktemp -d "/tmp/annals-pgbouncer.XXXXXX") || exit
while read -r line && [ "$line" != start ]; do
    echo "$line"
done >"$folder/pgbouncer.ini"
"$1" "$folder/pgbouncer.ini" </dev/null >"$folder/log" 2>&1 &
echo "$folder"
cat >/dev/null
kill -KILL $!
wait
rm -rf "$folder"
