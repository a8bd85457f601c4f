package doctor

// Machine are the probes of this computer.
func Machine() Probes {
	return Probes{
		Interfaces: interfaces,
		Capable:    capable,
		Ethernet:   ethernet,
		Disk:       disk,
		Echo:       echo,
		Packets:    packets,
		Querier:    querier,
		Bus:        presence,
		Realtime:   realtime,
		PipeWire:   pipeWire,
	}
}
