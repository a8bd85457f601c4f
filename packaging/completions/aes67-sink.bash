# bash completion of aes67-sink
# Made from the grammar and the table of options: go test ./cmd/aes67-sink -update

_aes67_sink() {
	local current=$2 previous=$3 command=${COMP_WORDS[1]-}
	COMPREPLY=()
	if ((COMP_CWORD == 1)); then
		mapfile -t COMPREPLY < <(compgen -W 'run status why reload check config sdp list doctor tone speakers bundle on off version --help' -- "$current")
		return
	fi
	case $previous in
	--config)
		mapfile -t COMPREPLY < <(compgen -f -- "$current")
		return ;;
	--set)
		mapfile -t COMPREPLY < <(compgen -W 'sink.name= sink.id= sink.rate= sink.channels= sink.latency= sink.when-offline= sink.layout= sink.gains= sink.delays= sink.plays-into= network.interface= network.address= network.secondary= stream.layout= stream.rate= stream.encoding= stream.ptime= stream.receiver-latency= stream.address-prefix= stream.addresses= stream.secondary-addresses= stream.port= stream.payload-type= stream.ttl= stream.dscp= stream.name= stream.when= stream.idle-after= clock.mode= clock.domain= clock.dscp= clock.priority1= clock.priority2= safety.first-volume= safety.ceiling= safety.max-volume= safety.jump-guard= speakers.volume= announce.sap= announce.mdns= announce.rtsp-port= announce.sap-interval= status.listen= status.notifications= log.level=' -- "$current")
		compopt -o nospace
		return ;;
	--out)
		mapfile -t COMPREPLY < <(compgen -d -- "$current")
		return ;;
	--for)
		return ;;
	--channel)
		mapfile -t COMPREPLY < <(compgen -W 'left right both' -- "$current")
		return ;;
	--freq)
		return ;;
	--level)
		return ;;
	--seconds)
		return ;;
	--on)
		return ;;
	--address)
		return ;;
	--comment)
		return ;;
	esac
	case $command in
	run) mapfile -t COMPREPLY < <(compgen -W '--config --set --help' -- "$current") ;;
	status) mapfile -t COMPREPLY < <(compgen -W '--json --watch --check --help' -- "$current") ;;
	why) mapfile -t COMPREPLY < <(compgen -W '--all --json --csv --help' -- "$current") ;;
	reload) mapfile -t COMPREPLY < <(compgen -W '--help' -- "$current") ;;
	check) mapfile -t COMPREPLY < <(compgen -W '--config --set --help' -- "$current") ;;
	config) mapfile -t COMPREPLY < <(compgen -W '--config --set --help' -- "$current") ;;
	sdp) mapfile -t COMPREPLY < <(compgen -W 'left right --out --help' -- "$current") ;;
	list) mapfile -t COMPREPLY < <(compgen -W '--config --set --json --watch --for --help' -- "$current") ;;
	doctor) mapfile -t COMPREPLY < <(compgen -W '--config --set --json --share --verbose --help' -- "$current") ;;
	tone) mapfile -t COMPREPLY < <(compgen -W '--channel --freq --level --seconds --help' -- "$current") ;;
	speakers) mapfile -t COMPREPLY < <(compgen -W 'level mute brightness identify name standby delay dim save pair raw backup restore --on --address --json --dry-run --comment --help' -- "$current") ;;
	bundle) mapfile -t COMPREPLY < <(compgen -W '--config --set --share --help' -- "$current") ;;
	on) mapfile -t COMPREPLY < <(compgen -W '--help' -- "$current") ;;
	off) mapfile -t COMPREPLY < <(compgen -W '--help' -- "$current") ;;
	version) mapfile -t COMPREPLY < <(compgen -W '--help' -- "$current") ;;
	esac
}
complete -F _aes67_sink aes67-sink
