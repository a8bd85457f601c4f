# fish completion of aes67-sink
# Made from the grammar and the table of options: go test ./cmd/aes67-sink -update

complete -c aes67-sink -f
complete -c aes67-sink -n __fish_use_subcommand -a run -d 'Run the bridge in the foreground until Ctrl-C or SIGTERM.'
complete -c aes67-sink -n __fish_use_subcommand -a status -d 'Tell what the running bridge of this user is doing.'
complete -c aes67-sink -n __fish_use_subcommand -a why -d 'Tell what went wrong last, and because of what.'
complete -c aes67-sink -n __fish_use_subcommand -a reload -d 'Have the running bridge read its configuration anew.'
complete -c aes67-sink -n __fish_use_subcommand -a check -d 'Name every fault of the configuration.'
complete -c aes67-sink -n __fish_use_subcommand -a config -d 'Print the configuration in force as a commented file.'
complete -c aes67-sink -n __fish_use_subcommand -a sdp -d 'Print or write the session descriptions of the running bridge.'
complete -c aes67-sink -n __fish_use_subcommand -a list -d 'List every AES67 session and PTP master on the network.'
complete -c aes67-sink -n __fish_use_subcommand -a doctor -d 'Look for what keeps sound from arriving, and say how to mend it.'
complete -c aes67-sink -n __fish_use_subcommand -a tone -d 'Play a test tone through the virtual sink, as any program would.'
complete -c aes67-sink -n __fish_use_subcommand -a speakers -d 'Show, pair and set Neumann KH speakers: level, mute, logo, standby, delay, name, backup.'
complete -c aes67-sink -n __fish_use_subcommand -a bundle -d 'Write one zip for a bug report.'
complete -c aes67-sink -n __fish_use_subcommand -a on -d 'Start the bridge of this user, and have it start at each login.'
complete -c aes67-sink -n __fish_use_subcommand -a off -d 'End the bridge of this user, and keep it from starting at logins.'
complete -c aes67-sink -n __fish_use_subcommand -a version -d 'Print version, commit and Go version; so does --version.'
complete -c aes67-sink -n '__fish_seen_subcommand_from run' -l config -d 'Read this file instead of the usual ones.' -r -F
complete -c aes67-sink -n '__fish_seen_subcommand_from run' -l set -d 'Override one setting of the file; may be repeated.' -r -a 'sink.name= sink.id= sink.rate= sink.channels= sink.latency= sink.when-offline= sink.layout= sink.gains= sink.delays= sink.plays-into= network.interface= network.address= network.secondary= stream.layout= stream.rate= stream.encoding= stream.ptime= stream.receiver-latency= stream.address-prefix= stream.addresses= stream.secondary-addresses= stream.port= stream.payload-type= stream.ttl= stream.dscp= stream.name= stream.when= stream.idle-after= clock.mode= clock.domain= clock.dscp= clock.priority1= clock.priority2= safety.first-volume= safety.ceiling= safety.max-volume= safety.jump-guard= speakers.volume= announce.sap= announce.mdns= announce.rtsp-port= announce.sap-interval= status.listen= status.notifications= log.level='
complete -c aes67-sink -n '__fish_seen_subcommand_from status' -l json -d 'Print JSON, as in /status.json; with --watch one line a look.'
complete -c aes67-sink -n '__fish_seen_subcommand_from status' -l watch -d 'Look again every second until Ctrl-C.'
complete -c aes67-sink -n '__fish_seen_subcommand_from status' -l check -d 'Print one line; exit with 0 if all is well, 1 if not, 3 if no bridge runs.'
complete -c aes67-sink -n '__fish_seen_subcommand_from why' -l all -d 'List all that are kept, the newest first.'
complete -c aes67-sink -n '__fish_seen_subcommand_from why' -l json -d 'Print JSON: a list, the newest first.'
complete -c aes67-sink -n '__fish_seen_subcommand_from why' -l csv -d 'Print what the newest of them was told from, a line a packet time, for plots.'
complete -c aes67-sink -n '__fish_seen_subcommand_from check' -l config -d 'Read this file instead of the usual ones.' -r -F
complete -c aes67-sink -n '__fish_seen_subcommand_from check' -l set -d 'Override one setting of the file; may be repeated.' -r -a 'sink.name= sink.id= sink.rate= sink.channels= sink.latency= sink.when-offline= sink.layout= sink.gains= sink.delays= sink.plays-into= network.interface= network.address= network.secondary= stream.layout= stream.rate= stream.encoding= stream.ptime= stream.receiver-latency= stream.address-prefix= stream.addresses= stream.secondary-addresses= stream.port= stream.payload-type= stream.ttl= stream.dscp= stream.name= stream.when= stream.idle-after= clock.mode= clock.domain= clock.dscp= clock.priority1= clock.priority2= safety.first-volume= safety.ceiling= safety.max-volume= safety.jump-guard= speakers.volume= announce.sap= announce.mdns= announce.rtsp-port= announce.sap-interval= status.listen= status.notifications= log.level='
complete -c aes67-sink -n '__fish_seen_subcommand_from config' -l config -d 'Read this file instead of the usual ones.' -r -F
complete -c aes67-sink -n '__fish_seen_subcommand_from config' -l set -d 'Override one setting of the file; may be repeated.' -r -a 'sink.name= sink.id= sink.rate= sink.channels= sink.latency= sink.when-offline= sink.layout= sink.gains= sink.delays= sink.plays-into= network.interface= network.address= network.secondary= stream.layout= stream.rate= stream.encoding= stream.ptime= stream.receiver-latency= stream.address-prefix= stream.addresses= stream.secondary-addresses= stream.port= stream.payload-type= stream.ttl= stream.dscp= stream.name= stream.when= stream.idle-after= clock.mode= clock.domain= clock.dscp= clock.priority1= clock.priority2= safety.first-volume= safety.ceiling= safety.max-volume= safety.jump-guard= speakers.volume= announce.sap= announce.mdns= announce.rtsp-port= announce.sap-interval= status.listen= status.notifications= log.level='
complete -c aes67-sink -n '__fish_seen_subcommand_from sdp' -a 'left right'
complete -c aes67-sink -n '__fish_seen_subcommand_from sdp' -l out -d 'Write files NAME.sdp into this directory and print their paths.' -r -a '(__fish_complete_directories)'
complete -c aes67-sink -n '__fish_seen_subcommand_from list' -l config -d 'Read this file instead of the usual ones.' -r -F
complete -c aes67-sink -n '__fish_seen_subcommand_from list' -l set -d 'Override one setting of the file; may be repeated.' -r -a 'sink.name= sink.id= sink.rate= sink.channels= sink.latency= sink.when-offline= sink.layout= sink.gains= sink.delays= sink.plays-into= network.interface= network.address= network.secondary= stream.layout= stream.rate= stream.encoding= stream.ptime= stream.receiver-latency= stream.address-prefix= stream.addresses= stream.secondary-addresses= stream.port= stream.payload-type= stream.ttl= stream.dscp= stream.name= stream.when= stream.idle-after= clock.mode= clock.domain= clock.dscp= clock.priority1= clock.priority2= safety.first-volume= safety.ceiling= safety.max-volume= safety.jump-guard= speakers.volume= announce.sap= announce.mdns= announce.rtsp-port= announce.sap-interval= status.listen= status.notifications= log.level='
complete -c aes67-sink -n '__fish_seen_subcommand_from list' -l json -d 'Print JSON; with --watch one line a look.'
complete -c aes67-sink -n '__fish_seen_subcommand_from list' -l watch -d 'Look again every second until Ctrl-C.'
complete -c aes67-sink -n '__fish_seen_subcommand_from list' -l for -d 'How long to listen where no bridge of this user runs, such as 10s; announcements come each 30 s.' -r
complete -c aes67-sink -n '__fish_seen_subcommand_from doctor' -l config -d 'Read this file instead of the usual ones.' -r -F
complete -c aes67-sink -n '__fish_seen_subcommand_from doctor' -l set -d 'Override one setting of the file; may be repeated.' -r -a 'sink.name= sink.id= sink.rate= sink.channels= sink.latency= sink.when-offline= sink.layout= sink.gains= sink.delays= sink.plays-into= network.interface= network.address= network.secondary= stream.layout= stream.rate= stream.encoding= stream.ptime= stream.receiver-latency= stream.address-prefix= stream.addresses= stream.secondary-addresses= stream.port= stream.payload-type= stream.ttl= stream.dscp= stream.name= stream.when= stream.idle-after= clock.mode= clock.domain= clock.dscp= clock.priority1= clock.priority2= safety.first-volume= safety.ceiling= safety.max-volume= safety.jump-guard= speakers.volume= announce.sap= announce.mdns= announce.rtsp-port= announce.sap-interval= status.listen= status.notifications= log.level='
complete -c aes67-sink -n '__fish_seen_subcommand_from doctor' -l json -d 'Print JSON: every check, also those that are well.'
complete -c aes67-sink -n '__fish_seen_subcommand_from doctor' -l share -d 'Replace names and addresses, so that the output can be shown to others.'
complete -c aes67-sink -n '__fish_seen_subcommand_from doctor' -l verbose -d 'Show every check with what it found.'
complete -c aes67-sink -n '__fish_seen_subcommand_from tone' -l channel -d 'Where to play: left, right or both (both).' -r -a 'left right both'
complete -c aes67-sink -n '__fish_seen_subcommand_from tone' -l freq -d 'Frequency in Hz, 20 to 20000 (440).' -r
complete -c aes67-sink -n '__fish_seen_subcommand_from tone' -l level -d 'Level in dBFS before the sink\'s volume, -120 to -20 (-40).' -r
complete -c aes67-sink -n '__fish_seen_subcommand_from tone' -l seconds -d 'How long, 0.1 to 3600 (5).' -r
complete -c aes67-sink -n '__fish_seen_subcommand_from speakers' -a 'level mute brightness identify name standby delay dim save pair raw backup restore'
complete -c aes67-sink -n '__fish_seen_subcommand_from speakers' -l on -d 'Which: a name or serial number, left, right or all (all).' -r
complete -c aes67-sink -n '__fish_seen_subcommand_from speakers' -l address -d 'Ask this one, such as fe80::2%%eth0, instead of looking by mDNS; may be repeated.' -r
complete -c aes67-sink -n '__fish_seen_subcommand_from speakers' -l json -d 'Print JSON.'
complete -c aes67-sink -n '__fish_seen_subcommand_from speakers' -l dry-run -d 'restore: show what differs, and write nothing.'
complete -c aes67-sink -n '__fish_seen_subcommand_from speakers' -l comment -d 'backup: words to keep in the file.' -r
complete -c aes67-sink -n '__fish_seen_subcommand_from bundle' -l config -d 'Read this file instead of the usual ones.' -r -F
complete -c aes67-sink -n '__fish_seen_subcommand_from bundle' -l set -d 'Override one setting of the file; may be repeated.' -r -a 'sink.name= sink.id= sink.rate= sink.channels= sink.latency= sink.when-offline= sink.layout= sink.gains= sink.delays= sink.plays-into= network.interface= network.address= network.secondary= stream.layout= stream.rate= stream.encoding= stream.ptime= stream.receiver-latency= stream.address-prefix= stream.addresses= stream.secondary-addresses= stream.port= stream.payload-type= stream.ttl= stream.dscp= stream.name= stream.when= stream.idle-after= clock.mode= clock.domain= clock.dscp= clock.priority1= clock.priority2= safety.first-volume= safety.ceiling= safety.max-volume= safety.jump-guard= speakers.volume= announce.sap= announce.mdns= announce.rtsp-port= announce.sap-interval= status.listen= status.notifications= log.level='
complete -c aes67-sink -n '__fish_seen_subcommand_from bundle' -l share -d 'Replace names and addresses, for anybody to read.'
