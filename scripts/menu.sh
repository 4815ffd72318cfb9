#!/bin/sh
# menu.sh: asks what to run and how, then becomes it; so that Ctrl-C and a closed terminal reach it.
# A bad answer is refused at its prompt; the end of the input ends it with 1.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
qhcp=${here%/*}/build/qhcp
# shellcheck source=answers.sh
. "$here/answers.sh"

# Reads a line into `answer`, without blanks around it.
read_answer() {
    printf '%s ' "$1"
    answer=
    if ! IFS= read -r answer && [ -z "$answer" ]; then
        echo
        echo "run_quic.sh: the input ended before all was answered" >&2
        exit 1
    fi
    [ -t 0 ] || echo # no terminal has echoed the answer's newline
    answer=$(printf '%s' "$answer" | sed 's/^[[:space:]]*//; s/[[:space:]]*$//')
}

# The shell expands no ~ that was typed at a prompt.
expand_home() {
    # shellcheck disable=SC2088
    case $answer in '~/'*) answer=$HOME/${answer#'~/'} ;; esac
}

# ask PROMPT DEFAULT CHECK [ARGUMENT]: until the answer is good; the answer is left in `answer`.
ask() {
    while :; do
        read_answer "$1"
        if [ -z "$answer" ] && [ "$2" != - ]; then
            answer=$2
            return
        fi
        case $3 in
        wrong_*file | wrong_certificate) expand_home ;;
        wrong_servers) answer=$(printf '%s' "$answer" | sed 's/[[:space:]]*,[[:space:]]*/,/g') ;;
        esac
        wrong=$("$3" "$answer" ${4:+"$4"})
        [ -n "$wrong" ] || return 0
        echo "  $wrong"
    done
}

run_lb() {
    ask 'Enter the comma-separated list of server addresses (host:port) (e.g., localhost:4243,localhost:4244):' - wrong_servers
    servers=$answer
    ask 'Enter the port for the load balancer (default: 4242):' 4242 wrong_port
    port=$answer
    ask 'Enter the maximum fail attempts before marking a server as down (default: 3):' 3 wrong_count
    fails=$answer
    ask 'Enter the interval for health checks and status display in seconds (default: 10):' 10 wrong_interval 3600
    check=$answer
    ask 'Enter the interval for attempting to reconnect to down servers in seconds (default: 30):' 30 wrong_interval 86400
    reconnect=$answer
    ask 'Enter the TLS certificate file (leave blank for default):' '' wrong_file
    exec "$qhcp" lb --servers "$servers" --port "$port" --max-fail-attempts "$fails" \
        --check-interval "$check" --reconnect-interval "$reconnect" ${answer:+--cert-file "$answer"}
}

# A certificate and the key file (`key`, asked before) go together.
wrong_certificate() {
    if [ -z "$key" ]; then
        echo "the key file was left blank, and a certificate needs its key: leave this blank too"
    elif [ -z "$1" ]; then
        echo "a certificate for the key file \"$key\" is needed"
    else
        wrong_file "$1"
    fi
}

run_server() {
    ask 'Enter the server IP (default: 0.0.0.0):' 0.0.0.0 wrong_ip
    ip=$answer
    ask 'Enter the server port (default: 4243):' 4243 wrong_port
    port=$answer
    ask 'Enter the TLS key file (leave blank for default):' '' wrong_key_file
    key=$answer
    default=
    [ -z "$key" ] || default=-
    ask 'Enter the TLS certificate file (leave blank for default):' "$default" wrong_certificate
    exec "$qhcp" server --ip "$ip" --port "$port" ${key:+--key-file "$key" --cert-file "$answer"}
}

while :; do
    printf '%s\n' 'QHCP' '1. Run Load Balancer' '2. Run Server' '3. Exit'
    read_answer 'Enter your choice (1-3):'
    case $answer in
    1) run_lb ;;
    2) run_server ;;
    3) exit 0 ;;
    *) echo "  \"$answer\" is not a choice: 1, 2 or 3" ;;
    esac
done
