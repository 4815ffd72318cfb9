#!/bin/bash
# What a machine with a real systemd does with the package: run as root in one that has just started, with qhcp
# installed.  The last line of its output is "all is well".
set -u
ok() { # WORDS COMMAND ...: ends it where the command fails
    local words=$1
    shift
    if "$@"; then echo "ok - $words"; else
        echo "not ok - $words ($*)"
        systemctl --no-pager -l status qhcp-lb qhcp-server
        journalctl --no-pager -n 50
        exit 1
    fi
}
property() { # UNIT NAME WANTED: waits for it
    for _ in $(seq 100); do
        [ "$(systemctl show -P "$2" "$1")" = "$3" ] && return 0
        sleep 0.1
    done
    systemctl show -P "$2" "$1"
    return 1
}
has() { journalctl --no-pager -q -u "$1" "${@:2}" | grep -q .; }
refused() { ! "$@"; }
hasnt() { ! has "$@"; }

ok 'neither unit runs or is enabled' test "$(systemctl is-active qhcp-lb qhcp-server | sort -u)" = inactive
ok 'the server starts as it is shipped' systemctl start qhcp-server
ok 'systemd has its address' property qhcp-server StatusText 'listening on UDP 0.0.0.0:4243'
ok 'root checks it' qhcp check 127.0.0.1:4243
systemctl start qhcp-lb
ok 'without a configuration the load balancer is not started' property qhcp-lb ActiveState inactive
config=/etc/qhcp/lb.yaml
printf 'servers:\n  - 127.0.0.1:4243\nport: 80\nadmin: "off"\nbind: 127.0.0.1\n' >$config
ok 'the load balancer starts on a port below 1024' systemctl start qhcp-lb
ok 'it was ready when it knew its servers' property qhcp-lb StatusText '1 of 1 server is healthy'
pid=$(systemctl show -P MainPID qhcp-lb)
ok 'it has one capability' grep -q '^CapEff:.*0000000000000400$' "/proc/$pid/status"
ok 'the server has none' grep -q '^CapEff:.*0000000000000000$' "/proc/$(systemctl show -P MainPID qhcp-server)/status"
serving_nice() { awk '$2 == "(qhcp-serve)" { print $19 }' /proc/"$pid"/task/*/stat; }
ok 'the thread that serves gives way to the one that watches' test "$(serving_nice)" = 5
ok 'a reload ends' systemctl reload qhcp-lb
echo 'nonesuch: 1' >>$config
ok 'a reload of a file with an error in it fails' refused systemctl reload qhcp-lb
ok 'and the journal has the place' has qhcp-lb -g 'lb.yaml:6:1: .*nonesuch'
ok 'and it goes on' property qhcp-lb ActiveState active
systemctl kill -s HUP --kill-who=main qhcp-lb
ok 'what it has refused itself it says' property qhcp-lb StatusText 'reload refused: see the log'
sed -i /nonesuch/d $config
ok 'root drains the server' qhcp control drain --reason test
ok 'the load balancer sees it' property qhcp-lb StatusText '0 of 1 server is healthy'
ok 'the journal has fields' has qhcp-lb QHCP_SERVER=127.0.0.1:4243 QHCP_TO=draining
ok 'root takes it back' qhcp control undrain
kill -9 "$pid"
ok 'a load balancer that was killed comes back' property qhcp-lb NRestarts 1
ok 'and knows its servers' property qhcp-lb StatusText '1 of 1 server is healthy'
ok 'all of the state is of the service' test "$(find /var/lib/qhcp -printf '%u\n' | sort -u)" = qhcp
ok 'nothing was forbidden that it wants' hasnt 'qhcp-*' -g 'not permitted|denied'
systemctl stop qhcp-lb
echo 'nonesuch: 1' >>$config
systemctl start qhcp-lb
sleep 1
ok 'what it has refused is not tried again' property qhcp-lb NRestarts 0
ok 'for a file' property qhcp-lb ExecMainStatus 2
sed -i '/nonesuch/d; s/port: 80/port: 4242/' $config
systemctl kill -s KILL qhcp-server
systemctl stop qhcp-server
cp /usr/share/doc/qhcp/examples/*.socket /etc/systemd/system/
systemctl daemon-reload
ok 'systemd opens the ports' systemctl start qhcp-lb.socket qhcp-server.socket
ok 'both take them over' systemctl start qhcp-server qhcp-lb
ok 'and work' property qhcp-lb StatusText '1 of 1 server is healthy'
ok 'strangers are separated there' hasnt 'qhcp-*' -g 'cannot separate'
ok 'both stop' systemctl stop qhcp-lb qhcp-lb.socket qhcp-server qhcp-server.socket
ok 'in good order' test "$(systemctl show -P Result qhcp-lb qhcp-server | sort -u | tr -d '\n')" = success
echo 'all is well'
