# shellcheck shell=sh
# step.sh is sourced: step TITLE LOG COMMAND ... runs a command with all it says in the log.  On a
# terminal a line shows what it is at when it takes over a second; when it fails, the log's end and
# where the log is.

step_watch() { # TITLE LOG PID: until the process PID ends
    step_seconds=0
    while sleep 1 && kill -0 "$3" 2>/dev/null; do
        step_seconds=$((step_seconds + 1))
        step_line=$(tail -n 1 "$2" | tr -d '\r' | cut -c 1-60)
        # Silence may be sudo's, asking for a password: then the line is left to it.
        [ -z "$step_line" ] || printf '\r\033[K%s (%d s) %s' "$1" "$step_seconds" "$step_line"
    done
}

step() {
    step_title=$1 step_log=$2 step_status=0 step_watcher=
    shift 2
    : >"$step_log"
    if [ -t 1 ]; then
        step_watch "$step_title" "$step_log" $$ &
        step_watcher=$!
    fi
    "$@" >>"$step_log" 2>&1 || step_status=$?
    if [ -n "$step_watcher" ]; then
        kill "$step_watcher" 2>/dev/null || :
        wait "$step_watcher" 2>/dev/null || :
        printf '\r\033[K'
    fi
    if [ "$step_status" -ne 0 ]; then
        {
            tail -n 30 "$step_log"
            echo "run_quic.sh: $step_title failed (status $step_status). All of it: $step_log"
        } >&2
    fi
    return "$step_status"
}
