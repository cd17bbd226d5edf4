# Keeps one Postgres server for the process at the other end of standard input. It outlives neither: at the end of
# input, which comes however that process ends, the server is stopped and its folder removed.
#
# $1  the folder of the server's programs
# $2  where to create the server's folder; /tmp if it cannot be created there
#
# commands, one a line   answers, one a line
#                        folder PATH, at the start
#   initdb               initialised or failed
#   standby PATH         the same, with a copy of the data of a server that was stopped
#   start PORT           started PID
#   stop, kill
#                        gone, once every process of a started server has ended

programs=$1
server=

# The server's processes, on Linux: all have the pipe as their output, those that lost their parent, too.
processes() {
    for output in /proc/[0-9]*/fd/1; do
        [ ! "$output" -ef "$folder/alive" ] || echo "$output" | cut -d / -f 3
    done
}

finish() {
    trap '' TERM
    if [ -n "$server" ]; then
        # QUIT: at once, since nobody needs the data; a process that is not yet Postgres minds TERM only, and one
        # that was paused minds nothing until it goes on.
        kill -TERM "$server"
        kill -QUIT "$server"
        kill -CONT "$server"
        wait "$server"
        # Whoever killed the first process may have left others.
        kill -KILL $(processes)
        wait
        # A server that was killed leaves its System V shared memory to the next start; there will be none.
        segment=$(sed -n '7s/.* //p' "$folder/data/postmaster.pid")
        [ -z "$segment" ] || ipcrm -m "$segment"
    fi
    rm -rf "$folder"
    exit
}

# Signals to the owner's terminal are the owner's affair.
trap '' HUP INT QUIT PIPE

folder=$(mktemp -d "$2/annals-postgres.XXXXXX" 2>/dev/null || mktemp -d "/tmp/annals-postgres.XXXXXX") || exit
trap finish TERM
exec 2>>"$folder/log"
mkfifo "$folder/alive"
echo "folder $folder"

while read -r command argument; do
    case $command in
    initdb)
        "$programs/initdb" -D "$folder/data" -U postgres -A trust --encoding=UTF8 --locale=C --no-sync \
            </dev/null >&2 && echo initialised || echo failed
        ;;
    standby)
        cp -Rp "$argument" "$folder/data" && : >"$folder/data/standby.signal" && echo initialised || echo failed
        ;;
    start)
        wait
        # Every process of the server inherits this end of the pipe: when it closes, they have all ended.
        { cat "$folder/alive" >/dev/null; echo gone; } &
        "$programs/postgres" -D "$folder/data" -p "$argument" </dev/null >"$folder/alive" &
        server=$!
        echo "started $server"
        ;;
    stop)
        kill -INT "$server"
        kill -CONT "$server"
        ;;
    kill)
        # Stopped first, so that it has no more children than those found. They would end without it, but not
        # before they have finished what they do; in a crash they do not.
        kill -STOP "$server"
        kill -KILL "$server" $(processes) $(pgrep -P "$server")
        ;;
    esac
done
finish
