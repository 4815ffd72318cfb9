# shellcheck shell=sh
# answers.sh is sourced: what is wrong with an answer to one of the menu's prompts, in words; nothing
# when it is good.  The binary checks again and more; this is so that a slip is told at its prompt.

wrong_port() {
    case $1 in
    *[!0-9]* | '' | 0?* | ??????*) echo "\"$1\" is not a port: a number from 1 to 65535" ;;
    *)
        if [ "$1" -lt 1 ] || [ "$1" -gt 65535 ]; then
            echo "port $1 is not from 1 to 65535"
        fi
        ;;
    esac
}

wrong_count() {
    case $1 in
    *[!0-9]* | '' | 0?* | ?????*) echo "\"$1\" is not a whole number from 1 to 1000" ;;
    *)
        if [ "$1" -lt 1 ] || [ "$1" -gt 1000 ]; then
            echo "$1 is not from 1 to 1000"
        fi
        ;;
    esac
}

wrong_interval() { # ANSWER LONGEST-SECONDS
    printf '%s\n' "$1" | awk -v longest="$2" '
        !/^[0-9]+(\.[0-9]+)?(ns|us|ms|s|m|h)?$/ {
            print "\"" $0 "\" is not a time: seconds, or a number with a unit, as 250ms or 1.5s"; exit }
        {
            unit["ns"] = 1e-9; unit["us"] = 1e-6; unit["ms"] = 1e-3; unit["s"] = 1
            unit["m"] = 60; unit["h"] = 3600; unit[""] = 1
            match($0, /[a-z]*$/)
            seconds = substr($0, 1, RSTART - 1) * unit[substr($0, RSTART)]
            if (seconds < 0.001) print "\"" $0 "\" is too short: 1ms is the shortest"
            if (seconds > longest) print "\"" $0 "\" is too long: " longest " s is the longest"
        }'
}

wrong_file() {
    if ! [ -e "$1" ]; then
        echo "there is no file \"$1\""
    elif ! [ -f "$1" ]; then
        echo "\"$1\" is not a file"
    elif ! [ -r "$1" ]; then
        echo "the file \"$1\" may not be read by $(id -un)"
    elif ! [ -s "$1" ]; then
        echo "the file \"$1\" is empty"
    fi
}

wrong_key_file() {
    wrong=$(wrong_file "$1")
    if [ -z "$wrong" ] && [ -n "$(find -L "$1" -prune -perm /077)" ]; then
        wrong="other users may read \"$1\"; make it private first: chmod 600 \"$1\""
    fi
    [ -z "$wrong" ] || echo "$wrong"
}

wrong_ip() {
    printf '%s\n' "$1" | awk '
        function v4(text,   part, n, i) {
            n = split(text, part, ".")
            for (i = 1; i <= n; i++)
                if (part[i] !~ /^(0|[1-9][0-9]?[0-9]?)$/ || part[i] > 255) return 0
            return n == 4
        }
        function v6(text,   part, n, i, groups, gap) {
            sub(/%[A-Za-z0-9_.-]+$/, "", text)
            gap = gsub(/::/, ":+:", text)
            if (gap > 1 || text ~ /:::/) return 0
            sub(/^:\+/, "+", text); sub(/\+:$/, "+", text)
            n = split(text, part, ":")
            for (i = 1; i <= n; i++) {
                if (part[i] == "+") continue
                if (i == n && v4(part[i])) { groups += 2; continue }
                if (part[i] !~ /^[0-9A-Fa-f]+$/ || length(part[i]) > 4) return 0
                groups++
            }
            return gap ? groups < 8 : groups == 8
        }
        { if (!v4($0) && !v6($0)) print "\"" $0 "\" is not an IP address, as 0.0.0.0, 192.0.2.1, :: or ::1" }'
}

wrong_servers() { # host:port,host:port without blanks, or @FILE
    case $1 in
    '')
        echo "the list is empty: at least one server is needed"
        return
        ;;
    @-)
        echo "\"@-\" reads standard input, which is where the answers come from"
        return
        ;;
    @*)
        wrong_file "${1#@}"
        return
        ;;
    esac
    printf '%s\n' "$1" | awk '
        function refuse(server, why) { print "\"" server "\" is not host:port: " why; exit }
        {
            n = split($0, list, ",")
            for (i = 1; i <= n; i++) {
                s = list[i]
                if (s == "") { print "server " i " of " n " is empty"; exit }
                if (s ~ /^\[/) {
                    if (s !~ /^\[[0-9A-Fa-f:.]+(%[^\]]+)?\](:|$)/) refuse(s, "what stands in brackets is not an IPv6 address")
                    rest = s; sub(/^\[[^\]]*\]/, "", rest)
                } else {
                    if (s ~ /:.*:/) refuse(s, "write an IPv6 address as [::1]:4243")
                    if (s ~ /^:/) refuse(s, "the host is missing")
                    if (s ~ /^[^:]*[^A-Za-z0-9._:-]/) refuse(s, "the host is no name that DNS allows")
                    rest = s; sub(/^[^:]*/, "", rest)
                }
                port = substr(rest, 2)
                if (rest == "" || port == "") refuse(s, "the port is missing")
                if (port !~ /^[0-9]+$/ || length(port) > 5 || port < 1 || port > 65535)
                    refuse(s, "the port is not from 1 to 65535")
                if (tolower(s) in seen) { print "\"" s "\" stands in the list twice"; exit }
                seen[tolower(s)] = 1
            }
        }'
}
