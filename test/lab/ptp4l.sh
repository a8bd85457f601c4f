#!/usr/bin/env bash
# linuxptp with the rates of the AES67 media profile (domain 0, Sync and
# Delay_Req 2^-3 s, Announce 2^1 s, timeout 3: AES67-2018, annex A) and software
# time stamps, in the foreground until it is ended.
#
#   ptp4l.sh master INTERFACE DIR   serve this machine's CLOCK_REALTIME
#   ptp4l.sh follow INTERFACE DIR   measure against the master, one line a second
#
# DIR takes its socket. PTP_DOMAIN, PTP_PRIORITY1 and PTP_CLASS (clockClass)
# change what a grandmaster announces. Run as root in a namespace (net.sh). It
# sets no clock: free_running, and the capability to do it is taken away.
set -euo pipefail

usage() { sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "$0" >&2; exit 2; }
[[ $# -eq 3 ]] || usage
role=$1 interface=$2 dir=$3

case $role in
  master) side=() ;;
  follow) side=(-s --summary_interval=-3 --freq_est_interval=0) ;;
  *) usage ;;
esac
exec setpriv --bounding-set=-sys_time --inh-caps=-sys_time \
  ptp4l -m -q "${side[@]}" -f /dev/fd/3 3<<CONF
[global]
domainNumber ${PTP_DOMAIN:-0}
priority1 ${PTP_PRIORITY1:-128}
priority2 128
clockClass ${PTP_CLASS:-248}
twoStepFlag 1
network_transport UDPv4
delay_mechanism E2E
time_stamping software
logSyncInterval -3
logMinDelayReqInterval -3
logAnnounceInterval 1
announceReceiptTimeout 3
dscp_event 46
dscp_general 46
free_running 1
uds_address $dir/ptp4l
[$interface]
CONF
